"""Drawn images of any formula, as the tests of each want them."""

import numpy as np
from numpy.typing import NDArray

from bench.data.formula import Difficulty, Domain, Formula, render

PLAIN = Difficulty(jitter_percent=0, shift_pixels=0)
HARD = Difficulty(jitter_percent=50, shift_pixels=5, polarity="both", colour="instance", rotation="any")


def draw(
    formula: Formula,
    classes: object,
    instances: object,
    *,
    difficulty: Difficulty = PLAIN,
    image_size: int = 32,
    domain: Domain = Domain.PRETRAIN,
) -> NDArray[np.uint8]:
    """Draw the classes and instances, broadcast against each other and flattened."""
    both = np.broadcast_arrays(np.asarray(classes, dtype=np.int64), np.asarray(instances, dtype=np.int64))
    settings = {"image_size": image_size, "difficulty": difficulty, "domain": domain}
    return render(formula, both[0].ravel(), both[1].ravel(), **settings)
