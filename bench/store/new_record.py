"""The record of a run: one JSON value with its configuration, data, accuracy, cost and environment.

`docs/schema.md` lists its fields. Imports no torch, so that the parent process can record workers that died.
"""

from typing import Any

from bench.machine.environment import environment, sources_hash
from bench.plan.run import Run
from bench.store.store import SCHEMA_VERSION, Record
from models.external.weights_source import MEAN, STD


def build_record(
    run: Run,
    *,
    status: str,
    reason: str = "",
    data: dict[str, Any] | None = None,
    metrics: dict[str, float | None] | None = None,
    counts: dict[str, int | None] | None = None,
    cost: dict[str, Any] | None = None,
    device_name: str = "",
) -> Record:
    """Return a run's record; a number that was not measured is absent, never zero."""
    return {
        "schema_version": SCHEMA_VERSION,
        "key": run.key,
        "status": status,
        "reason": reason,
        "run": run.resolved(),
        "data": data or {},
        "preprocessing": {"image_size": run.image_size, "mean": MEAN, "std": STD},
        "metrics": metrics or {},
        "model": {"family": run.family, **(counts or {})},
        "cost": cost or {},
        "environment": environment() | {"device": device_name or run.device},
        "sources_hash": sources_hash(),
        "repeats": repeats(run),
        "notes": [],
        "num_resumes": 0,
        "resumed_at_step": [],
    }


def repeats(run: Run) -> str:
    """Return how closely a run can be repeated on the same machine and versions, interrupted or not."""
    if run.device == "cpu" or run.deterministic:
        return "bit for bit"
    return "within the spread from run to run"


def failure(run: Run, status: str, reason: str) -> Record:
    """Return the record of a run without a result."""
    return build_record(run, status=status, reason=reason)
