"""Measures a group of networks in turns, round by round, together with a reference and a matrix product.

Each contender has one turn per round, in an order that changes from round to round. Ratios are taken within a round, so
a machine that becomes slower for a while slows both sides of a ratio. A network that fails leaves the group, with the
reason; the others are still measured.
"""

import gc
import math
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

from bench.machine.device import Device
from bench.machine.memory import free_memory, is_out_of_memory
from bench.speed.best_settings import SearchLimits, Try, fastest, find_best
from bench.speed.energy import EnergyCounter, joules_per_thousand_images
from bench.speed.matmul import matrix_product
from bench.speed.peak_memory import Memory, allocated_bytes, memory_of_step
from bench.speed.timed_setting import GroupKey, Kind, Layout, Mode, Network, Setting
from bench.speed.workload import Workload, prepare

Status = Literal["ok", "out_of_memory", "failed"]

BRIEF_SEARCH = SearchLimits(batch=512, seconds=0.2)
LAYOUTS: tuple[Layout, ...] = ("contiguous", "channels_last")
LONGEST_REASON = 500
"""The number of characters of a library's error message that are kept."""


@dataclass(frozen=True)
class Effort:
    """The number and length of measurements."""

    rounds: int = 11
    turn_seconds: float = 0.04
    """The approximate seconds per turn; a turn has at least one step."""
    latency_rounds: int = 20
    """The rounds of a group of latencies."""
    calls: int = 50
    """The single calls per round of a group of latencies: 1,000 in all rounds together."""
    search_turns: int = 2
    """The turns per setting in the search for the best setting."""
    search_seconds: float = 0.02
    """The seconds per turn in that search."""
    modes: tuple[Mode, ...] = ("eager",)
    limits: SearchLimits = BRIEF_SEARCH
    """The limits of the batches in that search."""


@dataclass
class Contender:
    """A network with its setting in a group, and its measurements."""

    setting: Setting
    is_reference: bool = False
    tried: tuple[Try, ...] = ()
    """The settings that the search for the best one tried, the fastest first."""
    status: Status = "ok"
    reason: str = ""
    """The reason why the network failed."""
    workload: Workload | None = None
    """The network ready to run; None before and after the measurement."""
    steps: int = 1
    """The steps per turn."""
    memory: Memory | None = None
    joules_per_thousand_images: float | None = None
    round_seconds: list[float] = field(default_factory=list)
    """The seconds per step in each round."""
    call_seconds: list[float] = field(default_factory=list)
    """The seconds of single calls in a group of latencies."""

    @contextmanager
    def leaving_on_failure(self) -> Iterator[None]:
        """Leave the group if the code inside the context raises an exception of any type.

        The measurements so far are discarded, because they are not complete.
        """
        try:
            yield
        except Exception as error:
            self.status = "out_of_memory" if is_out_of_memory(error) else "failed"
            self.reason = f"{type(error).__name__}: {' '.join(str(error).split())[:LONGEST_REASON]}"
            self.workload, self.memory, self.joules_per_thousand_images = None, None, None
            self.round_seconds, self.call_seconds = [], []
        if self.status == "out_of_memory":
            free_memory()  # outside the except block, since the traceback holds the network until its end

    def get_ready(self, device: Device, effort: Effort) -> None:
        """Build and warm up the network, and measure its memory."""
        others_bytes = allocated_bytes(device)
        self.workload = prepare(self.setting, device)
        self.memory = memory_of_step(self.workload.job, device, others_bytes=others_bytes)
        self.steps = self.workload.steps_in(effort.turn_seconds)

    def take_turn(self, kind: Kind, effort: Effort) -> None:
        """Measure the network for one round."""
        assert self.workload is not None
        if kind == "latency":
            calls = self.workload.latencies(effort.calls)
            self.call_seconds += calls
            self.round_seconds.append(statistics.median(calls))
        else:
            self.round_seconds.append(self.workload.seconds_per_step(self.steps))

    def measure_energy(self, counter: EnergyCounter) -> None:
        """Measure the energy that the network uses; its turns must have been measured before."""
        assert self.workload is not None
        self.joules_per_thousand_images = joules_per_thousand_images(
            counter,
            self.workload.job,
            self.workload.device,
            num_images=self.setting.batch_size,
            seconds=statistics.median(self.round_seconds),
        )


