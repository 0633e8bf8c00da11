"""How what has changed reads, in the terminal and as JSON."""

import math
from collections.abc import Mapping, Sequence

from rich.markup import escape

from bench.analysis.stats.ratios import Ratio


def slower(time: Ratio, reason: str) -> str:
    """A ratio of times as a change in percent with its interval: `+3.1 % (+2.0 to +4.2)`, or why there is none."""
    if time.is_known:
        return f"{_percent(time.ratio)} % ({_percent(time.low)} to {_percent(time.high)})"
    return f"{_percent(time.ratio)} % ({escape(reason)})" if time.pairs else escape(reason)


def some(names: Sequence[str], most: int = 3) -> str:
    """How many there are, and the first of them, for the terminal."""
    return f"{len(names)} ({escape('; '.join([*names[:most], *(['…'] if len(names) > most else [])]))})"


def known(numbers: Mapping[str, float]) -> dict[str, float | None]:
    """Numbers as JSON has them: what is not known is null."""
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f}".replace("-", "\N{MINUS SIGN}")
