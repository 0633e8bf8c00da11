"""Write the section that compares all rows: models by pretraining and target, and the arms of ablations."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import pandas as pd

from bench.analysis.behind_best import ARM, WITHIN, BehindBest, SuiteRow, behind_best, suite_rows
from bench.analysis.comparison import AS_IT_IS, ROW
from bench.analysis.format import ABSENT, count, decimal, is_known, listed, percent, plural, three_digits, with_bounds
from bench.analysis.frames import Key, as_key, split
from bench.analysis.recommend.candidates import Latencies, latencies_of
from bench.analysis.recommend.decide import Amount
from bench.analysis.tested import UNEVEN
from bench.report.layout import (
    CONFIDENCE,
    arm_row,
    balanced,
    by_transfer,
    comparison_row,
    grouped,
    interval_over,
    panels,
    pretraining_name,
    target_key,
)
from bench.report.machines import Machine
from bench.report.page import Section, Table, TableCell, TableRow, fold, folded, row_id, section, undecided
from bench.report.sections.cells import accuracy_cell, sort_value
from bench.report.sections.gains import gains
from bench.report.sections.other_store import OtherStore
from bench.report.sections.row_details import BehindRows

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
_BALANCED = (
    f"Where the largest test class has more than {UNEVEN} times the images of the smallest, the balanced accuracy is "
    "given, too: the mean of the classes' accuracies with its Student's t interval over seeds."
)
_BEST = (
    f"Bold: the best row of the ladder on a target, and those shown to be at most {100 * WITHIN:g} point behind it "
    f"(paired, Holm over the target's rows). Behind the best: points, with uncorrected {CONFIDENCE} intervals."
)


@dataclass(frozen=True)
class _Compared:
    """A row of the section's table."""

    row: pd.Series
    """Its row in the table `comparison` or `ablations`."""
    key: Key
    seeds: SuiteRow
    target: str
    """The key by which the page filters targets."""
    pretrained_on: str
    arm: str
    """The ablation and its arm; empty on the ladder."""

    @property
    def num_seeds(self) -> int:
        """Return the number of seeds with an outcome."""
        return int(self.row["num_seeds"]) + int(self.row["num_failed"])


def compare(
    tables: Mapping[str, pd.DataFrame],
    behind_rows: BehindRows,
    measured: Sequence[Machine] = (),
    constant: Mapping[str, float] | None = None,
    other: OtherStore | None = None,
) -> Section:
    """Return a table with one row for each model, pretraining and target, arms of ablations included.

    Args:
        tables: `cells`, `runs`, `comparison` and `ablations`, and `correctness` if it is kept.
        behind_rows: What is behind each row.
        measured: The machines on which the models' speeds were measured.
        constant: Target -> accuracy of the best constant answer, 0 to 1.
        other: A store whose values stand behind those of the page's own.
    """
    rows = _rows(tables)
    probes = [text for transfer, text in _PROBED.items() if transfer in set(tables["comparison"]["transfer"])]
    return section(
        "Compare",
        *(other.words([each.seeds for each in rows]) if other else ()),
        _table(rows, tables, behind_rows, measured, constant or {}, other),
        folded("How probes are made", *probes),
        fold(gains(tables["comparison"])),
    )


def _rows(tables: Mapping[str, pd.DataFrame]) -> list[_Compared]:
    """Return the rows target by target, those of the ladder first."""
    results = suite_rows(tables["cells"], tables.get("correctness"))
    names: dict[str, Callable[[pd.Series], str]] = {}
    ladder: list[_Compared] = []
    for transfer, rows in by_transfer(tables["comparison"]):
        names[transfer] = pretraining_name(rows)
        for panel in panels(rows):
            for _, row in panel.rows.iterrows():
                key = as_key(row[ROW])
                ladder.append(_Compared(row, key, results[key], target_key(row), names[transfer](row), ""))
    arms: list[_Compared] = []
    for transfer, rows in by_transfer(tables["ablations"]):
        name = names.get(transfer, pretraining_name(rows))
        for _, row in rows.iterrows():
            key, arm = as_key(row[ARM]), f"{row['ablation']}: {row['arm']}"
            arms.append(_Compared(row, key, results[key], target_key(row), name(row), arm))
    return grouped(_without_repeats([*ladder, *arms]), lambda compared: compared.target)


