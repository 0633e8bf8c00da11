"""The traits of each row of a suite, over its seeds: the tables `trait_rows` and `trait_differences`.

A measure that is a share of images has an interval over seeds and images; any other has Student's interval over seeds.
Rows of different families after the same pretraining are subtracted, paired by seed and image.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Any

import pandas as pd

from bench.analysis.frames import split
from bench.analysis.stats.crossed import Estimate, seeds_mean
from bench.analysis.stats.intervals import LEVEL
from bench.analysis.stats.share_ratios import HitCounts, share_difference, share_estimate
from bench.analysis.stats.statistics_errors import AnalysisError, EmptySampleError
from bench.analysis.stats.verdicts import verdict_interval
from bench.analysis.traits.packed_hits import PackedHits, by_measure, unpack_hits

_NETWORK = ["model", "family"]
_SHARED = ["corpus", "subset_images", "target"]
_ARM = ["ablation", "arm"]
MEASURE = ["trait", "setting", "measure"]
ROW = [*_NETWORK, *_SHARED, *_ARM, *MEASURE]
"""What identifies a row."""
FAMILIES = ("vit", "hybrid", "cnn")
"""The order in which rows are subtracted: a ViT less a hybrid, and both less a CNN."""
_ENDS = ["low", "high", "method", "reason"]
_PAIR = ["model", "family", "reference", "reference_family"]
_TYPES = dict.fromkeys(("subset_images", "num_seeds", "num_images", "num_pairs"), "Int64") | dict.fromkeys(
    ("value", "low", "high", "difference"), "float64"
)


@dataclass(frozen=True, eq=False)
class MeasuredTrait:
    """One measure of the seeds of one row."""

    values: dict[int, float]
    """Seed -> value; without the seeds for which it is not defined."""
    num_images: int
    shares: HitCounts | None
    """The images behind it; None if it is no share of images, or a seed's answers are not kept."""

    def estimate(self) -> Estimate:
        """Return the mean over seeds.

        Raises:
            AnalysisError: There is no interval.
        """
        return share_estimate(self.shares) if self.shares is not None else seeds_mean(list(self.values.values()))

    @property
    def mean(self) -> float:
        """Return the mean without an interval: of a share, the hits of all seeds over what counts.

        Raises:
            AnalysisError: There is no value.
        """
        if self.shares is not None:
            return self.shares.share
        if not self.values:
            raise EmptySampleError("the measure is defined for no seed")
        return fmean(self.values.values())

    def less(self, reference: "MeasuredTrait") -> Estimate:
        """Return this row less another one, over the seeds that both have.

        Raises:
            AnalysisError: The rows do not pair, or there is no interval.
        """
        if self.shares is not None and reference.shares is not None:
            seeds = tuple(sorted({*self.shares.seeds} & {*reference.shares.seeds}))
            return share_difference(self.shares.at(seeds), reference.shares.at(seeds))
        both = sorted(self.values.keys() & reference.values.keys())
        return seeds_mean([self.values[seed] - reference.values[seed] for seed in both])


def read_measured(rows: pd.DataFrame, packed: Mapping[tuple[str, str, str], PackedHits]) -> MeasuredTrait:
    """Return one measure of one row.

    Args:
        rows: The rows of the table `traits` of one measure, one per seed.
        packed: The table `trait_answers`, from `by_measure`.

    Raises:
        AnalysisError: The seeds answered different images, or a row is damaged.
    """
    seeds = [int(seed) for seed in rows["seed"]]
    keys = [tuple(key) for key in rows[["trait_key", "setting", "measure"]].itertuples(index=False)]
    hits = {seed: packed[key] for seed, key in zip(seeds, keys, strict=True) if key in packed}
    values = {seed: float(value) for seed, value in zip(seeds, rows["value"], strict=True) if pd.notna(value)}
    num_images = int(rows["num_images"].max())
    return MeasuredTrait(values, num_images, unpack_hits(hits) if len(hits) == len(seeds) else None)


def trait_rows(traits: pd.DataFrame, answers: pd.DataFrame | None = None, level: float = LEVEL) -> pd.DataFrame:
    """Return the table `trait_rows`: each measure of each row, over its seeds.

    Args:
        traits: The table `traits`, one row per run and measure.
        answers: The table `trait_answers`.
        level: The confidence level of the intervals.
    """
    packed = by_measure(answers)
    rows = []
    for key, of_row in split(traits, ROW):
        figures: dict[str, Any] = {}
        try:
            found = read_measured(of_row, packed)
            figures = {"num_seeds": len(found.values), "num_images": found.num_images}
            figures["value"] = found.mean
            figures |= _interval(found.estimate(), level, of_difference=False)
        except AnalysisError as error:
            figures["reason"] = str(error)
        rows.append(dict(zip(ROW, key, strict=True)) | figures)
    return _typed(rows, [*ROW, "num_seeds", "num_images", "value", *_ENDS])


def trait_differences(traits: pd.DataFrame, answers: pd.DataFrame | None = None, level: float = LEVEL) -> pd.DataFrame:
    """Return the table `trait_differences`: each measure of a model less that of a model of another family.

    The arguments are those of `trait_rows`. Arms of ablations are not compared.
    """
    packed = by_measure(answers)
    rows = []
    for key, of_measure in split(traits[traits["ablation"] == ""], [*_SHARED, *MEASURE]):
        of_models = dict(split(of_measure, _NETWORK))
        for pair in combinations(sorted(of_models, key=lambda model: FAMILIES.index(model[1])), 2):
            (model, family), (reference, reference_family) = pair
            if family == reference_family:
                continue
            names = dict(zip(_PAIR, (model, family, reference, reference_family), strict=True))
            figures: dict[str, Any] = {}
            try:
                first, second = (read_measured(of_models[one], packed) for one in pair)
                estimate = first.less(second)
                figures = {"num_pairs": estimate.num_seeds, "difference": estimate.mean}
                figures |= _interval(estimate, level, of_difference=True)
            except AnalysisError as error:
                figures["reason"] = str(error)
            rows.append(names | dict(zip([*_SHARED, *MEASURE], key, strict=True)) | figures)
    return _typed(rows, [*_PAIR, *_SHARED, *MEASURE, "num_pairs", "difference", *_ENDS])


def _interval(estimate: Estimate, level: float, *, of_difference: bool) -> dict[str, Any]:
    interval = verdict_interval(estimate, level) if of_difference else estimate.interval(level)
    return {"low": interval.low, "high": interval.high, "method": estimate.method}


def _typed(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Return rows as a table with a fixed type for every column."""
    filled = [{"method": "", "reason": ""} | row for row in rows]
    return pd.DataFrame(filled, columns=list(columns)).astype({name: _TYPES.get(name, "str") for name in columns})
