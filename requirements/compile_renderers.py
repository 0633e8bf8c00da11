"""Draw one image of each drawn corpus: Numba compiles the renderers (about 20 s) and caches them for all workers."""

import numpy as np

from bench.data.corpus import FORMULAS
from bench.data.formula import Difficulty, Domain, render

zeros = np.zeros(1, dtype=np.int64)
for formula in FORMULAS.values():
    render(formula, zeros, zeros, image_size=32, difficulty=Difficulty(), domain=Domain.PRETRAIN)
