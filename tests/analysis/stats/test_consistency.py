"""Error consistency is Cohen's kappa as scikit-learn and statsmodels have it, with intervals over seeds and images."""

import itertools

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa

from bench.analysis.correctness import Correctness
from bench.analysis.stats.consistency import error_consistency, self_consistency
from bench.analysis.stats.statistics_errors import (
    ConstantError,
    CorrectnessError,
    DifferentImagesError,
    FewErrorsError,
    SingleSeedError,
    UnpairedError,
)


def _answers(correct: np.ndarray, images: str = "a") -> Correctness:
    return Correctness(tuple(range(len(correct))), correct.astype(float), images)


@pytest.fixture
def two(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two models, (seeds, images), which find the same images hard."""
    difficulty = rng.normal(size=600)
    first = difficulty + rng.normal(size=(4, 600)) > -0.6
    second = difficulty + rng.normal(size=(4, 600)) > 0.1
    return first, second


def test_kappa_is_scikit_learns_of_each_seed(two: tuple[np.ndarray, np.ndarray]) -> None:
    """Averaged over seeds, with the agreement that was observed and expected."""
    first, second = two
    found = error_consistency(_answers(first), _answers(second))
    kappas = [cohen_kappa_score(one, other) for one, other in zip(first, second, strict=True)]
    assert (found.kappa.mean, found.kappa.num_seeds) == (pytest.approx(np.mean(kappas)), 4)
    p, q = first.mean(axis=1), second.mean(axis=1)
    assert found.observed == pytest.approx((first == second).mean())
    assert found.expected == pytest.approx(np.mean(p * q + (1 - p) * (1 - q)))


def test_images_count_as_in_statsmodels(two: tuple[np.ndarray, np.ndarray]) -> None:
    """Seeds that are all the same leave the images alone, and their standard error is that of one kappa."""
    first, second = (np.repeat(one[:1], 5, axis=0) for one in two)
    table = [[((first[0] == one) & (second[0] == other)).sum() for other in (0, 1)] for one in (0, 1)]
    expected = cohens_kappa(np.array(table))
    found = error_consistency(_answers(first), _answers(second)).kappa
    assert found.mean == pytest.approx(expected.kappa)
    assert found.standard_error == pytest.approx(expected.std_kappa, rel=2e-3)


def test_seeds_count_as_in_scipy(two: tuple[np.ndarray, np.ndarray], rng: np.random.Generator) -> None:
    """Where each seed finds other images hard, images add nothing, and the interval is Student's over the seeds."""
    first, second = (np.stack([rng.permuted(seed) for seed in one]) for one in two)
    for seed, order in enumerate(np.argsort(rng.random((4, 600)), axis=1)):
        share = 100 * seed
        second[seed, order[:share]] = first[seed, order[:share]]
    found = error_consistency(_answers(first), _answers(second)).kappa
    kappas = [cohen_kappa_score(one, other) for one, other in zip(first, second, strict=True)]
    assert found.seeds_variance == pytest.approx(stats.sem(kappas) ** 2)
    assert found.images_variance < 0.1 * found.seeds_variance


def test_extremes() -> None:
    """Independent errors have about 0, complementary halves about -1; the same errors have 1, and no spread."""
    half = np.tile([1, 1, 0, 0], (3, 11))
    half[:, 0] = [0, 1, 1]  # or no seed would differ from any other
    other = np.tile([1, 0, 1, 0], (3, 11))
    assert abs(error_consistency(_answers(half), _answers(other)).kappa.mean) < 0.1
    opposite = 1 - half
    opposite[:, 1] = [0, 1, 1]
    assert error_consistency(_answers(half), _answers(opposite)).kappa.mean == pytest.approx(-0.95, abs=0.05)
    with pytest.raises(ConstantError, match="value is 1"):
        error_consistency(_answers(half), _answers(half))


def test_self_consistency_is_over_all_pairs_of_seeds(two: tuple[np.ndarray, np.ndarray]) -> None:
    """The mean kappa of pairs of seeds, with the jackknife's interval over seeds."""
    first, _ = two
    found = self_consistency(_answers(first))
    kappas = {pair: cohen_kappa_score(first[pair[0]], first[pair[1]]) for pair in itertools.combinations(range(4), 2)}
    assert found.kappa.mean == pytest.approx(np.mean(list(kappas.values())))
    without = [np.mean([kappa for pair, kappa in kappas.items() if seed not in pair]) for seed in range(4)]
    jackknife = (4 - 1) / 4 * np.sum((without - np.mean(without)) ** 2)
    assert found.kappa.seeds_variance == pytest.approx(jackknife)
    assert found.kappa.num_seeds == 4


def test_wrong_input_is_named(two: tuple[np.ndarray, np.ndarray]) -> None:
    """One seed, other seeds, other images, averaged draws, and a seed without errors on either side."""
    first, second = two
    one, other = _answers(first), _answers(second)
    with pytest.raises(SingleSeedError):
        error_consistency(_answers(first[:1]), _answers(second[:1]))
    with pytest.raises(SingleSeedError, match="from three on"):
        self_consistency(_answers(first[:2]))
    with pytest.raises(UnpairedError):
        error_consistency(one, _answers(second[:3]))
    with pytest.raises(DifferentImagesError):
        error_consistency(one, _answers(second, "b"))
    with pytest.raises(CorrectnessError, match="averaged over draws"):
        error_consistency(one, _answers((first + second) / 2))
    perfect = first.copy()
    perfect[2] = True
    with pytest.raises(ConstantError, match="every image right"):
        error_consistency(_answers(perfect), _answers(perfect))
    assert error_consistency(_answers(perfect), other).kappa.num_seeds == 4


@pytest.mark.parametrize(("are_right", "refused"), [(False, "18.5 right answers"), (True, "18.5 errors")])
def test_few_errors_and_few_right_answers_are_refused(
    are_right: bool, refused: str, two: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> None:
    """In the mean seed: of either model, and of one with itself; 20 are enough."""
    order = rng.random((4, 600)).argsort(axis=1).argsort(axis=1)
    few, enough = ((order + np.arange(4)[:, None] - 1.5 < number) != are_right for number in (18, 20))
    other = _answers(two[0])
    for first, second in ((_answers(few), other), (other, _answers(few))):
        with pytest.raises(FewErrorsError, match=f"{refused} in 600 test images.*needs 20"):
            error_consistency(first, second)
    with pytest.raises(FewErrorsError, match=refused):
        self_consistency(_answers(few))
    assert error_consistency(_answers(enough), other).kappa.num_seeds == 4
    assert self_consistency(_answers(enough)).kappa.num_seeds == 4
