"""Recommendations from planted tables, and each refusal."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.analysis.estimates import difference_estimate
from bench.analysis.recommend import conclusion
from bench.analysis.recommend.answer import Answer, recommend
from bench.analysis.recommend.candidates import LATENCY, MEMORY, PARAMETERS, quantile_bounds
from bench.analysis.recommend.question import Measured, Question
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.verdicts import verdict_interval
from bench.errors import InputError
from tests.speed_rows import FAILED, measured, reference, speeds

Plant = Callable[..., Measured]
QUESTION = Question(images=100, target="digits")
BEST = {"model": "bit_resnet_pico", "accuracy": 0.90, "macs": 3e6, "parameters": 3e5}
EQUAL = {"model": "r_pico+vit_pico/8", "family": "hybrid", "accuracy": 0.90, "macs": 2e6, "parameters": 2e5}
WORSE = {"model": "vit_pico/8", "family": "vit", "accuracy": 0.85, "macs": 1e6, "parameters": 1e5}
ALL = (BEST, EQUAL, WORSE)


def found(answer: Answer) -> dict[str, str]:
    return {each.candidate.model: each.standing for at_size in answer.at_sizes for each in at_size.judged}


def latencies(*rates: float, **other: Any) -> pd.DataFrame:
    """Of the three models, by single images per second, and of a peer of the hybrid's name that takes far longer."""
    group = {"task": "inference", "kind": "latency", "batch_size": 1} | other
    rows = (measured(rate, rounds=20, model=row["model"], **group) for row, rate in zip(ALL, rates, strict=True))
    peer = measured(1.0, rounds=20, **group | {"model": EQUAL["model"], "implementation": "timm"})
    return speeds(reference(300.0, rounds=20, **group), *rows, peer)


@pytest.mark.parametrize("num_seeds", [3, 9])
def test_a_model_that_is_five_points_worse_is_never_recommended(plant: Plant, num_seeds: int) -> None:
    """However cheap it is. With nine seeds it is mostly shown to be worse, with three mostly not."""
    standings = []
    for draw in range(25):
        answer = recommend(QUESTION, plant(*ALL, num_seeds=num_seeds, rng=draw))
        assert answer.recommended in (BEST["model"], EQUAL["model"])
        standings.append(found(answer)[WORSE["model"]])
    assert set(standings) <= {"worse", "cannot tell"}
    assert (standings.count("worse") > 12) == (num_seeds == 9)


def test_the_cheaper_of_two_equal_models_is_recommended_once_seeds_show_it(plant: Plant) -> None:
    answer = recommend(replace(QUESTION, within=3), plant(*ALL, num_seeds=20, num_images=2000))
    assert (answer.recommended, answer.cost) == (EQUAL["model"], "multiply-accumulates")
    assert not answer.refusal


def test_intervals_are_those_of_verdicts(plant: Plant) -> None:
    """At the level that Holm's procedure reached."""
    answer = recommend(QUESTION, plant(*ALL, num_seeds=9))
    (at_size,) = answer.at_sizes
    best, *others = sorted(at_size.judged, key=lambda each: -each.candidate.accuracy.mean)
    for other in others:
        rows = (each.candidate.row.results for each in (best, other))
        interval = verdict_interval(difference_estimate(*rows, "other"), corrected_level(other.num_compared))
        assert other.interval == pytest.approx((interval.low, interval.high))


def test_what_would_tell(plant: Plant) -> None:
    answer = recommend(QUESTION, plant(*ALL, num_seeds=3))
    open_ones = [each for each in answer.at_sizes[0].judged if each.standing == "cannot tell"]
    assert open_ones
    for each in open_ones:
        assert each.seeds is None or f"about {each.seeds:,} seeds would tell" == each.reason
        assert each.reason


