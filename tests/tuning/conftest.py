"""Fixtures for tests of a tuning: a suite with a tuning, and invented records of its trials."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bench.config.resolved import ResolvedSuite
from bench.plan.run import Run
from bench.store.store import Outcome, Record, keep_suite, open_trials
from bench.tuning.choice import tuning_store
from bench.tuning.halving import study_states

TUNING: dict[str, Any] = {
    "trials": 4,
    "space": {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}},
}


@pytest.fixture
def tunable(resolve_suite: Callable[..., ResolvedSuite]) -> Callable[..., ResolvedSuite]:
    """A tiny suite that asks for four trials, with some of its fields changed, and of the tuning's."""

    def suite(tuning: dict[str, Any] | None = None, **changes: Any) -> ResolvedSuite:
        return resolve_suite(tuning=TUNING | (tuning or {}), **changes)

    return suite


@dataclass
class Invented:
    """Records of runs that nobody made: by default better the higher the rate is, and with a larger budget."""

    changes: dict[tuple[str, float, float], dict[str, Any]] = field(default_factory=dict)
    """By family, rate and budget: what a record has otherwise."""
    records: dict[str, Record] = field(default_factory=dict)

    def make(self, run: Run) -> None:
        """Leave a run's record."""
        rate, amount = run.settings.learning_rate, run.budget.amount
        metrics = {"validation_accuracy": 0.1 + 50 * rate + amount / 1000, "validation_loss": 1.0}
        cost = {"images_seen": int(amount), "training_flops": 6, "train_seconds": 0.5}
        data = {"constant_validation_answer": 0.1, "num_validation_images": 10_000}
        record = {"key": run.key, "status": "ok", "reason": "", "data": data, "metrics": metrics, "cost": cost}
        self.records[run.key] = record | self.changes.get((run.family, rate, amount), {})


@pytest.fixture
def invented() -> Invented:
    return Invented()


@pytest.fixture
def make_trials(tmp_path: Path, invented: Invented) -> Callable[..., Path]:
    """Keep invented records of all trials of a suite, or of so many rounds of them, in its store."""

    def make(suite: ResolvedSuite, rounds: int = 9) -> Path:
        root = tmp_path / suite.name
        store = open_trials(tuning_store(root).root)
        keep_suite(store, suite)
        for _ in range(rounds):
            for one in study_states(suite, store.look):
                for due in one.due:
                    invented.make(due.run)
                    record = {"schema_version": 1, "run": due.run.resolved(), "data": {}}
                    store.write(Outcome(record | invented.records[due.run.key]))
        return root

    return make
