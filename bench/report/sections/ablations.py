"""Write the section on ablations: how much each arm differs from its reference, and from the ladder's own row."""

from collections.abc import Iterator, Mapping

import pandas as pd

from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.own_rows import ahead_warnings
from bench.analysis.comparison import SCRATCH
from bench.analysis.format import count, is_known, listed, plural, points, share
from bench.analysis.frames import split
from bench.report.first_screen.other_titles import ablation_title
from bench.report.interactive import DIFFERENCES
from bench.report.layout import (
    CONFIDENCE,
    arm_row,
    by_transfer,
    heading,
    interval_over,
    panels,
    pretraining_name,
)
from bench.report.page import (
    Charts,
    Folded,
    Section,
    Table,
    TableCell,
    TableRow,
    folded,
    section,
    table,
    undecided,
)
from bench.report.sections.cells import accuracy_cell, paired_cell, sort_value
from bench.report.sections.gains import TESTED
from bench.report.sections.row_details import BehindRows

_CORRECTED = (
    "Which arms differ is told at levels corrected over an ablation's arms and targets (Holm); the intervals shown are "
    "not corrected."
)
_HEADER = ("Arm", "Model", "Target", "Tokens", "Parameters", "Accuracy", "Less the reference")


def ablations(tables: Mapping[str, pd.DataFrame], behind: BehindRows, charts: Charts) -> Section:
    """Return a sentence for each ablation and the differences of all arms; one line without a result.

    Args:
        tables: `cells`, `runs` and `ablations`, and `correctness` and `own_rows` if they are kept.
        behind: What is behind each row.
        charts: The report's charts.
    """
    arms, own = tables["ablations"], tables.get("own_rows")
    if arms.empty:
        return section("Ablations", "The suite has none.")
    if not arms["accuracy"].notna().any():
        return section("Ablations", "No arm has a result.")
    chart = charts.get(DIFFERENCES)
    return section(
        "Ablations",
        chart,
        *(sentence for sentence in _sentences(arms, Evidence(tables)) if not chart or sentence != f"{chart.title}."),
        _CORRECTED if arms["difference_low"].notna().any() else None,
        *_of_ablations(arms, behind),
        folded("Arms beside the ladder's own rows", _own_rows(own)) if own is not None else None,
        warnings=ahead_warnings(own),
    )


def _sentences(arms: pd.DataFrame, evidence: Evidence) -> Iterator[str]:
    """Yield which arms differ from their reference: a sentence for the ablations of which the same is true."""
    names: dict[str, list[str]] = {}
    for (name,), rows in split(arms, ["ablation"]):
        names.setdefault(ablation_title(rows, evidence), []).append(name)
    for title, told in names.items():
        yield f"{listed(told)}: {title}."


def _of_ablations(arms: pd.DataFrame, behind: BehindRows) -> Iterator[Folded | None]:
    for (name,), of_ablation in split(arms, ["ablation"]):
        for transfer, rows in by_transfer(of_ablation):
            if rows["accuracy"].notna().any():
                yield folded(heading(f"Ablation: {name}", transfer), _table(rows, behind))


def _table(arms: pd.DataFrame, behind: BehindRows) -> Table:
    """Return a row for each arm and target; the target that the page shows does not filter them."""
    reference = arms.loc[arms["is_reference"], "arm"].iloc[0]
    pretrained_on = " and ".join(dict.fromkeys(arms.apply(pretraining_name(arms), axis=1)))
    trained = f"Pretrained on {pretrained_on}" if (arms["corpus"] != SCRATCH).all() else "Trained from scratch"
    caption = (
        f"{trained}. The reference is {reference}; differences to it in percentage points, with {CONFIDENCE} intervals "
        f"over {interval_over(arms['difference_method'])}, are paired by seed. {TESTED}"
    )
    in_order = pd.concat([panel.rows.assign(title=panel.title) for panel in panels(arms)])
    rows = tuple(
        TableRow(
            (
                row["arm"],
                row["model"],
                row["title"],
                TableCell(count(row["tokens"]), value=sort_value(row["tokens"])),
                TableCell(count(row["parameters"]), value=sort_value(row["parameters"])),
                accuracy_cell(row),
                "reference" if row["is_reference"] else paired_cell(row, "difference"),
            ),
            arm_row(row),
            {"family": row["family"], "model": row["model"]},
            behind.of_arm(row),
        )
        for _, row in in_order.iterrows()
    )
    return Table(caption, _HEADER, rows, 3)


def _own_rows(arms: pd.DataFrame) -> Table:
    """Return the arms beside the ladder's rows of their families."""
    averaged = "averaged over real targets and " if arms["targets"].str.contains(", ").any() else ""
    level = f", each at {share(arms['level'].max())}" if arms["level"].notna().any() else ""
    columns = {
        "Ablation": lambda row: row["ablation"],
        "Arm": lambda row: row["arm"],
        "Model": lambda row: row["model"],
        "Ladder's own": lambda row: row["own_model"],
        "Difference in points": _to_own_row,
        "Ahead of its family": lambda row: "yes" if row["is_ahead"] else "no",
    }
    caption = (
        f"Accuracy of each arm less that of its family's row on the ladder, at the same rung, {averaged}paired by seed "
        f"and image. The intervals hold together{level}. An arm is ahead if all of its "
        "intervals lie above zero."
    )
    return table(caption, columns, arms, 4)


def _to_own_row(row: pd.Series) -> TableCell:
    if not is_known(row["difference"]):
        return undecided(row["reason"])
    shown = points(row["difference"], row["low"], row["high"])
    return TableCell(shown, "; ".join(filter(None, (plural(int(row["num_pairs"]), "pair"), row["reason"]))))
