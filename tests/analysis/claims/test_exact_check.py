"""The exact claim: all arrangements get the same output without encoding, and not with one."""

from collections.abc import Callable

import pandas as pd
import pytest

from bench.analysis.claims.claim import Judgement
from bench.analysis.claims.evidence import Evidence
from tests.analysis.claims.conftest import Study

Judge = Callable[..., Judgement]

ARMS = {"learned-1d": "vit_pico/8", "none": "vit_pico/8:pos=none", "relative": "vit_pico/8:pos=relative"}


@pytest.fixture
def arrangement(study: Study) -> Callable[..., Evidence]:
    """The tables of the suite `arrangement`, in which these shares of instances get the same output."""

    def made(same: dict[str, float], *, lacking: str = "", tokens: int = 16, **row: object) -> Evidence:
        study.seeds = (0, 1, 2)
        study.references["position"] = "learned-1d"
        for arm, model in ARMS.items():
            where = {"ablation": "position", "arm": arm, "corpus": "none", "subset_classes": None}
            study.row(model, "arrangement", 1.0, 0, **where | {"tokens": tokens} | row)
        rows = [
            {
                "transfer_key": cell["transfer_key"],
                "num_groups": 200,
                "same_answers": same[cell["arm"]] if cell["seed"] == 1 else float(cell["arm"] == "none"),
                "same_predictions": 0.0,
                "largest_confidence_difference": 1e-7,
            }
            for cell in study.cells
            if cell["transfer_key"] != lacking
        ]
        evidence = study.evidence()
        return Evidence({**evidence.tables, "permutation_check": pd.DataFrame(rows)}, study.references)

    return made


@pytest.mark.parametrize(
    ("same", "verdict"),
    [
        ({"none": 1.0, "learned-1d": 0.0, "relative": 0.2}, "supported"),
        ({"none": 0.995, "learned-1d": 0.0, "relative": 0.0}, "refuted"),
        ({"none": 1.0, "learned-1d": 0.0, "relative": 1.0}, "undecided"),
        ({"none": 0.5, "learned-1d": 1.0, "relative": 1.0}, "refuted"),
    ],
)
def test_all_or_nothing(
    arrangement: Callable[..., Evidence], judge: Judge, same: dict[str, float], verdict: str
) -> None:
    """In every seed; an arm that sees where patches stand and learned nothing decides nothing."""
    found = judge(arrangement(same), "C8")
    assert found.verdict == verdict
    assert found.interval.mean == pytest.approx((2 + same["none"]) / 3)
    assert found.interval.low != found.interval.low
    assert found.pairs == "3 of 3"
    assert len(found.keys) == 18
    assert ("relative" in found.reason) is (verdict == "undecided")
    assert found.beside[1].startswith("none: the same output in 100 %, ")


def test_it_is_read_from_the_suite_arrangement_beside_the_judged_one(
    arrangement: Callable[..., Evidence], judge: Judge
) -> None:
    beside = arrangement({"none": 1.0, "learned-1d": 0.0, "relative": 0.0})
    other = Study().ladder(lambda family, size, target: 0.7)
    assert judge(other.evidence(arrangement=beside), "C8").verdict == "supported"
    assert (
        "the suite arrangement, which shows this, has no results under the same --results"
        in judge(other.evidence(), "C8").reason
    )


def test_a_suite_is_judged_by_its_own_arms_first(arrangement: Callable[..., Evidence], judge: Judge) -> None:
    """Although they are pretrained, and although the suite `arrangement` says otherwise."""
    own = arrangement({"none": 1.0, "learned-1d": 0.0, "relative": 0.0}, corpus="fractals", subset_classes=8)
    other = Study().ladder(lambda family, size, target: 0.7).evidence()
    found = judge(Evidence(own.tables, own.references, arrangement=other), "C8")
    assert found.verdict == "supported"
    assert "after 0 images of fractals, position: learned-1d and the other arms" in found.measured


def test_an_ablation_of_another_name_is_judged_too(arrangement: Callable[..., Evidence], judge: Judge) -> None:
    same = {"none": 1.0, "learned-1d": 0.0, "relative": 0.0}
    assert judge(arrangement(same, ablation="order"), "C8").verdict == "supported"


@pytest.mark.parametrize(("tokens", "arm"), [(4, "vit_pico/8:pos=none"), (16, "vit_pico/16:pos=none,stride=8")])
def test_patches_across_cells_leave_it_open(
    arrangement: Callable[..., Evidence],
    judge: Judge,
    monkeypatch: pytest.MonkeyPatch,
    tokens: int,
    arm: str,
) -> None:
    """They hold pixels of several cells, so that a model without encoding tells arrangements apart."""
    monkeypatch.setitem(ARMS, "none", arm)
    found = judge(arrangement({"none": 0.0, "learned-1d": 0.0, "relative": 0.0}, tokens=tokens), "C8")
    assert found.verdict == "undecided"
    assert f"patches of {arm} reach across the cells of arrangement" in found.reason


def test_a_seed_that_is_missing_leaves_it_open(
    study: Study, arrangement: Callable[..., Evidence], judge: Judge
) -> None:
    evidence = arrangement({"none": 1.0, "learned-1d": 0.0, "relative": 0.0})
    evidence.tables["cells"].loc[0, ["status", "reason"]] = ["diverged", "loss is NaN"]
    found = judge(evidence, "C8")
    assert found.verdict == "undecided"
    assert "seed 0 failed to train: diverged" in found.reason
    assert found.pairs == "2 of 3"


def test_predictions_that_are_not_kept_leave_it_open(
    study: Study, arrangement: Callable[..., Evidence], judge: Judge
) -> None:
    evidence = arrangement(
        {"none": 1.0, "learned-1d": 0.0, "relative": 0.0},
        lacking="t-vit_pico/8-0-position-learned-1d-0-arrangement-fine-tune",
    )
    assert "has no predictions" in judge(evidence, "C8").reason
    without = Evidence({name: evidence.tables[name] for name in ("cells", "runs")}, evidence.references)
    assert "are not kept" in judge(without, "C8").reason


def test_a_run_that_stands_twice_is_an_error(arrangement: Callable[..., Evidence], judge: Judge) -> None:
    evidence = arrangement({"none": 1.0, "learned-1d": 0.0, "relative": 0.0})
    twice = pd.concat([evidence.tables["permutation_check"]] * 2)
    assert "occurs twice" in judge(Evidence({**evidence.tables, "permutation_check": twice}), "C8").reason
