"""Groups of several processes: what is joined, and what failed in one of them."""

from typing import Any

import pytest

from bench.speed import restarts
from bench.speed.rounds import Contender, Group
from bench.speed.timed_setting import GroupKey, Setting

KEY = GroupKey("inference", "equal", "fp32", 32)
EQUAL = Setting("vit_pico/8", "timm", "inference", "fp32", 32, 4)


class Once:
    """A pool whose tasks have their groups ready."""

    def __init__(self, groups: list[Group]) -> None:
        self.groups, self.earlier = groups, list[Group | None]()

    def __call__(self, *_: Any, **__: Any) -> "Once":
        return self

    def schedule(self, _: Any, args: tuple[int, dict[str, Any]]) -> "Once":
        self.earlier.append(args[1]["earlier"])
        return self

    def result(self) -> Group:
        return self.groups[len(self.earlier) - 1]

    def stop(self) -> None:
        """End nothing."""

    join = stop


def measured(monkeypatch: pytest.MonkeyPatch, *groups: Group) -> tuple[Group, Once]:
    pool = Once(list(groups))
    monkeypatch.setattr(restarts, "ProcessPool", pool)
    return restarts.measure_restarts(len(groups), 1, {"device": "cpu"}), pool


def group(*contenders: Contender) -> Group:
    return Group(KEY, contenders, (1.0, 2.0))


def ok(seconds: float, joules: float | None = None) -> Contender:
    return Contender(EQUAL, round_seconds=[seconds] * 2, joules_per_thousand_images=joules)


def test_rounds_stand_in_the_order_of_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """And later processes repeat the settings of the first."""
    groups = [group(ok(1.0, 3.0)), group(ok(2.0, 9.0)), group(ok(3.0, float("nan")))]
    found, pool = measured(monkeypatch, *groups)
    assert found.contenders[0].round_seconds == [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]
    assert found.contenders[0].joules_per_thousand_images == 6.0
    assert (found.num_restarts, found.matrix_flops_per_second) == (3, (1.0, 2.0) * 3)
    assert pool.earlier == [None, groups[0], groups[0]]


def test_what_failed_in_one_process_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the process that it failed in; the others of its group did not."""
    failed = Contender(EQUAL, status="out_of_memory", reason="batch 4 does not fit")
    found, _ = measured(monkeypatch, group(ok(1.0), ok(1.0)), group(ok(2.0), failed))
    assert [each.status for each in found.contenders] == ["ok", "out_of_memory"]
    assert found.contenders[1].reason == "process 2 of 2: batch 4 does not fit"
    assert found.contenders[1].round_seconds == []
