"""Estimates by known timings: what a run takes, what runs share, and how long workers take for all."""

from dataclasses import replace

import pytest
import torch

from bench.plan.expand import Plan
from bench.plan.run import Run
from bench.runner.estimate.estimate import (
    Shares,
    TimedData,
    TimedRun,
    Timings,
    data_key,
    estimate,
    estimates,
    model_key,
    seconds_by_key,
)
from bench.runner.estimate.timed_run import TooLarge, check_memory
from bench.runner.pool.schedule import most_at_once, seconds_in_all
from models import Counts

MACS = {"vit_pico/8": 1_000, "bit_resnet_pico": 4_000}
PROBED = {"transfers": ["linear", "k-shot"], "shots": [1, 5], "draws": 3, "subsets": [16], "from_scratch": False}


@pytest.fixture
def plan(plan_suite) -> Plan:
    return plan_suite(models=list(MACS), subsets=[16])


def timings_of(runs: tuple[Run, ...], **data: float) -> Timings:
    """1 ms per image of the one model, 4 ms of the other, and the given facts of all data."""
    timed = {model_key(run): TimedRun(MACS[run.model], 10, MACS[run.model] / 1e6) for run in runs}
    return Timings(timed, {data_key(run): TimedData(**data) for run in runs}, {})


def test_a_run_takes_its_images_its_reading_its_evaluation_and_its_set_up(plan):
    scratch = next(run for run in plan.runs if run.stage == "scratch" and run.model == "vit_pico/8")
    data = TimedData(num_train=20, num_validation=10, num_test=30, open_seconds=3, read_seconds_per_image=0.5)
    timed = TimedRun(1, 1, 0.25, evaluation_seconds_per_image=2, setup_seconds=7, warm_up_seconds=5)
    assert scratch.budget.amount == 96
    evaluation = 40 * (2 + 0.5)
    assert estimate(scratch, timed, data).seconds == 96 * 0.25 + 20 * 0.5 + evaluation + 3 + 7 + 5
    streamed = replace(data, is_resident=False)
    assert estimate(scratch, timed, streamed).seconds == 96 * (0.25 + 0.5) + evaluation + 3 + 7 + 5
    later = estimate(scratch, timed, data, Shares(reading=0.5, warm_up=0.1))
    assert later.seconds == pytest.approx(96 * 0.25 + 20 * 0.25 + 40 * (2 + 0.25) + 3 + 7 + 0.5)


def test_equal_flops_are_more_images_of_the_cheaper_model(plan_suite):
    plan = plan_suite(
        models=list(MACS), subsets=[16], match="flops", images=None, flops={"pretrain": 6e6, "transfer": 6e6}
    )
    pretrained = [run for run in estimates(plan.runs, timings_of(plan.runs), 1) if run.run.stage == "pretrain"]
    assert {run.run.model: run.images for run in pretrained} == {"vit_pico/8": 1000, "bit_resnet_pico": 250}
    assert {run.training_flops for run in pretrained} == {6e6}


def test_equal_seconds_are_images_by_the_rate(plan_suite):
    plan = plan_suite(
        models=list(MACS), subsets=[16], match="seconds", images=None, seconds={"pretrain": 8, "transfer": 2}
    )
    pretrained = [run for run in estimates(plan.runs, timings_of(plan.runs), 1) if run.run.stage == "pretrain"]
    assert {run.run.model: run.images for run in pretrained} == {"vit_pico/8": 8000, "bit_resnet_pico": 2000}
    assert {run.seconds for run in pretrained} == {8.0}


def test_probes_of_one_network_share_its_features_in_each_worker(plan_suite):
    plan = plan_suite(models=["vit_pico/8"], **PROBED)
    timings = timings_of(plan.runs, num_test=1000)
    models = {key: replace(timed, evaluation_seconds_per_image=1.0) for key, timed in timings.models.items()}
    probes = [
        run for run in estimates(plan.runs, replace(timings, models=models), num_workers=2) if run.run.probe is not None
    ]
    assert [run.run.probe.kind for run in probes].count("k-shot") == 6
    assert sum(run.seconds for run in probes) == pytest.approx(2 * 1000)
    assert {run.images for run in probes} == {0}


def test_workers_read_images_once_that_they_keep(plan):
    def reading_seconds(*, is_cached: bool) -> float:
        timings = timings_of(plan.runs, num_train=100, read_seconds_per_image=0.5, is_cached=is_cached)
        free = replace(timings, models={key: TimedRun(1, 1, 1e-9) for key in timings.models})
        runs = [run for run in plan.runs if run.target is not None]
        return sum(run.seconds for run in estimates(runs, free, num_workers=2))

    assert reading_seconds(is_cached=False) == pytest.approx(4 * 100 * 0.5, abs=1e-3)
    assert reading_seconds(is_cached=True) == pytest.approx(2 * 100 * 0.5, abs=1e-3)


def test_a_model_that_could_not_be_timed_has_its_reason_and_the_others_figures(plan):
    timings = timings_of(plan.runs)
    failed = {model_key(run): "too large" for run in plan.runs if run.model != "vit_pico/8"}
    models = {key: timed for key, timed in timings.models.items() if key not in failed}
    found = estimates(plan.runs, Timings(models, timings.data, failed), 1)
    assert [run.run for run in found] == list(plan.runs)
    assert {(run.run.model, run.reason, run.seconds > 0) for run in found} == {
        ("vit_pico/8", "", True),
        ("bit_resnet_pico", "too large", False),
    }
    assert seconds_by_key(found).keys() == {run.key for run in plan.runs if run.model == "vit_pico/8"}


def test_workers_wait_for_what_a_run_starts_from(plan):
    """Per model a pretraining (64 images), its transfer (32), and one from scratch (96): 192 ms and 768 ms."""
    seconds = seconds_by_key(estimates(plan.runs, timings_of(plan.runs), 1))
    assert seconds_in_all(plan, seconds, 1) == pytest.approx(0.192 + 0.768)
    assert seconds_in_all(plan, seconds, 2) == pytest.approx((0.192 + 0.768) / 2)
    chain = tuple(run for run in plan.runs if run.stage != "scratch" and run.model == "vit_pico/8")
    assert seconds_in_all(Plan(chain, ()), {run.key: seconds[run.key] for run in chain}, 2) == pytest.approx(0.096)
    assert (most_at_once(chain), most_at_once(plan.runs)) == (1, 4)


def test_a_model_beyond_memory_is_refused_before_it_is_built():
    with pytest.raises(TooLarge, match=r"1,000,000,000,000 parameters needs 18,626 GiB"):
        check_memory(Counts(parameters=10**12, macs=1, tokens=None), torch.device("cpu"))
