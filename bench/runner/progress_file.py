"""How far a run is, in a file that any process may read while the run goes on.

`progress.json` in a run's folder under `running/` is replaced whole by a rename, but not flushed: it is of use while
the machine is up and of none afterwards. It decides nothing; checkpoints and records do. Imports no torch.
"""

import datetime
import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from bench.files.writing import write_atomically
from bench.training.progress import Progress

NAME = "progress.json"

Phase = Literal["loading", "training", "evaluating", "writing"]


@dataclass(frozen=True)
class RunProgress:
    """What a run's process last reported."""

    key: str
    phase: Phase
    progress: Progress | None
    """None before the first step"""
    num_resumes: int
    pid: int
    host: str
    started_at: str
    """when this process took the run; ISO 8601, UTC"""
    updated_at: str

    @property
    def share_done(self) -> float:
        """Return the share of the training's steps that are done, from 0 to 1; 1 in evaluation."""
        if self.phase == "evaluating":
            return 1.0
        return self.progress.step / self.progress.num_steps if self.progress and self.progress.num_steps else 0.0

    @property
    def share_per_second(self) -> float:
        """Return the share of the steps done per second, at the latest rate: first batches may take far longer."""
        if self.progress is None or not self.progress.images_seen:
            return 0.0
        return self.share_done / self.progress.images_seen * self.progress.images_per_second

    @property
    def seconds_left(self) -> float | None:
        """Return the seconds of training left at that rate; None if there is no rate yet."""
        return (1 - self.share_done) / self.share_per_second if self.share_per_second else None


def write_progress(
    folder: Path, run_key: str, progress: Progress | None, phase: Phase, *, num_resumes: int = 0
) -> None:
    """Write how far a run is, within a fraction of a millisecond.

    Raises:
        StoreError: the folder is gone, or cannot be written.
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
    """Read the last report; return None if there is none, or none that can be read."""
    try:
        content = json.loads((folder / NAME).read_text(encoding="utf-8"))
        progress = Progress(**content["progress"]) if content["progress"] else None
        return RunProgress(**(content | {"progress": progress}))
    except (OSError, ValueError, TypeError, KeyError):
        return None
