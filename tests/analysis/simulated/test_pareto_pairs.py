"""Among equal models hardly any page calls one behind another on the Pareto front, over 400 pages at each setting."""

import numpy as np
import pytest

from bench.analysis.pareto import better_rows
from tests.analysis.conftest import with_correctness
from tests.analysis.simulated.experiments import EFFECTS, Effects, answers_of_models

pytestmark = pytest.mark.slow

PAGES, MODELS, IMAGES = 400, 8, 200
MOST_WRONG = 0.073
"""5 %, and what 400 pages may differ from it by chance."""


def _any_better(answers: np.ndarray) -> bool:
    """Whether a page of two targets calls a model better than another; each target has half of the images."""
    halves = np.split(answers, 2, axis=2)
    pages = better_rows([[with_correctness(one, str(number)) for one in half] for number, half in enumerate(halves)])
    return any(better for of_target in pages for better in of_target)


@pytest.mark.parametrize("num_seeds", [3, 6])
@pytest.mark.parametrize("effects", [EFFECTS[3], EFFECTS[5]], ids=lambda effects: effects.name)
def test_equal_models_are_seldom_called_behind(effects: Effects, num_seeds: int) -> None:
    """Also where every second model's seeds differ less."""
    generator = np.random.default_rng(num_seeds)
    wrong = []
    calm = Effects("calm", effects.seed / 4, effects.image)
    pairs = [
        answers_of_models((0.7,) * (MODELS // 2), one, num_seeds, 2 * IMAGES, generator, PAGES)
        for one in (effects, calm)
    ]
    for some, others in zip(*pairs, strict=True):
        wrong.append(_any_better(np.concatenate([some, others])))
    assert np.mean(wrong) <= MOST_WRONG
