"""Write the sections on ablations and pretraining. Every number comes from a table; none is computed here."""

from collections.abc import Mapping, Sequence

import pandas as pd

from bench.analysis.comparison import SCRATCH
from bench.analysis.format import (
    ABSENT,
    count,
    decimal,
    is_known,
    plural,
    points,
    share,
    text,
)
from bench.analysis.frames import split
from bench.analysis.runs import pretraining as pretraining_table
from bench.report.layout import (
    CONFIDENCE,
    Panel,
    by_transfer,
    heading,
    interval_over,
    panels,
    pretraining_name,
)
from bench.report.page import Section, Table, TableCell, section, table, undecided
from bench.report.sections.cells import accuracy_cell, paired_cell, seeds_cell
from bench.report.sections.gains import TESTED

EVERY_SEED = "Accuracy of every seed in percent, in ascending order of the seeds; a dash is a seed without an accuracy."


def ablations(arms: pd.DataFrame) -> tuple[Section, ...]:
    """Return a section per ablation, with its table."""
    if arms.empty:
        return (section("Ablations", "The suite has none."),)
    return tuple(
        _ablation(heading(f"Ablation: {name}", transfer), rows)
        for (name,), of_ablation in split(arms, ["ablation"])
        for transfer, rows in by_transfer(of_ablation)
    )


def own_rows(arms: pd.DataFrame | None) -> tuple[Section, ...]:
    """Return the arms beside the ladder's rows of their families; nothing without the table `own_rows`."""
    if arms is None:
        return ()
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
        "Accuracy of each arm less that of its family's row on the ladder, at the same rung, averaged over real "
        f"targets and paired by seed and image. The intervals hold together{level}. An arm is ahead if all of its "
        "intervals lie above zero."
    )
    return (section("Arms beside the ladder's own rows", table(caption, columns, arms, 4)),)


def _to_own_row(row: pd.Series) -> TableCell:
    if not is_known(row["difference"]):
        return undecided(row["reason"])
    shown = points(row["difference"], row["low"], row["high"])
    return TableCell(shown, "; ".join(filter(None, (plural(int(row["num_pairs"]), "pair"), row["reason"]))))


def pretraining(cells: pd.DataFrame, runs: pd.DataFrame, guessing: Mapping[str, float]) -> tuple[Section, ...]:
    """Return the results of pretraining on the corpus's validation images; nothing if no model is pretrained.

    Args:
        cells: One row per cell.
        runs: One row per run.
        guessing: Corpus -> the validation loss of equal probabilities for all classes.
    """
    rows = pretraining_table(cells, runs).rename(columns={"recipe": "pretrain_recipe"})
    if rows.empty:
        return ()
    columns = {
        "Model": lambda row: row["model"],
        "Pretrained on": pretraining_name(rows),
        "Arm of": lambda row: text(row["arm"]),
        "Images seen": lambda row: count(row["images_seen"]),
        "Training loss": lambda row: decimal(row["train_loss"]),
        "Validation loss": lambda row: decimal(row["validation_loss"]),
        "Validation accuracy": accuracy_cell,
    }
    caption = "Means over seeds at the end of pretraining, on new images of the classes seen."
    losses = (
        f"On {corpus}, equal probabilities for all classes have a validation loss of {decimal(loss)}."
        for corpus, loss in guessing.items()
    )
    return (section("Pretraining", *losses, table(caption, columns, rows, 3)),)


def _ablation(title: str, arms: pd.DataFrame) -> Section:
    """Return a section with arms in rows; each target has a column of accuracies and one of differences."""
    drawn = panels(arms)
    reference = arms.loc[arms["is_reference"], "arm"].iloc[0]
    titles = [name for panel in drawn for name in (panel.title, f"difference to {reference}")]
    rows = []
    for (arm, model), of_arm in split(arms, ["arm", "model"]):
        cells = [cell for of_panel in _panel_rows(drawn, arm) for cell in _arm_cells(of_panel)]
        rows.append((arm, model, _distinct(of_arm["tokens"]), _distinct(of_arm["parameters"]), *cells))
    pretrained_on = " and ".join(dict.fromkeys(arms.apply(pretraining_name(arms), axis=1)))
    trained = f"Pretrained on {pretrained_on}" if (arms["corpus"] != SCRATCH).all() else "Trained from scratch"
    caption = (
        f"{trained}. Accuracy as above, and its difference to {reference} in percentage points with its "
        f"{CONFIDENCE} interval over {interval_over(arms['difference_method'])}, paired by seed. {TESTED}"
    )
    header = ("Arm", "Model", "Tokens", "Parameters", *titles)
    every = tuple((arm, *map(_arm_seeds, _panel_rows(drawn, arm))) for arm in dict.fromkeys(arms["arm"]))
    seeds = Table(EVERY_SEED, ("Arm", *(panel.title for panel in drawn)), every)
    no_figure = "" if arms["accuracy"].notna().any() else "No figure: no arm has a result."
    return section(title, no_figure, Table(caption, header, tuple(rows), 2), seeds)


def _panel_rows(drawn: Sequence[Panel], arm: str) -> list[pd.DataFrame]:
    return [panel.rows[panel.rows["arm"] == arm] for panel in drawn]


def _arm_seeds(rows: pd.DataFrame) -> str | TableCell:
    return ABSENT if rows.empty else seeds_cell(rows.iloc[0])


def _arm_cells(rows: pd.DataFrame) -> list[str | TableCell]:
    if rows.empty:
        return [ABSENT, ABSENT]
    row = rows.iloc[0]
    return [accuracy_cell(row), "reference" if row["is_reference"] else paired_cell(row, "difference")]


def _distinct(values: pd.Series) -> str:
    """Return a count, or several if the arm's runs differ in it, for example in the sizes of heads."""
    return " or ".join(dict.fromkeys(count(value) for value in values.dropna())) or ABSENT