def test_arms_are_candidates_one_a_model(plant: Plant) -> None:
    """An arm with a model of the ladder is that model; another one is a candidate, and left out if a seed lacks."""
    arm = {"ablation": "position", "family": "vit", "macs": 1e5, "parameters": 1e5}
    same = WORSE | arm | {"arm": "learned"}
    other = arm | {"arm": "none", "model": "vit_pico/8:pos=none", "accuracy": 0.97}
    broken = other | {"model": "vit_pico/8:pos=rope", "arm": "rope", "status": "failed", "reason": "disk"}
    again = other | {"ablation": "pooling", "arm": "mean"}
    budget = WORSE | {"ablation": "budget vit_pico/8", "arm": "4", "accuracy": 0.99}
    answer = recommend(QUESTION, plant(*ALL, same, other, again, budget, broken, num_seeds=9))
    assert answer.recommended == "vit_pico/8:pos=none"
    assert len(found(answer)) == len(answer.at_sizes[0].judged) == 4
    assert any("left out: vit_pico/8:pos=rope" in note for note in answer.notes)


def test_arms_from_scratch_have_another_budget(plant: Plant) -> None:
    """They count only in a suite that pretrains nothing."""
    scratch = {"corpus": "none", "subset_images": 0}
    arm = {"ablation": "order", "arm": "none", "model": "vit_pico/8:pos=none", "accuracy": 0.97} | scratch
    rows = [row | scratch for row in ALL]
    asked = replace(QUESTION, pretraining="scratch")
    assert recommend(asked, plant(*rows, *ALL, arm)).recommended != arm["model"]
    assert recommend(asked, plant(*rows, arm, num_seeds=9)).recommended == arm["model"]


def test_latency_limits_and_prices(plant: Plant) -> None:
    """The best takes 10 ms, its equal 4 ms; the price is the latency on the machine."""
    machine = {"cpu-a": latencies(100.0, 250.0, 1000.0)}
    tables = plant(*ALL, num_seeds=9, speeds=machine)
    answer = recommend(replace(QUESTION, most={LATENCY: 5.0}), tables)
    assert (answer.recommended, answer.machine) == (EQUAL["model"], "cpu-a")
    assert answer.cost == "p95 latency on cpu-a"
    assert found(answer)[BEST["model"]] == "does not fit"
    (judged,) = (each for each in answer.at_sizes[0].judged if each.standing == "does not fit")
    assert "over the limit" in judged.reason
    everything = recommend(replace(QUESTION, machine="cpu-a", within=100), tables)
    assert everything.recommended == WORSE["model"]
    nothing = recommend(replace(QUESTION, most={LATENCY: 0.5}), tables)
    assert "no model fits; at most 0.500 ms: nearest is vit_pico/8, 1." in nothing.refusal
    assert found(nothing).keys() == {row["model"] for row in ALL}


def test_a_limit_at_a_models_own_latency_cannot_be_told(plant: Plant) -> None:
    """Nobody is then shown to fit; more calls would tell."""
    rows = latencies(100.0, 250.0, 1000.0)
    p95 = float(rows.loc[rows["model"] == WORSE["model"], "p95_ms"].iloc[-1])
    answer = recommend(replace(QUESTION, most={LATENCY: p95}), plant(*ALL, speeds={"cpu-a": rows}))
    assert found(answer)[WORSE["model"]] == "fit unknown"
    assert answer.refusal.startswith("no model is shown to fit; at most 1.")
    assert answer.refusal.endswith("; whether vit_pico/8 fits cannot be told")
    assert answer.would_help.startswith("more calls on a quiet machine")


