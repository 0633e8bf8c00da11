"""How numbers and names read in a report. What was not measured is a dash, never a zero."""

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from bench.analysis.stats.crossed import CROSSED
from bench.analysis.stats.permutation import in_words
from bench.analysis.targets import is_in_domain, is_real

ABSENT = "\N{EN DASH}"
FAMILIES = {"vit": "ViT", "cnn": "CNN", "hybrid": "Hybrid"}
MATCHED = {
    "images": "images seen",
    "flops": "training FLOPs, so that a cheaper model sees more images",
    "seconds": "seconds of training, so that a faster model sees more images",
}
"""What is equal for all models, by `match`."""
AS_MUCH = {"images": "on as many images", "flops": "with as many FLOPs", "seconds": "for as many seconds"}
"""How long one training is beside others, by `match`."""


def known(value: Any) -> bool:
    """Whether a table's value was measured: neither NA, NaN, nor an empty text."""
    return not (value is None or pd.isna(value) or value == "")


def text(value: Any) -> str:
    """Any value as it stands, or a dash."""
    return str(value) if known(value) else ABSENT


def count(value: Any) -> str:
    """A whole number, all digits: `207,146`."""
    return f"{int(value):,}" if known(value) else ABSENT


def short_count(value: Any) -> str:
    """A whole number to three digits: `1,024`, `207 k`, `3.31 M`."""
    if not known(value):
        return ABSENT
    for unit, size in (("E", 1e18), ("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= max(size, 1e4):
            return f"{value / size:.3g} {unit}"
    return count(value)


def decimal(value: Any, places: int = 3) -> str:
    """A number with fixed places."""
    return f"{value:.{places}f}" if known(value) else ABSENT


def percent(mean: float, low: float = math.nan, high: float = math.nan) -> str:
    """An accuracy and its interval: `92.3 ± 1.2 %`, `92.3 %` without one."""
    return f"{_plus_minus(f'{100 * mean:.1f}', low, high)} %" if known(mean) else ABSENT


def points(mean: float, low: float = math.nan, high: float = math.nan) -> str:
    """A difference of accuracies in percentage points, signed: `+2.9 ± 1.1`."""
    return _plus_minus(f"{100 * mean:+.1f}".replace("-", "\N{MINUS SIGN}"), low, high) if known(mean) else ABSENT


def pairs(num_pairs: int, needed: int, p_value: float) -> str:
    """How many pairs a difference rests on, and what a test of signs says: `8 pairs, p = 0.031`, `3 of 6 pairs`.

    Below as many pairs as such a test needs to reject, among all that it is corrected for, that number stands in place
    of its p-value.
    """
    if known(p_value):
        return f"{plural(num_pairs, 'pair')}, {in_words(p_value)}"
    return f"{num_pairs} of {needed} pairs" if num_pairs < needed else plural(num_pairs, "pair")


def interval_over(methods: Iterable[str]) -> str:
    """What a table's intervals are over, in words."""
    found = set(methods) - {""}
    if found == {CROSSED}:
        return "seeds and test images"
    return "seeds, and test images where answers are kept" if CROSSED in found else "seeds"


def seconds(value: Any) -> str:
    """A duration: `42 s`, `3.5 min`, `2.1 h`."""
    if not known(value):
        return ABSENT
    for unit, size in (("h", 3600), ("min", 60)):
        if value >= 2 * size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.3g} s"


def three_digits(value: Any) -> str:
    """A measured number to three digits or a whole one: `0.900`, `1.24`, `2,400`."""
    if not known(value):
        return ABSENT
    return f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}"


def mebibytes(value: Any) -> str:
    """A size of memory: `5.7 MiB`, `1,024 MiB`."""
    if not known(value):
        return ABSENT
    return f"{three_digits(value / 2**20)} MiB"


def plural(number: int, noun: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def family_name(family: str) -> str:
    """A family as a reader knows it."""
    return FAMILIES.get(family, family)


def marked(target: str) -> str:
    """A target as a title has it: with what sets it apart, where it is not a real one."""
    if is_real(target):
        return target
    return f"{target} (in-domain)" if is_in_domain(target) else f"{target} (purpose-made)"


def _plus_minus(mean: str, low: float, high: float) -> str:
    return f"{mean} ± {50 * (high - low):.1f}" if known(low) and known(high) else mean
