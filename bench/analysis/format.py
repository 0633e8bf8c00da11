"""Format numbers as the text that pages, figures, terminals and messages show.

A value that was not measured is a dash, never a zero. Every command imports this module, so it imports neither pandas
nor SciPy.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from bench.analysis.stats.intervals import Interval

Unit = Literal[
    "points", "points per decade", "points of shape bias", "log odds per decade", "images", "times", "share", "kappa"
]
"""The unit of a claim's quantity; `times` is a ratio, `share` a share of 1, `kappa` an error consistency, and a decade
is tenfold images."""
ABSENT = "\N{EN DASH}"
_PREFIXES = (("E", 1e18), ("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3))
_BYTES = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


def is_known(value: Any) -> bool:
    """Return whether a value was measured: it is neither None, NA, NaN nor an empty text."""
    try:
        return value is not None and value != "" and bool(value == value)
    except TypeError:  # pandas.NA has no truth value
        return False


def text(value: Any) -> str:
    """Return a value as text, or a dash if it was not measured."""
    return str(value) if is_known(value) else ABSENT


def count(value: Any) -> str:
    """Return a whole number with all digits: `207,146`."""
    return f"{int(value):,}" if is_known(value) else ABSENT


def short_count(value: Any, digits: int = 3) -> str:
    """Return a whole number to a few digits: `1,024`, `207 k`, `3.31 M`."""
    if not is_known(value):
        return ABSENT
    for prefix, size in _PREFIXES:
        if value >= max(size, 1e4):
            return f"{value / size:.{digits}g} {prefix}"
    return count(value)


def decimal(value: Any, places: int = 3) -> str:
    """Return a number with fixed decimal places: `0.128`; what rounds to zero has no sign."""
    return f"{steady(value):z.{places}f}".replace("-", "\N{MINUS SIGN}") if is_known(value) else ABSENT


def signed(value: Any, places: int = 1) -> str:
    """Return a number with its sign and fixed decimal places: `+2.9`; what rounds to zero has no sign."""
    shown = decimal(value, places)
    return f"+{shown}" if shown.strip("0.") and is_known(value) and value > 0 else shown


def three_digits(value: Any) -> str:
    """Return a measured number to three digits, or as a whole number from 100 on: `0.900`, `1.24`, `2,400`."""
    if not is_known(value):
        return ABSENT
    value = steady(value)
    return f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}"


def percent(mean: Any, low: float = math.nan, high: float = math.nan, *, places: int = 1) -> str:
    """Return a share of 1 in percent, with its interval if that is known: `92.5 % (89.6 to 94.6)`."""

    def show(share: float) -> str:
        return decimal(100 * share, places)

    return with_bounds(f"{show(mean)} %", low, high, show) if is_known(mean) else ABSENT


def share(value: Any) -> str:
    """Return a share of 1 in percent, to four digits at most: `5 %`, `99.38 %`."""
    return f"{steady(100 * value):.4g} %" if is_known(value) else ABSENT


def points(mean: Any, low: float = math.nan, high: float = math.nan) -> str:
    """Return a difference of accuracies in percentage points, as `percent` does an accuracy: `+2.9 (1.8 to 4.0)`.

    The ends have their signs unless both are positive: `-15.9 (-19.0 to -12.8)`, `+0.4 (-1.0 to +1.8)`.
    """
    show = decimal if is_known(low) and low >= 0 else signed
    return with_bounds(signed(100 * mean), low, high, lambda end: show(100 * end, 1)) if is_known(mean) else ABSENT


def with_bounds(shown: str, low: Any, high: Any, show: Callable[[Any], str] = three_digits) -> str:
    """Return a number that is text already, with the ends of its interval if they are known: `0.8 (0.7 to 0.9)`."""
    return f"{shown} ({bounds(low, high, show)})" if is_known(low) and is_known(high) else shown


def bounds(low: Any, high: Any, show: Callable[[Any], str] = three_digits) -> str:
    """Return the two ends of an interval: `1.21 to 1.27`."""
    return f"{show(low)} to {show(high)}" if is_known(low) and is_known(high) else "no interval"


def percent_change(ratio: float, low: float = math.nan, high: float = math.nan) -> str:
    """Return a ratio of two times as a change in percent, with its interval if known: `+3.1 % (+2.0 to +4.2)`."""
    return with_bounds(f"{_change(ratio)} %", low, high, _change)


def p_value(value: Any) -> str:
    """Return a p-value with its sign: `p = 0.031`, `p < 0.001`."""
    if not is_known(value):
        return ABSENT
    value = steady(value)
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def duration(seconds: Any) -> str:
    """Return a duration: `42.5 s`, `3.5 min`, `2.1 h`. Callers should round estimates to whole seconds first."""
    if not is_known(seconds):
        return ABSENT
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:.3g} s"


def byte_size(num_bytes: Any) -> str:
    """Return an amount of memory or storage: `512 B`, `5.70 MiB`, `1.21 GiB`."""
    if not is_known(num_bytes):
        return ABSENT
    for unit, size in _BYTES:
        if num_bytes >= size:
            return f"{three_digits(num_bytes / size)} {unit}"
    return f"{num_bytes:.0f} B"


def plural(number: int, noun: str) -> str:
    """Return a number and its noun: `1 seed`, `3 seeds`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Return names as in a sentence: `a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else list(names))


def first_few(names: Sequence[str], most: int = 3) -> str:
    """Return how many names there are, and the first of them: `5 (a; b; c; …)`."""
    return f"{len(names)} ({'; '.join([*names[:most], *(['…'] if len(names) > most else [])])})"


def pairs_and_p(num_pairs: int, num_needed: int, p: Any) -> str:
    """Return the number of pairs behind a difference, with the p-value of its sign-flip test if it has one.

    `8 pairs, p = 0.031`. If the pairs are too few for the test to reject, the number needed is given: `3 of 6 pairs`.
    """
    if is_known(p):
        return f"{plural(num_pairs, 'pair')}, {p_value(p)}"
    return f"{num_pairs} of {num_needed} pairs" if num_pairs < num_needed else plural(num_pairs, "pair")


def in_unit(value: float, unit: str) -> float:
    """Return a value in its unit: points are hundredths of an accuracy, which is a share of 1."""
    return 100 * value if unit.startswith("points") else value


def quantity(value: float, unit: Unit) -> str:
    """Return a claim's quantity without its unit: `-3.1`, `98,000,000`, `0.45`; `open` if it is infinite."""
    if not is_known(value):
        return "unknown"
    if math.isinf(value):
        return "open"
    if unit == "images":
        return f"{steady(value):,.0f}"
    if unit == "times":
        return f"{steady(value):.3g}"
    return signed(in_unit(value, unit), 2 if unit.startswith(("log odds", "kappa")) else 1)


def quantity_interval(interval: "Interval", unit: Unit) -> str:
    """Return a claim's quantity with its unit and interval: `-3.1 points (-5.0 to -1.2)`."""
    if unit == "share":
        return share(interval.mean)
    shown = f"{quantity(interval.mean, unit)} {unit}"
    return with_bounds(shown, interval.low, interval.high, lambda end: quantity(end, unit))


def steady(value: float, digits: int = 9) -> float:
    """Return a number to some significant digits, so that the last bits, in which processors differ, change no text."""
    return float(f"{value:.{digits}g}")


def finite_or_none(numbers: Mapping[str, float]) -> dict[str, float | None]:
    """Return the numbers with None (JSON's null) in place of NaN and infinity."""
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}


def _change(ratio: float) -> str:
    return signed(100 * (ratio - 1))
