"""Measures a group in several processes, one after another, each started from nothing.

Processes of the same code differ by some percent, because the memory of each lies elsewhere. Only several of them show
this spread. The first process searches for the best settings; the others measure at these settings.
"""

import math
import multiprocessing
import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from pebble import ProcessPool

from bench.machine.device import Device
from bench.speed.allocator import keep_freed_memory
from bench.speed.energy import NoCounterError, open_counter
from bench.speed.rounds import Contender, Group, measure_group


def prepare_process(device: Device, threads: int) -> None:
    """Set the threads of this process and let it keep freed memory; on a GPU nothing is to be done."""
    if device == "cpu":
        torch.set_num_threads(threads)
        keep_freed_memory()


def measure_restarts(num_restarts: int, threads: int, arguments: dict[str, Any]) -> Group:
    """Measure a group in several new processes.

    Args:
        num_restarts: The number of processes.
        threads: The threads of each process on a CPU.
        arguments: The arguments of `measure_group`, by name, without `counter` and `earlier`.

    Returns:
        The measurements of all processes together. A network that failed in one of them has failed.

    Raises:
        ProcessExpired: A process died.
    """
    groups: list[Group] = []
    for _ in range(num_restarts):
        earlier = groups[0] if groups else None
        # Forked processes would share the parent's memory layout, so each process is spawned.
        pool = ProcessPool(1, context=multiprocessing.get_context("spawn"))
        try:
            groups.append(pool.schedule(_measure, args=(threads, arguments | {"earlier": earlier})).result())
        finally:
            pool.stop()  # ends the process also if the session's time is over
            pool.join()
    return _joined(groups)


def _measure(threads: int, arguments: dict[str, Any]) -> Group:
    prepare_process(arguments["device"], threads)
    try:
        counter = open_counter(arguments["device"])
    except NoCounterError:
        counter = None
    return measure_group(**arguments, counter=counter)


def _joined(groups: Sequence[Group]) -> Group:
    """Return the groups of all restarts as one."""
    contenders = tuple(_joined_contender(same) for same in zip(*(group.contenders for group in groups), strict=True))
    rates = tuple(rate for group in groups for rate in group.matrix_flops_per_second)
    return replace(groups[0], contenders=contenders, matrix_flops_per_second=rates, num_restarts=len(groups))


def _joined_contender(same: Sequence[Contender]) -> Contender:
    for number, contender in enumerate(same, start=1):
        if contender.status != "ok":
            return replace(contender, reason=f"process {number} of {len(same)}: {contender.reason}")
    joules = [joules for each in same if not math.isnan(joules := each.joules_per_thousand_images or math.nan)]
    return replace(
        same[0],
        joules_per_thousand_images=statistics.median(joules) if joules else None,
        round_seconds=[seconds for each in same for seconds in each.round_seconds],
        call_seconds=[seconds for each in same for seconds in each.call_seconds],
    )
