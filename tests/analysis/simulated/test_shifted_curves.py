"""Ratios of pretraining images hold planted ones, and predictions of the largest rung hold what comes.

Two models have the same curve, which is shifted by the ratio. Effects of seeds are those of `test_bent_curves`.
"""

import math
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from bench.analysis.ladder.data_ratios import data_ratio
from bench.analysis.ladder.extrapolation import Prediction, predict_largest
from bench.analysis.ladder.rungs import LadderModel
from tests.analysis.simulated.table import Row, require_documented
from tests.analysis.simulated.test_bent_curves import Planted, Shape, law, line, sigmoid, step

pytestmark = pytest.mark.slow

EXPERIMENTS, OF_IMAGES, PREDICTIONS = 150, 60, 400
SEEDS, OF_RATIO = (3, 6, 20), (3, 6)
GENTLE, STEEP = law(0.05, 0.5, 0.3), law(0.1, 0.5, 1.2)


def shifted(name: str, shape: Shape, ratio: float, num_rungs: int = 5) -> tuple[Planted, float]:
    """Return a pair whose first model needs `ratio` times as many images, with the ratio."""
    return Planted(name, num_rungs, lambda x: shape(x - math.log(ratio, 4)), shape, ""), ratio


RATIOS = (
    shifted("equal laws", GENTLE, 1.0),
    shifted("laws, 2.5 times, three rungs", GENTLE, 2.5, 3),
    shifted("laws, 7.4 times", GENTLE, 7.4),
    shifted("laws that bend much, 2 times", STEEP, 2.0),
    shifted("lines, 7.4 times", line(0.4, 0.08), 7.4),
    shifted("sigmoids, 7.4 times", sigmoid(0.3, 0.85, 2.3, 2.5), 7.4),
    (Planted("one model above all that the other reaches", 5, law(0.4, 0.3, 0.3), law(0.05, 0.3, 0.3), ""), math.inf),
)
"""The last has no finite ratio."""
JUMPS = shifted("curves that jump between two rungs, 7.4 times", lambda x: step(0.4, 0.8, 2.2)(x) + 0.01 * x, 7.4)
FLAT = {
    "two flat curves": Planted("", 5, line(0.6, 0.0), line(0.6, 0.0), ""),
    "a flat curve and a law": Planted("", 5, line(0.6, 0.0), GENTLE, ""),
}
LAWS = {
    "a law, five rungs": (5, GENTLE),
    "a law that bends much, five rungs": (5, law(0.1, 0.5, 0.7)),
    "a law, six rungs": (6, GENTLE),
}
BENT = {
    "a sigmoid, five rungs": (5, sigmoid(0.3, 0.85, 2.3, 2.5)),
    "a line, six rungs": (6, line(0.4, 0.08)),
    "a curve that ends its rise early, five rungs": (5, lambda x: np.minimum(0.4 + 0.15 * x, 0.7)),
}
BREAKS = (5, lambda x: GENTLE(x) - 0.1 * (x > 3.5))
"""A law up to the fourth rung, and 10 points less at the fifth."""


@cache
def of_ratio(planted: Planted, ratio: float, num_seeds: int, num_images: int = 0) -> tuple[float, float]:
    """Return how often intervals hold the ratio, of those that there are, and how often there is none."""
    number = OF_IMAGES if num_images else EXPERIMENTS
    found = [
        data_ratio(planted.sizes, LadderModel("first", "vit", (first,)), LadderModel("second", "cnn", (second,))).ratio
        for first, second in planted.experiments(num_seeds, num_images, number)
    ]
    told = [one for one in found if one is not None]
    held = [one.low * (1 - 1e-9) <= ratio <= one.high for one in told]
    return float(np.mean(held)) if told else math.nan, 1 - len(told) / number


