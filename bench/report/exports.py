"""Write a report's main tables as CSV, Markdown and LaTeX, with the numbers as the page prints them.

All digits are in the tables of the store, as Parquet and CSV (`docs/schema.md`).
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench.analysis.claims.claim import Judgement
from bench.analysis.format import ABSENT, count, is_known, percent, points, text
from bench.files.atomic import whole_file
from bench.report.layout import pretraining_name, target_name
from bench.report.page import Table, TableCell, table
from bench.report.rendering import escape_markdown
from bench.report.sections.cells import accuracy_cell, paired_cell
from bench.report.sections.scaling import times

TABLES = "tables"
"""The folder of the tables, below that of the page."""
_AS_LATEX = ("comparison", "ablations", "claims")
_IN_LATEX = {"\N{MINUS SIGN}": "$-$", ABSENT: "--", "\N{MULTIPLICATION SIGN}": r"$\times$"}
"""Signs of the page that LaTeX's standard encoding lacks -> how LaTeX writes them."""
_FIRST_NUMBERS = ("Tokens", "Ratio", "Predicted", "Difference in points")
"""The headings before which the columns of text end."""
_Columns = Mapping[str, Callable[[Any], str | TableCell]]


def exported(
    tables: Mapping[str, pd.DataFrame], compared: Table, judgements: Sequence[Judgement] = ()
) -> dict[str, Table]:
    """Return the tables to export by name, without those that have no row.

    Args:
        tables: The tables of the store; `ablations` is read, and `data_ratios`, `extrapolations` and `own_rows` if they
            are there.
        compared: The table of the section "Compare".
        judgements: The judgements of claims.
    """
    arms = tables["ablations"]
    of_store = {"ablations": _of_ablations(arms), "data_ratios": _RATIO, "extrapolations": _PREDICTION}
    found = {"comparison": compared, "claims": _table(judgements, _CLAIM)} | {
        name: _table(tables.get(name, pd.DataFrame()), columns)
        for name, columns in {**of_store, "own_rows": _OWN_ROW}.items()
    }
    return {name: each for name, each in found.items() if each.rows}


def write_tables(tables: Mapping[str, Table], out: Path) -> None:
    """Write tables into `out/tables`, and delete those of an earlier report.

    Raises:
        OSError: The folder cannot be written.
    """
    (out / TABLES).mkdir(exist_ok=True)
    for old in (out / TABLES).iterdir():
        old.unlink()
    for name, exported_table in tables.items():
        frame = _frame(exported_table)
        texts = {"csv": frame.to_csv(index=False, lineterminator="\n"), "md": _markdown(frame, exported_table)}
        if name in _AS_LATEX:
            texts["tex"] = _latex(frame, exported_table)
        for ending, content in texts.items():
            with whole_file(out / TABLES / f"{name}.{ending}") as temporary:
                temporary.write_text(content, encoding="utf-8", newline="\n")


def _frame(exported_table: Table) -> pd.DataFrame:
    """Return a table's texts, each with its note in brackets."""
    rows = [[f"{cell.text} ({cell.note})" if cell.note else cell.text for cell in row] for row in exported_table.cells]
    return pd.DataFrame(rows, columns=list(exported_table.header))


def _markdown(frame: pd.DataFrame, exported_table: Table) -> str:
    signs = ["---" if number < exported_table.num_text_columns else "---:" for number in range(frame.shape[1])]
    head, *rows = ([escape_markdown(str(value)) for value in line] for line in [frame.columns, *frame.to_numpy()])
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, signs, *rows))


def _latex(frame: pd.DataFrame, exported_table: Table) -> str:
    """Return a table for the package booktabs, with all texts escaped and the best numbers in bold."""
    num_texts = exported_table.num_text_columns
    places = "l" * num_texts + "r" * (frame.shape[1] - num_texts)
    bold = [["textbf:--rwrap" if cell.best else "" for cell in row] for row in exported_table.cells]
    styled = frame.style.hide(axis="index").format(escape="latex").format_index(escape="latex", axis="columns")
    styled = styled.apply(lambda _: pd.DataFrame(bold, frame.index, frame.columns), axis=None)
    written = styled.to_latex(hrules=True, column_format=places)
    for sign, latex in _IN_LATEX.items():
        written = written.replace(sign, latex)
    return written


