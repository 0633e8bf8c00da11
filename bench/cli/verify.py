"""Repeat one finished row in a temporary store and compare: what a reviewer wants."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench import PROTOCOL_VERSION
from bench.cli.only import select
from bench.errors import InputError
from bench.plan.expand import expand
from bench.plan.run import Run
from bench.runner.pool.pool import Ended, Workers
from bench.store.store import Record, Store, check_protocol, open_store


@dataclass(frozen=True)
class Comparison:
    """A finished run beside its repetition."""

    run: Run
    kept: Record
    repeated: Record
    same_predictions: bool | None
    """None where the run has none: a pretraining run."""
    same_weights: bool

    @property
    def is_same(self) -> bool:
        """Whether every metric, answer and weight is the same, bit for bit."""
        same_metrics = self.kept["metrics"] == self.repeated["metrics"]
        return same_metrics and self.same_predictions is not False and self.same_weights


def find(results: Path, prefix: str) -> tuple[Store, Run]:
    """The store and the run with such a key.

    Raises:
        InputError: none, several, not finished, damaged, outside its store's suite, or of another protocol version.
    """
    folders = sorted(results.glob(f"*/runs/{prefix}*")) if prefix.isalnum() else []
    if len(folders) != 1:
        found = f"{len(folders)} runs have such a key" if folders else "no run has such a key"
        raise InputError(f"{prefix}: {found} in {results}; the column transfer_key of a table `cells` holds them")
    store = Store(folders[0].parent.parent)
    suite = store.suite()
    check_protocol(store.root, suite, PROTOCOL_VERSION)
    run = expand(suite).run(folders[0].name)
    if run is None:
        raise InputError(f"{prefix}: its run is outside the suite that {store.root} keeps, so it can't be repeated")
    record = store.read(run.key)
    if record is None or record["status"] != "ok":
        raise InputError(f"{prefix}: its run did not end ok, so there is nothing to compare with")
    return store, run


def repeat(store: Store, run: Run, data_dir: Path) -> Comparison:
    """Do a finished run again, with the run that it starts from, in a store of its own.

    Raises:
        InputError: it could not be done, its data or weights being gone for example.
    """
    plan = select(expand(store.suite()), run.key)
    with tempfile.TemporaryDirectory(prefix="bench-verify-") as folder:
        again = open_store(Path(folder), store.suite())
        if (calibrations := store.root / "calibrations").is_dir():  # a budget of seconds is of as many images again
            shutil.copytree(calibrations, again.root / "calibrations")
        with Workers(1, threads=run.threads) as workers:
            for event in workers.execute(plan, again, data_dir, {}, {}):
                if isinstance(event, Ended):
                    last = event.record
        if last["status"] not in ("ok", "diverged"):
            raise InputError(f"{run.key} could not be repeated: {last['status']}: {last['reason']}")
        return _compare(store, again, run, last)


def _compare(store: Store, again: Store, run: Run, repeated: Record) -> Comparison:
    kept = store.read(run.key) or {}
    if repeated["status"] != "ok":
        return Comparison(run, kept, repeated, same_predictions=False, same_weights=False)
    predictions = None
    if run.target is not None:
        predictions = store.predictions(run.key).equals(again.predictions(run.key))
    same_weights = store.weights(run.key) == again.weights(run.key)
    return Comparison(run, kept, repeated, predictions, same_weights)
