"""The sections on what came out. Every number is worded from a table's; none is computed here."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pandas as pd

from bench.analysis.comparison import FINE_TUNE, SCRATCH
from bench.analysis.format import ABSENT, count, decimal, is_known, pairs_and_p, percent, plural, points, text
from bench.analysis.frames import split
from bench.analysis.runs import pretraining as pretraining_table
from bench.analysis.seeds import COMPLETE
from bench.analysis.stats.intervals import LEVEL
from bench.report.layout import AS_MUCH, by_transfer, heading, interval_over, lines, panels, pretraining_name
from bench.report.page import Cell, Picture, Section, Table
from bench.report.pictures import Pictures

_UNDECIDED = "undecided: "
_NO_GAIN = "Probes train no network, so they have no row from scratch, and no gain over one."
_TESTED = (
    "of those that a sign-flip test needs to reject among so many rows; from there on with its p, by Holm's procedure "
    "over all of them"
)
"""What stands beside a number of pairs."""
_PROBED = {
    "linear": (
        "The network stays as it was pretrained. A linear classifier is fitted on its features of all the target's "
        "training images."
    ),
    "k-shot": (
        "The network stays as it was pretrained. A linear classifier is fitted on its features of so many training "
        "images of every class. A seed's accuracy is the mean over its draws of them."
    ),
}
"""What a probe is, by transfer."""


def accuracy(comparison: pd.DataFrame, pictures: Pictures, chance: Mapping[str, float]) -> tuple[Section, ...]:
    """The comparison: for each transfer a section with its figure and its table.

    Args:
        comparison: as from `bench.analysis.comparison`.
        pictures: the report's figures.
        chance: target -> accuracy of guessing, 0 to 1.
    """
    return tuple(
        _accuracy(transfer, rows, pictures.accuracy.get(transfer), chance) for transfer, rows in by_transfer(comparison)
    )


def gains(comparison: pd.DataFrame) -> Section:
    """What pretraining is worth: each fine-tuned row over the same model from scratch."""
    fine_tuned = comparison[comparison["transfer"] == FINE_TUNE]
    if fine_tuned.empty:
        return Section("Gain over training from scratch", (_NO_GAIN,))
    section = _gains(fine_tuned)
    probed = len(fine_tuned) < len(comparison)
    return replace(section, paragraphs=(*section.paragraphs, _NO_GAIN)) if probed else section


def _gains(comparison: pd.DataFrame) -> Section:
    pretrained = comparison[comparison["corpus"] != SCRATCH]
    if pretrained.empty:
        return Section("Gain over training from scratch", ("The suite pretrains nothing.",))
    if len(pretrained) == len(comparison):
        return Section("Gain over training from scratch", (_why_no_scratch(comparison),))
    over = interval_over(pretrained["gain_method"])
    caption = (
        f"Gain in percentage points ± half of its {LEVEL:.0%} interval over {over}, paired by seed (number of pairs, "
        f"{_TESTED}). A gain is undecided where a seed of either side is missing."
    )
    as_much = AS_MUCH[comparison["match"].iloc[0]]
    scratch = f"The from-scratch model was trained {as_much} as pretraining and transfer together."
    return Section("Gain over training from scratch", (scratch,), tables=(_by_target(pretrained, caption, gain_cell),))


def _why_no_scratch(comparison: pd.DataFrame) -> str:
    if comparison["subset_images"].isna().all():
        return "Every model starts from weights from outside, so none is trained from scratch."
    return "The suite trains nothing from scratch."


def ablations(table: pd.DataFrame, pictures: Pictures) -> tuple[Section, ...]:
    """A section an ablation, with its figure and its table."""
    if table.empty:
        return (Section("Ablations", ("The suite has none.",)),)
    return tuple(
        _ablation(heading(f"Ablation: {name}", transfer), rows, pictures.ablations.get((name, transfer)))
        for (name,), of_ablation in split(table, ["ablation"])
        for transfer, rows in by_transfer(of_ablation)
    )


def pretraining(cells: pd.DataFrame, runs: pd.DataFrame, guessing: dict[str, float]) -> tuple[Section, ...]:
    """How far pretraining came, on validation images of the corpus; nothing where no model is pretrained.

    Args:
        cells: one row a cell.
        runs: one row a run.
        guessing: corpus -> the validation loss of guessing.
    """
    table = pretraining_table(cells, runs).rename(columns={"recipe": "pretrain_recipe"})
    if table.empty:
        return ()
    name = pretraining_name(table)
    rows = tuple(
        (
            row["model"],
            name(row),
            text(row["arm"]),
            count(row["images_seen"]),
            decimal(row["train_loss"]),
            decimal(row["validation_loss"]),
            accuracy_cell(row),
        )
        for _, row in table.iterrows()
    )
    losses = ("Training loss", "Validation loss", "Validation accuracy")
    header = ("Model", "Pretrained on", "Arm of", "Images seen", *losses)
    caption = "Means over seeds at the end of pretraining, on classes seen and instances not seen."
    said = [f"Guessing on {corpus} has a validation loss of {decimal(loss)}." for corpus, loss in guessing.items()]
    return (Section("Pretraining", tuple(said), tables=(Table(caption, header, rows, 3),)),)


def accuracy_cell(row: pd.Series) -> Cell:
    """`92.3 ± 1.2 %` with the number of seeds, what is missing, and whether its runs noted something."""
    notes = [plural(int(row["num_seeds"]), "seed")] if row["num_seeds"] else []
    if row["num_seeds"] and not is_known(row["low"]):
        notes.append("no interval")
    if row["status"] != COMPLETE:
        notes.append(row["status"])
    if is_known(row["notes"]):
        notes.append("see notes")
    accuracy = percent(row["accuracy"], row["low"], row["high"])
    return Cell(accuracy, "; ".join(notes), doubtful=row["status"] != COMPLETE)


def gain_cell(row: pd.Series) -> Cell:
    """`+2.9 ± 1.1` with the number of pairs, or `undecided` and why."""
    return _paired_cell(row, "gain")


def _paired_cell(row: pd.Series, name: str) -> Cell:
    why = row[f"{name}_status"].removeprefix(_UNDECIDED)
    if not is_known(row[name]):
        return Cell("undecided", why, doubtful=True)
    difference = points(row[name], row[f"{name}_low"], row[f"{name}_high"])
    tested = pairs_and_p(int(row["num_pairs"]), int(row["pairs_needed"]), row[f"{name}_p"])
    return Cell(difference, tested if why == COMPLETE else f"undecided: {why}", doubtful=why != COMPLETE)


def _accuracy(transfer: str, rows: pd.DataFrame, picture: Picture | None, chance: Mapping[str, float]) -> Section:
    """One transfer's."""
    targets = set(rows["target"])
    guessing = ", ".join(f"{percent(level)} on {target}" for target, level in chance.items() if target in targets)
    paragraphs = [_PROBED[transfer]] if transfer in _PROBED else []
    paragraphs += [f"Guessing reaches {guessing}."] if guessing else []
    if picture is None:
        paragraphs.append("No figure: no pretrained row of known size has a result.")
    over = interval_over(rows["method"])
    caption = f"Test accuracy: mean over seeds ± half of its {LEVEL:.0%} interval over {over} (number of seeds)."
    return Section(
        heading("Accuracy", transfer),
        paragraphs=tuple(paragraphs),
        pictures=(picture,) if picture else (),
        tables=(_by_target(rows, caption, accuracy_cell),),
    )


