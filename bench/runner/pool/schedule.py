"""Order the runs of a plan for the workers, and compute the time that they take in that order. Imports no torch."""

import heapq
from collections.abc import Mapping, Sequence
from itertools import islice

from bench.plan.expand import Plan
from bench.plan.run import Run


def by_priority(plan: Plan, seconds: Mapping[str, float]) -> list[Run]:
    """Sort the runs of a plan by seed, and within a seed by the time of the chain that starts with each run.

    Args:
        plan: the runs.
        seconds: the estimated seconds of each run, by its key; a run without an estimate counts as the longest.
    """
    seeds = {seed: position for position, seed in enumerate(dict.fromkeys(run.seed for run in plan.runs))}
    longest = max(seconds.values(), default=0.0)
    alone = {run.key: seconds.get(run.key, longest) for run in plan.runs}
    chain = dict(alone)
    for run in reversed(plan.runs):
        if run.starts_from is not None:
            chain[run.starts_from] = max(chain[run.starts_from], alone[run.starts_from] + chain[run.key])
    return sorted(plan.runs, key=lambda run: (seeds[run.seed], -chain[run.key]))


def most_at_once(runs: Sequence[Run]) -> int:
    """Return the largest number of runs that can be under way at once: those that no other run starts from."""
    parents = {run.starts_from for run in runs}
    return sum(run.key not in parents for run in runs)


def seconds_in_all(plan: Plan, seconds: Mapping[str, float], num_workers: int) -> float:
    """Return the seconds that the workers take for the runs of a plan, without runs that have no estimate.

    Args:
        plan: the runs; a run waits for the run that it starts from.
        seconds: the estimated seconds of each run, by its key.
        num_workers: the number of runs that are under way at once.
    """
    waiting = {run.key: run for run in by_priority(plan, seconds) if run.key in seconds}
    undone = set(waiting)
    running: list[tuple[float, str]] = []
    now = 0.0
    while waiting or running:
        ready = (run for run in waiting.values() if run.starts_from not in undone)
        for run in list(islice(ready, num_workers - len(running))):
            del waiting[run.key]
            heapq.heappush(running, (now + seconds[run.key], run.key))
        now, ended = heapq.heappop(running)
        undone.remove(ended)
    return now
