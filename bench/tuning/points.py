"""Draw the points of a tuning's trials: the same for every family and stage, and a function of the suite only.

Each value is a hash of the tuning's seed, the setting's name and the trial's number (`bench.data.random`). The order of
the settings therefore has no effect, and more trials begin with the points of fewer trials. Imports no torch.
"""

from collections.abc import Iterator

import numpy as np

from bench.config.search_space import Point, Range, Tuning, Value
from bench.data.random import below, hash_words, uniform

DIGITS = 3
"""Number of significant digits of a number from a range, so that it is easy to read and type."""


def draw_points(tuning: Tuning) -> tuple[Point, ...]:
    """Return the point of each trial: one value per setting of the space."""
    names = sorted(tuning.space)
    columns = (_draw(tuning, name) for name in names)
    return tuple(dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True))


def _draw(tuning: Tuning, name: str) -> Iterator[Value]:
    """Yield a setting's value for each trial."""
    values = tuning.space[name]
    hashes = hash_words(tuning.seed, "tuning", name, np.arange(tuning.trials))
    if isinstance(values, Range):
        yield from (_number_in(values, share) for share in uniform(hashes).tolist())
    else:
        yield from (values[index] for index in below(hashes, len(values)).tolist())


def _number_in(values: Range, share: float) -> float:
    """Return the number at a share (0 to 1) of a range, rounded to `DIGITS` digits and clipped to the range."""
    if values.log:
        number = values.low * (values.high / values.low) ** share
    else:
        number = values.low + share * (values.high - values.low)
    return min(max(float(f"{number:.{DIGITS}g}"), values.low), values.high)
