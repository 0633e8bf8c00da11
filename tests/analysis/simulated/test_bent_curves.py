"""Crossings, slopes and compute for equal accuracy hold the truth where curves are no laws, bend, jump or fall.

Positions are in rungs: 0 is the smallest, and neighbouring rungs differ by a factor of four. Each seed has an effect on
both models, one on each model, and one on each run.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import special

from bench.analysis.claims.crossing import CrossingSize
from bench.analysis.claims.quantities import Difference, LogOddsDifference, Quantity, is_beyond, is_within, words
from bench.analysis.claims.rows import CompleteRow, RowId, Transfer
from bench.analysis.ladder.crossings import Crossing, crossing, fitted_curves
from bench.analysis.ladder.equal_accuracy import Spending, equal_accuracy_ratio
from bench.analysis.stats.intervals import LEVEL
from bench.analysis.stats.power import Limits
from bench.analysis.stats.trends import slope_weights
from tests.analysis.conftest import with_correctness

pytestmark = pytest.mark.slow

EXPERIMENTS = 200
SPREADS = (0.02, 0.006, 0.006)
"""Of a seed's effect on both models, on one model, and on one run."""
Shape = Callable[[np.ndarray], np.ndarray]


def law(floor: float, drop: float, exponent: float) -> Shape:
    return lambda x: 1 - floor - drop * 4 ** (-exponent * x)


def line(start: float, rise: float) -> Shape:
    return lambda x: start + rise * x


def sigmoid(low: float, high: float, middle: float, steepness: float) -> Shape:
    return lambda x: low + (high - low) * special.expit(steepness * (x - middle))


def step(low: float, high: float, at: float) -> Shape:
    return lambda x: np.where(x < at, low, high)


def descent(start: float, rise: float, middle: float, depth: float, steepness: float = 2) -> Shape:
    return lambda x: start + rise * x - depth * np.exp(-steepness * (x - middle) ** 2)


