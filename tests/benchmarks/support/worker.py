"""A process that measures a setting when it is told to: `python -m tests.benchmarks.support.worker`.

Line by line on its input come orders in JSON, and each is answered by a line of JSON on its output:

    {"do": "open", "setting": {…}, "device": "cpu", "threads": 1}  ->  {"ok": true, "root": "…"}
    {"do": "turn", "steps": 8}                                     ->  {"ok": true, "seconds": 0.0123}
    {"do": "close"}                                                ->  {"ok": true}

or by `{"ok": false, "status": "failed", "reason": "…"}`, after which nothing is open. Seconds are of a step, after one
that is not timed. Each opening has a process of its own, forked from this one, in which everything is imported: so the
network lies elsewhere in memory each time, at the cost of no new start. It ends with its input.

`bench compare --rerun` starts one such process in each of two commits, so orders and answers keep their meaning.
"""

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from random import SystemRandom
from typing import Any, NoReturn

import torch
import torch._dynamo  # an optimizer imports it, which takes seconds
from torch import Tensor

from bench.machine.environment import ROOT
from bench.speed.failures import failure_of
from bench.speed.timed_setting import Setting
from bench.speed.workload import Lane, build_network, open_lane

WAITING = Path("/proc/thread-self/schedstat")
"""Linux: nanoseconds that this thread has run, nanoseconds that it has waited for a processor, and how often."""

CLOSED, REFUSED = 0, 3
"""How a child ends: the order to close is answered once it has, and a refusal is answered by itself."""

Order = dict[str, Any]
Answer = dict[str, Any]


def main() -> None:
    """Answer orders until the input ends; what libraries print goes where errors do."""
    answers = os.dup(1)
    os.dup2(2, 1)
    channel = Channel(0, answers)
    while order := channel.next_order():
        if order["do"] != "open":
            channel.answer(_failure(ValueError(f"{order['do']!r}, but nothing is open")))
            continue
        _import_what_it_needs(order)
        if (child := os.fork()) == 0:
            _measure(order, channel)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == CLOSED:
            channel.answer({"ok": True})
        elif code != REFUSED:
            channel.answer(_failure(RuntimeError(f"its process died of signal {-code}; memory may have run out")))


class Channel:
    """Where orders come from and answers go: a line at a time and nothing kept, since child and parent share it."""

    def __init__(self, orders: int, answers: int) -> None:
        self.orders = os.fdopen(orders, "rb", buffering=0, closefd=False)
        self.answers = answers

    def next_order(self) -> Order | None:
        """The next one; None at the end."""
        line = self.orders.readline()
        return json.loads(line) if line else None

    def answer(self, answer: Answer) -> None:
        """Answer the last one; whoever asked may be gone."""
        with suppress(BrokenPipeError):
            os.write(self.answers, (json.dumps(answer) + "\n").encode())


def seconds_a_step(lane: Lane, steps: int, device: torch.device) -> float:
    """Of so many in a row, after one that is not timed.

    On a CPU without the time for which the processor was given to others, where the system tells it: what the code
    waits for by itself counts.
    """
    if device.type != "cpu":
        return lane.seconds(steps)
    lane.job()
    began, waited_before = time.perf_counter(), _waited_seconds()
    for _ in range(steps):
        lane.job()
    waited = _waited_seconds() - waited_before  # within what the clock sees, so that it never exceeds it
    return (time.perf_counter() - began - waited) / steps


def _import_what_it_needs(order: Order) -> None:
    """Build the network without memory, so that children find imported what building imports late."""
    with suppress(Exception), torch.device("meta"):  # the child says what is wrong
        setting = Setting.from_json(order["setting"])
        build_network(setting.network, setting.image_size)


def _measure(order: Order, channel: Channel) -> NoReturn:
    """What a child does: open a setting, and take turns until it is closed."""
    try:
        torch.set_num_threads(order["threads"])
        _kept = _memory_of_random_sizes()
        device = torch.device(order["device"])
        lane = open_lane(Setting.from_json(order["setting"]), device)
        channel.answer({"ok": True, "root": str(ROOT)})
        while (order := channel.next_order() or {"do": "close"})["do"] == "turn":
            channel.answer({"ok": True, "seconds": seconds_a_step(lane, order["steps"], device)})
        code = CLOSED
    except Exception as error:
        channel.answer(_failure(error))
        code = REFUSED
    os._exit(code)  # what is to be done at the end of the parent is not done here


def _memory_of_random_sizes() -> list[Tensor]:
    """With holes between, so that what is opened next lies elsewhere than in any other child."""
    random = SystemRandom()
    tensors = [torch.empty(random.randrange(1, 1 << random.randrange(1, 18))) for _ in range(200)]
    return random.sample(tensors, 100)


def _failure(error: Exception) -> Answer:
    status, reason = failure_of(error)
    return {"ok": False, "status": status, "reason": reason}


def _waited_seconds() -> float:
    """For how long this thread has waited for a processor; 0 where the system does not tell."""
    try:
        return int(WAITING.read_bytes().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


if __name__ == "__main__":
    main()
