"""Estimates by timings that are known: what a run takes, what runs share, and how long workers take for all."""

from dataclasses import replace

import pytest
import torch

from bench.plan.expand import Plan
from bench.plan.run import Run
from bench.runner.estimate.estimate import (
    DataTiming,
    Timed,
    Timing,
    data_key,
    estimated_seconds,
    estimates,
    images_of,
    model_key,
    timing_key,
)
from bench.runner.estimate.timing import TooLarge, check_size
from bench.runner.estimate.trials import Tried, timed
from bench.runner.pool.schedule import by_priority, most_at_once, seconds_in_all
from models import Counts

MACS = {"vit_pico/8": 1_000, "bit_resnet_pico": 4_000}
PROBED = {"transfers": ["linear", "k-shot"], "shots": [1, 5], "draws": 3, "subsets": [16], "from_scratch": False}


@pytest.fixture
def plan(plan_suite) -> Plan:
    return plan_suite(models=list(MACS), subsets=[16])


def known(runs: tuple[Run, ...], **data: float) -> Timed:
    """As if trials had found 1 ms an image of the one model, 4 ms of the other, and what is given of all data."""
    models = {model_key(run): [Timing(MACS[run.model] / 1e6, MACS[run.model], 10)] for run in runs}
    return timed(runs, Tried(models, {}), Tried({data_key(run): [DataTiming(**data)] for run in runs}, {}), 2)


def test_a_run_takes_its_images_its_reading_its_answers_and_a_fixed_cost(plan):
    scratch = next(run for run in plan.runs if run.stage == "scratch" and run.model == "vit_pico/8")
    data = DataTiming(num_train=20, num_validation=10, num_test=30, open_seconds=3, read_seconds_per_image=0.5)
    timing = Timing(0.25, 1, 1, evaluation_seconds_per_image=2, fixed_seconds=7, data=data)
    assert scratch.budget.amount == 96
    assert estimated_seconds(scratch, {timing_key(scratch): timing}) == 96 * 0.25 + 20 * 0.5 + 40 * (2 + 0.5) + 3 + 7
    streamed = replace(timing, data=replace(data, pipeline="streaming"))
    assert estimated_seconds(scratch, {timing_key(scratch): streamed}) == 96 * (0.25 + 0.5) + 40 * (2 + 0.5) + 3 + 7


def test_equal_flops_are_more_images_of_the_cheaper_model(plan_suite):
    plan = plan_suite(
        models=list(MACS), subsets=[16], match="flops", images=None, flops={"pretrain": 6e6, "transfer": 6e6}
    )
    found = [one for one in estimates(plan.runs, known(plan.runs)) if one.run.stage == "pretrain"]
    assert {one.run.model: one.images for one in found} == {"vit_pico/8": 1000, "bit_resnet_pico": 250}
    assert {one.flops for one in found} == {6e6}


def test_equal_seconds_are_images_by_the_rate(plan_suite):
    plan = plan_suite(
        models=list(MACS), subsets=[16], match="seconds", images=None, seconds={"pretrain": 8, "transfer": 2}
    )
    found = [one for one in estimates(plan.runs, known(plan.runs)) if one.run.stage == "pretrain"]
    assert {one.run.model: one.images for one in found} == {"vit_pico/8": 8000, "bit_resnet_pico": 2000}
    assert {one.seconds for one in found} == {8.0}


def test_what_one_run_does_for_others_is_counted_once(plan_suite):
    """Six shots' probes and a linear one of each network: each of two workers takes the held-out features once."""
    plan = plan_suite(models=["vit_pico/8"], **PROBED)
    costs = known(plan.runs, num_test=1000)
    answering = {key: replace(one, evaluation_seconds_per_image=1.0) for key, one in costs.timings.items()}
    probes = [run for run in plan.runs if run.probe is not None]
    linear, shots = ([run for run in probes if run.probe.kind == kind] for kind in ("linear", "k-shot"))
    assert (len(linear), len(shots)) == (1, 6)
    assert sum(estimated_seconds(run, answering) for run in probes) == pytest.approx(2 * 1000)
    assert all(images_of(run, costs.timings[timing_key(run)]) == 0 for run in probes)


def test_the_search_for_duplicates_reads_each_subset_once(plan):
    data = {"num_train": 100, "num_test": 50, "hash_seconds_per_image": 0.5, "read_seconds_per_image": 0.0}
    transfers = [run for run in plan.runs if run.stage == "transfer"]
    searched = known(plan.runs, **data).timings
    assert sum(searched[timing_key(run)].shares.search_seconds for run in transfers) == 100 * 0.5 + 50 * 0.5


def test_a_model_that_could_not_be_timed_has_its_reason_and_the_others_figures(plan):
    models = {model_key(run): [Timing(0.1, 1, 1)] for run in plan.runs if run.model == "vit_pico/8"}
    failed = {model_key(run): "too large" for run in plan.runs if run.model != "vit_pico/8"}
    data = Tried({data_key(run): [DataTiming()] for run in plan.runs}, {})
    found = estimates(plan.runs, timed(plan.runs, Tried(models, failed), data, 1))
    assert [one.run for one in found] == list(plan.runs)
    assert {(one.run.model, one.reason, one.seconds > 0) for one in found} == {
        ("vit_pico/8", "", True),
        ("bit_resnet_pico", "too large", False),
    }


def test_workers_wait_for_what_a_run_starts_from(plan):
    """Per model a pretraining (64 images), its transfer (32), and one from scratch (96): 192 ms and 768 ms."""
    timings = known(plan.runs).timings
    order = by_priority(plan, timings)
    seconds = {run.key: estimated_seconds(run, timings) for run in plan.runs}
    assert seconds_in_all(order, seconds, 1) == pytest.approx(0.192 + 0.768)
    assert seconds_in_all(order, seconds, 2) == pytest.approx((0.192 + 0.768) / 2)
    chain = [run for run in order if run.stage != "scratch" and run.model == "vit_pico/8"]
    assert seconds_in_all(chain, seconds, 2) == pytest.approx(0.096)
    assert (most_at_once(chain), most_at_once(plan.runs)) == (1, 4)


def test_a_model_beyond_memory_is_refused_before_it_is_built():
    with pytest.raises(TooLarge, match=r"1,000,000,000,000 parameters need 20000\.0 GB"):
        check_size(Counts(parameters=10**12, macs=1, tokens=None), torch.device("cpu"))
