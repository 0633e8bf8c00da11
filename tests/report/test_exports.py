"""The tables that a report writes as files: numbers as on the page, texts escaped, and how to cite them."""

import csv
import re
import tomllib
from pathlib import Path

import pandas as pd
import pytest
import yaml

from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.judge import judge_claims
from bench.analysis.claims.literature import CLAIMS
from bench.analysis.ladder.ladder_tables import ladder_tables
from bench.report.citation import citation
from bench.report.exports import exported, write_tables
from bench.report.page import Table, TableCell
from bench.report.sections.compare import compare
from bench.report.sections.row_details import BehindRows
from bench.report.write import write_report
from tests.report.hand_made import make_cells, make_ladder_cells, make_suite, make_tables

ROOT = Path(__file__).parents[2]
EVIL = "a & b_c 100 % #1 ~ \\input{x} <b>, |y| \N{MINUS SIGN}3"


def test_each_table_has_the_numbers_of_the_page(tmp_path: Path) -> None:
    """In all forms: rows and columns of the section, with the notes in brackets."""
    tables = make_tables(make_cells(targets=("digits@100",)))
    compared = compare(tables, BehindRows(make_suite(), tables)).tables[0]
    write_tables(exported(tables, compared), tmp_path)
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == [
        *("ablations.csv", "ablations.md", "ablations.tex", "comparison.csv", "comparison.md", "comparison.tex"),
    ]
    with (tmp_path / "tables" / "comparison.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == list(compared.header)
    assert rows == [
        [f"{cell.text} ({cell.note})" if cell.note else cell.text for cell in row] for row in compared.cells
    ]
    row = tables["comparison"].iloc[0]
    shown = f"{100 * row['accuracy']:.1f} % ({100 * row['low']:.1f} to {100 * row['high']:.1f})"
    assert rows[0][2] == shown
    markdown = (tmp_path / "tables" / "comparison.md").read_text(encoding="utf-8").splitlines()
    assert markdown[1] == "| --- | --- | ---: | ---: | ---: |"
    assert shown in markdown[2]
    assert len(markdown) == len(rows) + 2
    with (tmp_path / "tables" / "ablations.csv").open(encoding="utf-8", newline="") as file:
        arms = list(csv.DictReader(file))
    difference = tables["ablations"].iloc[0]
    assert arms[0]["Less the reference"].startswith(
        f"{100 * difference['difference']:+.1f} (".replace("-", "\N{MINUS SIGN}")
    )
    assert [arm["Less the reference"] for arm in arms].count("reference") == 2


def test_latex_is_for_booktabs_and_escaped(tmp_path: Path) -> None:
    """Rules, one line for each row, and no sign that TeX reads as a command."""
    best = TableCell("92.5 % (89.6 to 94.6)", best=True)
    compared = Table("", ("Model", EVIL), ((EVIL, best), ("x", "1"), ("y", "\N{EN DASH}")), 1)
    write_tables({"comparison": compared, "own_rows": compared}, tmp_path)
    assert not (tmp_path / "tables" / "own_rows.tex").exists()
    lines = (tmp_path / "tables" / "comparison.tex").read_text(encoding="utf-8").splitlines()
    escaped = r"a \& b\_c 100 \% \#1 \textasciitilde \space \textbackslash input\{x\} <b>, |y| $-$3"
    assert lines == [
        r"\begin{tabular}{lr}",
        r"\toprule",
        rf"Model & {escaped} \\",
        r"\midrule",
        rf"{escaped} & \textbf{{92.5 \% (89.6 to 94.6)}} \\",
        r"x & 1 \\",
        r"y & -- \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
    markdown = (tmp_path / "tables" / "comparison.md").read_text(encoding="utf-8").splitlines()
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in markdown] == [3, 3, 3, 3, 3]
    assert "&lt;b&gt;" in markdown[0]


def test_ratios_predictions_and_claims_are_exported(tmp_path: Path) -> None:
    """Open ends by a word, reasons in brackets, predictions beside what came."""
    cells = make_ladder_cells(targets=("digits@100",))
    tables = make_tables(cells) | ladder_tables(cells)
    found = exported(tables, Table("", ("A",), ()), judge_claims(CLAIMS, Evidence(tables)))
    assert set(found) == {"claims", "data_ratios", "extrapolations"}
    ratios = pd.DataFrame(
        [[cell.text for cell in row] for row in found["data_ratios"].cells], columns=found["data_ratios"].header
    )
    known = tables["data_ratios"].reset_index(drop=True)
    assert list(ratios["First"]) == list(known["first"])
    for (_, shown), (_, row) in zip(ratios.iterrows(), known.iterrows(), strict=True):
        assert (shown["Ratio"] == "\N{EN DASH}") is pd.isna(row["ratio"])
        if row["low"] == 0:
            assert shown["Low"] == "open"
    predicted = found["extrapolations"].cells[0]
    row = tables["extrapolations"].iloc[0]
    assert predicted[4].text == f"{100 * row['predicted']:.1f} % ({100 * row['low']:.1f} to {100 * row['high']:.1f})"
    assert predicted[5].text == f"{100 * row['measured']:.1f} %"
    assert predicted[6].text == ("yes" if row["is_held"] else "no")
    assert [row[0].text for row in found["claims"].cells][:2] == ["C1", "C2"]


def test_the_page_lists_its_files_and_says_how_to_cite(tmp_path: Path) -> None:
    """Tables before figures; the version and the commit of the results."""
    tables = make_tables(make_cells(targets=("digits@100",), arms=False))
    html = write_report(make_suite(), tables, tmp_path / "hand-made").read_text(encoding="utf-8")
    listed = re.findall(r'<li><a href="((?:tables|figures)/[^"]+)">', html)
    assert listed[:3] == ["tables/comparison.csv", "tables/comparison.md", "tables/comparison.tex"]
    assert {f"{path.parent.name}/{path.name}" for path in (tmp_path / "hand-made").glob("*/*")} == set(listed)
    assert "note = {suite hand-made, protocol" in html


@pytest.mark.parametrize(
    ("commits", "said"), [(["0123abc"], "commit 0123abc"), (["b", "a"], r"commits 2 (a; b)"), ([], "")]
)
def test_a_report_is_cited_with_its_suite_and_commit(commits: list[str], said: str) -> None:
    """As one entry whose braces close, whatever the suite is called."""
    entry = citation(make_suite(name="a}_b"), pd.DataFrame({"git_commit": [*commits, ""]}))
    assert entry.startswith("@software{vit-cnn-hybrid-bench,\n")
    assert entry.count("{") == entry.count("}")
    assert r"suite a \_b, protocol" in entry
    assert f"{said}}}" in entry


def test_the_citation_file_names_the_project_and_its_version() -> None:
    """The fields that the format 1.2.0 requires, and the numbers of the package."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cited["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= cited.keys()
    assert cited["authors"] == [{"name": f"The {project['name']} project"}]
    assert cited["version"] == project["version"]
    assert f"{{{cited['title']}}}" in citation(make_suite(), pd.DataFrame({"git_commit": []}))