def test_of_equal_means_the_cheaper_is_the_best(plant: Plant) -> None:
    """Whatever their last bits are."""
    twins = [BEST | {"model": name, "macs": macs} for name, macs in (("vit_pico/4", 3.0), ("vit_pico/8", 2.0))]
    measured_ = plant(*twins)
    cells = measured_.tables["cells"]
    answers = measured_.tables["correctness"]
    same = answers["correct"].iloc[: len(answers) // 2].tolist()
    tables = {**measured_.tables, "correctness": answers.assign(correct=[*same, *same])}
    means = cells["accuracy"].iloc[: len(cells) // 2].tolist()
    tables["cells"] = cells.assign(accuracy=[*means, *(mean * (1 + 1e-15) for mean in means)])
    assert recommend(QUESTION, replace(measured_, tables=tables)).recommended == "vit_pico/8"


def test_a_busy_machine_refutes_no_model(plant: Plant) -> None:
    """A tail of twice the median, or a reference that drifts: what takes too long may fit on a quiet machine."""
    quiet = latencies(100.0, 250.0, 1000.0)
    tail = quiet.assign(call_seconds=quiet["call_seconds"].map(lambda calls: [*calls[:900], *[0.1] * 100]))
    drift = quiet.assign(
        round_seconds=[
            [*rounds[:10], *(2 * np.array(rounds[10:]))] if is_reference else rounds
            for rounds, is_reference in zip(quiet["round_seconds"], quiet["is_reference"], strict=True)
        ]
    )
    asked = replace(QUESTION, most={LATENCY: 5.0})
    for busy, why in ((tail, "p95 is"), (drift, "the reference changed by")):
        answer = recommend(asked, plant(*ALL, speeds={"cpu-a": busy}))
        assert found(answer)[BEST["model"]] == "fit unknown"
        assert any(f"{BEST['model']}: the machine was busy: {why}" in note for note in answer.notes)
    assert recommend(asked, plant(*ALL, speeds={"cpu-a": drift})).recommended


def test_a_model_without_a_latency_is_not_recommended_for_the_machine(plant: Plant) -> None:
    rows = latencies(100.0, 250.0, 1000.0)
    some = rows[rows["model"] != BEST["model"]]
    answer = recommend(replace(QUESTION, machine="cpu-a"), plant(*ALL, speeds={"cpu-a": some}))
    assert found(answer)[BEST["model"]] == "fit unknown"
    assert answer.recommended == EQUAL["model"]


def test_bounds_of_a_quantile_are_ordered_values() -> None:
    """Of 1,000 values: the 95th percentile lies between the 936th and the 964th; of 100 calls p99 has no bound."""
    values = np.random.default_rng(0).permutation(np.arange(1.0, 1001.0))
    amount = quantile_bounds(values, 0.95)
    assert (amount.low, amount.high) == (936.0, 964.0)
    assert amount.value == pytest.approx(950.05)
    assert math.isinf(quantile_bounds(values[:100], 0.99).high)
    rng = np.random.default_rng(1)
    held = [
        (one := quantile_bounds(rng.exponential(size=300), 0.95)).low <= -math.log(0.05) <= one.high for _ in range(500)
    ]
    assert np.mean(held) > 0.93


@pytest.mark.parametrize(
    ("images", "used", "is_far"),
    [
        (49, [100], True),
        (50, [100], False),
        (200, [100], False),
        (201, [100, 1000], False),
        (499, [100, 1000], False),
        (500, [1000], False),
        (2000, [1000], False),
        (2001, [1000], True),
    ],
)
def test_a_number_of_images_is_like_one_within_a_factor_of_two(
    plant: Plant, images: int, used: list[int], is_far: bool
) -> None:
    more = [row | {"target": "digits@1000", "target_images": 1000} for row in ALL]
    answer = recommend(replace(QUESTION, images=images), plant(*ALL, *more))
    assert [at_size.images for at_size in answer.at_sizes] == used
    assert ("nothing is extrapolated" in answer.refusal) == is_far


def test_ten_times_the_classes_are_still_like_it(plant: Plant) -> None:
    assert not recommend(replace(QUESTION, classes=100, image_size=32), plant(*ALL)).refusal


def test_between_two_sizes_both_must_agree(plant: Plant) -> None:
    lead = {"accuracy": 0.97}
    where = {"target": "digits@1000", "target_images": 1000}
    agreeing = plant(BEST | lead, EQUAL, BEST | lead | where, EQUAL | where)
    asked = replace(QUESTION, images=330)
    assert recommend(asked, agreeing).recommended == BEST["model"]
    answer = recommend(asked, plant(BEST | lead, EQUAL, BEST | where, EQUAL | lead | where))
    assert answer.refusal == (
        "the recommendation turns between 100 and 1,000 labelled images: it is bit_resnet_pico with 100 and "
        "r_pico+vit_pico/8 with 1,000"
    )
    assert answer.would_help == "a suite with the target digits@330"


HELDOUT = {"target": "strokes-heldout@60", "target_images": 60}
REFUSALS: list[tuple[dict[str, Any], str, str]] = [
    ({"images": 5000}, "measured with 100 labelled images; 5,000 are 50 times as many as 100", "digits@5000"),
    ({"images": 1}, "1 is too few: 100 are 100 times as many, and nothing is extrapolated", "digits@1"),
    ({"target": "strokes-heldout"}, "are drawn by the formula of a corpus", "a real target for --target: digits"),
    ({"image_size": 224}, "measured on images of 32 pixels a side, not 224", "image_size: 224"),
    ({"classes": 101}, "measured with 10 classes; 101 are more than 10 times as many", "about as many classes"),
    ({"machine": "cpu-b"}, "no model of the suite was measured on cpu-b at 32 pixels", "make throughput"),
    ({"most": {LATENCY: 5.0}}, "no machine measured this suite's models", "make throughput"),
    ({"most": {PARAMETERS: 50_000.0}}, "nearest is vit_pico/8, 100,000 parameters, 50,000", "a higher limit"),
    ({"pretraining": "512"}, "did not run the pretraining 512", "scratch or 256 or 1024"),
    ({"pretraining": "imagenet:1024"}, "did not run the pretraining imagenet:1024", "scratch or 256 or 1024"),
    ({"pretraining": "256"}, "no row with fine-tune on digits@100 after 256 images", "after 1,024 images"),
    ({"transfer": "linear"}, "no row with linear on digits@100", "fine-tune after 1,024 images of fractals"),
]


@pytest.mark.parametrize(("changes", "reason", "help_"), REFUSALS, ids=lambda value: str(value)[:30])
def test_refusals(plant: Plant, changes: dict[str, Any], reason: str, help_: str) -> None:
    answer = recommend(replace(QUESTION, **changes), plant(*ALL, BEST | HELDOUT))
    assert not answer.recommended
    assert reason in answer.refusal
    assert help_ in answer.would_help


@pytest.mark.parametrize(("less", "is_shown"), [(-0.02, True), (0.0, False), (0.05, False)])
def test_a_pretraining_that_does_not_help_is_named(plant: Plant, less: float, is_shown: bool) -> None:
    """If the model's row from scratch is shown to be at most a point worse; equal rows cannot be told."""
    scratch = [row | {"corpus": "none", "subset_images": 0, "accuracy": row["accuracy"] - less} for row in ALL]
    answer = recommend(QUESTION, measured := plant(*ALL, *scratch, num_seeds=9))
    sentence = r"; trained from scratch it has ([\d.]+) %.*, shown to be no worse by more than 1 point$"
    said = re.search(sentence, conclusion.why(answer, answer.at_sizes[0]))
    assert bool(said) == is_shown
    if said:
        of_row = measured.tables["cells"].query("model == @answer.recommended and corpus == 'none'")
        assert float(said[1]) == pytest.approx(100 * of_row["accuracy"].mean(), abs=0.051)


def test_linear_probes_on_request(plant: Plant) -> None:
    probes = [row | {"transfer": "linear", "accuracy": 0.6} for row in ALL]
    answer = recommend(replace(QUESTION, transfer="linear"), plant(*ALL, *probes))
    assert all(each.accuracy.mean < 0.7 for each in answer.at_sizes[0].candidates)
    assert answer.compared.startswith("Rows compared: linear probes after 1,024 images")


def test_what_is_known_nearest_stands_beside_a_refusal(plant: Plant) -> None:
    answer = recommend(replace(QUESTION, images=5000), plant(*ALL, num_seeds=9))
    assert answer.at_sizes[0].recommended in (BEST["model"], EQUAL["model"])
    assert any("nothing is carried over to larger models" in note for note in answer.notes)


def test_only_made_targets_are_refused(plant: Plant) -> None:
    answer = recommend(replace(QUESTION, target="strokes-heldout"), plant(BEST | HELDOUT))
    assert "the suite has no real target" in answer.refusal


def test_one_seed_shows_nothing(plant: Plant) -> None:
    assert "1 seed on digits@100 shows no spread" in recommend(QUESTION, plant(*ALL, num_seeds=1)).refusal


def test_a_model_that_is_not_complete_is_not_passed_over(plant: Plant) -> None:
    answer = recommend(QUESTION, plant(BEST, EQUAL, WORSE | {"status": "not_run", "reason": "not run yet"}))
    assert "a model of the ladder is not complete, which would favour the others: vit_pico/8 after" in answer.refusal
    assert answer.would_help == "`bench run planted` goes on"


def test_memory_is_not_measured_on_a_cpu(plant: Plant) -> None:
    rows = latencies(100.0, 250.0, 1000.0).assign(peak_memory_bytes=pd.array([None] * 5, dtype="Int64"))
    answer = recommend(replace(QUESTION, most={MEMORY: 10.0}), plant(*ALL, speeds={"cpu-a": rows}))
    assert "memory was not measured on cpu-a" in answer.refusal


def test_a_machine_on_which_no_network_ran(plant: Plant) -> None:
    rows = latencies(100.0, 250.0, 1000.0)
    for name, value in FAILED.items():
        rows[name] = [value] * len(rows)
    answer = recommend(replace(QUESTION, machine="cpu-a"), plant(*ALL, speeds={"cpu-a": rows}))
    assert "no model's latency was measured on cpu-a at 32 pixels" in answer.refusal


def test_failed_seeds_leave_a_model_open(plant: Plant) -> None:
    """Given success it is as good; counted, its failure costs nine points, which no interval excludes."""
    failing = WORSE | {"accuracy": 0.90, "failed": 1}
    answer = recommend(replace(QUESTION, within=5), plant(BEST, failing, num_seeds=9))
    assert found(answer)[failing["model"]] == "cannot tell"
    assert answer.recommended == BEST["model"]
    (note,) = (note for note in answer.notes if "failed to train" in note)
    assert note.startswith("vit_pico/8: given success, since seed 0 failed to train: ")


def test_a_best_model_that_fails_is_not_recommended(plant: Plant) -> None:
    """Given success it leads by four points; with the third of its seeds that fails, its mean is far below."""
    failing = BEST | {"accuracy": 0.94, "failed": 3}
    answer = recommend(QUESTION, plant(failing, EQUAL, num_seeds=9))
    assert found(answer) == {EQUAL["model"]: "best", failing["model"]: "cannot tell"}
    assert answer.recommended == EQUAL["model"]


def test_another_number_of_images_is_refused_before_what_is_missing(plant: Plant) -> None:
    """Running the rest of the suite would not help."""
    answer = recommend(replace(QUESTION, images=5000), plant(BEST, WORSE | {"status": "not_run"}))
    assert answer.refusal.startswith("digits was measured with 100 labelled images; 5,000 are 50 times as many")
    assert answer.at_sizes == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": "mnist"}, "--target mnist: not a target of this suite; its targets are digits"),
        ({"images": 0}, "--images 0: must be a whole number from 1 to"),
        ({"images": 10**400}, "a whole number from 1 to 1,000,000,000,000"),
        ({"within": math.nan}, "from 0 to 100"),
        ({"within": -1.0}, "from 0 to 100"),
        ({"classes": 0}, "--classes 0: must be a whole number above zero"),
        ({"percentile": 90}, "must be one of 50, 95, 99"),
        ({"most": {LATENCY: 0.0}}, "--max-latency-ms 0: must be a number above zero"),
        ({"most": {MEMORY: math.inf}}, "--max-memory-mib inf: must be a number above zero"),
        ({"most": {LATENCY: 5.0}}, "needs --device; measured on: cpu-a and cpu-b"),
    ],
)
def test_wrong_questions(plant: Plant, changes: dict[str, Any], message: str) -> None:
    rows = latencies(100.0, 250.0, 1000.0)
    with pytest.raises(InputError, match=message):
        recommend(replace(QUESTION, **changes), plant(*ALL, speeds={"cpu-a": rows, "cpu-b": rows}))
