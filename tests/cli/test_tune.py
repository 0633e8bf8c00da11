"""What a call of `bench tune` makes next of trials that failed, and of those that are done."""

from pathlib import Path

import pytest

from bench.cli.size_class import check_members
from bench.cli.tune import Trials
from bench.config.resolved import ResolvedSuite
from bench.errors import InputError
from bench.plan.run import Run
from bench.store.store import Outcome, Store, open_trials

TUNING = {"trials": 2, "space": {"learning_rate": {"low": 0.001, "high": 0.01}}}


@pytest.fixture
def suite(resolve_suite) -> ResolvedSuite:
    return resolve_suite(tuning=TUNING, models=["vit_pico/8"], transfers=["linear"])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_trials(tmp_path / "tuning")


def keep(store: Store, run: Run, status: str) -> None:
    metrics = {"validation_accuracy": 0.5, "validation_loss": 1.0} if status == "ok" else {}
    record = {"schema_version": 1, "key": run.key, "reason": "", "run": run.resolved(), "data": {}, "cost": {}}
    store.write(Outcome(record | {"status": status, "metrics": metrics}))


def due(trials: Trials) -> list[Run]:
    return [one.run for _, own in trials.due() for one in own]


def test_what_failed_in_an_earlier_call_is_tried_again_once_and_what_diverged_is_not(suite, store):
    first, second = due(Trials(suite, store, is_adopted=False))
    keep(store, first, "diverged")
    for status in ("failed", "out_of_memory", "not_run"):
        keep(store, second, status)
        trials = Trials(suite, store, is_adopted=False)
        assert due(trials) == [second]
        trials.tried.add(second.key)
        assert due(trials) == []
    keep(store, second, "ok")
    assert due(Trials(suite, store, is_adopted=False)) == []


def test_failures_stay_once_the_suite_was_run_with_what_was_chosen(suite, store):
    first, second = due(Trials(suite, store, is_adopted=False))
    keep(store, first, "ok")
    keep(store, second, "failed")
    assert due(Trials(suite, store, is_adopted=False)) == [second]
    assert due(Trials(suite, store, is_adopted=True)) == []


def test_members_beyond_the_size_class_are_refused_with_their_sizes_and_the_limits(resolve_suite):
    members = {"vit": ["vit_pico/8", "vit_pico/4", "vit_nano/8"]}
    with pytest.raises(InputError) as refused:
        check_members(resolve_suite(tuning=TUNING | {"trials": 3, "members": members}))
    first, *lines = str(refused.value).splitlines()
    assert first.startswith("suite tiny: tuning.members leaves the size class: a member's parameters are within 20 %")
    assert lines == ["  vit_nano/8 (vit) has 1,218,186 parameters; vit_pico/8 allows 171,375 to 257,061"]
    with pytest.raises(InputError, match=r"vit_pico/4 \(vit\) has [0-9,]+ multiply-accumulates; vit_pico/8 allows"):
        check_members(resolve_suite(tuning=TUNING | {"trials": 3, "members": members}, size_class="macs"))
    check_members(resolve_suite(tuning=TUNING | {"members": {"vit": ["vit_pico/4", "vit_pico/8"]}}))
