"""Among equal models hardly any page calls one behind another on the Pareto front, over 400 pages at each setting."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from bench.analysis.pareto import better_rows
from tests.analysis.conftest import with_correctness
from tests.analysis.simulated.experiments import EFFECTS, Effects, answers_of_models
from tests.analysis.simulated.table import Row, require_documented

pytestmark = pytest.mark.slow

PAGES, MODELS, IMAGES = 400, 8, 200
SEEDS, VARYING = (3, 6, 10), (EFFECTS[3], EFFECTS[5])
MOST_WRONG = 0.073
"""5 %, and what 400 pages may differ from it by chance."""


def _any_better(answers: np.ndarray) -> bool:
    """Whether a page of two targets calls a model better than another; each target has half of the images."""
    halves = np.split(answers, 2, axis=2)
    pages = better_rows([[with_correctness(one, str(number)) for one in half] for number, half in enumerate(halves)])
    return any(better for of_target in pages for better in of_target)


@cache
def called_behind(effects: Effects, num_seeds: int) -> float:
    """Return the share of pages that call a model behind; every second model's seeds differ less."""
    generator = np.random.default_rng(num_seeds)
    calm = Effects("calm", effects.seed / 4, effects.image)
    pairs = [
        answers_of_models((0.7,) * (MODELS // 2), one, num_seeds, 2 * IMAGES, generator, PAGES)
        for one in (effects, calm)
    ]
    wrong = [_any_better(np.concatenate([some, others])) for some, others in zip(*pairs, strict=True)]
    return float(np.mean(wrong))


@pytest.mark.parametrize("num_seeds", SEEDS)
@pytest.mark.parametrize("effects", VARYING, ids=lambda effects: effects.name)
def test_equal_models_are_seldom_called_behind(effects: Effects, num_seeds: int) -> None:
    assert called_behind(effects, num_seeds) <= MOST_WRONG


def rows() -> Iterator[Row]:
    """Yield what the page says of pages that call a model behind."""
    for effects, words in zip(VARYING, ("seeds and images vary alike", "seeds vary most"), strict=True):
        shares = {str(num_seeds): called_behind(effects, num_seeds) for num_seeds in SEEDS}
        data = f"8 equal models on two targets; {words}"
        yield Row("any model behind the Pareto front", data, "right", "5 % of pages wrong", PAGES, shares)


def test_rows_of_the_page() -> None:
    require_documented("pareto_pairs", rows())
