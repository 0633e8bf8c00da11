"""Find where one model's accuracy passes another's along a ladder, with the confidence interval of that size.

At each size the first model is clearly ahead, clearly behind, or neither: the interval of the paired difference
contains zero. A crossing lies between two neighbouring sizes with opposite clear signs, and its interval is the range
between them. This is the inversion of a test, as in Fieller (1954), so it covers the crossing as often as the
difference's interval covers the true difference. An end that the data do not bound is open. Two crossings are two only
if the models clearly differ between them.

Curves that do not cross within the measured range have a bound instead: the earliest size at which the first model can
have passed the second, or the latest. Curves that clearly differ at no size have neither.

A curve is unknown between its rungs, so the interval of the difference is wider there:

- Lines: by half of what the slope of the difference changes to the next segment, over the segment's length. A step
  anywhere between two rungs stays within this. Two rungs show no change of slope, so the whole range stays possible.
- Laws: by the largest distance of a rung's difference from that of the laws.

At a rung the difference's own interval decides if it excludes zero. Laws that contradict a rung are not used.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy import optimize

from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.intervals import LEVEL
from bench.analysis.stats.scaling import Curve, LawCurve, Parts, fit_curve, interpolate, mean_accuracy, weighted
from bench.analysis.stats.statistics_errors import ShapeError
from bench.analysis.stats.trends import require_pairs
from bench.analysis.stats.verdicts import verdict_interval

Outcome = Literal["passes", "is passed", "several", "ahead", "behind", "no difference"]
"""What the first model does as pretraining grows.

`several` means several crossings, `ahead` and `behind` mean none; with `no difference` the models clearly differ at no
size."""
REACH = 10.0
"""The largest extrapolated size, as a multiple of the largest rung."""
_STEPS = 8
"""The number of grid steps between neighbouring rungs, evenly spaced in log n."""
_ANYTHING = 2.0
"""More than any two accuracies differ by."""


@dataclass(frozen=True)
class FittedCurve:
    """A model's curve, and the results to which it was fitted."""

    curve: Curve
    parts: Parts


@dataclass(frozen=True)
class Passage:
    """One crossing of two curves."""

    size: float
    """The estimated size, in pretraining images."""
    low: float | None
    """The lower end of its interval; None if open."""
    high: float | None
    """The upper end; None if open."""
    is_upward: bool
    """Whether the first model passes the second; otherwise it is passed."""

    @property
    def verb(self) -> str:
        """Return what the first model does: `passes`, or `may pass` if the data do not bound the crossing."""
        if self.low is None or self.high is None:
            return "may pass" if self.is_upward else "may be passed"
        return "passes" if self.is_upward else "is passed"


@dataclass(frozen=True)
class Crossing:
    """Where the first of two curves crosses the second, in pretraining images."""

    passages: tuple[Passage, ...]
    """The crossings, ascending; empty if there are none."""
    low: float | None
    """The lower end of the only crossing; None if open. If the first model is behind, the earliest size at which it can
    pass."""
    high: float | None
    """The upper end; None if open. If the first model is ahead, the latest size at which it can have passed."""
    is_ahead: bool | None
    """Whether the first model is ahead at the largest size with a clear difference; None if there is no such size."""
    measured: tuple[float, float]
    """The smallest and largest size on which both models were pretrained, in images."""
    num_seeds: int
    by_law: bool
    """Whether the curves are power laws; otherwise they are interpolated."""

    @property
    def outcome(self) -> Outcome:
        """Return what the first model does as pretraining grows."""
        if self.is_ahead is None:
            return "no difference"
        if not self.passages:
            return "ahead" if self.is_ahead else "behind"
        if len(self.passages) > 1:
            return "several"
        return "passes" if self.passages[0].is_upward else "is passed"

    @property
    def sizes(self) -> tuple[float, ...]:
        """Return the size of each crossing, ascending."""
        return tuple(passage.size for passage in self.passages)

    @property
    def size(self) -> float | None:
        """Return the crossing if there is exactly one."""
        return self.sizes[0] if len(self.sizes) == 1 else None

    @property
    def is_extrapolated(self) -> bool:
        """Tell whether a crossing, or an end of its interval, lies beyond the measured sizes."""
        return any(size > self.measured[1] for size in (*self.sizes, self.low, self.high) if size is not None)


def fitted_curves(sizes: Sequence[int], first: Parts, second: Parts) -> tuple[FittedCurve, FittedCurve]:
    """Fit power laws to two models if both have one that fits; otherwise interpolate both.

    Args:
        sizes: The pretraining images of the rungs, ascending.
        first: (seeds, images, rungs) for each target, 0 to 1.
        second: The same targets, seeds, images and rungs.

    Raises:
        TooFewRungsError: There is only one rung.
        ShapeError, NotFiniteError: The results do not pair or do not fit the rungs, or a value is not finite.
    """
    require_pairs(first, second)
    one, other = (FittedCurve(fit_curve(sizes, parts)[0], parts) for parts in (first, second))
    if isinstance(one.curve, LawCurve) and isinstance(other.curve, LawCurve):
        return one, other
    return _with_lines(one), _with_lines(other)


