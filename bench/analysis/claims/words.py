"""How a claim's figures read: `-3.1 points (-5.0 to -1.2)`; kept with the judgements, so that all that print agree."""

import math
from collections.abc import Sequence
from typing import Literal

from bench.analysis.stats.intervals import LEVEL, Interval

Unit = Literal["points", "points a tenfold", "images", "times", "share"]
"""Of a figure: percentage points, these for ten times as many images, pretraining images, a ratio, a share of 1."""
FAMILY_NAMES = {"vit": "ViT", "cnn": "ResNet", "hybrid": "hybrid"}
MINUS = "\N{MINUS SIGN}"


def in_unit(value: float, unit: str) -> float:
    """A value as its unit counts: accuracies and their differences are shares of 1, and points are hundredths."""
    return 100 * value if unit.startswith("points") else value


def figure(value: float, unit: Unit) -> str:
    """A value without its unit: `-3.1`, `98,000,000`, `0.45`; `unknown` where there is none."""
    if math.isnan(value):
        return "unknown"
    if unit == "images":
        return "open" if math.isinf(value) else f"{value:,.0f}"
    if math.isinf(value):
        return "open"
    if unit == "times":
        return f"{value:.3g}"
    return f"{in_unit(value, unit):+.1f}".replace("-", MINUS)


def with_interval(interval: Interval, unit: Unit) -> str:
    """`-3.1 points (-5.0 to -1.2)`; without an interval just the figure."""
    if unit == "share":
        return f"{100 * interval.mean:.4g} %"
    told = f"{figure(interval.mean, unit)} {unit}"
    if math.isnan(interval.low) or math.isnan(interval.high):
        return told
    return f"{told} ({figure(interval.low, unit)} to {figure(interval.high, unit)})"


def beside_line(what: str, interval: Interval, unit: Unit) -> str:
    """A line beside a verdict: uncorrected, at the plain level, and never a verdict."""
    return f"{what}: {with_interval(interval, unit)}, {pairs(interval.n)}, {LEVEL:.0%}"


def pairs(number: int) -> str:
    """`1 pair`, `3 pairs`."""
    return f"{number} pair{'' if number == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else list(names))


def images(number: int) -> str:
    """`4,096 images`."""
    return f"{number:,} image{'' if number == 1 else 's'}"
