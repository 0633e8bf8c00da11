"""A group: networks measured in turns, round by round, beside a reference and a matrix product.

In each round everyone has one turn, in an order that is shifted and turned round from one round to the next: a machine
that drifts, or does other work for a while, slows all alike, and ratios are taken within a round. A network that fails
leaves the group with its reason and stops no other.
"""

import gc
import math
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch

from bench.machine.memory import free_memory
from bench.speed.best_settings import Limits, Try, fastest, find_best
from bench.speed.energy import EnergyMeter, joules_per_thousand_images
from bench.speed.failures import Status, failure_of
from bench.speed.matmul import matrix_product
from bench.speed.peak_memory import Memory, memory_of_step
from bench.speed.timed_setting import GroupKey, Kind, Layout, Mode, Network, Setting
from bench.speed.workload import Workload, prepare

BRIEF_SEARCH = Limits(batch=512, seconds=0.2)

LAYOUTS: tuple[Layout, ...] = ("contiguous", "channels_last")


@dataclass(frozen=True)
class Effort:
    """How much is done for a figure."""

    rounds: int = 11
    turn_seconds: float = 0.04
    """Of a turn, by so many steps, one at least."""
    latency_rounds: int = 20
    calls: int = 50
    """Single calls in a round of a group of latencies: 1,000 in all."""
    search_turns: int = 2
    search_seconds: float = 0.02
    """Of such a turn."""
    modes: tuple[Mode, ...] = ("eager",)
    limits: Limits = BRIEF_SEARCH
    """Of the batches that are searched for the best one."""
    product_side: int | None = None
    """Of the matrices whose product is measured; None for what saturates the device."""


@dataclass
class Contender:
    """One who takes part in a group, and what came of it."""

    setting: Setting
    is_reference: bool = False
    tried: tuple[Try, ...] = ()
    status: Status = "ok"
    reason: str = ""
    workload: Workload | None = None
    steps: int = 1
    """In a turn."""
    memory: Memory | None = None
    joules_per_thousand_images: float | None = None
    round_seconds: list[float] = field(default_factory=list)
    """Seconds a batch, in each round."""
    call_seconds: list[float] = field(default_factory=list)
    """Of single calls, in a group of latencies."""

    def leave(self, error: Exception) -> None:
        """Take no further part; what was measured so far is no whole measurement."""
        self.status, self.reason = failure_of(error)
        self.workload, self.memory, self.joules_per_thousand_images = None, None, None
        self.round_seconds, self.call_seconds = [], []

    def take_turn(self, kind: Kind, effort: Effort) -> None:
        """One round's work."""
        assert self.workload is not None
        if kind == "latency":
            calls = self.workload.latencies(effort.calls)
            self.call_seconds += calls
            self.round_seconds.append(statistics.median(calls))
        else:
            self.round_seconds.append(self.workload.seconds(self.steps))


@dataclass(frozen=True)
class Group:
    """What came of a group."""

    key: GroupKey
    contenders: tuple[Contender, ...]
    """The reference first."""
    matrix_flops_per_second: tuple[float, ...]
    """Of the matrix product, in each round."""


def run_group(
    key: GroupKey,
    networks: Sequence[Network],
    reference: Network,
    *,
    equal: Setting,
    device: torch.device,
    effort: Effort,
    meter: EnergyMeter | None = None,
) -> Group:
    """Measure networks in turns.

    Args:
        key: what they have in common.
        networks: who takes part; the reference does in any case, and need not be named.
        reference: whose turns the others' are compared with.
        equal: the batch, layout and mode for all of them, and where the search for the best ones begins; its network is
            of no account.
        device: where.
        effort: how long.
        meter: of the device's energy, where there is one.
    """
    common = replace(equal, task=key.task, precision=key.precision, image_size=key.image_size)
    if key.kind == "latency":
        common = replace(common, batch_size=1)
    contenders = [Contender(_for(reference, common), is_reference=True)]
    for network in networks:
        if key.kind == "best":
            contenders.append(_at_its_best(_for(network, common), device, effort))
        elif network != reference:
            contenders.append(Contender(_for(network, common)))
    for contender in contenders:
        with _leaving_on_failure(contender):
            _make_ready(contender, device, effort)
    product = matrix_product(device, key.precision, effort.product_side)
    flops = _take_turns(contenders, product.workload, product.flops, key.kind, effort)
    for contender in _in_the_race(contenders):
        with _leaving_on_failure(contender):
            assert contender.workload is not None
            if meter is not None:
                contender.joules_per_thousand_images = joules_per_thousand_images(
                    meter,
                    contender.workload.job,
                    contender.setting.batch_size,
                    statistics.median(contender.round_seconds),
                )
    for contender in contenders:
        contender.workload = None
    free_memory()
    return Group(key, tuple(contenders), tuple(flops))


def _for(network: Network, setting: Setting) -> Setting:
    return replace(setting, model=network.model, implementation=network.implementation)


def _at_its_best(start: Setting, device: torch.device, effort: Effort) -> Contender:
    """A contender with the setting that a search found for it."""

    def rate_of(setting: Setting) -> Try:
        trial, seconds = Contender(setting), math.inf
        with _leaving_on_failure(trial):
            seconds = prepare(setting, device).fastest(effort.search_turns, effort.search_seconds)
        if trial.status != "ok":
            return Try(setting, None, f"{trial.status}: {trial.reason}")
        return Try(setting, setting.batch_size / seconds)

    tries = find_best(start, rate_of, layouts=LAYOUTS, modes=effort.modes, limits=effort.limits)
    free_memory()
    return Contender(fastest(tries).setting, tried=tries)


def _make_ready(contender: Contender, device: torch.device, effort: Effort) -> None:
    """Open its workload, and measure what is measured of it alone."""
    others_bytes = torch.cuda.memory_allocated() if device.type == "cuda" else 0
    contender.workload = prepare(contender.setting, device)
    contender.memory = memory_of_step(contender.workload.job, device, others_bytes=others_bytes)
    contender.steps = contender.workload.steps_in(effort.turn_seconds)


def _take_turns(
    contenders: list[Contender], product: Workload, product_flops: int, kind: Kind, effort: Effort
) -> list[float]:
    """All rounds; returns the FLOP/s of the matrix product in each."""
    rates: list[float] = []
    steps = product.steps_in(effort.turn_seconds)
    with _no_garbage_collection():
        for number in range(effort.latency_rounds if kind == "latency" else effort.rounds):
            for contender in _order(_in_the_race(contenders), number):
                with _leaving_on_failure(contender):
                    contender.take_turn(kind, effort)
            rates.append(product_flops / product.seconds(steps))
    return rates


def _in_the_race(contenders: Sequence[Contender]) -> list[Contender]:
    return [contender for contender in contenders if contender.status == "ok"]


def _order(contenders: list[Contender], number: int) -> list[Contender]:
    """Another one in each round: shifted by one, and turned round in every other."""
    shift = number % max(1, len(contenders))
    order = contenders[shift:] + contenders[:shift]
    return order[::-1] if number % 2 else order


@contextmanager
def _leaving_on_failure(contender: Contender) -> Iterator[None]:
    """Whatever a network raises is why its contender leaves; libraries raise anything."""
    try:
        yield
    except Exception as error:
        contender.leave(error)
    if contender.status == "out_of_memory":
        free_memory()


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Collect before, not while the clock runs."""
    gc.collect()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
