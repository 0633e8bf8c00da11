"""Processes that do what they are told: a line on their input is an order, and `done` is the answer to each."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.machine.environment import ROOT

Worker = subprocess.Popen[str]


@contextmanager
def workers(number: int, module: str, *arguments: str) -> Iterator[list[Worker]]:
    """So many processes of `python -m module`; they are gone afterwards, in whatever way it ends."""
    command = [sys.executable, "-m", module, *arguments]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(number)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def order(processes: Sequence[Worker], what: str) -> None:
    """Tell all of them to begin, then wait for all."""
    for process in processes:
        assert process.stdin
        print(what, file=process.stdin, flush=True)
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "done\n", "a process ended before it was done"
