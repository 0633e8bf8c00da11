"""Comparisons of families along a ladder of pretraining sizes: at a stated size, where they cross, and how they move.

What a claim says of a stated size is judged only where that size was run. A scaled ladder's own rungs stand beside the
verdict under another name.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from bench.analysis.claims.crossing import CrossingSize, crossing_words
from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.model_pairs import FAMILY_NAMES, FamilyModels, family_models, near
from bench.analysis.claims.quantities import ANY, Difference, Finding, Quantity, finding, line
from bench.analysis.claims.rows import rows_of
from bench.analysis.format import Unit, listed, plural
from bench.analysis.ladder.crossings import crossing
from bench.analysis.stats.power import Limits
from bench.analysis.stats.statistics_errors import MissingRowError, TooFewRungsError
from bench.analysis.stats.trends import slope_weights
from bench.analysis.targets import slices

SMALL, MEDIUM, NEAR, BIG = 1_300_000, 14_000_000, 100_000_000, 300_000_000
"""Sizes that the literature speaks of, in images: ImageNet, ImageNet-21k, where the crossing lies, JFT."""
ABOVE_ZERO, BELOW_ZERO = Limits(0.0, math.inf), Limits(-math.inf, 0.0)
_PAIR = ("vit", "cnn")
_LEADS = (("hybrid", "vit"), ("hybrid", "cnn"))
RungPosition = Literal["smallest", "middle", "largest"]


@dataclass(frozen=True)
class AtSize:
    """ViT less ResNet at a stated size, on each real target or on the mean of them."""

    size: int
    limits: Limits
    on_each_target: bool
    stands_in: RungPosition
    """The rung of a scaled ladder that is shown beside the verdict."""

    def find(self, evidence: Evidence) -> Finding:
        """The differences at that size.

        Raises:
            AnalysisError: the size was not run, or a row is missing or not whole.
        """
        models = family_models(evidence, _PAIR, [self.size])
        (size,) = _stated(models, [self.size])
        groups = slices(models.scope.targets) if self.on_each_target else [models.scope.targets]
        quantities = [_gap(models, _PAIR, size, targets, self.limits) for targets in groups]
        return finding(quantities, f"{models}, after {plural(size, 'image')} of {models.corpus}")

    def beside(self, evidence: Evidence) -> Iterator[str]:
        """What a rung of a scaled ladder shows in its place, on real targets and in-domain."""
        models = family_models(evidence, _PAIR)
        if (size := _rung_at(models.sizes, self.stands_in)) is not None:
            what = f"{self.stands_in} rung of this ladder, {models.corpus}"
            yield line(what, partial(_gap, models, _PAIR, size, models.scope.targets, ANY))
            if models.scope.in_domain:
                yield line(f"{what}, in-domain", partial(_gap, models, _PAIR, size, models.scope.in_domain, ANY))


@dataclass(frozen=True)
class CrossesNear:
    """ViT passes ResNet near a size; from there on ViT rises and ResNet does not."""

    size: int
    factor: float
    """How many times larger or smaller the crossing may be."""
    flat: float
    """By how much an accuracy that is flat may move between that size and the largest."""

    def find(self, evidence: Evidence) -> Finding:
        """The crossing, and what each model gains from the size to the largest.

        Raises:
            AnalysisError: a stated size was not run, or a row is missing or not whole.
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
        """Where they cross on a scaled ladder, on real targets and in-domain."""
        models = family_models(evidence, _PAIR)
        if len(sizes := models.trend_sizes) > 1:
            for where, targets in (("", models.scope.targets), ("in-domain, ", models.scope.in_domain)):
                if targets:
                    curves = CrossingSize("", sizes, models.rows(_PAIR, sizes, targets), ANY).curves
                    text = crossing_words(crossing(*curves))
                    yield f"this ladder, {where}{_span(models, sizes)}, on {listed(targets)}: {text}"


@dataclass(frozen=True)
class Gains:
    """How ViT's difference to ResNet moves with the logarithm of the pretraining size."""

    limits: Limits

    def find(self, evidence: Evidence) -> Finding:
        """Its slope, taken within each seed.

        Raises:
            AnalysisError: there is one rung, or a row is missing or not whole.
        """
        models = family_models(evidence, _PAIR)
        slope = _slope(models, _PAIR, models.scope.targets, self.limits)
        return finding([slope], f"{models}, {_span(models, models.trend_sizes)}")

    def beside(self, evidence: Evidence) -> Iterator[str]:
        """The same in-domain."""
        models = family_models(evidence, _PAIR)
        if models.scope.in_domain:
            yield line("in-domain", partial(_slope, models, _PAIR, models.scope.in_domain, ANY))


