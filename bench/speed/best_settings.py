"""Finds the best setting of a network: the layout, mode and batch size with the highest rate.

For each layout, the batch of the uncompiled network is doubled while the rate rises, and halved while the rate rises.
The best batch of each layout is then tried compiled, and doubled again while the rate rises. Each tried setting is kept
with its rate or with the reason why it has none; a batch that does not fit is never replaced silently.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from bench.speed.timed_setting import Layout, Mode, Setting

LEAST_GAIN = 1.02
"""The ratio of rates that counts as a gain when the batch is doubled or halved."""
MISSES = 2
"""The search in a direction ends after this many tries in a row without a gain; one is not enough, as rates vary."""


@dataclass(frozen=True)
class Try:
    """A setting that was tried briefly."""

    setting: Setting
    images_per_second: float | None
    """The rate; None if the setting did not run."""
    reason: str = ""
    """The reason why the setting did not run."""

    @property
    def rate(self) -> float:
        """Return the images per second; 0 if the setting did not run."""
        return self.images_per_second or 0.0


@dataclass(frozen=True)
class SearchLimits:
    """The limits of the batches that are tried."""

    batch: int
    """The largest batch."""
    seconds: float
    """The longest step in seconds, estimated by the rate of half the batch."""


RateOf = Callable[[Setting], Try]


def find_best(
    start: Setting, rate_of: RateOf, *, layouts: Sequence[Layout], modes: Sequence[Mode], limits: SearchLimits
) -> tuple[Try, ...]:
    """Try settings of one network, and return all tries, the fastest first.

    Args:
        start: The network and the batch to start from.
        rate_of: Tries a setting.
        layouts: The layouts to try.
        modes: The modes to try; `compiled` is tried only at the best uncompiled batch of each layout, and above.
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
    """Return the try with the highest rate, or the first one if none ran."""
    return max(tries, key=lambda attempt: attempt.rate)


def _climb(first: Try, rate_of: RateOf, factor: float, limits: SearchLimits) -> Iterator[Try]:
    """Multiply the batch by a factor while the rate rises, and yield the tries."""
    best, misses, last = first.rate, 0, first
    while misses < MISSES and _is_within(last, factor, limits):
        last = rate_of(replace(last.setting, batch_size=int(last.setting.batch_size * factor)))
        yield last
        misses = 0 if last.rate >= LEAST_GAIN * best else misses + 1
        best = max(best, last.rate)


def _is_within(last: Try, factor: float, limits: SearchLimits) -> bool:
    """Tell whether to try the next batch; a batch larger than one that failed would fail too."""
    size = last.setting.batch_size * factor
    if factor < 1:
        return size >= 1
    return last.images_per_second is not None and size <= limits.batch and size <= limits.seconds * last.rate
