"""Claims about families on a ladder: planted differences are found, and stated sizes are judged where they were run."""

import math
import re
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from bench.analysis.claims.claim import Judgement
from bench.analysis.claims.literature import CLAIMS
from bench.analysis.ladder.crossings import crossing
from bench.analysis.stats.crossed import crossed_mean
from bench.analysis.stats.verdicts import verdict_interval
from tests.analysis.claims.conftest import MODELS, Study

Judge = Callable[..., Judgement]

SIZES = (1_300_000, 14_000_000, 100_000_000, 300_000_000)


def apart(points: float) -> Callable[[str, int, str], float]:
    """ViT lies so many points above ResNet, everywhere."""
    return lambda family, size, target: 0.7 + (points / 100 if family == "vit" else 0.0)


def turning(at: float, vit: float = 0.02, cnn: float = 0.0) -> Callable[[str, int, str], float]:
    """ViT gains so much for ten times as many images, and passes ResNet at a size."""

    def accuracy(family: str, size: int, target: str) -> float:
        return 0.7 + (vit if family == "vit" else cnn) * math.log10(size / at)

    return accuracy


@pytest.mark.parametrize(
    ("claim", "points", "verdict"),
    [
        *(("C1", points, word) for points, word in [(-1.5, "supported"), (1.5, "refuted"), (-6, "refuted")]),
        *(("C2", points, word) for points, word in [(0.0, "supported"), (3.0, "refuted"), (-3.0, "refuted")]),
        *(("C3", points, word) for points, word in [(1.0, "supported"), (-1.0, "refuted")]),
    ],
)
def test_a_difference_at_a_stated_size(study: Study, judge: Judge, claim: str, points: float, verdict: str) -> None:
    found = judge(study.ladder(apart(points), SIZES).evidence(), claim)
    assert found.verdict == verdict
    assert found.interval.mean == pytest.approx(points / 100, abs=0.004)
    assert found.interval.low < found.interval.mean < found.interval.high
    assert (found.interval.n, found.num_seeds, found.pairs) == (5, 5, "5 of 5")
    assert found.level == 0.95
    assert "ViT vit_pico/8 and ResNet bit_resnet_pico" in found.measured
    assert "cifar10 and digits@100" in found.measured


@pytest.mark.parametrize(("claim", "points"), [("C1", -0.1), ("C2", 0.9), ("C3", 0.1)])
def test_an_interval_that_reaches_the_margin_leaves_it_open(
    study: Study, judge: Judge, claim: str, points: float
) -> None:
    study.spread = 0.01
    found = judge(study.ladder(apart(points), SIZES).evidence(), claim)
    assert found.verdict == "undecided"
    assert "the interval reaches" in found.reason
    assert "seeds" in found.would_decide


@pytest.mark.parametrize("num_seeds", [3, 6])
def test_about_equal_has_a_test_of_equivalence_beside(study: Study, judge: Judge, num_seeds: int) -> None:
    """Two one-sided t tests against the margin, the larger p-value; claims of another kind have none."""
    study.seeds = range(num_seeds)
    study.spread = 0.004
    study.ladder(apart(0.4), SIZES, targets=("cifar10",))
    (part,) = judge(study.evidence(), "C2").parts
    of = {
        model: [cell["accuracy"] for cell in study.cells if (cell["model"], cell["subset_images"]) == (model, SIZES[1])]
        for model in (MODELS["vit"], MODELS["cnn"])
    }
    differences = np.subtract(*of.values())
    sides = (stats.ttest_1samp(differences, end, alternative=way) for end, way in ((-0.01, "greater"), (0.01, "less")))
    assert part.equivalence == pytest.approx(max(side.pvalue for side in sides))
    assert part.text.endswith(f"), equivalence p = {part.equivalence:.3f}")
    assert judge(study.evidence(), "C3").parts[0].equivalence is None


def test_every_target_has_to_hold(study: Study, judge: Judge) -> None:
    """C1 is about each of them: one on which ViT is ahead refutes it, whatever the mean."""
    study.ladder(lambda family, size, target: 0.7 + (family == "vit") * (0.03 if target == "cifar10" else -0.03), SIZES)
    found = judge(study.evidence(), "C1")
    assert found.verdict == "refuted"
    assert [part.word for part in found.parts] == ["refuted", "undecided"]
    assert found.interval.mean == pytest.approx(0.03, abs=0.004)


