"""A heat: networks measured in turns, round by round, beside a reference and a matrix product.

In each round everyone has one turn, in an order that is shifted and turned round from one round to the next: a machine
that drifts, or does other work for a while, slows all alike, and ratios are taken within a round. A network that fails
leaves the heat with its reason and stops no other.
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
from bench.speed.energy import EnergyMeter, joules_a_thousand_images
from bench.speed.failures import Status, failure_of
from bench.speed.matmul import matrix_product
from bench.speed.peak_memory import Memory, memory_of_step
from bench.speed.timed_setting import HeatKey, Kind, Layout, Mode, Network, Setting
from bench.speed.workload import Lane, open_lane

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
    """Single calls in a round of a heat of latencies: 1,000 in all."""
    search_turns: int = 2
    search_seconds: float = 0.02
    """Of such a turn."""
    modes: tuple[Mode, ...] = ("eager",)
    limits: Limits = BRIEF_SEARCH
    """Of the batches that are searched for the best one."""
    product_side: int | None = None
    """Of the matrices whose product is measured; None for what saturates the device."""


@dataclass
class Entrant:
    """One who takes part in a heat, and what came of it."""

    setting: Setting
    is_reference: bool = False
    tried: tuple[Try, ...] = ()
    status: Status = "ok"
    reason: str = ""
    lane: Lane | None = None
    steps: int = 1
    """In a turn."""
    memory: Memory | None = None
    joules_a_thousand_images: float | None = None
    round_seconds: list[float] = field(default_factory=list)
    """Seconds a batch, in each round."""
    call_seconds: list[float] = field(default_factory=list)
    """Of single calls, in a heat of latencies."""

    def leave(self, error: Exception) -> None:
        """Take no further part; what was measured so far is no whole measurement."""
        self.status, self.reason = failure_of(error)
        self.lane, self.memory, self.joules_a_thousand_images = None, None, None
        self.round_seconds, self.call_seconds = [], []

    def take_turn(self, kind: Kind, effort: Effort) -> None:
        """One round's work."""
        assert self.lane is not None
        if kind == "latency":
            calls = self.lane.latencies(effort.calls)
            self.call_seconds += calls
            self.round_seconds.append(statistics.median(calls))
        else:
            self.round_seconds.append(self.lane.seconds(self.steps))


@dataclass(frozen=True)
class Heat:
    """What came of a heat."""

    key: HeatKey
    entrants: tuple[Entrant, ...]
    """The reference first."""
    matrix_flops_per_second: tuple[float, ...]
    """Of the matrix product, in each round."""


def run_heat(
    key: HeatKey,
    networks: Sequence[Network],
    reference: Network,
    *,
    equal: Setting,
    device: torch.device,
    effort: Effort,
    meter: EnergyMeter | None = None,
) -> Heat:
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
    entrants = [Entrant(_for(reference, common), is_reference=True)]
    for network in networks:
        if key.kind == "best":
            entrants.append(_at_its_best(_for(network, common), device, effort))
        elif network != reference:
            entrants.append(Entrant(_for(network, common)))
    for entrant in entrants:
        with _leaving_on_failure(entrant):
            _make_ready(entrant, device, effort)
    product = matrix_product(device, key.precision, effort.product_side)
    flops = _take_turns(entrants, product.lane, product.flops, key.kind, effort)
    for entrant in _in_the_race(entrants):
        with _leaving_on_failure(entrant):
            assert entrant.lane is not None
            if meter is not None:
                entrant.joules_a_thousand_images = joules_a_thousand_images(
                    meter, entrant.lane.job, entrant.setting.batch_size, statistics.median(entrant.round_seconds)
                )
    for entrant in entrants:
        entrant.lane = None
    free_memory()
    return Heat(key, tuple(entrants), tuple(flops))


def _for(network: Network, setting: Setting) -> Setting:
    return replace(setting, model=network.model, implementation=network.implementation)


def _at_its_best(start: Setting, device: torch.device, effort: Effort) -> Entrant:
    """An entrant with the setting that a search found for it."""

    def rate_of(setting: Setting) -> Try:
        trial, seconds = Entrant(setting), math.inf
        with _leaving_on_failure(trial):
            seconds = open_lane(setting, device).fastest(effort.search_turns, effort.search_seconds)
        if trial.status != "ok":
            return Try(setting, None, f"{trial.status}: {trial.reason}")
        return Try(setting, setting.batch_size / seconds)

    tries = find_best(start, rate_of, layouts=LAYOUTS, modes=effort.modes, limits=effort.limits)
    free_memory()
    return Entrant(fastest(tries).setting, tried=tries)


def _make_ready(entrant: Entrant, device: torch.device, effort: Effort) -> None:
    """Open its lane, and measure what is measured of it alone."""
    others_bytes = torch.cuda.memory_allocated() if device.type == "cuda" else 0
    entrant.lane = open_lane(entrant.setting, device)
    entrant.memory = memory_of_step(entrant.lane.job, device, others_bytes=others_bytes)
    entrant.steps = entrant.lane.steps_in(effort.turn_seconds)


def _take_turns(entrants: list[Entrant], product: Lane, product_flops: int, kind: Kind, effort: Effort) -> list[float]:
    """All rounds; returns the FLOP/s of the matrix product in each."""
    rates: list[float] = []
    steps = product.steps_in(effort.turn_seconds)
    with _no_garbage_collection():
        for number in range(effort.latency_rounds if kind == "latency" else effort.rounds):
            for entrant in _order(_in_the_race(entrants), number):
                with _leaving_on_failure(entrant):
                    entrant.take_turn(kind, effort)
            rates.append(product_flops / product.seconds(steps))
    return rates


def _in_the_race(entrants: Sequence[Entrant]) -> list[Entrant]:
    return [entrant for entrant in entrants if entrant.status == "ok"]


def _order(entrants: list[Entrant], number: int) -> list[Entrant]:
    """Another one in each round: shifted by one, and turned round in every other."""
    shift = number % max(1, len(entrants))
    order = entrants[shift:] + entrants[:shift]
    return order[::-1] if number % 2 else order


@contextmanager
def _leaving_on_failure(entrant: Entrant) -> Iterator[None]:
    """Whatever a network raises is why its entrant leaves; libraries raise anything."""
    try:
        yield
    except Exception as error:
        entrant.leave(error)
    if entrant.status == "out_of_memory":
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
