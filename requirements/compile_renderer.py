"""Draw one fractal: Numba compiles the renderer (about 15 s) and caches it for all workers and tests."""

import numpy as np

from bench.data.fractals.source import Difficulty, Domain, render

zeros = np.zeros(1, dtype=np.int64)
render(zeros, zeros, image_size=32, difficulty=Difficulty(), domain=Domain.PRETRAIN)