def _by_target(comparison: pd.DataFrame, caption: str, cell: Callable[[pd.Series], Cell]) -> Table:
    titles = [panel.title for panel in panels(comparison)]
    rows = []
    for line in lines(comparison):
        cells = [cell(line.cells[title]) if title in line.cells else ABSENT for title in titles]
        rows.append((line.model, line.pretrained_on, *cells))
    return Table(caption, ("Model", "Pretrained on", *titles), tuple(rows), 2)


def _ablation(title: str, table: pd.DataFrame, picture: Picture | None) -> Section:
    missing = "No figure: no arm has a result."
    return Section(
        title,
        paragraphs=() if picture else (missing,),
        pictures=(picture,) if picture else (),
        tables=(_arms(table),),
    )


def _arms(table: pd.DataFrame) -> Table:
    """An ablation's arms in rows; each target has a column of accuracies and one of differences."""
    drawn = panels(table)
    reference = table.loc[table["is_reference"], "arm"].iloc[0]
    titles = [title for panel in drawn for title in (panel.title, f"difference to {reference}")]
    rows = []
    for (arm, model), found in split(table, ["arm", "model"]):
        cells = [cell for panel in drawn for cell in _arm_cells(panel.rows[panel.rows["arm"] == arm])]
        rows.append((arm, model, _distinct(found["tokens"]), _distinct(found["parameters"]), *cells))
    pretrained_on = " and ".join(dict.fromkeys(table.apply(pretraining_name(table), axis=1)))
    trained = f"Pretrained on {pretrained_on}" if (table["corpus"] != SCRATCH).all() else "Trained from scratch"
    over = interval_over(table["difference_method"])
    caption = (
        f"{trained}. Accuracy as above, and its difference to {reference} in percentage points "
        f"± half of its {LEVEL:.0%} interval over {over}, paired by seed (number of pairs, {_TESTED})."
    )
    return Table(caption, ("Arm", "Model", "Tokens", "Parameters", *titles), tuple(rows), 2)


def _arm_cells(rows: pd.DataFrame) -> list[str | Cell]:
    if rows.empty:
        return [ABSENT, ABSENT]
    row = rows.iloc[0]
    return [accuracy_cell(row), "reference" if row["is_reference"] else _paired_cell(row, "difference")]


def _distinct(values: pd.Series) -> str:
    """A count, or several where the arm's runs differ in it, as heads of several sizes do."""
    return " or ".join(dict.fromkeys(count(value) for value in values.dropna())) or ABSENT
