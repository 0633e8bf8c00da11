"""Collect what was measured of the models that may be recommended: accuracies, their differences, and costs."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean

import numpy as np
import pandas as pd
from scipy import stats

from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.rows import CompleteRow, RowId, Transfer
from bench.analysis.comparison import SCRATCH
from bench.analysis.estimates import counted_estimate, difference_estimate, row_interval
from bench.analysis.format import plural, steady
from bench.analysis.frames import split
from bench.analysis.recommend.decide import NOT_MEASURED, Alternative, Amount, Gap
from bench.analysis.seeds import GIVEN_SUCCESS
from bench.analysis.speed_columns import GROUP, OURS
from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.statistics_errors import AnalysisError, IncompleteRowError
from bench.analysis.stats.verdicts import verdict_interval

LATENCY, MEMORY, PARAMETERS = "latency_ms", "memory_mib", "parameters"
"""The amounts that can be limited."""
BUSY = "the machine was busy"
_BUSY_TAIL = 2.0
"""The machine was busy if the 95th percentile of a model's calls is more than this many times their median."""
_DRIFT = 0.1
"""The machine was busy if the reference's halves of rounds differ by more than this share."""
_MIB = 2**20


@dataclass(frozen=True)
class Pretraining:
    """What the models are pretrained on."""

    corpus: str
    """Its name, or `SCRATCH`."""
    subset_images: int
    """0 from scratch."""

    def __str__(self) -> str:
        """Return `from scratch`, or `after 1,152 images of strokes`."""
        if self.corpus == SCRATCH:
            return "from scratch"
        return f"after {plural(self.subset_images, 'image')} of {self.corpus}"


@dataclass(frozen=True)
class Candidate:
    """A model with its row on one target, and its costs."""

    family: str
    row: CompleteRow
    accuracy: Interval
    macs: float
    """Multiply-accumulates of one image's forward pass; NaN if they were not counted."""
    amounts: Mapping[str, Amount]
    note: str
    """What a reader of the latency should know; empty if there is nothing."""

    @property
    def model(self) -> str:
        """Return the model's spec."""
        return self.row.id.model

    @property
    def mean(self) -> float:
        """Return the mean accuracy by which the best is chosen: failed seeds count as what they scored."""
        results = self.row.results
        return fmean(results.counted().accuracy.values()) if results.failed else self.accuracy.mean

    @property
    def failure_note(self) -> str:
        """Return that seeds failed to train; empty if none did."""
        if not self.row.results.failed:
            return ""
        counted = "the best is chosen by means that count them as what they scored"
        return f"{GIVEN_SUCCESS}, since {self.row.results.failures}; {counted}"

    def alternative(self, *, by_latency: bool) -> Alternative:
        """Return what is decided on; its price is the latency, or else the multiply-accumulates.

        The mean has no last bits, in which processors differ: they must not break a tie.
        """
        price = self.amounts[LATENCY].value if by_latency else self.macs
        return Alternative(steady(self.mean), math.inf if math.isnan(price) else price, self.amounts)


@dataclass(frozen=True)
class Collected:
    """The candidates on one target, and the rows that are none."""

    candidates: tuple[Candidate, ...]
    left_out: tuple[str, ...]
    """The arms that are not complete, each with the reason."""


Latencies = Callable[[str], tuple[Amount, Amount, str]]
"""Model -> its latency, its memory in MiB and a note."""


