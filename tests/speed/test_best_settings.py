"""The search finds the fastest setting that there is, and says of every other one what came of it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bench.speed.best_settings import SearchLimits, Try, fastest, find_best
from bench.speed.timed_setting import Setting

START = Setting("vit_pico/8", "ours", "training", "fp32", 32, 32)
LIMITS = SearchLimits(batch=1024, seconds=1e9)
Rate = Callable[[Setting], float | None]


def search(rate: Rate, limits: SearchLimits = LIMITS, modes: tuple[str, ...] = ("eager",)) -> tuple[Try, ...]:
    def rate_of(setting: Setting) -> Try:
        found = rate(setting)
        return Try(setting, found, "" if found else "out_of_memory: no room")

    return find_best(START, rate_of, layouts=("contiguous", "channels_last"), modes=modes, limits=limits)


def peaked(at: int) -> Rate:
    return lambda setting: 1000.0 / max(setting.batch_size / at, at / setting.batch_size)


@pytest.mark.parametrize("peak", [1, 8, 32, 256, 1024])
def test_the_best_batch_is_found_in_either_direction(peak: int) -> None:
    assert search(peaked(peak))[0].setting.batch_size == peak


def test_no_batch_beyond_the_limit_is_tried() -> None:
    assert max(each.setting.batch_size for each in search(peaked(4096), SearchLimits(128, 1e9))) == 128


def test_no_step_beyond_the_limit_is_tried() -> None:
    tries = search(lambda setting: 100.0, SearchLimits(1024, seconds=0.7))
    assert max(each.setting.batch_size for each in tries) == 64


def test_one_try_without_a_gain_is_not_the_end() -> None:
    rates = {32: 100.0, 64: 99.0, 128: 150.0}
    assert search(lambda setting: rates.get(setting.batch_size, 1.0))[0].setting.batch_size == 128


def test_the_better_layout_is_taken() -> None:
    found = search(lambda setting: peaked(64)(setting) * (1.5 if setting.layout == "channels_last" else 1))
    assert (found[0].setting.layout, found[0].setting.batch_size) == ("channels_last", 64)


def test_a_batch_that_does_not_fit_is_said_and_none_larger_is_tried() -> None:
    tries = search(lambda setting: None if setting.batch_size >= 128 else 10.0 * setting.batch_size)
    assert tries[0].setting.batch_size == 64
    failed = [each for each in tries if each.images_per_second is None]
    assert [(each.setting.batch_size, each.reason) for each in failed] == [(128, "out_of_memory: no room")] * 2


def test_compiled_networks_are_tried_at_the_best_batches_and_above() -> None:
    def rate(setting: Setting) -> float | None:
        return 2 * (peaked(128)(setting) or 0) if setting.mode == "compiled" else peaked(64)(setting)

    tries = search(rate, modes=("eager", "compiled"))
    compiled = [each.setting.batch_size for each in tries if each.setting.mode == "compiled"]
    assert set(compiled) == {64, 128, 256, 512}, compiled
    assert tries[0].setting == replace(START, batch_size=128, mode="compiled", layout=tries[0].setting.layout)


def test_where_nothing_runs_the_first_reason_is_kept() -> None:
    tries = search(lambda setting: None)
    assert fastest(tries).images_per_second is None
    assert fastest(tries).reason == "out_of_memory: no room"


def test_every_try_is_kept_the_fastest_first() -> None:
    rates = [each.images_per_second for each in search(peaked(64))]
    assert rates == sorted(rates, reverse=True)
    assert len(rates) == len({each.setting for each in search(peaked(64))})
