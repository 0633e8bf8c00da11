"""What is said of models and pairs on a ladder is what the statistics say, and what they refuse is a reason."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bench.analysis.correctness import Correctness
from bench.analysis.ladder.across_targets import across_targets, is_more_than_noise
from bench.analysis.ladder.crossings import crossing, fitted_curves
from bench.analysis.ladder.error_consistency import NO_CORRECTNESS, pair_consistencies
from bench.analysis.ladder.growth import growth, pair_growths
from bench.analysis.ladder.rungs import LadderModel, LadderResults
from bench.analysis.stats.aggregate import interquartile_mean, probability_of_improvement
from bench.analysis.stats.clusters import of_clusters
from bench.analysis.stats.consistency import error_consistency, self_consistency
from bench.analysis.stats.ranks import rank
from bench.analysis.stats.scaling import LawCurve
from bench.analysis.stats.trends import difference_slope, slope
from bench.analysis.stats.verdicts import verdict_interval
from tests.analysis.conftest import with_correctness

SIZES = (256, 1024, 4096, 16384, 65536)
RISES = {"resnet": ("cnn", 0.6, 0.02), "vit": ("vit", 0.4, 0.08), "r+vit": ("hybrid", 0.55, 0.05)}
"""Model -> family, accuracy at the smallest rung, and what the next one adds, the others half as much each."""

MakeLadder = Callable[..., LadderResults]


@pytest.fixture
def make_ladder(rng: np.random.Generator) -> MakeLadder:
    """Three models that learn more from more images."""

    def make(
        num_rungs: int = 3, num_seeds: int = 4, num_targets: int = 1, num_images: int = 60, answers: bool = True
    ) -> LadderResults:
        models = []
        hard = rng.random((num_targets, 1, num_images, 1))
        for name, (family, start, step) in RISES.items():
            accuracy = (
                start + 2 * step * (1 - 0.5 ** np.arange(num_rungs)) + rng.normal(0, 0.01, (num_seeds, 1, num_rungs))
            )
            noise = rng.random((num_targets, num_seeds, num_images, num_rungs))
            right = ((hard + noise) / 2 < accuracy).astype(float)
            parts = tuple(right if answers else right.mean(axis=2, keepdims=True))
            images = tuple(f"images-{number}" if answers else "" for number in range(num_targets))
            rows = {
                f"target-{number}": tuple(
                    with_correctness(part[:, :, rung], images[number]) for rung in range(num_rungs)
                )
                for number, part in enumerate(parts if answers else ())
            }
            models.append(LadderModel(name, family, parts, images, "", rows))
        targets = tuple(f"target-{number}" for number in range(num_targets))
        setting = (32, "fine-tune", None, "images")
        sizes, seeds = SIZES[:num_rungs], tuple(range(num_seeds))
        return LadderResults("fractals", 32, targets, *setting, sizes, seeds, tuple(models))

    return make


def _broken(ladder: LadderResults, name: str) -> LadderResults:
    """With one model lacking a seed."""
    models = [
        replace(model, parts=(), images=(), problem="at 256 images seed 1 diverged") if model.model == name else model
        for model in ladder.models
    ]
    return replace(ladder, models=tuple(models))


def test_growth_is_each_models(make_ladder: MakeLadder) -> None:
    """Its accuracy at each rung with an interval within 0 to 1, and its slope; below five rungs lines, and why."""
    ladder = make_ladder()
    for model, found in zip(ladder.models, growth(ladder), strict=True):
        (part,) = model.parts
        assert (found.model, found.family, found.reason) == (model.model, model.family, "")
        assert [rung.size for rung in found.rungs] == list(SIZES[:3])
        assert [rung.mean for rung in found.rungs] == pytest.approx(part.mean(axis=(0, 1)))
        assert np.array([rung.of_seeds for rung in found.rungs]) == pytest.approx(part.mean(axis=1).T)
        for rung in found.rungs:
            assert rung.interval is not None
            assert 0 < rung.interval.low < rung.mean < rung.interval.high < 1
        assert found.slope == verdict_interval(slope(SIZES[:3], [part]))
        assert not isinstance(found.curve, LawCurve)
        assert (found.parameters, found.no_law) == (None, "3 rungs; a power law needs 5")


def test_accuracies_over_seeds_alone_stay_within_0_and_1(make_ladder: MakeLadder) -> None:
    ladder = make_ladder()
    near_one = np.array([[0.97, 0.97, 0.97], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]])[:, None]
    alone = replace(ladder.models[0], parts=(near_one,), images=("",))
    (found,) = growth(replace(ladder, seeds=(0, 1, 2), models=(alone,)))
    for rung in found.rungs:
        assert rung.interval is not None
        assert 0 < rung.interval.low < rung.mean < rung.interval.high < 1


def test_laws_are_fitted_from_five_rungs_on(make_ladder: MakeLadder) -> None:
    """With their parameters."""
    for found in growth(make_ladder(5, num_images=2000)):
        assert isinstance(found.curve, LawCurve)
        assert found.no_law == ""
        assert found.parameters is not None
        assert found.parameters.exponent.low < found.curve.law.exponent < found.parameters.exponent.high


def test_duels_are_between_families(make_ladder: MakeLadder) -> None:
    """The ViT before the hybrid before the CNN, with the crossing and the slope of their difference."""
    ladder = make_ladder()
    resnet, vit, hybrid = ladder.models
    found = pair_growths(ladder)
    assert [(duel.first.model, duel.second.model) for duel in found] == [
        ("vit", "r+vit"),
        ("vit", "resnet"),
        ("r+vit", "resnet"),
    ]
    for duel, first, second in zip(found, (vit, vit, hybrid), (hybrid, resnet, resnet), strict=True):
        assert duel.crossing == crossing(*fitted_curves(SIZES[:3], first.parts, second.parts))
        assert duel.slope == verdict_interval(difference_slope(SIZES[:3], first.parts, second.parts))
        assert duel.beyond is None
        apart = (first.parts[0] - second.parts[0]).mean(axis=(0, 1))
        assert [rung.mean for rung in duel.rungs] == pytest.approx(apart)


def test_what_can_not_be_told_has_a_reason(make_ladder: MakeLadder) -> None:
    """A seed that is missing undecides the model and its pairs; one seed shows means and no interval."""
    broken = _broken(make_ladder(), "vit")
    assert [one.reason for one in growth(broken)] == ["", "at 256 images seed 1 diverged", ""]
    reasons = [duel.reason for duel in pair_growths(broken)]
    assert reasons == ["vit: at 256 images seed 1 diverged"] * 2 + [""]
    single = make_ladder(num_seeds=1)
    for found in growth(single):
        assert len(found.rungs) == 3
        assert {rung.interval for rung in found.rungs} == {None}
        assert (found.slope, found.reason) == (None, "one seed shows no spread; an interval needs two")
    assert {duel.crossing for duel in pair_growths(single)} == {None}
    assert {duel.reason for duel in pair_growths(single)} == {"one seed shows no spread; an interval needs two"}
    assert pair_growths(make_ladder(num_rungs=1)) == ()
    assert {one.curve for one in growth(make_ladder(num_rungs=1))} == {None}


def test_targets_are_put_together(make_ladder: MakeLadder) -> None:
    """Interquartile means and probabilities of improvement at each rung, and ranks at the largest."""
    ladder = make_ladder(num_rungs=2, num_targets=4)
    resnet, vit, _ = ladder.models
    found = across_targets(ladder)
    assert found.num_targets == 4
    for model, overall in zip(ladder.models, found.models, strict=True):
        expected = [interquartile_mean([part[:, :, rung] for part in model.parts]).interval() for rung in (0, 1)]
        assert [rung.interval for rung in overall.rungs] == expected
    improvement = found.improvements[1]
    assert (improvement.first, improvement.second) == (vit, resnet)
    one, other = (np.stack([part.mean(axis=1) for part in model.parts], axis=1)[:, :, 1] for model in (vit, resnet))
    assert improvement.rungs[1].interval == probability_of_improvement(one, other)
    accuracy = [np.mean([part[:, :, 1].mean(axis=1) for part in model.parts], axis=0) for model in ladder.models]
    assert found.ranking == rank([model.model for model in ladder.models], np.array(accuracy).T)


def test_what_can_not_be_put_together_has_a_reason(make_ladder: MakeLadder) -> None:
    """A seed that is missing, one seed, two models."""
    broken = across_targets(_broken(make_ladder(), "resnet"))
    assert [overall.reason for overall in broken.models] == ["at 256 images seed 1 diverged", "", ""]
    assert [one.reason for one in broken.improvements] == ["", *["resnet: at 256 images seed 1 diverged"] * 2]
    assert (broken.ranking, broken.no_ranking) == (None, "resnet: at 256 images seed 1 diverged")
    single = across_targets(make_ladder(num_seeds=1))
    assert single.no_ranking == "one seed shows no spread; ranks over seeds need two"
    assert {overall.rungs for overall in single.models} == {()}
    assert {overall.reason for overall in single.models} == {"one seed shows no spread; an interval needs two"}
    two = make_ladder()
    pair = across_targets(replace(two, models=two.models[:2]))
    assert pair.no_ranking.startswith("2 models")
    assert len(pair.improvements) == 1


def test_errors_are_compared_at_the_largest_rung(make_ladder: MakeLadder) -> None:
    """Of each pair, whatever its families, and of each model from seed to seed."""
    ladder = make_ladder(num_images=120)
    largest = {
        model.model: Correctness(ladder.seeds, model.parts[0][:, :, -1], model.images[0]) for model in ladder.models
    }
    found = pair_consistencies(ladder)
    assert [(one.first.model, one.second.model) for one in found] == [
        ("resnet", "vit"),
        ("resnet", "r+vit"),
        ("vit", "r+vit"),
        *((name, name) for name in RISES),
    ]
    for one in found:
        first, second = largest[one.first.model], largest[one.second.model]
        assert one.consistency == (self_consistency(first) if one.is_self else error_consistency(first, second))
        assert one.reason == ""


def test_errors_that_can_not_be_compared_have_a_reason(make_ladder: MakeLadder) -> None:
    """Accuracies alone, a seed that is missing, two seeds for pairs of seeds."""
    assert {one.reason for one in pair_consistencies(make_ladder(answers=False))} == {NO_CORRECTNESS}
    broken = pair_consistencies(_broken(make_ladder(num_images=120), "resnet"))
    assert [one.reason != "" for one in broken] == [True, True, False, True, False, False]
    two = pair_consistencies(make_ladder(num_seeds=2, num_images=120))
    assert [one.consistency is not None for one in two] == [True] * 3 + [False] * 3
    assert {one.reason for one in two if one.is_self} == {"2 seeds; pairs of seeds show their spread from three on"}


def test_clusters_leave_ties_and_ranks_as_they_are(make_ladder: MakeLadder) -> None:
    """They change intervals over images, but no accuracy, not even by a rounding error."""
    plain = make_ladder(num_targets=3, num_seeds=6)
    clusters = np.repeat(np.arange(6), (7, 8, 9, 10, 11, 15))
    moved = replace(plain.models[0], model="moved", parts=tuple(part[:, ::-1] for part in plain.models[0].parts))
    plain = replace(plain, models=(moved, *plain.models))
    clustered = replace(
        plain,
        models=tuple(
            replace(model, parts=tuple(of_clusters(part, clusters) for part in model.parts)) for model in plain.models
        ),
    )
    first, second = across_targets(plain), across_targets(clustered)
    assert [pair.rungs for pair in first.improvements] == [pair.rungs for pair in second.improvements]
    assert first.ranking == second.ranking
    assert first.models != second.models


def test_ranks_and_kappas_are_more_than_noise_from_six_seeds_or_four_targets_on() -> None:
    found = {(seeds, targets): is_more_than_noise(seeds, targets) for seeds in (5, 6) for targets in (3, 4)}
    assert found == {(5, 3): False, (5, 4): True, (6, 3): True, (6, 4): True}