def test_slices_of_a_target_are_one_target(study: Study, judge: Judge) -> None:
    """They share their test images."""
    study.ladder(apart(-1.5), SIZES, targets=("digits@100", "digits@500", "cifar10"))
    found = judge(study.evidence(), "C1")
    assert [part.name.rpartition(", ")[2] for part in found.parts] == ["digits@100 and digits@500", "cifar10"]


@pytest.mark.parametrize(("size", "is_judged"), [(1_280_000, True), (1_420_000, True), (1_000_000, False)])
def test_a_stated_size_is_met_within_a_tenth(study: Study, judge: Judge, size: int, is_judged: bool) -> None:
    found = judge(study.ladder(apart(-1.5), (1000, size)).evidence(), "C1")
    assert (found.verdict == "supported") is is_judged
    assert is_judged or "1,300,000 pretraining images, which were not run; the rungs of fractals have" in found.reason


@pytest.mark.parametrize("claim", ["C1", "C2", "C3", "C4"])
def test_a_scaled_ladder_stands_beside_and_decides_nothing(study: Study, judge: Judge, claim: str) -> None:
    study.ladder(apart(-1.5), targets=("cifar10", "fractals-heldout@60"))
    found = judge(study.evidence(), claim)
    assert found.verdict == "undecided"
    assert math.isnan(found.interval.mean)
    assert "images" in found.would_decide
    assert all("this ladder" in line for line in found.beside)
    assert [("heldout" in line, "cifar10" in line) for line in found.beside] == [(False, True), (True, False)]
    rung = {"C1": "1,000", "C2": "10,000", "C3": "100,000", "C4": "1,000, 10,000 and 100,000"}[claim]
    assert f"{rung} images" in found.beside[0]


def test_a_stated_size_may_stand_in_another_ladder(study: Study, judge: Judge) -> None:
    study.ladder(apart(-9.0), (1000, 10_000))
    study.ladder(apart(-1.5), (1_281_167,), corpus="imagenet")
    found = judge(study.evidence(), "C1")
    assert found.verdict == "supported"
    assert "1,281,167 images of imagenet" in found.measured


@pytest.mark.parametrize(
    ("accuracy", "verdict"),
    [
        (turning(1e8), "supported"),
        (turning(2e7), "refuted"),
        (turning(1e8, vit=0.02, cnn=-0.04), "refuted"),
        (turning(1e10), "refuted"),
        (turning(1e3), "refuted"),
    ],
)
def test_where_they_cross(study: Study, judge: Judge, accuracy: Callable[[str, int, str], float], verdict: str) -> None:
    """Near the size, ViT rising and ResNet flat; crossing elsewhere, or a ResNet that falls, refutes it."""
    found = judge(study.ladder(accuracy, (3_000_000, *SIZES[1:])).evidence(), "C4")
    assert found.verdict == verdict
    assert len(found.parts) == 3
    if verdict == "supported":
        assert found.parts[0].interval.mean == pytest.approx(1e8, rel=0.1)
        assert found.parts[0].text.startswith("1") or found.parts[0].text.startswith("9")


@pytest.mark.parametrize("seeds", [3, 5])
def test_a_crossing_is_judged_by_the_interval_that_is_shown(study: Study, seeds: int) -> None:
    """At its ends the interval of the difference begins to exclude zero."""
    study.seeds = range(seeds)
    evidence = (
        study.ladder(turning(1e8, vit=0.4, cnn=-0.4), SIZES[1:], targets=("cifar10",)).answer(alike=True).evidence()
    )
    (claim,) = [one for one in CLAIMS if one.id == "C4"]
    quantity = claim.comparison.find(evidence).quantities[0]
    judged, shown = quantity.interval(0.95), crossing(*quantity.curves, 0.95)
    assert (shown.low, shown.high) != (None, None)
    assert (judged.low, judged.high) == (shown.low, shown.high)
    first, second = quantity.curves
    for size in (judged.low, judged.high):
        weights = np.concatenate([first.curve.weights(size), -second.curve.weights(size)])
        parts = [np.concatenate([one, other], axis=2) for one, other in zip(first.parts, second.parts, strict=True)]
        there = verdict_interval(crossed_mean([part @ weights for part in parts]))
        assert max(there.low, -there.high) > -1e-6


