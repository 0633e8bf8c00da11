"""Draw one fractal: Numba keeps what it compiles for that, about 15 s, so that no worker and no test has to."""

import numpy as np

from bench.data.fractals.source import Difficulty, Domain, render

one = np.zeros(1, dtype=np.int64)
render(one, one, image_size=32, difficulty=Difficulty(), domain=Domain.PRETRAIN)