@cache
def of_predictions(num_rungs: int, shape: Shape, num_seeds: int) -> tuple[float, float]:
    """Return how often intervals hold what comes, of those that there are, and how often there is none."""
    planted = Planted("", num_rungs, shape, shape, "")
    found: list[Prediction] = []
    for first, _ in planted.experiments(num_seeds, number=PREDICTIONS):
        one = predict_largest(planted.sizes, [first])
        assert one is not None
        found.append(one)
    told = [one.is_held for one in found if one.is_held is not None]
    return float(np.mean(told)) if told else math.nan, 1 - len(told) / len(found)


@pytest.mark.parametrize("num_seeds", OF_RATIO)
@pytest.mark.parametrize(("planted", "ratio"), RATIOS, ids=lambda one: getattr(one, "name", ""))
def test_intervals_hold_planted_ratios(planted: Planted, ratio: float, num_seeds: int) -> None:
    held, refused = of_ratio(planted, ratio, num_seeds)
    assert held >= 0.92
    assert refused <= 0.02


@pytest.mark.parametrize("num_seeds", OF_RATIO)
@pytest.mark.parametrize("name", FLAT)
def test_flat_curves_have_no_ratio(name: str, num_seeds: int) -> None:
    assert of_ratio(FLAT[name], math.inf, num_seeds)[1] >= 0.94


@pytest.mark.parametrize("num_seeds", SEEDS)
@pytest.mark.parametrize("name", LAWS)
def test_intervals_hold_what_comes(name: str, num_seeds: int) -> None:
    held, refused = of_predictions(*LAWS[name], num_seeds)
    assert 0.92 <= held <= 0.985
    assert refused <= 0.08


@pytest.mark.parametrize("num_seeds", SEEDS[1:])
def test_what_no_law_can_foresee_is_seen(num_seeds: int) -> None:
    """Bent curves are refused; a break after the fourth rung cannot be foreseen, and the interval does not hold it."""
    assert all(of_predictions(*bent, num_seeds)[1] >= 0.95 for bent in BENT.values())
    assert of_predictions(*BREAKS, num_seeds)[0] <= 0.05


def rows() -> Iterator[Row]:
    """Yield what the page says of ratios and predictions."""
    for planted, ratio in (*RATIOS, JUMPS):
        assumptions = "wrong" if planted is JUMPS[0] else "right"
        held = {str(seeds): of_ratio(planted, ratio, seeds)[0] for seeds in OF_RATIO}
        yield Row("ratio of images", planted.name, assumptions, "95 % hold", EXPERIMENTS, held)
    planted, ratio = RATIOS[2]
    held = {str(seeds): of_ratio(planted, ratio, seeds, 200)[0] for seeds in OF_RATIO}
    yield Row("ratio of images", f"{planted.name}, 200 images", "right", "95 % hold", OF_IMAGES, held)
    for name, flat in FLAT.items():
        refused = {str(seeds): of_ratio(flat, math.inf, seeds)[1] for seeds in OF_RATIO}
        yield Row("no ratio of images", name, "wrong", "95 % refused", EXPERIMENTS, refused)
    for name, (num_rungs, shape) in LAWS.items():
        held = {str(seeds): of_predictions(num_rungs, shape, seeds)[0] for seeds in SEEDS}
        yield Row("prediction of the largest rung", name, "right", "95 % hold", PREDICTIONS, held)
    for name, (num_rungs, shape) in BENT.items():
        refused = {str(seeds): of_predictions(num_rungs, shape, seeds)[1] for seeds in SEEDS}
        yield Row("no prediction of the largest rung", name, "wrong", "not promised", PREDICTIONS, refused)
    held = {str(seeds): of_predictions(*BREAKS, seeds)[0] for seeds in SEEDS}
    data = "a law, then 10 points less at the fifth rung"
    yield Row("prediction of the largest rung", data, "wrong", "95 % hold", PREDICTIONS, held)


def test_rows_of_the_page() -> None:
    require_documented("shifted_curves", rows())
