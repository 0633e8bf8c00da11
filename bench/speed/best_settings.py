"""Finds a network's best setting: the layout, mode and batch of the highest rate.

Batches are doubled from the one that it starts at for as long as that gains, and halved likewise, for each layout,
uncompiled; the best of each is then tried compiled, and doubled again while that gains. Every setting that was tried is
kept with its rate, or with the reason why it has none: a batch that does not fit is never replaced in silence.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from bench.speed.timed_setting import Layout, Mode, Setting

LEAST_GAIN = 1.02
"""Of images per second, by twice or half the batch, that is worth another try in that direction."""
MISSES = 2
"""Tries in a row without a gain, after which a direction is given up: rates are noisy."""


@dataclass(frozen=True)
class Try:
    """A setting that was tried out in short."""

    setting: Setting
    images_per_second: float | None
    reason: str = ""
    """Why there is no rate."""


@dataclass(frozen=True)
class Limits:
    """Beyond which no batch is tried."""

    batch: int
    seconds: float
    """That a step would take, by the rate of half the batch."""


RateOf = Callable[[Setting], Try]


def find_best(
    start: Setting, rate_of: RateOf, *, layouts: Sequence[Layout], modes: Sequence[Mode], limits: Limits
) -> tuple[Try, ...]:
    """Try settings of one network, the fastest first.

    Args:
        start: the network, with the batch to begin at.
        rate_of: tries one out.
        layouts: that are tried.
        modes: that are tried; `compiled` only beside the uncompiled, at its best batches.
        limits: of what is tried.
    """
    tries: list[Try] = []
    for layout in layouts:
        first = rate_of(replace(start, layout=layout, mode="eager"))
        eager = [first, *_climb(first, rate_of, 2, limits), *_climb(first, rate_of, 1 / 2, limits)]
        tries += eager
        if "compiled" in modes and fastest(eager).images_per_second is not None:
            compiled = rate_of(replace(fastest(eager).setting, mode="compiled"))
            tries += [compiled, *_climb(compiled, rate_of, 2, limits)]
    return tuple(sorted(tries, key=_rate, reverse=True))


def fastest(tries: Sequence[Try]) -> Try:
    """The one of the highest rate; the first where none has any."""
    return max(tries, key=_rate)


def _climb(first: Try, rate_of: RateOf, factor: float, limits: Limits) -> Iterator[Try]:
    """Change the batch by a factor for as long as that gains."""
    best, misses, last = _rate(first), 0, first
    while misses < MISSES and _is_within(last, factor, limits):
        last = rate_of(replace(last.setting, batch_size=int(last.setting.batch_size * factor)))
        yield last
        misses = 0 if _rate(last) >= LEAST_GAIN * best else misses + 1
        best = max(best, _rate(last))


def _is_within(last: Try, factor: float, limits: Limits) -> bool:
    """Whether the next batch is to be tried; one larger than what failed fits no better."""
    if factor < 1:
        return last.setting.batch_size * factor >= 1
    size = last.setting.batch_size * factor
    return last.images_per_second is not None and size <= limits.batch and size <= limits.seconds * _rate(last)


def _rate(one: Try) -> float:
    return one.images_per_second or 0.0