@dataclass(frozen=True)
class HybridLeads:
    """Hybrids lead both others at the smallest rung, and the lead shrinks along the ladder."""

    def find(self, evidence: Evidence) -> Finding:
        """Both leads and their slopes.

        Raises:
            AnalysisError: a family is missing, there is one rung, or a row is missing or not whole.
        """
        models = family_models(evidence, ("vit", "cnn", "hybrid"))
        leads = [_gap(models, pair, models.trend_sizes[0], models.scope.targets, ABOVE_ZERO) for pair in _LEADS]
        slopes = [_slope(models, pair, models.scope.targets, BELOW_ZERO) for pair in _LEADS]
        return finding([*leads, *slopes], f"{models}, {_span(models, models.trend_sizes)}")

    def beside(self, evidence: Evidence) -> Iterator[str]:
        """The leads at the largest rung, and both in-domain."""
        models = family_models(evidence, ("vit", "cnn", "hybrid"))
        yield "the published lead is at small compute; on this ladder every rung gets the same budget"
        for pair in _LEADS:
            yield line("largest rung", partial(_gap, models, pair, models.trend_sizes[-1], models.scope.targets, ANY))
        for pair in _LEADS if models.scope.in_domain else ():
            yield line("in-domain", partial(_gap, models, pair, models.trend_sizes[0], models.scope.in_domain, ANY))
            yield line("in-domain", partial(_slope, models, pair, models.scope.in_domain, ANY))


def _stated(models: FamilyModels, sizes: Sequence[int]) -> list[int]:
    """The rungs that are of stated sizes.

    Raises:
        MissingRowError: one was not run.
    """
    rungs = {size: near(models.sizes, size) for size in sizes}
    if missing := [f"{size:,}" for size, rung in rungs.items() if rung is None]:
        there = f"the rungs of {models.corpus} have {listed([f'{size:,}' for size in models.sizes])} images"
        raise MissingRowError(f"it is about {listed(missing)} pretraining images, which were not run; {there}")
    return [rung for rung in rungs.values() if rung is not None]


def _rung_at(sizes: Sequence[int], position: RungPosition) -> int | None:
    if position == "middle":
        return sizes[len(sizes) // 2] if len(sizes) > 2 else None
    return sizes[0] if position == "smallest" else sizes[-1]


def _gap(models: FamilyModels, pair: tuple[str, str], size: int, targets: Sequence[str], limits: Limits) -> Difference:
    """The first family less the second at one size."""
    name = f"{_less(pair)} after {plural(size, 'image')}, {listed(targets)}"
    return Difference(name, models.rows(pair, [size], targets), (1.0, -1.0), limits)


def _rise(models: FamilyModels, family: str, low: int, high: int, limits: Limits) -> Difference:
    """What one family gains from one size to another."""
    name = f"{FAMILY_NAMES[family]}, {high:,} less {plural(low, 'image')}"
    return Difference(name, models.rows([family], [low, high], models.scope.targets), (-1.0, 1.0), limits)


def _slope(models: FamilyModels, pair: tuple[str, str], targets: Sequence[str], limits: Limits) -> Difference:
    """How the first family's difference to the second moves with ten times as many images."""
    sizes = models.trend_sizes
    if len(sizes) < 2:
        raise TooFewRungsError(f"a trend needs two rungs of equal class count; {models.corpus} has one")
    weights = slope_weights(sizes)
    unit: Unit = "points per decade"
    rows = models.rows(pair, sizes, targets)
    return Difference(f"{_less(pair)}, slope, {listed(targets)}", rows, (*weights, *-weights), limits, unit)


def _less(pair: tuple[str, str]) -> str:
    return f"{FAMILY_NAMES[pair[0]]} less {FAMILY_NAMES[pair[1]]}"


def _span(models: FamilyModels, sizes: Sequence[int]) -> str:
    return f"after {listed([f'{size:,}' for size in sizes])} images of {models.corpus}"
