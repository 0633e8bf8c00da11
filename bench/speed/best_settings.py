"""Finds the best setting of a network: the layout, mode and batch of the highest rate.

For each layout, uncompiled, the batch is doubled from its start for as long as that gains, and halved likewise. The
best of each is then tried compiled, and doubled again while that gains. Every tried setting is kept with its rate, or
with the reason why it has none: a batch that does not fit is never replaced in silence.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from bench.speed.timed_setting import Layout, Mode, Setting

LEAST_GAIN = 1.02
"""The gain in images per second, by twice or half the batch, that is worth another try in that direction."""
MISSES = 2
"""The tries in a row without a gain after which a direction is given up: rates are noisy."""


@dataclass(frozen=True)
class Try:
    """A setting that was tried for a moment."""

    setting: Setting
    images_per_second: float | None
    reason: str = ""
    """Why there is no rate."""

    @property
    def rate(self) -> float:
        """Images per second; 0 if the setting did not run."""
        return self.images_per_second or 0.0


@dataclass(frozen=True)
class SearchLimits:
    """Limits beyond which no batch is tried."""

    batch: int
    seconds: float
    """The seconds that a step would take, by the rate of half the batch."""


RateOf = Callable[[Setting], Try]


def find_best(
    start: Setting, rate_of: RateOf, *, layouts: Sequence[Layout], modes: Sequence[Mode], limits: SearchLimits
) -> tuple[Try, ...]:
    """Try settings of one network, and return all tries, the fastest first.

    Args:
        start: The network, with the batch to begin at.
        rate_of: Tries a setting.
        layouts: The layouts to try.
        modes: The modes to try; `compiled` only beside the uncompiled, at its best batches.
        limits: The limits of the search.
    """
    tries: list[Try] = []
    for layout in layouts:
        first = rate_of(replace(start, layout=layout, mode="eager"))
        eager = [first, *_climb(first, rate_of, 2, limits), *_climb(first, rate_of, 1 / 2, limits)]
        tries += eager
        if "compiled" in modes and fastest(eager).images_per_second is not None:
            compiled = rate_of(replace(fastest(eager).setting, mode="compiled"))
            tries += [compiled, *_climb(compiled, rate_of, 2, limits)]
    return tuple(sorted(tries, key=lambda attempt: attempt.rate, reverse=True))


def fastest(tries: Sequence[Try]) -> Try:
    """Return the try of the highest rate, or the first if none ran."""
    return max(tries, key=lambda attempt: attempt.rate)


def _climb(first: Try, rate_of: RateOf, factor: float, limits: SearchLimits) -> Iterator[Try]:
    """Change the batch by a factor for as long as that gains."""
    best, misses, last = first.rate, 0, first
    while misses < MISSES and _is_within(last, factor, limits):
        last = rate_of(replace(last.setting, batch_size=int(last.setting.batch_size * factor)))
        yield last
        misses = 0 if last.rate >= LEAST_GAIN * best else misses + 1
        best = max(best, last.rate)


def _is_within(last: Try, factor: float, limits: SearchLimits) -> bool:
    """Tell whether to try the next batch; one larger than what failed does not fit either."""
    size = last.setting.batch_size * factor
    if factor < 1:
        return size >= 1
    return last.images_per_second is not None and size <= limits.batch and size <= limits.seconds * last.rate
