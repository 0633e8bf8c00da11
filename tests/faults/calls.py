"""Calls of `bench run` in process groups of their own, with moments set in their workers before they start."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.moments import Moment

ROOT = Path(__file__).parents[2]

STARTING = """
import pickle
from tests.faults import moments

moments.count_outcomes({log!r}, {store!r})
for key, moment in pickle.loads({moments!r}):
    moments.await_run(key, {store!r}, moment)
"""
"""What Python imports as it starts, in whatever process of a call."""


class Call:
    """One call, which has begun."""

    def __init__(self, folder: Path, options: tuple[str, ...], moments: dict[str, Moment]) -> None:
        hooks = folder / f"hooks-{time.monotonic_ns()}"
        hooks.mkdir()
        said = {"log": str(folder / "outcomes"), "store": str(folder / "results" / "suite")}
        content = STARTING.format(**said, moments=pickle.dumps(list(moments.items())))
        (hooks / "sitecustomize.py").write_text(content, encoding="utf-8")
        path = os.pathsep.join([str(hooks), str(ROOT)])
        self.hooks = hooks
        with (hooks / "said").open("w") as said_here:
            self.process = subprocess.Popen(
                [*interruptible(), "-m", "bench", "run", "suite.yaml", "--tracker", "none", *options],
                cwd=folder,
                env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200", "BENCH_DATA": "", "PYTHONPATH": path},
                stdout=said_here,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return (self.hooks / "said").read_text(encoding="utf-8")

    def wait(self) -> int:
        """Its exit code."""
        return self.process.wait()

    def finish(self) -> str:
        """Wait until all is done, and return what it said."""
        assert self.wait() == 0, self.said
        return self.said

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def tell_all(self, number: signal.Signals) -> None:
        """Send it and all of its processes a signal."""
        os.killpg(self.process.pid, number)

    def processes(self) -> dict[int, int]:
        """The parents of its processes that run, by process."""
        listed = subprocess.run(["ps", "-eo", "pid=,ppid=,pgid=,stat="], capture_output=True, text=True, check=True)
        rows = [line.split() for line in listed.stdout.splitlines()]
        own = [row for row in rows if int(row[2]) == self.process.pid and not row[3].startswith("Z")]
        return {int(row[0]): int(row[1]) for row in own}

    def workers(self) -> list[int]:
        """Those that its fork server has forked."""
        own = self.processes()
        return [process for process, parent in own.items() if own.get(parent) == self.process.pid]


def interruptible() -> list[str]:
    """A Python that Ctrl-C reaches: a shell's background jobs are deaf to it, and so are we."""
    listen = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    listen += "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    return [sys.executable, "-c", listen]


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for something; pytest ends what never comes."""
    while not is_so():
        time.sleep(0.02)
