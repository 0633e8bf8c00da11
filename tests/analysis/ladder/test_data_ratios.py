"""A planted ratio of pretraining images is found, and what has no ratio is refused in words or bounded."""

import numpy as np
import pytest

from bench.analysis.ladder.data_ratios import DataRatio, data_ratio
from bench.analysis.ladder.rungs import LadderModel
from bench.analysis.stats.intervals import Interval
from tests.analysis.ladder.random_ladders import random_ladder

RUNGS = np.arange(5)


def shifted(ratio: float, exponent: float = 0.3) -> np.ndarray:
    """The accuracies of a model that needs `ratio` times as many images as a law, at rungs of factor four."""
    return 0.95 - 0.5 * 4.0 ** (-exponent * (RUNGS - np.log(ratio) / np.log(4)))


def model(name: str, accuracy: np.ndarray, *, num_seeds: int = 6, spread: float = 1e-4) -> LadderModel:
    noise = np.random.default_rng(len(name)).normal(0, spread, (num_seeds, 1, len(accuracy)))
    return LadderModel(name, name, (accuracy + noise,), ("",))


def found_between(first: np.ndarray, second: np.ndarray, **how: float) -> DataRatio:
    sizes = [256 * 4**rung for rung in range(len(first))]
    return data_ratio(sizes, model("vit", first, **how), model("resnet", second, **how))


def known(found: DataRatio) -> Interval:
    assert found.ratio is not None
    assert found.reason == ""
    return found.ratio


@pytest.mark.parametrize("ratio", [1.0, 2.0, 7.4, 16.0])
def test_a_planted_ratio_is_found(ratio: float) -> None:
    """And its reciprocal if the models change places; the interval holds it though lines cut the law's bend."""
    one = known(found_between(shifted(ratio), shifted(1.0)))
    other = known(found_between(shifted(1.0), shifted(ratio)))
    assert one.mean == pytest.approx(ratio, rel=0.02)
    assert other.mean == pytest.approx(1 / ratio, rel=0.02)
    assert one.low < ratio < one.high
    assert other.low < 1 / ratio < other.high
    assert one.n == 6


def test_the_interval_is_widened_by_what_the_bend_could_hide() -> None:
    """On curves that bend so much that lines alone put the ratio at 2.1."""
    found = known(found_between(shifted(2.0, 1.2), shifted(1.0, 1.2)))
    assert found.mean > 2.05
    assert found.low < 2.0 < found.high


def test_beyond_reach_there_is_a_bound_and_no_estimate() -> None:
    """Shifted curves must overlap by a step and a quarter: five rungs of factor four show 64 times at most."""
    for first, second, ends in (
        (shifted(1.0) - 0.4, shifted(1.0) + 0.04, (64, np.inf)),
        (shifted(1.0) + 0.04, shifted(1.0) - 0.4, (0, 1 / 64)),
        (shifted(7.4)[:3], shifted(1.0)[:3], (4, np.inf)),
    ):
        found = found_between(first, second)
        ratio = known(found)
        assert np.isnan(ratio.mean)
        assert (ratio.low, ratio.high) == pytest.approx(ends)
        assert found.reach == pytest.approx(64 if len(first) == 5 else 4)


@pytest.mark.parametrize(
    ("first", "second", "how", "reason"),
    [
        (shifted(2.0)[:2], shifted(1.0)[:2], {}, "2 rungs; a ratio of images needs 3"),
        (
            np.full(5, 0.6),
            shifted(1.0),
            {},
            "the accuracy of vit does not clearly rise from 256 to 65,536 images (",
        ),
        (shifted(1.0), shifted(1.0), {"spread": 0.5}, "the accuracy of vit does not clearly rise"),
        (
            shifted(2.0),
            np.array([0.4, 0.6, 0.5, 0.7, 0.8]),
            {},
            "the accuracy of resnet falls from 1,024 to 4,096 images, by 10.0 points",
        ),
        (shifted(2.0), shifted(1.0), {"num_seeds": 1}, "one seed shows no spread"),
    ],
)
def test_there_is_no_ratio_without_curves_that_rise(
    first: np.ndarray, second: np.ndarray, how: dict[str, float], reason: str
) -> None:
    found = found_between(first, second, **how)
    assert found.ratio is None
    assert found.reason.startswith(reason)


def test_a_fall_within_noise_is_no_reason() -> None:
    """The level is corrected over the ten pairs of rungs."""
    assert known(found_between(shifted(2.0) - 0.005 * (RUNGS == 4), shifted(1.0), spread=0.01)).high > 2


def test_models_that_change_places_have_the_reciprocal() -> None:
    """On ladders of every shape: the same refusals, the interval holds the estimate, and nothing else is raised."""
    told = 0
    for seed in range(60):
        ladder = random_ladder(seed)
        for first, second in ladder.rivals:
            one, other = (data_ratio(ladder.sizes, *pair) for pair in ((first, second), (second, first)))
            assert (one.ratio is None) == (other.ratio is None) == bool(one.reason)
            if one.ratio is None or other.ratio is None:
                continue
            told += 1
            ends = [1 / end if end else np.inf for end in (other.ratio.mean, other.ratio.high, other.ratio.low)]
            assert [one.ratio.mean, one.ratio.low, one.ratio.high] == pytest.approx(ends, rel=1e-4, nan_ok=True)
            assert np.isnan(one.ratio.mean) or one.ratio.low < one.ratio.mean < one.ratio.high
    assert told > 3


def test_models_that_do_not_pair_have_no_ratio() -> None:
    lacking = LadderModel("vit", "vit", problem="at 256 images seed 1 diverged")
    assert data_ratio([1, 2, 4], lacking, model("resnet", shifted(1.0)[:3])).reason == f"vit: {lacking.problem}"
