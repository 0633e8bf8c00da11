"""Read a store for a comparison: the record of each run of its suite, and the conditions. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from bench.cli.compare.comparison import Conditions
from bench.config.resolved import ResolvedSuite
from bench.plan.expand import expand
from bench.plan.run import Run
from bench.store.store import Record, Store
from bench.tables.build import NOT_RUN

SUITE = ("protocol", "precision", "threads")
MACHINE = ("processor", "device")
"""The conditions of suites (`SUITE`) and machines (`MACHINE`) that have to be the same on both sides."""
SOFTWARE = ("python", "torch", "torchvision", "timm", "numpy")
"""The conditions that may differ, with a warning."""


@dataclass(frozen=True)
class Attempt:
    """A run that a suite asks for, and its record."""

    run: Run
    record: Record

    @property
    def is_ok(self) -> bool:
        """Return whether the run has a result."""
        return bool(self.record["status"] == "ok")


@dataclass(frozen=True)
class ComparedStore:
    """One of two stores that are compared."""

    suite: ResolvedSuite
    attempts: Mapping[str, Attempt]
    """The attempts by `pairing_key`."""

    @property
    def conditions(self) -> Conditions:
        """Return the conditions that have to be the same on both sides."""
        of_suite = {name: frozenset({str(getattr(self.suite, name))}) for name in SUITE}
        return of_suite | {name: self._environment(name) for name in MACHINE}

    @property
    def software(self) -> Conditions:
        """Return the hashes of the sources and the versions of libraries."""
        sources = frozenset(record["sources_hash"] for record in self._results if "sources_hash" in record)
        return {"sources": sources} | {name: self._environment(name) for name in SOFTWARE}

    @cached_property
    def _results(self) -> list[Record]:
        return [attempt.record for attempt in self.attempts.values() if attempt.is_ok]

    def _environment(self, name: str) -> frozenset[str]:
        environments = (record.get("environment", {}) for record in self._results)
        return frozenset(str(environment[name]) for environment in environments if name in environment)


def read_store(path: Path) -> ComparedStore:
    """Read a store's records for the runs of its suite.

    Raises:
        InputError: there is no store, or it is of another version.
    """
    store = Store(path)
    suite = store.suite()
    runs = expand(suite).runs
    return ComparedStore(suite, {pairing_key(run): Attempt(run, store.look(run.key) or NOT_RUN) for run in runs})


def pairing_key(run: Run) -> str:
    """Return a text that is equal for runs of two stores that differ only in protocol, device, precision or threads."""
    return _anywhere(run).key


def row_key(run: Run) -> str:
    """Return a text that is equal for runs that differ only in seed and draw, also in their pretraining."""
    return _of_any_seed(run).key


def _anywhere(run: Run) -> Run:
    before = _anywhere(run.pretraining) if run.pretraining else None
    start = before.key if before else None
    return replace(run, protocol=0, device="cpu", precision="fp32", threads=1, pretraining=before, starts_from=start)


def _of_any_seed(run: Run) -> Run:
    before = _of_any_seed(run.pretraining) if run.pretraining else None
    probe = replace(run.probe, draw=None) if run.probe else None
    return replace(run, seed=0, probe=probe, pretraining=before, starts_from=before.key if before else None)