@dataclass(frozen=True)
class Group:
    """The measurements of networks that took turns."""

    key: GroupKey
    contenders: tuple[Contender, ...]
    """The contenders, the reference first."""
    matrix_flops_per_second: tuple[float, ...]
    """The rate of the matrix product in each round."""
    num_restarts: int = 1
    """The number of processes that measured the group; each has the same number of rounds, in the order of time."""


def measure_group(
    key: GroupKey,
    networks: Sequence[Network],
    reference: Network,
    *,
    equal: Setting,
    device: Device,
    effort: Effort,
    counter: EnergyCounter | None = None,
    earlier: Group | None = None,
) -> Group:
    """Measure networks in turns, in this process.

    Args:
        key: The task, kind, precision and image size of the group.
        networks: The networks; the reference is always measured and need not be listed.
        reference: The network that the others are compared with.
        equal: The batch, layout and mode of all networks, and the start of the search for the best settings; its
            network is ignored.
        device: The device to measure on.
        effort: The number and length of measurements.
        counter: The device's energy counter, if it has one.
        earlier: The same group in an earlier process, whose settings are used instead of a search for the best ones.
    """
    if earlier is not None:
        contenders = [Contender(each.setting, each.is_reference, each.tried) for each in earlier.contenders]
    else:
        contenders = _line_up(key, networks, reference, equal, device, effort)
    for contender in contenders:
        with contender.leaving_on_failure():
            contender.get_ready(device, effort)
    flops_per_second = _take_turns(contenders, key, device, effort)
    for contender in contenders:
        if counter is not None and contender.status == "ok":
            with contender.leaving_on_failure():
                contender.measure_energy(counter)
        contender.workload = None
    free_memory()
    return Group(key, tuple(contenders), flops_per_second)


def _line_up(
    key: GroupKey, networks: Sequence[Network], reference: Network, equal: Setting, device: Device, effort: Effort
) -> list[Contender]:
    """Return the contenders of a group with their settings, the reference first."""
    common = replace(equal, task=key.task, precision=key.precision, image_size=key.image_size)
    if key.kind == "latency":
        common = replace(common, batch_size=1)
    contenders = [Contender(_for(reference, common), is_reference=True)]
    for network in networks:
        if key.kind == "best":
            contenders.append(_at_its_best(_for(network, common), device, effort))
        elif network != reference:
            contenders.append(Contender(_for(network, common)))
    return contenders


def _for(network: Network, setting: Setting) -> Setting:
    return replace(setting, model=network.model, implementation=network.implementation)


def _at_its_best(start: Setting, device: Device, effort: Effort) -> Contender:
    """Return a contender with the best setting that a search finds."""

    def rate_of(setting: Setting) -> Try:
        trial, seconds = Contender(setting), math.inf
        with trial.leaving_on_failure():
            seconds = prepare(setting, device).fastest(effort.search_turns, effort.search_seconds)
        if trial.status != "ok":
            return Try(setting, None, f"{trial.status}: {trial.reason}")
        return Try(setting, setting.batch_size / seconds)

    tries = find_best(start, rate_of, layouts=LAYOUTS, modes=effort.modes, limits=effort.limits)
    free_memory()
    return Contender(fastest(tries).setting, tried=tries)


def _take_turns(contenders: list[Contender], key: GroupKey, device: Device, effort: Effort) -> tuple[float, ...]:
    """Measure all rounds, and return the FLOP/s of the matrix product in each."""
    product, flops = matrix_product(device, key.precision)
    steps = product.steps_in(effort.turn_seconds)
    rates: list[float] = []
    with _no_garbage_collection():
        for number in range(effort.latency_rounds if key.kind == "latency" else effort.rounds):
            for contender in _order([contender for contender in contenders if contender.status == "ok"], number):
                with contender.leaving_on_failure():
                    contender.take_turn(key.kind, effort)
            rates.append(flops / product.seconds_per_step(steps))
    return tuple(rates)


def _order(contenders: list[Contender], number: int) -> list[Contender]:
    """Return the order of a round: shifted by one from round to round, and reversed in every second round."""
    shift = number % max(1, len(contenders))
    order = contenders[shift:] + contenders[:shift]
    return order[::-1] if number % 2 else order


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Collect garbage once, then switch the garbage collector off inside the context."""
    gc.collect()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