def test_no_crossing_is_read_from_rungs_that_differ_in_classes(study: Study, judge: Judge) -> None:
    for size, classes in zip(SIZES[1:], (1000, 18_000, 21_000), strict=True):
        study.ladder(turning(1e8), (size,), subset_classes=classes)
    found = judge(study.evidence(), "C4")
    assert found.verdict == "undecided"
    assert "differ in classes" in found.reason


@pytest.mark.parametrize(("gain", "verdict"), [(0.02, "supported"), (-0.02, "refuted")])
def test_the_difference_moves_with_the_size(study: Study, judge: Judge, gain: float, verdict: str) -> None:
    found = judge(study.ladder(turning(1e5, vit=gain)).evidence(), "C11")
    assert found.verdict == verdict
    assert found.unit == "points per decade"
    assert found.interval.mean == pytest.approx(gain, abs=0.003)


def test_a_lead_that_grows_in_points_alone_is_no_trend(study: Study, judge: Judge) -> None:
    """The models are parallel in log odds: a difference in points moves by itself as accuracies leave chance."""

    def accuracy(family: str, size: int, target: str) -> float:
        return 1 / (1 + math.exp(-(math.log10(size) - 6.5 + 0.5 * (family == "vit"))))

    found = judge(study.ladder(accuracy).evidence(), "C11")
    assert found.verdict == "undecided"
    points, log_odds = found.parts
    assert points.interval.low > 0
    assert log_odds.interval.low < 0 < log_odds.interval.high
    assert log_odds.name.endswith("log odds")
    assert "log odds: the interval reaches zero" in found.reason


def test_an_accuracy_of_100_percent_leaves_a_trend_open(study: Study, judge: Judge) -> None:
    """Its log odds are infinite. Leads that refute C9 by themselves still do."""
    study.spread = 0.0
    study.ladder(lambda family, size, target: 1.0 if size == 100_000 else 0.7, (100_000,))
    study.spread = 0.002
    found = judge(study.ladder(apart(4), (1000, 10_000)).evidence(), "C11")
    assert found.verdict == "undecided"
    assert "log odds: an accuracy is 0 or 100 %" in found.reason
    assert "more test images" in found.would_decide
    assert judge(study.evidence(), "C9").verdict == "refuted"


def test_a_trend_that_is_lost_in_noise_says_how_many_seeds_it_takes(study: Study, judge: Judge) -> None:
    study.spread = 0.02
    found = judge(study.ladder(turning(1e5, vit=0.004)).evidence(), "C11")
    assert found.verdict == "undecided"
    half = 50 * (found.parts[0].interval.high - found.parts[0].interval.low)
    assert f"the interval reaches zero; half of its width is {half:.1f} points per decade" in found.reason
    assert re.search("a new suite (with|of) [0-9,]+ (other )?seeds", found.would_decide)


def test_a_trend_needs_two_rungs_of_one_class_count(study: Study, judge: Judge) -> None:
    study.ladder(turning(1e5), (1000,)).ladder(turning(1e5), (10_000,), subset_classes=21_000)
    found = judge(study.evidence(), "C11")
    assert (found.verdict, found.num_seeds) == ("undecided", 0)
    assert "two rungs of equal class count" in found.reason


def test_hybrids_lead_at_first(study: Study, judge: Judge) -> None:
    def accuracy(family: str, size: int, target: str) -> float:
        lead = {1000: 0.06, 10_000: 0.03, 100_000: 0.0}[size]
        return 0.7 + (lead if family == "hybrid" else 0.0)

    found = judge(study.ladder(accuracy).evidence(), "C9")
    assert found.verdict == "supported"
    assert [part.word for part in found.parts] == ["supported"] * 6
    assert any("largest rung" in line for line in found.beside)


