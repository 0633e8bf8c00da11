"""Two processes that measure in turns, one in each of two trees: only one of them works at a time.

Processes of equal code differ by chance of where things lie in memory, by some percent, for as long as they live. So
what is measured is opened again and again, each time in a fresh process, and such a restart is the unit that the
interval is taken over. Of the turns within one the fastest counts on either side: what else a machine does only ever
makes a turn longer. Imports no torch.
"""

import contextlib
import json
import math
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.analysis.speed_changes import Restart, ratio_over_restarts
from bench.cli.compare.trees import Tree
from bench.errors import InputError

MODULE = "tests.benchmarks.support.worker"
TURN_SECONDS = 0.04
"""Of a turn's timed steps: short, so that some turns are hardly disturbed."""
FEWEST_TURNS, MOST_TURNS = 2, 8
RESTART_SECONDS = 1.5
"""Of all turns of a restart; where steps are long, there are fewer turns."""
LEAST_FOR_AN_INTERVAL = 6
LEAST_RESTARTS = {"cpu": 10, "cuda": LEAST_FOR_AN_INTERVAL}
"""On CUDA a fresh process takes seconds to begin."""
FOR_MEASURING = {
    # What is freed stays with the process (glibc). By default it is chance whether each step gives memory back and has
    # it mapped anew, page by page, which costs some models a third of their speed for as long as a process lives.
    "MALLOC_TRIM_THRESHOLD_": "-1",
    "MALLOC_MMAP_MAX_": "0",
    # Asked otherwise whether there is CUDA, a process that will fork would begin with it.
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
}
"""Variables of the processes that measure."""
NARROW = 0.02
"""Half an interval, at which there are restarts enough."""
MOST_SECONDS = 60.0
"""For one setting on a machine that is never quiet; restarts that an interval needs are done beyond it."""


@dataclass(frozen=True)
class Order:
    """What is to be measured, as a worker is told."""

    setting: Mapping[str, Any]
    device: str
    threads: int


@dataclass
class Measured:
    """What came of an order."""

    restarts: list[Restart] = field(default_factory=list)
    steps: int = 0
    """In a turn."""
    turns: int = 0
    """Of either side in a restart."""
    problem: str = ""
    """Why there is no more; empty if all went well."""


class Refused(Exception):
    """A worker could not do what it was told; the message says which and why."""


class Worker:
    """A process that measures in a tree; it does nothing while it is not asked."""

    def __init__(self, side: str, tree: Tree, threads: int) -> None:
        self.side, self.tree, self.is_open = side, tree, False
        self.complaints = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115  # as long as the process
        self.process = subprocess.Popen(
            [tree.python, "-m", MODULE],
            cwd=tree.root,
            env=_environment(tree.root, threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            text=True,
            start_new_session=True,
        )

    def open(self, order: Order) -> None:
        """Make ready what is to be measured, in a fresh process.

        Raises:
            Refused: that cannot be.
        """
        root = self._ask(do="open", **vars(order))["root"]
        if Path(root).resolve() != self.tree.root.resolve():
            raise InputError(f"{self.side} measures the code in {root}, which is not that of {self.tree.root}")
        self.is_open = True

    def turn(self, steps: int) -> float:
        """Seconds a step, of so many."""
        return float(self._ask(do="turn", steps=steps)["seconds"])

    def close(self) -> None:
        """Be done with what is open."""
        self._ask(do="close")
        self.is_open = False

    def end(self) -> None:
        """End the process, and any that it has forked."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        self.complaints.close()

    def _ask(self, **order: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(order), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise InputError(f"what measures {self.side} ({self.tree.commit}) ended: {self._last_complaint()}")
        answer: dict[str, Any] = json.loads(line)
        if not answer["ok"]:
            self.is_open = False
            raise Refused(f"{answer['status']} in {self.side}: {answer['reason']}")
        return answer

    def _last_complaint(self) -> str:
        self.complaints.seek(0)
        lines = [line.strip() for line in self.complaints if line.strip()]
        return lines[-1] if lines else f"exit code {self.process.wait()}"


@contextmanager
def workers(old: Tree, new: Tree, threads: int) -> Iterator[tuple[Worker, Worker]]:
    """A process in either tree; they are gone afterwards, in whatever way it ends."""
    with contextlib.ExitStack() as started:
        pair = []
        for side, tree in (("OLD", old), ("NEW", new)):
            pair.append(Worker(side, tree, threads))
            started.callback(pair[-1].end)
        yield pair[0], pair[1]


def take_turns(pair: tuple[Worker, Worker], order: Order) -> Measured:
    """Measure an order on both sides, restart by restart, until the interval is narrow or its time is over."""
    measured, began = Measured(), time.monotonic()
    try:
        while not is_enough(measured.restarts, time.monotonic() - began, LEAST_RESTARTS[order.device]):
            number = len(measured.restarts)
            with _opened(pair if number % 2 == 0 else pair[::-1], order):
                if number == 0:
                    measured.steps, measured.turns = _fitting(min(pair[0].turn(1) for _ in range(3)))
                measured.restarts.append(_restart(pair, measured, first=number % 2))
    except Refused as error:
        measured.problem = str(error)
    return measured


def is_enough(restarts: list[Restart], seconds: float, least: int) -> bool:
    """Whether so many restarts, in so many seconds, tell what there is to tell; `least` do only if they agree."""
    if len(restarts) < LEAST_FOR_AN_INTERVAL:
        return False
    if seconds > MOST_SECONDS:
        return True
    found = ratio_over_restarts(restarts)
    return len(restarts) >= least and math.log(found.high / found.low) / 2 < NARROW


@contextmanager
def _opened(pair: Sequence[Worker], order: Order) -> Iterator[None]:
    """An order opened on both sides, one after the other; where one refuses, the other closes what it has open."""
    try:
        for worker in pair:
            worker.open(order)
        yield
    except Refused:
        _close(pair)
        raise
    _close(pair)


def _close(pair: Sequence[Worker]) -> None:
    for worker in pair:
        if worker.is_open:
            worker.close()


def _fitting(step_seconds: float) -> tuple[int, int]:
    """Steps in a turn, and turns of either side in a restart, for steps that take so long; each turn has one more."""
    steps = max(1, round(TURN_SECONDS / step_seconds))
    turns = round(RESTART_SECONDS / 2 / ((steps + 1) * step_seconds))
    return steps, min(MOST_TURNS, max(FEWEST_TURNS, turns))


def _restart(pair: tuple[Worker, Worker], measured: Measured, first: int) -> Restart:
    """Turns of both sides; who begins changes from pair to pair."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(measured.turns):
        begins = (turn + first) % 2
        for side in (begins, 1 - begins):
            seconds[side].append(pair[side].turn(measured.steps))
    return Restart(tuple(seconds[0]), tuple(seconds[1]))


def _environment(root: Path, threads: int) -> dict[str, str]:
    """That of this process, but for what would make Python import another tree's code."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONSAFEPATH")}
    return kept | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": str(threads)} | FOR_MEASURING