def collect(
    evidence: Evidence, target: str, pretraining: Pretraining, transfer: Transfer, latencies: Latencies
) -> Collected:
    """Collect the candidates: the ladder's rows, and one arm of each model that is not on the ladder.

    Raises:
        IncompleteRowError: A row of the ladder lacks a seed; a recommendation without it would favour the others.
    """
    cells = cells_at(evidence, target, pretraining, transfer)
    on_ladder = set(evidence.ladder["model"])
    # Arms from scratch have the budget of a transfer alone if other rows are pretrained (`docs/protocol.md`).
    has_arms = pretraining.corpus != SCRATCH or set(evidence.ladder["corpus"]) <= {SCRATCH}
    is_arm = (cells["ablation"] != "") & ~cells["model"].isin(on_ladder) & has_arms
    candidates: dict[str, Candidate] = {}
    left_out: list[str] = []
    columns = ["model", "family", "ablation", "arm"]
    for (model, family, ablation, arm), _ in split(cells[(cells["ablation"] == "") | is_arm], columns):
        row_id = RowId(model, pretraining.corpus, pretraining.subset_images, transfer, ablation, arm)
        try:
            row = evidence.row(row_id, target)
        except IncompleteRowError as error:
            if not ablation:
                raise
            left_out.append(str(error))
            continue
        candidates.setdefault(model, _candidate(evidence, family, row, latencies))
    return Collected(tuple(candidates.values()), tuple(left_out))


def from_scratch(evidence: Evidence, target: str, pretraining: Pretraining, transfer: Transfer) -> dict[str, Candidate]:
    """Return model -> its row from scratch on a target, without costs; empty if that is the pretraining itself.

    It is empty, too, if a row of the ladder lacks a seed there.
    """
    if pretraining.corpus == SCRATCH:
        return {}
    try:
        collected = collect(evidence, target, Pretraining(SCRATCH, 0), transfer, not_measured)
    except IncompleteRowError:
        return {}
    return {each.model: each for each in collected.candidates}


def cells_at(evidence: Evidence, target: str, pretraining: Pretraining, transfer: Transfer) -> pd.DataFrame:
    """Return the cells of one target, pretraining and way of transfer, arms included."""
    cells = evidence.cells
    at_rung = cells["corpus"].eq(pretraining.corpus) & cells["subset_images"].eq(pretraining.subset_images)
    shots = cells["shots"].isna() if transfer.shots is None else cells["shots"].eq(transfer.shots)
    of_target = cells["target"].eq(target) & cells["transfer"].eq(transfer.kind)
    return cells[(at_rung & shots & of_target).fillna(False).astype(bool)]


def gap_estimates(first: Candidate, second: Candidate) -> tuple[Estimate, Estimate | None] | str:
    """Return the first candidate's accuracy less the second's, and the same with failed seeds counted if any failed.

    A text says why there is no interval.
    """
    row, other = first.row.results, second.row.results
    try:
        estimate = difference_estimate(row, other, second.model)
        return estimate, counted_estimate(row, other) if row.failed or other.failed else None
    except AnalysisError as error:
        return str(error)


def gaps(candidates: Sequence[Candidate], level: float = LEVEL) -> dict[tuple[int, int], Gap]:
    """Return how much more accurate each candidate is than each later one, with verdicts' intervals.

    There is one interval for each number of comparisons that its level may be corrected over. Numbers have no last
    bits, in which processors differ: a page decides on the same ones.
    """
    levels = [corrected_level(number, level) for number in range(1, len(candidates))]
    return {
        (first, second): _gap(candidates[first], candidates[second], levels)
        for first, second in combinations(range(len(candidates)), 2)
    }


def latencies_of(speeds: pd.DataFrame, image_size: int, percentile: int) -> Latencies:
    """Return a function that gives a model's latency on one machine.

    Args:
        speeds: Records of one machine and precision, each group once.
        image_size: The image size in pixels.
        percentile: Which percentile of single calls is the latency: 50, 95 or 99.
    """
    rows = speeds[(speeds["task"] == "inference") & speeds["kind"].eq("latency") & speeds["image_size"].eq(image_size)]
    ours = rows[(rows["implementation"] == OURS) & (rows["status"] == "ok")].drop_duplicates("model", keep="last")
    by_model = {row["model"]: row for _, row in ours.iterrows()}

    def measured(model: str) -> tuple[Amount, Amount, str]:
        if (row := by_model.get(model)) is None:
            return NOT_MEASURED, NOT_MEASURED, ""
        calls = 1000 * np.asarray(row["call_seconds"], dtype=np.float64)
        amount, note = quantile_bounds(calls, percentile / 100), _busy(row, calls, rows)
        memory = steady(float(row["peak_memory_bytes"]) / _MIB) if pd.notna(row["peak_memory_bytes"]) else math.nan
        # On a busy machine calls take longer: a model that is too slow there may fit elsewhere, one that fits does.
        return Amount(amount.value, 0.0, amount.high) if note else amount, Amount(memory, memory, memory), note

    return measured