def _table(items: pd.DataFrame | Iterable[Any], columns: _Columns) -> Table:
    num_texts = next((place for place, name in enumerate(columns) if name in _FIRST_NUMBERS), len(columns))
    return table("", columns, items, num_texts)


def _of_ablations(arms: pd.DataFrame) -> _Columns:
    name = pretraining_name(arms)
    return {
        **_ARM,
        "Pretrained on": name,
        "Target": lambda row: target_name(row["target"], row["transfer"], row["shots"]),
        "Tokens": lambda row: count(row["tokens"]),
        "Parameters": lambda row: count(row["parameters"]),
        "Accuracy": accuracy_cell,
        "Less the reference": lambda row: "reference" if row["is_reference"] else paired_cell(row, "difference"),
    }


def _on_targets(row: pd.Series) -> str:
    return target_name(row["targets"], row["transfer"], row["shots"])


def _rungs(row: pd.Series, last: str) -> str:
    return f"{count(row['smallest_images'])} to {count(row[last])} images of {row['corpus']}"


def _interval(row: pd.Series, name: str, show: Callable[..., str]) -> TableCell:
    """Return an estimate with its ends, or a dash with the reason."""
    if not is_known(row[name]):
        return TableCell(ABSENT, text(row["reason"]))
    return TableCell(show(row[name], row["low"], row["high"]), row["reason"])


def _times(value: float) -> str:
    """Return a ratio or an end of its interval; an end that the rungs do not bound is open."""
    if not is_known(value):
        return ABSENT
    return times(value) if 0 < value < math.inf else "open"


_ARM: _Columns = {
    "Ablation": lambda row: row["ablation"],
    "Arm": lambda row: row["arm"],
    "Model": lambda row: row["model"],
}
_CLAIM: _Columns = {
    "Claim": lambda each: each.claim.id,
    "Verdict": lambda each: each.verdict,
    "Sentence": lambda each: each.claim.sentence,
    "Estimate": lambda each: text(each.text),
    "Pairs": lambda each: text(each.pairs),
    "Published": lambda each: text(each.claim.published.figure),
    "Source": lambda each: text(each.claim.published.source),
}
_RATIO: _Columns = {
    "First": lambda row: row["first"],
    "Second": lambda row: row["second"],
    "Targets": _on_targets,
    "Pretrained on": lambda row: (
        f"{count(row['smallest_images'])} to {count(row['largest_images'])} of {row['corpus']}"
    ),
    "Ratio": lambda row: TableCell(_times(row["ratio"]), row["reason"]),
    "Low": lambda row: _times(row["low"]),
    "High": lambda row: _times(row["high"]),
    "Pairs": lambda row: count(row["num_pairs"]),
}
_PREDICTION: _Columns = {
    "Model": lambda row: row["model"],
    "Targets": _on_targets,
    "Fitted": lambda row: _rungs(row, "fitted_images"),
    "Images": lambda row: count(row["images"]),
    "Predicted": lambda row: _interval(row, "predicted", percent),
    "Came": lambda row: percent(row["measured"]),
    "Held": lambda row: {True: "yes", False: "no"}.get(row["is_held"], ABSENT) if is_known(row["is_held"]) else ABSENT,
}
_OWN_ROW: _Columns = {
    **_ARM,
    "Ladder's own": lambda row: row["own_model"],
    "Targets": _on_targets,
    "Difference in points": lambda row: _interval(row, "difference", points),
    "Pairs": lambda row: count(row["num_pairs"]),
    "Ahead of its family": lambda row: "yes" if row["is_ahead"] else "no",
}
