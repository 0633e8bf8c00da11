"""Write the sections on accuracy. Every number comes from a table; none is computed here."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

import pandas as pd

from bench.analysis.comparison import AS_IT_IS, FINE_TUNE, SCRATCH
from bench.analysis.format import (
    ABSENT,
    count,
    decimal,
    is_known,
    pairs_and_p,
    percent,
    plural,
    points,
    share,
    text,
)
from bench.analysis.frames import split
from bench.analysis.runs import pretraining as pretraining_table
from bench.analysis.seeds import COMPLETE, GIVEN_SUCCESS
from bench.analysis.tested import UNEVEN
from bench.report.layout import (
    AS_MUCH,
    CONFIDENCE,
    Panel,
    balanced,
    by_transfer,
    doubts,
    heading,
    interval_over,
    lines,
    panels,
    pretraining_name,
)
from bench.report.page import Chart, Charts, Section, Table, TableCell, section, table, undecided

_GAIN = "Gain over training from scratch"
_NO_GAIN = "Probes train no network, so they have no row from scratch and no gain over one."
_TESTED = (
    "In brackets: the number of pairs, and the number that a sign-flip test needs to reject among this many rows. With "
    "enough pairs, the p-value is given instead, corrected by Holm's procedure over all rows."
)
EVERY_SEED = "Accuracy of every seed in percent, in ascending order of the seeds; a dash is a seed without an accuracy."
_PROBED = {
    "linear": (
        "The network stays as it was pretrained. A linear classifier is fitted on its features of all training images "
        "of the target."
    ),
    "k-shot": (
        "The network stays as it was pretrained. A linear classifier is fitted on its features of a few training "
        "images of each class, drawn several times. A seed's accuracy is the mean over its draws."
    ),
    AS_IT_IS: (
        "Nothing is trained. The network answers with the classifier of its own weights, once, so there is one seed "
        "and no interval over seeds."
    ),
}
"""Transfer -> the description of its probe."""


def accuracy(comparison: pd.DataFrame, charts: Charts, constant: Mapping[str, float]) -> tuple[Section, ...]:
    """Return a section per transfer with its figure and its table.

    Args:
        comparison: The table from `bench.analysis.comparison`.
        charts: The report's figures.
        constant: Target -> accuracy of the best constant answer, 0 to 1.
    """
    return tuple(
        _accuracy(transfer, rows, charts.get(("accuracy", transfer)), constant)
        for transfer, rows in by_transfer(comparison)
    )


def gains(comparison: pd.DataFrame) -> Section:
    """Return the effect of pretraining: the gain of each fine-tuned row over the same model from scratch."""
    fine_tuned = comparison[comparison["transfer"] == FINE_TUNE]
    pretrained = fine_tuned[fine_tuned["corpus"] != SCRATCH]
    no_gain = _NO_GAIN if len(fine_tuned) < len(comparison) or fine_tuned.empty else None
    if fine_tuned.empty:
        return section(_GAIN, no_gain)
    if pretrained.empty:
        return section(_GAIN, "The suite pretrains nothing.", no_gain)
    if len(pretrained) == len(fine_tuned):
        external = "Every model starts from external weights, so none is trained from scratch."
        is_external = pretrained["subset_images"].isna().all()
        return section(_GAIN, external if is_external else "The suite trains nothing from scratch.", no_gain)
    is_scratch = fine_tuned["corpus"] == SCRATCH
    from_scratch = set(fine_tuned.loc[is_scratch, "target"])
    without = [target for target in dict.fromkeys(pretrained["target"]) if target not in from_scratch]
    pretrained = pretrained[pretrained["target"].isin(from_scratch)]
    over = interval_over(pretrained["gain_method"])
    caption = (
        f"Gain in percentage points with its {CONFIDENCE} interval over {over}, paired by seed. {_TESTED} "
        "A gain is undecided if a seed of either side is missing, or if seeds that failed to train contradict it."
    )
    as_much = AS_MUCH[fine_tuned["match"].iloc[0]]
    scratch = f"The from-scratch model was trained {as_much} as pretraining and transfer together."
    most_from_scratch, most = (_most_seeds(rows) for rows in (fine_tuned[is_scratch], pretrained))
    if most_from_scratch < most:
        scratch += f" The suite trains {most_from_scratch} of its {most} seeds from scratch; gains are paired by these."
    if without:
        scratch += f" Nothing was trained from scratch on {', '.join(without)}."
    return section(_GAIN, scratch, no_gain, _by_target(pretrained, caption, gain_cell))


def _most_seeds(rows: pd.DataFrame) -> int:
    return max((len(json.loads(seeds)) for seeds in rows["seeds"]), default=0)


def ablations(arms: pd.DataFrame, charts: Charts) -> tuple[Section, ...]:
    """Return a section per ablation, with its figure and its table."""
    if arms.empty:
        return (section("Ablations", "The suite has none."),)
    return tuple(
        _ablation(heading(f"Ablation: {name}", transfer), rows, charts.get(("ablation", name, transfer)))
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


def accuracy_cell(row: pd.Series) -> TableCell:
    """Return an accuracy with its number of seeds, its balanced accuracy, its doubts, and whether it has notes.

    An accuracy without the seeds that failed to train is labelled, with the share of failed seeds beside it.
    """
    num_seeds, num_failed = int(row["num_seeds"]), int(row["num_failed"])
    seeds = f"{num_seeds} of {plural(num_seeds + num_failed, 'seed')}" if num_failed else plural(num_seeds, "seed")
    share = f"share of failed seeds {percent(row['failed'], row['failed_low'], row['failed_high'])}"
    notes = [
        seeds if num_seeds or num_failed else "",
        "no interval" if num_seeds and not is_known(row["low"]) else "",
        balanced(row),
        *doubts(row),
        share if num_failed else "",
        "see notes" if is_known(row["notes"]) else "",
    ]
    shown = percent(row["accuracy"], row["low"], row["high"])
    shown = f"{shown} {GIVEN_SUCCESS}" if num_failed and num_seeds else shown
    return TableCell(shown, "; ".join(filter(None, notes)), bool(doubts(row)))


def seeds_cell(row: pd.Series) -> TableCell:
    """Return the accuracy of every seed in percent, and which seeds failed to train or have no outcome."""
    shown = ", ".join(decimal(None if value is None else 100 * value, 1) for value in json.loads(row["seeds"]))
    return TableCell(shown, "" if row["status"] == COMPLETE else row["status"], row["status"] != COMPLETE)


def gain_cell(row: pd.Series) -> TableCell:
    """Return a gain, such as `+2.9 (1.8 to 4.0)`, with its number of pairs, or `undecided` with the reason."""
    return _paired_cell(row, "gain")


def _paired_cell(row: pd.Series, name: str) -> TableCell:
    why = row[f"{name}_status"].removeprefix("undecided: ")
    if not is_known(row[name]):
        return undecided(why)
    difference = points(row[name], row[f"{name}_low"], row[f"{name}_high"])
    tested = pairs_and_p(int(row["num_pairs"]), int(row["pairs_needed"]), row[f"{name}_p"])
    if GIVEN_SUCCESS not in why:
        return TableCell(difference, tested if why == COMPLETE else f"undecided: {why}", doubtful=why != COMPLETE)
    failures = why.removeprefix(f"{GIVEN_SUCCESS}: ")
    note = f"{tested}; {failures}" if failures != why else f"undecided: {why}"
    return TableCell(f"{difference} {GIVEN_SUCCESS}", note, doubtful=True)


def _accuracy(transfer: str, rows: pd.DataFrame, chart: Chart | None, constant: Mapping[str, float]) -> Section:
    over = interval_over(rows["method"])
    caption = f"Test accuracy: mean over seeds with its {CONFIDENCE} interval over {over} (number of seeds)."
    if any(map(balanced, (row for _, row in rows.iterrows()))):
        caption += (
            f" Where the largest test class has more than {UNEVEN} times the images of the smallest, the balanced "
            "accuracy is given, too: the mean of the classes' accuracies with its Student's t interval over seeds."
        )
    return section(
        heading("Accuracy", transfer),
        _PROBED.get(transfer),
        *_constant_answers(rows, constant),
        chart or "No figure: no pretrained row of known size has a result.",
        _by_target(rows, caption, accuracy_cell),
        _by_target(rows, EVERY_SEED, seeds_cell),
    )


def _constant_answers(rows: pd.DataFrame, constant: Mapping[str, float]) -> Iterator[str]:
    """Yield what the best constant answer reaches on each target, and where it is assumed."""
    recorded = set(rows.loc[rows["constant_answer"].notna(), "target"])
    levels = {target: f"{percent(constant[target])} on {target}" for target in rows["target"] if target in constant}
    if exact := [words for target, words in levels.items() if target in recorded]:
        yield f"The best constant answer reaches {', '.join(exact)}."
    if assumed := [words for target, words in levels.items() if target not in recorded]:
        yield (
            "Older records do not contain the sizes of the test classes. If these are equal, a constant answer reaches "
            f"{', '.join(assumed)}."
        )


def _by_target(comparison: pd.DataFrame, caption: str, cell: Callable[[pd.Series], TableCell]) -> Table:
    titles = [panel.title for panel in panels(comparison)]
    rows = tuple(
        (
            line.model,
            line.pretrained_on,
            *(cell(line.cells[title]) if title in line.cells else ABSENT for title in titles),
        )
        for line in lines(comparison)
    )
    return Table(caption, ("Model", "Pretrained on", *titles), rows, 2)


def _ablation(title: str, arms: pd.DataFrame, chart: Chart | None) -> Section:
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
        f"{CONFIDENCE} interval over {interval_over(arms['difference_method'])}, paired by seed. {_TESTED}"
    )
    header = ("Arm", "Model", "Tokens", "Parameters", *titles)
    every = tuple((arm, *map(_arm_seeds, _panel_rows(drawn, arm))) for arm in dict.fromkeys(arms["arm"]))
    seeds = Table(EVERY_SEED, ("Arm", *(panel.title for panel in drawn)), every)
    no_figure = "No figure: no arm has a result."
    return section(title, chart or no_figure, Table(caption, header, tuple(rows), 2), seeds)


def _panel_rows(drawn: Sequence[Panel], arm: str) -> list[pd.DataFrame]:
    return [panel.rows[panel.rows["arm"] == arm] for panel in drawn]


def _arm_seeds(rows: pd.DataFrame) -> str | TableCell:
    return ABSENT if rows.empty else seeds_cell(rows.iloc[0])


def _arm_cells(rows: pd.DataFrame) -> list[str | TableCell]:
    if rows.empty:
        return [ABSENT, ABSENT]
    row = rows.iloc[0]
    return [accuracy_cell(row), "reference" if row["is_reference"] else _paired_cell(row, "difference")]


def _distinct(values: pd.Series) -> str:
    """Return a count, or several if the arm's runs differ in it, for example in the sizes of heads."""
    return " or ".join(dict.fromkeys(count(value) for value in values.dropna())) or ABSENT