def _without_repeats(rows: Sequence[_Compared]) -> Iterator[_Compared]:
    """Yield the rows whose runs are not those of a row before, as those of an arm of the ladder's own model are."""
    seen: set[frozenset[str]] = set()
    for each in rows:
        if (keys := frozenset(each.seeds.cells["transfer_key"])) not in seen:
            seen.add(keys)
            yield each


def _table(
    rows: Sequence[_Compared],
    tables: Mapping[str, pd.DataFrame],
    behind_rows: BehindRows,
    measured: Sequence[Machine],
    constant: Mapping[str, float],
    other: OtherStore | None,
) -> Table:
    behind = _behind(rows)
    usual = _usual([compared.num_seeds for compared in rows])
    columns: dict[str, Callable[[_Compared], str | TableCell]] = {
        "Model": lambda each: TableCell(each.row["model"], each.arm),
        "Pretrained on": lambda each: TableCell(each.pretrained_on, value=sort_value(each.row["subset_images"])),
        "Target": lambda each: each.target,
        "Accuracy": lambda each: _accuracy(each, behind.get(each.key), usual, other),
        **({"A less B": lambda each: other.difference(each.seeds)} if other else {}),
        "Behind the best": lambda each: _behind_cell(behind.get(each.key)),
        **_costs(tables, measured),
    }
    if len({compared.target for compared in rows}) < 2:
        del columns["Target"]
    num_texts = list(columns).index("Accuracy")
    by_column = [[column(each) for each in rows] for column in columns.values()]
    shown = [n for n, cells in enumerate(by_column) if n <= num_texts or any(map(_has_value, cells))]
    table_rows = tuple(
        TableRow(
            tuple(by_column[number][place] for number in shown),
            _row_id(each),
            {"family": each.row["family"], "model": each.row["model"], "target": each.target, "arm": each.arm},
            behind_rows.of_arm(each.row) if each.arm else behind_rows.of_row(each.row),
        )
        for place, each in enumerate(rows)
    )
    header = tuple(list(columns)[number] for number in shown)
    caption = " ".join(_caption(rows, usual, "Behind the best" in header, measured, constant))
    return Table(caption, header, table_rows, num_texts)


def _behind(rows: Sequence[_Compared]) -> dict[Key, BehindBest]:
    """Return how far each row is behind the best one of its target."""
    found: dict[Key, BehindBest] = {}
    for target in dict.fromkeys(each.target for each in rows):
        found |= behind_best({each.key: each.seeds for each in rows if each.target == target})
    return found


def _accuracy(compared: _Compared, behind: BehindBest | None, usual: int, other: OtherStore | None) -> TableCell:
    cell = accuracy_cell(compared.row, usual)
    cell = replace(cell, best=behind is not None and behind.standing in ("best", "as good"))
    return other.accuracy(cell, compared.seeds) if other else cell


def _behind_cell(behind: BehindBest | None) -> str | TableCell:
    """Return how many points a row is behind the best one, or why that is not known."""
    if behind is None:
        return ABSENT
    if behind.standing == "best":
        return TableCell("best", value=0.0)
    difference = behind.difference
    if not is_known(difference.mean):
        return undecided(behind.reason)
    mean, low, high = (100 * end for end in (difference.mean, difference.low, difference.high))
    shown = with_bounds(decimal(mean, 1), low, high, lambda end: decimal(end, 1))
    return TableCell(shown, behind.reason, not difference.is_known, sort_value(difference.mean))


def _costs(
    tables: Mapping[str, pd.DataFrame], measured: Sequence[Machine]
) -> dict[str, Callable[[_Compared], str | TableCell]]:
    """Return the columns of costs: latency and memory on each machine, and the parameters."""
    columns: dict[str, Callable[[_Compared], str | TableCell]] = {}
    for machine in measured:
        of_row, suffix = _measured_on(machine), "" if machine.is_only else f", {machine.name}"
        columns[f"p95 latency{suffix}"] = partial(_latency, of_row)
        columns[f"Peak memory{suffix}"] = partial(_memory, of_row)
    parameters = tables["runs"].drop_duplicates("key").set_index("key")["parameters"]
    of_networks = {
        network: next(iter(parameters.reindex(rows["transfer_key"]).dropna()), None)
        for network, rows in split(tables["cells"], ["model", "target"])
    }

    def counted(each: _Compared) -> TableCell:
        number = of_networks.get((each.row["model"], each.row["target"]))
        return TableCell(count(number), value=None if number is None else float(number))

    return {**columns, "Parameters": counted}


