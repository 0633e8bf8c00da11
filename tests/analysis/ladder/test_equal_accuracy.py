"""Compute for equal accuracy: a planted ratio is found, its interval holds it, and nothing is extrapolated."""

import numpy as np
import pytest

from bench.analysis.ladder.equal_accuracy import Spending, equal_accuracy_ratio, gap
from bench.analysis.stats.statistics_errors import NotPositiveError, ShapeError, SingleSeedError, TooFewRungsError

FACTORS = np.array([0.25, 1.0, 4.0])


def spending(
    rng: np.random.Generator,
    cost: float,
    ratio: float,
    *,
    spread: float = 0.004,
    num_seeds: int = 6,
    shift: float = 0.0,
) -> Spending:
    """A model that takes `ratio` times the compute for what another reaches: accuracy rises with log FLOPs."""
    flops = 1e12 * cost * FACTORS
    truth = 0.6 + 0.05 * np.log10(flops / 1e12 / ratio) + shift
    values = truth + rng.normal(0, spread, (num_seeds, 1, 1)) + rng.normal(0, spread, (num_seeds, 1, 3))
    return Spending(tuple(flops), [values])


@pytest.mark.parametrize("ratio", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("cost", [0.5, 1.0])
def test_a_planted_ratio_is_found(ratio: float, cost: float) -> None:
    """Also where the first model costs less at the same number of images."""
    rng = np.random.default_rng(1)
    second = spending(rng, 1.0, 1.0, spread=1e-4)
    found = equal_accuracy_ratio(spending(rng, cost, ratio, spread=1e-4), second, level=0.999)
    assert found.mean == pytest.approx(ratio, rel=0.05)
    assert found.low < ratio < found.high
    assert found.n == 6


@pytest.mark.slow
def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    found = [equal_accuracy_ratio(spending(rng, 0.6, 0.5), spending(rng, 1.0, 1.0)) for _ in range(100)]
    held = np.mean([one.low < 0.5 < one.high for one in found])
    assert 0.91 <= held <= 0.995


def test_beyond_reach_there_is_a_bound_and_no_estimate() -> None:
    """The first never comes up to the second, or is always ahead: its ratio lies beyond all that was looked at."""
    rng = np.random.default_rng(3)
    second = spending(rng, 1.0, 1.0)
    behind = equal_accuracy_ratio(spending(rng, 1.0, 1.0, shift=-0.3), second)
    assert np.isnan(behind.mean)
    assert 4 < behind.low < 16
    assert np.isinf(behind.high)
    ahead = equal_accuracy_ratio(spending(rng, 1.0, 1.0, shift=0.3), second)
    assert (ahead.low, np.isnan(ahead.mean)) == (0.0, True)
    assert 1 / 16 < ahead.high < 1 / 4


def test_an_open_end_is_open() -> None:
    """Where noise drowns the curves, no ratio within reach can be excluded."""
    rng = np.random.default_rng(4)
    found = equal_accuracy_ratio(
        spending(rng, 1, 1, spread=0.2, num_seeds=3), spending(rng, 1, 1, spread=0.2, num_seeds=3)
    )
    assert (found.low, found.high) == (0.0, np.inf)


def test_the_gap_is_of_accuracies_at_so_many_times_the_flops() -> None:
    rng = np.random.default_rng(5)
    first, second = spending(rng, 1.0, 2.0, spread=1e-4), spending(rng, 1.0, 1.0, spread=1e-4)
    assert gap(first, second, 1.0).mean == pytest.approx(-0.05 * np.log10(2), abs=1e-3)
    assert gap(first, second, 2.0).mean == pytest.approx(0, abs=1e-3)


def test_answers_to_images_count_beside_seeds() -> None:
    """Targets with as many images as they have."""
    rng = np.random.default_rng(6)
    hard = [rng.random((1, number, 1)) for number in (200, 300)]

    def answered(shift: float) -> Spending:
        rise = np.array([0.4, 0.5, 0.6]) + shift
        parts = [(part + rng.normal(0, 0.05, (4, part.shape[1], 3)) < rise).astype(float) for part in hard]
        return Spending(tuple(1e12 * FACTORS), parts)

    found = equal_accuracy_ratio(answered(0.08), answered(0.0))
    assert found.high < 1


def test_the_best_so_far_is_chosen_by_the_other_seeds() -> None:
    """Accuracies that fall with compute keep their best; a seed that is lucky at one budget does not choose it."""
    falling = np.array([[0.7, 0.6, 0.5], [0.71, 0.61, 0.51], [0.69, 0.59, 0.9]])[:, None]
    (found,) = Spending((1.0, 2.0, 4.0), [falling]).frontier
    assert found[2].tolist() == [[0.69] * 3]
    assert found[0].tolist() == [[0.7, 0.7, 0.5]]
    rising = np.sort(falling, axis=2)
    assert (Spending((1.0, 2.0, 4.0), [rising]).frontier[0] == rising).all()


@pytest.mark.parametrize("lead", [0.03, -0.03])
def test_the_better_model_never_needs_more_where_accuracy_falls(lead: float) -> None:
    """It is ahead at every budget, so its compute for equal accuracy is less, and not more."""
    flops = tuple(1e12 * FACTORS)
    rng = np.random.default_rng(8)
    first, second = np.array([0.67, 0.65, 0.62]) + rng.normal(0, 0.003, (2, 6, 1, 3))
    found = equal_accuracy_ratio(Spending(flops, [first + lead]), Spending(flops, [second]))
    assert found.high < 1 if lead > 0 else found.low > 1


def test_what_is_no_curve_is_refused_by_name() -> None:
    values = [np.zeros((3, 1, 2))]
    with pytest.raises(TooFewRungsError):
        Spending((1e12,), [np.zeros((3, 1, 1))])
    with pytest.raises(NotPositiveError):
        Spending((0.0, 1e12), values)
    with pytest.raises(ShapeError):
        Spending((2e12, 1e12), values)
    with pytest.raises(ShapeError):
        equal_accuracy_ratio(Spending((1.0, 2.0), values), Spending((1.0, 2.0), [np.zeros((4, 1, 2))]))
    with pytest.raises(ShapeError, match="the two curves do not overlap"):
        gap(Spending((1.0, 2.0), values), Spending((1.0, 2.0), values), 100.0)
    with pytest.raises(SingleSeedError):
        equal_accuracy_ratio(Spending((1.0, 2.0), [np.ones((1, 1, 2))]), Spending((1.0, 2.0), [np.zeros((1, 1, 2))]))
