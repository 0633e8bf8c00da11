"""The results in the README are those of the committed store, and its commands name rows that there are.

`python -m tests.setup.test_readme` prints the results as the README has to have them.
"""

import re
from pathlib import Path

import pandas as pd
import pytest

from bench.analysis.format import percent, points
from bench.cli.only import select
from bench.config.resolved import resolve
from bench.config.suite import load_suite
from bench.plan.expand import expand

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLES = ROOT / "results" / "reference-cpu" / "tables"
VERDICTS = ("supported", "refuted", "undecided", "not judged yet")
COMMANDS = re.compile(r"bench (?:plan|run) (\w+) .*?--only (\S+)")
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def results_table() -> str:
    """Return each model's rows from scratch and on the smallest and the largest rung, in Markdown."""
    rows = pd.read_parquet(TABLES / "comparison.parquet").set_index(["model", "subset_images"])
    digits, strokes = (rows[rows["target"].str.startswith(name)] for name in ("digits@", "strokes-heldout@"))
    lines = [
        "| model | pretrained on | digits, 100 training images | gain over from scratch | held-out strokes, probe |",
        "|---|---|---|---|---|",
    ]
    for model, of_model in digits.groupby(level="model", sort=False):
        lines.append(f"| `{model}` | from scratch | {_accuracy(digits.loc[(model, 0)])} | | |")
        rungs = sorted(of_model.index.get_level_values("subset_images"))[1:]
        for size in (rungs[0], rungs[-1]):
            tuned, probed = digits.loc[(model, size)], strokes.loc[(model, size)]
            gain = points(tuned["gain"], tuned["gain_low"], tuned["gain_high"])
            lines.append(f"| | {size:,} images | {_accuracy(tuned)} | {gain} | {_accuracy(probed)} |")
    return "\n".join(lines)


def _accuracy(row: pd.Series) -> str:
    return percent(row["accuracy"], row["low"], row["high"]).replace(" %", "")


def verdicts() -> str:
    """Return the literature's claims by their verdicts: `supported: C8; undecided: C1, C2`."""
    claims = pd.read_parquet(TABLES / "claims.parquet").set_index("claim")["verdict"]
    by_verdict = {verdict: claims.index[claims == verdict] for verdict in VERDICTS}
    assert sum(map(len, by_verdict.values())) == len(claims)
    return "; ".join(f"{verdict}: {', '.join(of)}" for verdict, of in by_verdict.items() if len(of))


def test_the_results_are_those_of_the_committed_store() -> None:
    assert results_table() in README, f"README.md: the table has to be\n\n{results_table()}\n"
    assert f"- {verdicts()}\n" in README, f"README.md: the verdicts have to be\n\n- {verdicts()}\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_select_rows_of_shipped_suites(page: Path) -> None:
    for name, only in COMMANDS.findall(page.read_text(encoding="utf-8")):
        suite = resolve(*load_suite(name), device="cpu", data_dir=ROOT / "nowhere")
        assert select(expand(suite), only).runs


if __name__ == "__main__":
    print(results_table(), f"- {verdicts()}", sep="\n\n")
