"""A store as one side of a comparison: what became of each run that its suite asks for, and under which conditions.

Imports no torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from bench.cli.compare.conditions import Conditions
from bench.config.resolved import ResolvedSuite
from bench.plan.expand import expand
from bench.plan.run import Run
from bench.store.store import Record, Store
from bench.tables.build import NOT_RUN

SUITE = ("protocol", "precision", "threads")
"""What the suites of both sides have to agree in."""
MACHINE = ("processor", "device")
SOFTWARE = ("python", "torch", "torchvision", "timm", "numpy")


@dataclass(frozen=True)
class Attempt:
    """A run that a suite asks for, and what became of it."""

    run: Run
    record: Record

    @property
    def is_ok(self) -> bool:
        """Whether it has a result."""
        return bool(self.record["status"] == "ok")


@dataclass(frozen=True)
class Side:
    """One store."""

    suite: ResolvedSuite
    attempts: Mapping[str, Attempt]
    """By `pairing_key`."""

    @property
    def conditions(self) -> Conditions:
        """What has to be the same on both sides."""
        asked = {name: frozenset({str(getattr(self.suite, name))}) for name in SUITE}
        return asked | {name: self._environment(name) for name in MACHINE}

    @property
    def software(self) -> Conditions:
        """What is said where it is not the same."""
        sources = frozenset(record["sources_hash"] for record in self._results if "sources_hash" in record)
        return {"sources": sources} | {name: self._environment(name) for name in SOFTWARE}

    @cached_property
    def _results(self) -> list[Record]:
        return [one.record for one in self.attempts.values() if one.is_ok]

    def _environment(self, name: str) -> frozenset[str]:
        environments = (record.get("environment", {}) for record in self._results)
        return frozenset(str(found[name]) for found in environments if name in found)


def read_side(path: Path) -> Side:
    """Read a store's records for the runs of its suite.

    Raises:
        InputError: no store, or one of another version.
    """
    store = Store(path)
    suite = store.suite()
    runs = expand(suite).runs
    return Side(suite, {pairing_key(run): Attempt(run, store.look(run.key) or NOT_RUN) for run in runs})


def pairing_key(run: Run) -> str:
    """What equal runs of two sides share: their key, as it would be under any protocol and on any machine.

    Another one is refused unless it is forced, and then still finds its pairs.
    """
    return _anywhere(run).key


def row_key(run: Run) -> str:
    """What runs share that differ in seed and draw alone, here and in what they start from."""
    return _of_any_seed(run).key


def _anywhere(run: Run) -> Run:
    before = _anywhere(run.pretraining) if run.pretraining else None
    start = before.key if before else None
    return replace(run, protocol=0, device="cpu", precision="fp32", threads=1, pretraining=before, starts_from=start)


def _of_any_seed(run: Run) -> Run:
    before = _of_any_seed(run.pretraining) if run.pretraining else None
    probe = replace(run.probe, draw=None) if run.probe else None
    return replace(run, seed=0, probe=probe, pretraining=before, starts_from=before.key if before else None)
