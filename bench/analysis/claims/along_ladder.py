"""Compare families along a ladder of pretraining sizes: at a stated size, where they cross, and how they move.

A claim about a stated size is judged only if that size was run. The results at a scaled ladder's own rungs are shown
next to the verdict, under another name.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from bench.analysis.claims.crossing import CrossingSize, crossing_words
from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.model_pairs import FAMILY_NAMES, FamilyModels, family_models, near
from bench.analysis.claims.quantities import ANY, Difference, Finding, LogOddsDifference, Quantity, finding, line
from bench.analysis.claims.rows import rows_of
from bench.analysis.format import listed, plural
from bench.analysis.ladder.crossings import crossing
from bench.analysis.stats.power import Limits
from bench.analysis.stats.statistics_errors import MissingRowError, TooFewRungsError
from bench.analysis.stats.trends import slope_weights
from bench.analysis.targets import slices

SMALL, MEDIUM, NEAR, BIG = 1_300_000, 14_000_000, 100_000_000, 300_000_000
"""Sizes in the literature, in images: ImageNet, ImageNet-21k, the published crossing, JFT."""
ABOVE_ZERO, BELOW_ZERO = Limits(0.0, math.inf), Limits(-math.inf, 0.0)
Pair = tuple[str, str]
"""Two families; the second is subtracted from the first."""
_PAIR: Pair = ("vit", "cnn")
_LEADS: tuple[Pair, ...] = (("hybrid", "vit"), ("hybrid", "cnn"))


@dataclass(frozen=True)
class AtSize:
    """ViT less ResNet at a stated size, on each real target or on their mean."""

    size: int
    limits: Limits
    on_each_target: bool
    stands_in: Literal["smallest", "middle", "largest"]
    """The rung of a scaled ladder that is shown next to the verdict."""

    def find(self, evidence: Evidence) -> Finding:
        """Return the differences at that size.

        Raises:
            AnalysisError: The size was not run, or a row is missing or incomplete.
        """
        models = family_models(evidence, _PAIR, [self.size])
        (size,) = _stated(models, [self.size])
        groups = slices(models.scope.targets) if self.on_each_target else [models.scope.targets]
        differences = [_gap(models, _PAIR, size, targets, self.limits) for targets in groups]
        return finding(differences, f"{models}, after {plural(size, 'image')} of {models.corpus}")

    def beside(self, evidence: Evidence) -> Iterator[str]:
        """Yield the differences at a rung of a scaled ladder instead, on real targets and in-domain."""
        models = family_models(evidence, _PAIR)
        sizes = models.sizes
        if self.stands_in == "middle" and len(sizes) < 3:
            return
        size = {"smallest": sizes[0], "middle": sizes[len(sizes) // 2], "largest": sizes[-1]}[self.stands_in]
        label = f"{self.stands_in} rung of this ladder, {models.corpus}"
        for name, targets in ((label, models.scope.targets), (f"{label}, in-domain", models.scope.in_domain)):
            if targets:
                yield line(name, partial(_gap, models, _PAIR, size, targets, ANY))


@dataclass(frozen=True)
class CrossesNear:
    """ViT passes ResNet near a size; from there on ViT rises and ResNet does not."""

    size: int
    factor: float
    """How many times larger or smaller the crossing may be."""
    flat: float
    """How far a flat accuracy may move between that size and the largest."""

    def find(self, evidence: Evidence) -> Finding:
        """Return the crossing, and the gain of each model from the size to the largest.

        Raises:
            AnalysisError: A stated size was not run, or a row is missing or incomplete.
        """
        models = family_models(evidence, _PAIR, [MEDIUM, self.size, BIG])
        stated = _stated(models, [MEDIUM, self.size, BIG])
        if not {*stated} <= {*models.trend_sizes}:
            raise MissingRowError("the stated sizes differ in classes, so no crossing is read from them")
        _, middle, big = stated
        sizes = tuple(size for size in models.trend_sizes if size <= big)
        rows = models.rows(_PAIR, sizes, models.scope.targets)
        limits = Limits(self.size / self.factor, self.size * self.factor)
        quantities: tuple[Quantity, ...] = (
            CrossingSize("ViT passes ResNet", sizes, rows, limits),
            _rise(models, "vit", middle, big, ABOVE_ZERO),
            _rise(models, "cnn", middle, big, Limits(-self.flat, self.flat)),
        )
        return Finding(quantities, f"{models}, {_span(models, sizes)}", rows_of(rows))

    def beside(self, evidence: Evidence) -> Iterator[str]:
        """Yield where they cross on a scaled ladder, on real targets and in-domain."""
        models = family_models(evidence, _PAIR)
        if len(sizes := models.trend_sizes) > 1:
            for where, targets in (("", models.scope.targets), ("in-domain, ", models.scope.in_domain)):
                if targets:
                    curves = CrossingSize("", sizes, models.rows(_PAIR, sizes, targets), ANY).curves
                    text = crossing_words(crossing(*curves))
                    yield f"this ladder, {where}{_span(models, sizes)}, on {listed(targets)}: {text}"


@dataclass(frozen=True)
class Gains:
    """How ViT's difference to ResNet changes with the logarithm of the pretraining size, in points and in log odds."""

    limits: Limits

    def find(self, evidence: Evidence) -> Finding:
        """Return its slope on both scales, taken within each seed.

        Raises:
            AnalysisError: There is one rung, or a row is missing or incomplete.
        """
        models = family_models(evidence, _PAIR)
        slopes = _slopes(models, _PAIR, models.scope.targets, self.limits)
        return finding(slopes, f"{models}, {_span(models, models.trend_sizes)}")

    def beside(self, evidence: Evidence) -> Iterator[str]:
        """Yield the slope in-domain."""
        models = family_models(evidence, _PAIR)
        for scale in (0, 1) if models.scope.in_domain else ():
            yield line("in-domain", partial(_slope, models, _PAIR, models.scope.in_domain, scale))