@dataclass(frozen=True)
class Planted:
    """Two models' true curves."""

    name: str
    num_rungs: int
    first: Shape
    second: Shape
    laws_are: str
    """`right`, or `wrong` by so much that they must not be used, or `close`: they may or may not be used."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """The rungs in images."""
        return tuple(256 * 4**rung for rung in range(self.num_rungs))

    @property
    def crossings(self) -> list[float]:
        """The sizes at which the curves cross."""
        x = np.linspace(1e-4, self.num_rungs - 1, 40_003)
        gap = self.first(x) - self.second(x)
        return [256 * 4 ** x[place] for place in np.flatnonzero(gap[:-1] * gap[1:] < 0)]

    def experiments(self, num_seeds: int, num_images: int = 0, number: int = EXPERIMENTS) -> Iterator[np.ndarray]:
        """Yield (2 models, seeds, images, rungs); one image whose answer is the accuracy if `num_images` is 0."""
        draws = np.random.default_rng(num_seeds)
        x = np.arange(self.num_rungs)
        means = np.array([shape(x) * np.ones(self.num_rungs) for shape in (self.first, self.second)])[:, None]
        for _ in range(number):
            noise = draws.normal(0, SPREADS[0], (1, num_seeds, 1)) + draws.normal(0, SPREADS[1], (2, num_seeds, 1))
            accuracy = means + noise + draws.normal(0, SPREADS[2], (2, num_seeds, self.num_rungs))
            yield _answers(accuracy, num_images, draws) if num_images else accuracy[:, :, None]


def _answers(accuracy: np.ndarray, num_images: int, draws: np.random.Generator) -> np.ndarray:
    """Return answers to images, half of whose difficulty both models share, and all rungs."""
    hard = draws.normal(0, math.sqrt(0.5), (1, 1, num_images, 1)) + draws.normal(
        0, math.sqrt(0.5), (len(accuracy), 1, num_images, 1)
    )
    middle = special.ndtri(np.clip(accuracy, 0.002, 0.998))[:, :, None] * math.sqrt(2)
    rest = draws.normal(0, 1, (*accuracy.shape[:2], num_images, accuracy.shape[2]))
    return (rest + hard < middle).astype(float)


PLANTED = (
    Planted("laws, five rungs", 5, law(0.05, 0.5, 0.3), law(0.2, 0.2, 0.3), "right"),
    Planted("laws, six rungs", 6, law(0.05, 0.5, 0.2), law(0.2, 0.25, 0.5), "right"),
    Planted("lines, three rungs", 3, line(0.5, 0.1), line(0.62, 0.02), "close"),
    Planted("lines, five rungs", 5, line(0.45, 0.1), line(0.62, 0.02), "close"),
    Planted("sigmoid, four rungs", 4, sigmoid(0.3, 0.85, 1.6, 2.5), line(0.5, 0.02), "wrong"),
    Planted("sigmoid, five rungs", 5, sigmoid(0.3, 0.85, 2.3, 2.5), line(0.5, 0.02), "wrong"),
    Planted("late sigmoid, five rungs", 5, sigmoid(0.3, 0.85, 3.2, 2.0), line(0.5, 0.02), "wrong"),
    Planted("sigmoid, six rungs", 6, sigmoid(0.3, 0.8, 2.6, 1.5), line(0.45, 0.02), "wrong"),
    Planted("slight sigmoid, five rungs", 5, sigmoid(0.3, 0.8, 1.2, 0.9), line(0.5, 0.03), "close"),
    Planted("step, five rungs", 5, step(0.4, 0.8, 2.9), line(0.6, 0.0), "wrong"),
    Planted("double descent, five rungs", 5, descent(0.5, 0.08, 2, 0.15), line(0.6, 0.02), "wrong"),
    Planted("double descent, three crossings", 5, descent(0.5, 0.1, 2, 0.3, 3), line(0.56, -0.03), "wrong"),
)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_intervals_hold_planted_crossings_of_any_shape(planted: Planted) -> None:
    """True laws are kept; laws that are wrong are not used."""
    for num_seeds, num_images, number in ((3, 0, 100), (6, 0, 100), (3, 200, 40), (6, 200, 40)):
        if num_images and len(planted.crossings) > 1:
            continue  # so few images cannot tell several crossings apart
        found = [
            crossing(*fitted_curves(planted.sizes, [vit], [cnn]))
            for vit, cnn in planted.experiments(num_seeds, num_images, number)
        ]
        held = [all(_may_cross_at(one, size) for size in planted.crossings) for one in found]
        assert np.mean(held) >= (0.88 if num_images else 0.93)
        by_law = np.mean([one.by_law for one in found])
        assert planted.laws_are != "right" or by_law >= 0.88
        assert planted.laws_are != "wrong" or by_law <= (0.2 if num_images else 0.03)


def _may_cross_at(found: Crossing, size: float) -> bool:
    """Whether the interval of a crossing holds a size; without crossings, whether the bound does."""
    ranges = found.passages or (found,)
    return any((one.low or 0) * (1 - 1e-5) <= size <= (one.high or math.inf) * (1 + 1e-5) for one in ranges)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_verdicts_on_where_curves_cross_are_seldom_wrong(planted: Planted) -> None:
    """Whether they cross within a factor of two of a size: the true one, and one that is a factor of three away."""
    if len(planted.crossings) > 1:
        pytest.skip("a claim is about one crossing")
    (truth,) = planted.crossings
    wrong = []
    for num_seeds in (3, 6):
        for vit, cnn in planted.experiments(num_seeds, number=60):
            rows = {"t": [*_rows(vit), *_rows(cnn)]}
            found = CrossingSize("", planted.sizes, rows, Limits(0.0, math.inf)).interval(LEVEL)
            wrong.append(is_beyond(found, Limits(truth / 2, truth * 2)))
            wrong += [is_within(found, Limits(size / 2, size * 2)) for size in (truth / 3, truth * 3)]
    assert np.mean(wrong) <= 0.02


def _rows(answers: np.ndarray) -> list[CompleteRow]:
    """The rows of (seeds, images, rungs)."""
    row_id = RowId("model", "fractals", 1000, Transfer("fine-tune"))
    return [CompleteRow(row_id, with_correctness(rung), (), ()) for rung in np.moveaxis(answers, 2, 0)]


def _word(quantities: list[Quantity]) -> str:
    (word,) = set(words(quantities, [quantity.interval(LEVEL) for quantity in quantities], LEVEL))
    return word


@pytest.mark.parametrize(("scale", "is_parallel"), [("points", True), ("log odds", True), ("both", False)])
def test_curves_that_are_parallel_on_either_scale_seldom_get_a_verdict(scale: str, is_parallel: bool) -> None:
    """A lead that shrinks in points alone, or in log odds alone, is no trend; one that shrinks in both is found."""
    x = np.arange(4)
    cnn = special.expit(-0.5 + 0.8 * x)
    lead = {"points": cnn + 0.08, "log odds": special.expit(special.logit(cnn) + 0.4), "both": cnn + 0.16 - 0.05 * x}
    sizes = [256 * 4**rung for rung in x]
    found = []
    draws = np.random.default_rng(6)
    for _ in range(EXPERIMENTS):
        noise = draws.normal(0, 0.006, (2, 6, 4)) + draws.normal(0, 0.01, (1, 6, 1))
        rows = {"t": [*_rows((lead[scale] + noise[0])[:, None]), *_rows((cnn + noise[1])[:, None])]}
        weights = (*slope_weights(sizes), *-slope_weights(sizes))
        both: list[Quantity] = [
            kind("slope", rows, weights, Limits(0.0, math.inf)) for kind in (Difference, LogOddsDifference)
        ]
        found.append(_word(both))
    share = {word: found.count(word) / len(found) for word in ("supported", "refuted")}
    if is_parallel:
        assert sum(share.values()) <= 0.05
    else:
        assert share["refuted"] >= 0.9


BUDGETS = {
    "both fall": (0.03, [0.67, 0.65, 0.62]),
    "both fall a little": (0.01, [0.67, 0.66, 0.655]),
    "both rise, then fall": (0.02, [0.60, 0.66, 0.62]),
    "both saturate": (0.02, [0.60, 0.65, 0.65]),
    "both rise": (0.02, [0.60, 0.64, 0.68]),
    "equal, and fall": (0.0, [0.70, 0.67, 0.64]),
    "equal, and flat": (0.0, [0.65, 0.65, 0.65]),
    "equal, and saturate": (0.0, [0.60, 0.65, 0.65]),
}


@pytest.mark.parametrize("num_seeds", [2, 3, 6])
@pytest.mark.parametrize("name", BUDGETS)
def test_a_better_model_never_needs_more_compute(name: str, num_seeds: int) -> None:
    """Whether accuracies rise or fall with compute; equal models seldom get a verdict."""
    lead, means = BUDGETS[name]
    draws, flops = np.random.default_rng(num_seeds), (2.5e11, 1e12, 4e12)
    found = []
    for _ in range(EXPERIMENTS):
        noise = draws.normal(0, 0.005, (1, num_seeds, 1)) + draws.normal(0, 0.006, (2, num_seeds, 1))
        accuracy = np.array(means) + noise + draws.normal(0, 0.006, (2, num_seeds, 3))
        vit, cnn = Spending(flops, [accuracy[0][:, None] + lead]), Spending(flops, [accuracy[1][:, None]])
        ratio = equal_accuracy_ratio(vit, cnn)
        found.append("less" if ratio.high < 1 else "more" if ratio.low > 1 else "open")
    if lead:
        assert found.count("more") <= 0.005 * EXPERIMENTS
        assert num_seeds < 6 or lead < 0.02 or found.count("less") >= 0.9 * EXPERIMENTS
    else:
        assert found.count("more") + found.count("less") <= 0.08 * EXPERIMENTS
