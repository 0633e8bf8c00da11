"""The progress of a run, in a file that any process may read while the run is under way.

`progress.json` in a run's folder under `running/` is replaced by a rename, but not flushed to disk: nobody needs it
after a crash of the machine. It never affects a result. Imports no torch.
"""

import datetime
import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from bench.files.atomic import write_atomically
from bench.files.plain import read_json
from bench.training.progress import Progress

NAME = "progress.json"
LARGEST = 1e18
"""Above each number of a report that somebody could read."""

Phase = Literal["loading", "training", "evaluating", "writing"]


@dataclass(frozen=True)
class RunProgress:
    """The last report of a run's process."""

    key: str
    phase: Phase
    progress: Progress | None
    """The progress of the training; None before the first step."""
    num_resumes: int
    pid: int
    host: str
    started_at: str
    """The time at which this process took the run (ISO 8601, UTC)."""
    updated_at: str
    """The time of this report (ISO 8601, UTC)."""

    @property
    def share_done(self) -> float:
        """Return the share of the training's steps that are done, from 0 to 1; 1 during evaluation."""
        if self.phase == "evaluating":
            return 1.0
        return self.progress.step / self.progress.num_steps if self.progress and self.progress.num_steps else 0.0

    @property
    def share_per_second(self) -> float:
        """Return the share of the steps done per second.

        The latest rate is used, because the first batches may take much longer than the others.
        """
        if self.progress is None or not self.progress.images_seen:
            return 0.0
        return self.share_done / self.progress.images_seen * self.progress.images_per_second

    @property
    def seconds_left(self) -> float | None:
        """Return the remaining seconds of training at the latest rate; None if there is no rate yet."""
        return (1 - self.share_done) / self.share_per_second if self.share_per_second else None


def write_progress(
    folder: Path, run_key: str, progress: Progress | None, phase: Phase, *, num_resumes: int = 0
) -> None:
    """Write the progress of a run.

    Raises:
        StoreError: the folder is gone or cannot be written.
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    before = read_progress(folder)
    report = RunProgress(
        key=run_key,
        phase=phase,
        progress=progress,
        num_resumes=num_resumes,
        pid=os.getpid(),
        host=socket.gethostname(),
        started_at=before.started_at if before and before.pid == os.getpid() else now,
        updated_at=now,
    )
    write_atomically(folder / NAME, json.dumps(asdict(report)).encode(), flushed=False)


def read_progress(folder: Path) -> RunProgress | None:
    """Read the last report; return None if there is no report that can be read."""
    try:
        report = TypeAdapter(RunProgress).validate_python(read_json(folder / NAME))
    except (OSError, ValueError):
        return None
    numbers = vars(report.progress).values() if report.progress else ()
    return report if all(number is None or 0 <= number < LARGEST for number in numbers) else None
