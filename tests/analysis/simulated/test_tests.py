"""Tests reject as often as they say where there is nothing to find, and the bootstrap covers from where it is used."""

import numpy as np

from bench.analysis.stats.crossed import crossed_mean
from bench.analysis.stats.equivalence import equivalence_test
from bench.analysis.stats.multiple import holm
from bench.analysis.stats.permutation import sign_flip_test
from bench.analysis.stats.resampled import BOOTSTRAP_FROM, bootstrap, jackknife
from tests.analysis.simulated.experiments import NUM_EXPERIMENTS

MOST_WRONG = 0.066


def test_sign_flips_where_nothing_differs() -> None:
    """At the fewest pairs that can reject, and with skewed differences whose signs are fair."""
    generator = np.random.default_rng(0)
    for num_seeds in (6, 10):
        signs = generator.choice([-1, 1], (NUM_EXPERIMENTS, num_seeds))
        differences = signs * generator.exponential(size=signs.shape)
        p_values = [sign_flip_test(dict(enumerate(one)), generator).p_value for one in differences.tolist()]
        assert 0.02 < np.mean([p is not None and p <= 0.05 for p in p_values]) <= MOST_WRONG


def test_holm_over_a_family() -> None:
    """Any error among twelve true comparisons that share their seeds, as those with one reference do."""
    generator = np.random.default_rng(1)
    wrong = 0
    for _ in range(NUM_EXPERIMENTS):
        values = generator.normal(size=(12, 12)) + generator.normal(size=12)
        p_values = [sign_flip_test(dict(enumerate(row)), generator).p_value for row in values.tolist()]
        wrong += any(p is not None and p <= 0.05 for p in holm(p_values))
    assert wrong / NUM_EXPERIMENTS <= MOST_WRONG


def test_equivalence_where_the_difference_is_the_margin() -> None:
    """Called equal at most as often as alpha, and often where there is no difference."""
    generator = np.random.default_rng(2)
    for num_seeds in (3, 5, 10):
        called = []
        for _ in range(NUM_EXPERIMENTS):
            seeds, images = generator.normal(0, 0.02, (num_seeds, 1)), generator.normal(0, 0.2, (1, 200))
            values = seeds + images + generator.normal(0, 0.3, (num_seeds, 200))
            called.append([equivalence_test(crossed_mean([values + mean]), 0.1).is_equivalent for mean in (0.1, 0.0)])
        at_margin, at_zero = np.mean(called, axis=0)
        assert at_margin <= MOST_WRONG
        assert at_zero > 0.8


def test_the_bootstrap_from_where_it_is_used() -> None:
    """And why not below: at ten seeds it covers too seldom, where the jackknife does not."""
    assert _coverage_of_bootstrap(10, num_experiments=200) < 0.92
    assert 0.93 <= _coverage_of_bootstrap(BOOTSTRAP_FROM, NUM_EXPERIMENTS) <= 0.975


def test_the_jackknife_over_seeds() -> None:
    """Of a curved statistic, the log of a mean."""
    generator = np.random.default_rng(4)
    for num_seeds, (low, high) in {3: (0.91, 0.985), 5: (0.93, 0.975), 10: (0.93, 0.975), 20: (0.93, 0.975)}.items():
        samples = generator.normal(0.7, 0.07, (NUM_EXPERIMENTS, num_seeds))
        found = [_log_of_mean(sample) for sample in samples]
        assert low <= np.mean([interval[0] <= np.log(0.7) <= interval[1] for interval in found]) <= high


def _log_of_mean(sample: np.ndarray) -> tuple[float, float]:
    interval = jackknife(lambda seeds: float(np.log(sample[seeds].mean())), len(sample)).interval()
    return interval.low, interval.high


def _coverage_of_bootstrap(num_seeds: int, num_experiments: int) -> float:
    generator = np.random.default_rng(3)
    held = 0
    for sample in generator.normal(size=(num_experiments, num_seeds)):
        interval = bootstrap(
            lambda seeds, values=sample: values[seeds].sum() / len(seeds), num_seeds, generator, draws=800
        )
        held += interval.low <= 0 <= interval.high
    return held / num_experiments