def crossing(
    first: FittedCurve,
    second: FittedCurve,
    level: float = LEVEL,
    reach: float = 1.0,
) -> Crossing:
    """Find where the first model passes the second, or is passed by it.

    Args:
        first: The first model's curve.
        second: The second model's curve, of the same kind and on the same targets, seeds and images.
        level: The confidence level of the interval.
        reach: How far laws are extrapolated, as a multiple of the largest rung; 1 for no extrapolation. Laws that
            contradict a rung are replaced by lines, which end at the largest rung.

    Raises:
        SingleSeedError, ConstantError: There is no interval.
        ShapeError: The models do not pair or share no range, or `reach` would extrapolate interpolated curves.
        LevelError: The level is not between 0 and 1.
    """
    gap = _Gap(first, second, level)
    if reach > 1 and not gap.by_law:
        raise ShapeError("an interpolated curve ends at its last rung; only laws reach beyond")
    if gap.contradicts_a_rung:
        gap, reach = _Gap(_with_lines(first), _with_lines(second), level), 1.0
    points = _scan(gap, reach)
    grid = [log_size for log_size, _ in points]
    clear = _clear(gap, points)
    passages = tuple(_passages(gap, points, clear)) if clear else ()
    is_ahead = gap.value(grid[clear[-1]]) > 0 if clear else None
    low = high = None
    if len(passages) == 1:
        low, high = passages[0].low, passages[0].high
    elif not passages and is_ahead is not None:
        low, high = (None, _end(gap, grid, clear[0], -1)) if is_ahead else (_end(gap, grid, clear[-1], 1), None)
    return Crossing(passages, low, high, is_ahead, gap.measured, gap.num_seeds, gap.by_law)


def extrapolated(
    first: FittedCurve, second: FittedCurve, level: float = LEVEL, reach: float = REACH
) -> Crossing | None:
    """Find where the laws cross beyond the largest rung, if they cross once within `reach` times its size.

    Return None for interpolated curves, which end at their rungs, and for laws that cross within the measured range or
    contradict a rung.

    Raises:
        SingleSeedError, ConstantError: There is no interval.
        ShapeError, LevelError: As for `crossing`.
    """
    if not (isinstance(first.curve, LawCurve) and isinstance(second.curve, LawCurve)):
        return None
    roots = [log_size for log_size, is_root in _scan(_Gap(first, second, level), reach) if is_root]
    if len(roots) != 1 or roots[0] <= math.log(first.curve.sizes[-1]):
        return None  # so the costly intervals are not needed
    result = crossing(first, second, level, reach)
    return result if result.size is not None and result.size > result.measured[1] else None


class _Gap:
    """The difference of two curves, first less second, at any logarithm of a size."""

    def __init__(self, first: FittedCurve, second: FittedCurve, level: float) -> None:
        """Pair the models' results.

        Raises:
            ShapeError: They do not pair.
        """
        require_pairs(first.parts, second.parts)
        if first.curve.sizes != second.curve.sizes:
            raise ShapeError(f"curves on {first.curve.sizes} and {second.curve.sizes} images; both need the same rungs")
        self.first, self.second = first.curve, second.curve
        self.level = level
        self.parts = [one - other for one, other in zip(first.parts, second.parts, strict=True)]
        self.pooled = [np.concatenate([a, -b], axis=2) for a, b in zip(first.parts, second.parts, strict=True)]
        self.by_law = isinstance(self.first, LawCurve) and isinstance(self.second, LawCurve)
        self.num_seeds = len(self.parts[0])
        self.rungs = [math.log(size) for size in self.first.sizes]
        self.at_rungs = mean_accuracy(self.parts)

    @property
    def measured(self) -> tuple[float, float]:
        return float(self.first.sizes[0]), float(self.first.sizes[-1])

    @property
    def contradicts_a_rung(self) -> bool:
        """Whether laws have another sign than the difference at a rung whose interval excludes zero."""
        return any(
            self.value(log_size) * difference <= 0 < beyond
            for log_size, difference, beyond in zip(self.rungs, self.at_rungs, self._beyond_at_rungs, strict=True)
        )

    def value(self, log_size: float) -> float:
        size = self.size(log_size)
        return self.first.accuracy(size) - self.second.accuracy(size)

    def size(self, log_size: float) -> float:
        """Return the number of images; at a rung, without rounding error."""
        size = math.exp(log_size)
        return next((rung for rung in map(float, self.first.sizes) if math.isclose(size, rung, rel_tol=2e-5)), size)

    def beyond(self, log_size: float) -> float:
        """Return the distance of the difference's interval from zero; at most 0 if it contains zero."""
        if log_size in self.rungs:
            at_rung = self._beyond_at_rungs[self.rungs.index(log_size)]
            if at_rung > 0 or not self.by_law:
                return at_rung
        size = self.size(log_size)
        weights = np.concatenate([self.first.weights(size), self.second.weights(size)])
        return self._from_zero(weighted(self.pooled, weights, self.value(log_size))) - self._departure(log_size)

    @cached_property
    def _beyond_at_rungs(self) -> list[float]:
        """Return the distance of the measured difference's interval from zero, at each rung."""
        units = np.eye(len(self.rungs))
        return [
            self._from_zero(weighted(self.parts, *rung)) for rung in zip(units, self.at_rungs.tolist(), strict=True)
        ]

    def _from_zero(self, estimate: Estimate) -> float:
        interval = verdict_interval(estimate, self.level)
        return max(interval.low, -interval.high)

    def _departure(self, log_size: float) -> float:
        """Return how far the true difference may lie from that of the curves, beside their error."""
        if self.by_law:
            return self._misfit
        segment = min(bisect_right(self.rungs, log_size), len(self.rungs) - 1) - 1
        return float(self._bends[segment])

    @cached_property
    def _misfit(self) -> float:
        return max(abs(self.value(log_size) - at) for log_size, at in zip(self.rungs, self.at_rungs, strict=True))

    @cached_property
    def _bends(self) -> np.ndarray:
        """Return (segments,): half of what the slope changes at either end of a segment, over its length."""
        lengths = np.diff(self.rungs)
        if len(lengths) == 1:
            return np.array([_ANYTHING])
        changes = np.abs(np.diff(np.diff(self.at_rungs) / lengths))
        return lengths / 2 * np.maximum(np.append(changes, 0), np.append(0, changes))