def not_measured(_: str) -> tuple[Amount, Amount, str]:
    """Return that nothing was measured of a model."""
    return NOT_MEASURED, NOT_MEASURED, ""


def quantile_bounds(values: np.ndarray, share: float, level: float = LEVEL) -> Amount:
    """Return a quantile with the bounds that two of the ordered values give, whatever their distribution.

    How many of n values lie below the quantile is binomial. The upper bound is infinite if the values are too few.
    """
    if len(values) == 0:
        return NOT_MEASURED
    ordered, number = np.sort(values), len(values)
    lower = int(stats.binom.ppf((1 - level) / 2, number, share))
    upper = int(stats.binom.ppf((1 + level) / 2, number, share)) + 1
    low = float(ordered[lower - 1]) if lower > 0 else 0.0
    high = float(ordered[upper - 1]) if upper <= number else math.inf
    return Amount(*map(steady, (float(np.quantile(ordered, share)), low, high)))


def _candidate(evidence: Evidence, family: str, row: CompleteRow, latencies: Latencies) -> Candidate:
    runs = evidence.runs.reindex(list(row.transfer_keys))
    parameters, macs = (_first(runs[name]) for name in ("parameters", "macs"))
    latency, memory, note = latencies(row.id.model)
    amounts = {LATENCY: latency, MEMORY: memory, PARAMETERS: Amount(parameters, parameters, parameters)}
    return Candidate(family, row, row_interval(row.results)[0], macs, amounts, note)


def _gap(first: Candidate, second: Candidate, levels: Sequence[float]) -> Gap:
    found = gap_estimates(first, second)
    if isinstance(found, str):
        return Gap(steady(first.accuracy.mean - second.accuracy.mean), ())
    estimate, counted = found
    gap = Gap(steady(estimate.mean), _bounds(estimate, levels))
    if counted is None:
        return gap
    return replace(gap, counted_mean=steady(counted.mean), counted_bounds=_bounds(counted, levels))


def _bounds(estimate: Estimate, levels: Sequence[float]) -> tuple[tuple[float, float], ...]:
    intervals = (verdict_interval(estimate, level) for level in levels)
    return tuple((steady(interval.low), steady(interval.high)) for interval in intervals)


def _busy(row: pd.Series, calls: np.ndarray, rows: pd.DataFrame) -> str:
    """Return why a model's latency is that of a busy machine; empty if it is not."""
    median, tail = np.quantile(calls, [0.5, 0.95])
    if tail > _BUSY_TAIL * median:
        return f"{BUSY}: p95 is {tail / median:.1f} times p50"
    of_group = (rows[["measurement", *GROUP]] == row[["measurement", *GROUP]]).all(axis=1)
    for seconds in rows.loc[of_group & rows["is_reference"], "round_seconds"]:
        halves = [float(np.median(half)) for half in np.array_split(seconds, 2) if len(half)]
        if len(halves) == 2 and max(halves) > (1 + _DRIFT) * min(halves):
            return f"{BUSY}: the reference changed by {100 * (max(halves) / min(halves) - 1):.0f} % meanwhile"
    return ""


def _first(values: pd.Series) -> float:
    """Return the first value that was counted."""
    return next((float(value) for value in values.dropna()), math.nan)
