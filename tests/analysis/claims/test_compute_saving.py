"""The claim about compute for equal accuracy: from runs at several budgets, or it says that there are none."""

import math
from collections.abc import Callable

import pytest

from bench.analysis.claims.claim import Judgement
from tests.analysis.claims.conftest import MODELS, Study

Judge = Callable[..., Judgement]


def budgets(study: Study, ratio: float, *, slope: float = 0.06, cost: float = 0.5) -> Study:
    """ViT takes `ratio` times the FLOPs of ResNet for equal accuracy, and costs half as many an image."""
    study.ladder(lambda family, size, target: 0.7, (100_000,), ("vit", "cnn"))
    for family in ("vit", "cnn"):
        for factor in (1, 0.25, 4):
            flops = 1e15 * factor * (cost if family == "vit" else 1)
            reached = 0.7 + slope * math.log10(flops / 1e15 / (ratio if family == "vit" else 1))
            where = {"ablation": f"budget {MODELS[family]}", "arm": f"{factor:g}", "flops": flops, "family": family}
            for target in ("cifar10", "digits@100"):
                study.row(MODELS[family], target, reached, 100_000, **where)
    return study


@pytest.mark.parametrize(("ratio", "verdict"), [(0.4, "supported"), (2.5, "refuted"), (1.0, "undecided")])
def test_a_planted_ratio(study: Study, judge: Judge, ratio: float, verdict: str) -> None:
    found = judge(budgets(study, ratio).evidence(), "C12")
    assert found.verdict == verdict
    assert found.unit == "times"
    assert found.interval.mean == pytest.approx(ratio, rel=0.1)
    assert found.interval.low < found.interval.mean < found.interval.high
    assert "0.25, 1 and 4 times the budget after 100,000 images of fractals" in found.measured
    assert found.text.startswith(f"{found.interval.mean:.3g} times (")
    assert verdict != "undecided" or "the interval reaches 1 times" in found.reason


def test_out_of_reach_is_a_bound(study: Study, judge: Judge) -> None:
    """ViT never comes up to ResNet within the budgets: that refutes the claim without an estimate."""
    found = judge(budgets(study, 1e6).evidence(), "C12")
    assert found.verdict == "refuted"
    assert math.isnan(found.interval.mean)
    assert 2 < found.interval.low < 8
    assert found.text.endswith("to open)")


@pytest.mark.parametrize("cost", [100, 0.01])
def test_budgets_that_share_no_flops_leave_it_open(study: Study, judge: Judge, cost: float) -> None:
    """Equal FLOPs lie out of reach, so the interval is open there, and no number of seeds would close it."""
    found = judge(budgets(study, 0.4, cost=cost).evidence(), "C12")
    assert found.verdict == "undecided"
    assert "the interval reaches 1 times" in found.reason
    assert (
        "budgets at which the two curves overlap more: at 1 times the FLOPs the two curves do not overlap"
        in found.would_decide
    )


def test_it_says_how_many_seeds_it_takes(study: Study, judge: Judge) -> None:
    study.spread = 0.01
    found = judge(budgets(study, 0.8).evidence(), "C12")
    assert found.verdict == "undecided"
    assert "other seeds, declared before it runs" in found.would_decide


def test_one_budget_says_what_is_lacking(study: Study, judge: Judge) -> None:
    found = judge(study.ladder(lambda family, size, target: 0.7).evidence(), "C12")
    assert found.verdict == "undecided"
    assert found.reason == "the suite pretrains vit_pico/8 for one budget only; its field `budgets` adds others"
    assert "budgets" in found.would_decide


def test_flops_that_were_not_counted_are_an_error(study: Study, judge: Judge) -> None:
    budgets(study, 0.4)
    for run in study.runs.values():
        run["training_flops"] = None
    assert "training FLOPs were not counted" in judge(study.evidence(), "C12").reason