def _with_lines(fitted: FittedCurve) -> FittedCurve:
    return FittedCurve(interpolate(fitted.curve.sizes, mean_accuracy(fitted.parts)), fitted.parts)


def _scan(gap: _Gap, reach: float) -> list[tuple[float, bool]]:
    """Return the logarithms of sizes on a grid and of the crossings, ascending; a flag marks the crossings."""
    marks = [*gap.rungs, gap.rungs[-1] + math.log(reach)] if reach > 1 else gap.rungs
    grid = [float(point) for before, after in pairwise(marks) for point in np.linspace(before, after, _STEPS + 1)[:-1]]
    grid.append(marks[-1])
    return sorted([*((point, False) for point in grid), *((root, True) for root in _roots(gap, grid))])


def _roots(gap: _Gap, grid: list[float]) -> Iterator[float]:
    """Yield where the difference changes its sign; a stretch of zeros between two signs counts once, at its start."""
    signed = [(point, value) for point in grid if (value := gap.value(point)) != 0]
    for (before, value), (after, next_value) in pairwise(signed):
        if value * next_value < 0:
            yield float(optimize.brentq(gap.value, before, after, xtol=1e-9))


def _clear(gap: _Gap, points: list[tuple[float, bool]]) -> list[int]:
    """Return the numbers of the clear points; inside a segment without a root, none if both of its ends are clear.

    They would change nothing, since the difference keeps its sign there.
    """
    ends = [number for number, (log_size, _) in enumerate(points) if log_size in gap.rungs]
    ends += [len(points) - 1] if ends[-1] < len(points) - 1 else []
    clear = {number for number in ends if gap.beyond(points[number][0]) > 0}
    for start, end in pairwise(ends):
        inside = range(start + 1, end)
        if not {start, end} <= clear or any(points[number][1] for number in inside):
            clear |= {number for number in inside if not points[number][1] and gap.beyond(points[number][0]) > 0}
    return sorted(clear)


def _passages(gap: _Gap, points: list[tuple[float, bool]], clear: list[int]) -> Iterator[Passage]:
    """Yield the crossings between clear points; before the first and after the last, those of an odd number of roots.

    Several roots between two clear points cannot be told apart, so they count as one, or none if they are even.
    """
    grid = [log_size for log_size, _ in points]
    for before, after in pairwise([None, *clear, None]):
        start, end = 0 if before is None else before, len(grid) if after is None else after
        roots = [log_size for log_size, is_root in points[start:end] if is_root]
        if len(roots) % 2:
            yield Passage(
                gap.size(roots[len(roots) // 2]),
                None if before is None else _end(gap, grid, before, 1),
                None if after is None else _end(gap, grid, after, -1),
                gap.value(grid[after]) > 0 if after is not None else gap.value(grid[clear[-1]]) < 0,
            )


def _end(gap: _Gap, grid: list[float], clear: int, step: int) -> float:
    """Return the size at which the difference stops to be clear, from a clear point on; the point at the grid's end."""
    following = clear + step
    if not 0 <= following < len(grid):
        return gap.size(grid[clear])
    return gap.size(float(optimize.brentq(gap.beyond, grid[clear], grid[following], xtol=1e-10)))