@dataclass(frozen=True)
class HybridLeads:
    """Hybrids lead both other families at the smallest rung, and the lead shrinks along the ladder."""

    def find(self, evidence: Evidence) -> Finding:
        """Return both leads and their slopes.

        Raises:
            AnalysisError: There is one rung, or a row is missing or incomplete.
        """
        models = family_models(evidence, ("vit", "cnn", "hybrid"))
        targets = models.scope.targets
        leads = [_gap(models, pair, models.trend_sizes[0], targets, ABOVE_ZERO) for pair in _LEADS]
        slopes = [slope for pair in _LEADS for slope in _slopes(models, pair, targets, BELOW_ZERO)]
        return finding([*leads, *slopes], f"{models}, {_span(models, models.trend_sizes)}")

    def beside(self, evidence: Evidence) -> Iterator[str]:
        """Yield the leads at the largest rung, and both in-domain."""
        models = family_models(evidence, ("vit", "cnn", "hybrid"))
        sizes, in_domain = models.trend_sizes, models.scope.in_domain
        yield "the published lead is at small compute; on this ladder every rung gets the same budget"
        for pair in _LEADS:
            yield line("largest rung", partial(_gap, models, pair, sizes[-1], models.scope.targets, ANY))
        for pair in _LEADS if in_domain else ():
            yield line("in-domain", partial(_gap, models, pair, sizes[0], in_domain, ANY))
            yield line("in-domain", partial(_slope, models, pair, in_domain, 0))


def _stated(models: FamilyModels, sizes: Sequence[int]) -> list[int]:
    """Return the rung for each stated size.

    Raises:
        MissingRowError: A stated size was not run.
    """
    rungs = {size: near(models.sizes, size) for size in sizes}
    if missing := [f"{size:,}" for size, rung in rungs.items() if rung is None]:
        there = f"the rungs of {models.corpus} have {listed([f'{size:,}' for size in models.sizes])} images"
        raise MissingRowError(f"it is about {listed(missing)} pretraining images, which were not run; {there}")
    return [rung for rung in rungs.values() if rung is not None]


def _gap(models: FamilyModels, pair: Pair, size: int, targets: Sequence[str], limits: Limits) -> Difference:
    """Return the first family less the second at one size."""
    name = f"{_less(pair)} after {plural(size, 'image')}, {listed(targets)}"
    return Difference(name, models.rows(pair, [size], targets), (1.0, -1.0), limits)


def _rise(models: FamilyModels, family: str, low: int, high: int, limits: Limits) -> Difference:
    """Return the gain of a family from one size to another."""
    name = f"{FAMILY_NAMES[family]}, {high:,} less {plural(low, 'image')}"
    return Difference(name, models.rows([family], [low, high], models.scope.targets), (-1.0, 1.0), limits)


def _slope(models: FamilyModels, pair: Pair, targets: Sequence[str], scale: int) -> Difference:
    """Return one of `_slopes` without limits."""
    return _slopes(models, pair, targets, ANY)[scale]


def _slopes(models: FamilyModels, pair: Pair, targets: Sequence[str], limits: Limits) -> tuple[Difference, Difference]:
    """Return how the first family's difference to the second changes per decade of images, in points and in log odds.

    A difference in points shrinks by itself as accuracies approach 100 %, so the scales decide only if they agree.
    """
    sizes = models.trend_sizes
    if len(sizes) < 2:
        raise TooFewRungsError(f"a trend needs two rungs of equal class count; {models.corpus} has one")
    weights = slope_weights(sizes)
    name, rows = f"{_less(pair)}, slope, {listed(targets)}", models.rows(pair, sizes, targets)
    both = (*weights, *-weights)
    in_log_odds = LogOddsDifference(f"{name}, log odds", rows, both, limits, "log odds per decade", asked=name)
    return Difference(name, rows, both, limits, "points per decade"), in_log_odds


def _less(pair: Pair) -> str:
    return f"{FAMILY_NAMES[pair[0]]} less {FAMILY_NAMES[pair[1]]}"


def _span(models: FamilyModels, sizes: Sequence[int]) -> str:
    return f"after {listed([f'{size:,}' for size in sizes])} images of {models.corpus}"