_OfRow = Callable[[_Compared], tuple[Amount, Amount, str]]
"""A row -> its latency in milliseconds, its memory in MiB, and a note."""


def _measured_on(machine: Machine) -> _OfRow:
    """Return a function that gives a row's latency and memory on a machine, and a note."""
    rows = machine.rows[machine.rows["precision"] == machine.precision]
    of_sizes: dict[int, Latencies] = {}

    def measured(each: _Compared) -> tuple[Amount, Amount, str]:
        size = int(each.row["image_size"])
        if size not in of_sizes:
            of_sizes[size] = cache(latencies_of(rows, size, 95))
        return of_sizes[size](each.row["model"])

    return measured


def _latency(of_row: _OfRow, each: _Compared) -> TableCell:
    latency, _, note = of_row(each)
    if math.isnan(latency.value):
        return TableCell(ABSENT)
    # Few calls have no upper end, and those of a busy machine no lower one.
    has_ends = latency.low > 0 and math.isfinite(latency.high)
    ends = (latency.low, latency.high) if has_ends else (math.nan, math.nan)
    shown = with_bounds(f"{three_digits(latency.value)} ms", *ends)
    return TableCell(shown, note, bool(note), sort_value(latency.value))


def _memory(of_row: _OfRow, each: _Compared) -> TableCell:
    _, memory, _ = of_row(each)
    shown = ABSENT if math.isnan(memory.value) else f"{three_digits(memory.value)} MiB"
    return TableCell(shown, value=sort_value(memory.value))


def _has_value(cell: str | TableCell) -> bool:
    return (cell.text if isinstance(cell, TableCell) else cell) != ABSENT


def _row_id(each: _Compared) -> str:
    """Return the id of a row; an arm's points in charts open its row in the table of its ablation."""
    return row_id("compared", arm_row(each.row)) if each.arm else comparison_row(each.row)


def _usual(counts: Sequence[int]) -> int:
    """Return the most common number; 0 if there is none."""
    return max(dict.fromkeys(counts), key=counts.count, default=0)


def _caption(
    rows: Sequence[_Compared],
    usual: int,
    has_best: bool,
    measured: Sequence[Machine],
    constant: Mapping[str, float],
) -> Iterator[str]:
    """Yield what holds for all rows of the table."""
    seeds = plural(usual, "seed") + ("" if all(each.num_seeds == usual for each in rows) else " unless noted")
    over = interval_over(each.row["method"] for each in rows)
    yield f"Test accuracy: means of {seeds}, with {CONFIDENCE} intervals over {over}."
    tested = {
        each.row["target"]: int(each.row["num_test_images"]) for each in rows if is_known(each.row["num_test_images"])
    }
    if tested:
        yield f"Test images: {listed([f'{number:,} of {target}' for target, number in tested.items()])}."
    yield from _constant_answers(rows, constant)
    if has_best:
        yield _BEST
    for machine in measured:
        yield f"Latency: 95th percentile of single images in {machine.precision} on {machine.name}."
    if any(balanced(each.row) for each in rows):
        yield _BALANCED


def _constant_answers(rows: Sequence[_Compared], constant: Mapping[str, float]) -> Iterator[str]:
    """Yield what the best constant answer reaches on each target, and where it is assumed."""
    recorded = {each.row["target"] for each in rows if is_known(each.row["constant_answer"])}
    targets = dict.fromkeys(each.row["target"] for each in rows if each.row["target"] in constant)
    levels = {target: f"{percent(constant[target])} on {target}" for target in targets}
    if exact := [words for target, words in levels.items() if target in recorded]:
        yield f"The best constant answer reaches {', '.join(exact)}."
    if assumed := [words for target, words in levels.items() if target not in recorded]:
        yield (
            "Older records do not contain the sizes of the test classes. If these are equal, a constant answer reaches "
            f"{', '.join(assumed)}."
        )
