"""Claims about an ablation's arms: encodings lost or exchanged, and patches that overlap."""

from collections.abc import Callable

import pytest

from bench.analysis.claims.claim import Judgement
from tests.analysis.claims.conftest import FIVE_SHOT, Study

Judge = Callable[..., Judgement]

KINDS = ("learned-2d", "sincos-2d", "relative")


def position(study: Study, *, loss: float = 0.03, kinds: tuple[float, ...] = (0.0, 0.0, 0.0), **same: object) -> Study:
    """An ablation in which an arm without encoding loses so much, and other kinds gain so much."""
    arms = {"learned-1d": ("vit_pico/8", 0.7), "none": ("vit_pico/8:pos=none", 0.7 - loss)}
    arms |= {kind: (f"vit_pico/8:pos={kind}", 0.7 + gain) for kind, gain in zip(KINDS, kinds, strict=True)}
    return study.arms("position", arms, **same)


def overlap(study: Study, gain: float, tokens: int | None = 64) -> Study:
    """An ablation in which overlap gains so much over as many tokens without it."""
    arms = {
        "same tokens": ("vit_pico/8", 0.7),
        "overlap": ("vit_pico/16:padding=4,stride=8", 0.7 + gain),
        "fewer": ("vit_pico/16", 0.6),
    }
    return study.arms("patch-overlap", arms, {"fewer": 16, "overlap": tokens})


@pytest.mark.parametrize(
    ("loss", "verdict"),
    [(0.03, "supported"), (0.0, "refuted"), (0.12, "refuted"), (-0.03, "refuted"), (0.01, "undecided")],
)
def test_what_is_lost_without_encoding(study: Study, judge: Judge, loss: float, verdict: str) -> None:
    found = judge(position(study, loss=loss).evidence(), "C5")
    assert found.verdict == verdict
    assert found.interval.mean == pytest.approx(-loss, abs=0.004)
    assert "fine-tune, on cifar10" in found.measured
    assert "five-shot" in found.claim.published.metric


def test_whether_anything_is_lost_stands_on_a_line_of_its_own(study: Study, judge: Judge) -> None:
    found = judge(position(study, loss=0.12).evidence(), "C5")
    assert found.verdict == "refuted"
    assert found.beside[0].startswith("any loss at all: none less learned-1d, cifar10: \N{MINUS SIGN}1")


@pytest.mark.parametrize("claim", ["C5", "C6"])
def test_five_shots_are_looked_at_where_there_are_any(study: Study, judge: Judge, claim: str) -> None:
    """As the published figures are of these."""
    position(study, loss=0.12, kinds=(0.1, 0.1, 0.1))
    position(study, **FIVE_SHOT)
    found = judge(study.evidence(), claim)
    assert found.verdict == "supported"
    assert "k-shot, 5 shots, on cifar10" in found.measured


@pytest.mark.parametrize(
    ("kinds", "verdict", "words"),
    [
        ((0.0, 0.0, 0.0), "supported", ["supported"] * 3),
        ((0.0, 0.05, 0.0), "refuted", ["supported", "refuted", "supported"]),
        ((0.0, 0.0095, 0.0), "undecided", ["supported", "undecided", "supported"]),
        ((0.0, 0.0095, -0.05), "refuted", ["supported", "undecided", "refuted"]),
    ],
)
def test_every_kind_has_to_be_alike(
    study: Study, judge: Judge, kinds: tuple[float, ...], verdict: str, words: list[str]
) -> None:
    found = judge(position(study, kinds=kinds).evidence(), "C6")
    assert found.verdict == verdict
    assert [part.word for part in found.parts] == words
    assert [part.name.partition(" less ")[0] for part in found.parts] == list(KINDS)
    decides = max(range(3), key=lambda kind: abs(kinds[kind]))
    assert max(kinds) == 0 or found.interval.mean == found.parts[decides].interval.mean


def test_one_kind_alone_compares_nothing(study: Study, judge: Judge) -> None:
    study.arms("position", {"learned-1d": ("vit_pico/8", 0.7), "none": ("vit_pico/8:pos=none", 0.7)})
    assert "has only one kind of encoding, learned-1d" in judge(study.evidence(), "C6").reason


@pytest.mark.parametrize(
    ("gain", "verdict"), [(0.0, "supported"), (0.05, "refuted"), (-0.05, "refuted"), (0.01, "undecided")]
)
def test_overlap_at_equal_tokens(study: Study, judge: Judge, gain: float, verdict: str) -> None:
    found = judge(overlap(study, gain).evidence(), "C7")
    assert found.verdict == verdict
    assert [part.name for part in found.parts] == ["overlap less same tokens, cifar10"]
    assert found.beside[0].startswith("fewer tokens: overlap less fewer, cifar10: +")


def test_an_open_claim_says_which_margin_its_interval_could_support(study: Study, judge: Judge) -> None:
    found = judge(overlap(study, 0.01).evidence(), "C7")
    half = 50 * (found.interval.high - found.interval.low)  # percentage points
    assert f"could support no margin narrower than ±{half:.1f} points" in found.reason


@pytest.mark.parametrize("tokens", [49, None])
def test_without_an_arm_of_as_many_tokens_overlap_is_not_judged(study: Study, judge: Judge, tokens: int | None) -> None:
    found = judge(overlap(study, 0.0, tokens).evidence(), "C7")
    assert "no arm without overlap and with equally many tokens" in found.reason


@pytest.mark.parametrize(("claim", "name"), [("C5", "position"), ("C6", "position"), ("C7", "patch-overlap")])
def test_a_missing_ablation_is_named(study: Study, judge: Judge, claim: str, name: str) -> None:
    found = judge(study.ladder(lambda family, size, target: 0.7).evidence(), claim)
    assert found.reason == f"the suite has no ablation '{name}'"
    assert name in found.would_decide


def test_missing_arms_are_named(study: Study, judge: Judge) -> None:
    study.arms("position", {"learned-1d": ("vit_pico/8", 0.7), "relative": ("vit_pico/8:pos=relative", 0.7)})
    study.arms("patch-overlap", {"/8": ("vit_pico/8", 0.7), "/16": ("vit_pico/16", 0.7)})
    evidence = study.evidence()
    assert "no arm without encoding (pos=none)" in judge(evidence, "C5").reason
    assert "no arm whose patches overlap" in judge(evidence, "C7").reason


def test_a_reference_that_is_no_arm_is_named(study: Study, judge: Judge) -> None:
    position(study).references["position"] = "nothing"
    assert "reference 'nothing' is not one of its arms" in judge(study.evidence(), "C5").reason


def test_the_runs_behind_an_arm_are_its_own(study: Study, judge: Judge) -> None:
    found = judge(position(study).evidence(), "C5")
    assert len(found.keys) == 2 * 2 * 5
    assert all("learned-1d" in key or "none" in key for key in found.keys)