@pytest.mark.parametrize("behind", ["vit", "cnn"])
def test_a_hybrid_behind_one_of_both_refutes_it(study: Study, judge: Judge, behind: str) -> None:
    found = judge(study.ladder(lambda family, size, target: 0.7 + 0.04 * (family == behind)).evidence(), "C9")
    assert found.verdict == "refuted"


def test_a_missing_family_is_named(study: Study, judge: Judge) -> None:
    found = judge(study.ladder(apart(1), families=("vit", "cnn")).evidence(), "C9")
    assert (found.verdict, found.reason) == ("undecided", "the suite pretrains no hybrid")


def test_no_other_cnn_stands_for_a_resnet(study: Study, judge: Judge) -> None:
    study.ladder(apart(1), families=("vit",))
    study.row("timm:convnext_tiny", "cifar10", 0.7, 1000, family="cnn")
    assert judge(study.evidence(), "C11").reason == "the suite pretrains no ResNet"


def test_models_of_one_size_are_taken(study: Study, judge: Judge) -> None:
    """The first ViT with a ResNet of its size, not the first of each family."""
    study.ladder(apart(-9), families=("cnn",))
    for model, family in (("vit_tiny/8", "vit"), ("vit_base/8", "vit"), ("bit_resnet_base", "cnn")):
        for size in (1000, 10_000, 100_000):
            study.row(model, "cifar10", 0.7, size, family=family)
            study.row(model, "digits@100", 0.7, size, family=family)
    classes = {"vit_tiny/8": "vit_tiny/8", "vit_base/8": "vit_base/8", "bit_resnet_base": "vit_base/8"}
    found = judge(study.evidence(size_classes=classes), "C11")
    assert "ViT vit_base/8 and ResNet bit_resnet_base (within 20 %" in found.measured
    without = judge(study.evidence(), "C11")
    assert "ViT vit_tiny/8 and ResNet bit_resnet_pico (not of one size by their parameters" in without.measured


def test_only_real_targets_count(study: Study, judge: Judge) -> None:
    """In-domain ones stand beside, and what was made to a purpose is left out."""
    study.ladder(turning(1e5), targets=("fractals-heldout@60", "arrangement"))
    found = judge(study.evidence(), "C11")
    assert (found.verdict, found.reason) == ("undecided", "the suite has no result on a real target")
    study.ladder(turning(1e5, vit=-0.02), targets=("cifar10",))
    found = judge(study.evidence(), "C11")
    assert found.verdict == "refuted"
    assert [line.partition(":")[0] for line in found.beside] == ["in-domain"] * 2
    assert "fractals-heldout@60: +2" in found.beside[0]


def test_a_target_whose_data_is_missing_is_left_out_by_name(study: Study, judge: Judge) -> None:
    study.ladder(turning(1e5))
    for cell in study.cells:
        if cell["target"] == "cifar10":
            cell |= {"status": "not_run", "accuracy": None, "reason": "its data is missing"}
    found = judge(study.evidence(), "C11")
    assert found.verdict == "supported"
    assert "on digits@100; left out, as nothing was run on it: cifar10" in found.measured


def test_answers_to_images_count_beside_seeds(study: Study, judge: Judge) -> None:
    """Seeds that agree to the last digit leave what the test images leave."""
    study.ladder(turning(1e5, vit=0.06)).answer()
    whole = judge(study.evidence(), "C11")
    assert whole.verdict == "supported"
    assert whole.interval.mean == pytest.approx(0.06, abs=0.02)
    study.answers = [row for row in study.answers if "vit_pico" not in row["transfer_key"]]
    of_seeds = judge(study.evidence(), "C11")
    assert of_seeds.interval.mean == pytest.approx(whole.interval.mean, abs=1e-9)
    assert of_seeds.interval.low != whole.interval.low


def test_keys_are_those_of_both_sides_pretraining_included(study: Study, judge: Judge) -> None:
    found = judge(study.ladder(turning(1e5), (1000, 10_000), targets=("cifar10",)).evidence(), "C11")
    runs = {key for key in study.runs if "r_pico+vit" not in key}
    assert set(found.keys) == runs
    assert len(found.keys) == len(runs) == 2 * 2 * 5 * 2
