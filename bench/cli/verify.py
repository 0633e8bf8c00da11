"""`bench verify`: repeat a finished run in a temporary store, and compare it bit for bit.

Predictions and weights are compared by the hashes in the records, so that a store may leave the files out, as the
committed ones do. Another processor or other versions round sums differently; accuracies may then differ a little.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench import PROTOCOL_VERSION
from bench.analysis.format import decimal
from bench.cli.only import select
from bench.cli.plan import describe
from bench.cli.terminal import marked
from bench.errors import InputError
from bench.machine.environment import LIBRARIES
from bench.plan.expand import expand
from bench.plan.run import Run
from bench.runner.pool.pool import Ended, Workers
from bench.store.store import WEIGHTS, Record, Store, check_protocol, open_store

ACCURACY_TOLERANCE = 0.08
"""Largest difference of an accuracy that counts as reproduced on another processor or with other versions.

Of 243 accuracies of the suite `cpu` under protocol version 1, on two generations of AMD EPYC, the largest difference
was 0.060.
"""
DECIDING = ("python", *LIBRARIES, "processor", "processor_model", "device")
"""Facts of the environment of which bits depend."""


@dataclass(frozen=True)
class Repetition:
    """A finished run and its repetition."""

    run: Run
    kept: Record
    repeated: Record
    same_predictions: bool | None
    """Whether the predictions are the same; None for a pretraining run, which has none."""
    same_weights: bool

    @property
    def is_same(self) -> bool:
        """Return whether all metrics, predictions and weights are the same, bit for bit."""
        repeated = self.repeated["metrics"]  # which may name more metrics than an older record
        same_metrics = all(repeated.get(name) == value for name, value in self.kept["metrics"].items())
        return same_metrics and self.same_predictions is not False and self.same_weights

    @property
    def same_environment(self) -> bool:
        """Whether both were made on the same processor with the same versions."""
        kept, repeated = (record.get("environment", {}) for record in (self.kept, self.repeated))
        return all(kept.get(name) == repeated.get(name) for name in DECIDING)

    @property
    def is_reproduced(self) -> bool:
        """Whether it is the same, or, in another environment, no accuracy differs by more than the tolerance."""
        return self.is_same or (not self.same_environment and self._accuracies_are_close())

    def _accuracies_are_close(self) -> bool:
        kept, repeated = self.kept["metrics"], self.repeated["metrics"]
        pairs = [(kept[name], repeated.get(name)) for name in ("validation_accuracy", "test_accuracy") if name in kept]
        return kept.keys() <= repeated.keys() and all(
            old == new or (None not in (old, new) and abs(old - new) <= ACCURACY_TOLERANCE) for old, new in pairs
        )


def verify_run(results: Path, key: str, data_dir: Path, console: Console) -> Repetition:
    """Find a finished run by its key, repeat it, and print the metrics of both.

    Raises:
        InputError: as `find` and `repeat` do.
    """
    store, run = find(results, key)
    console.print(f"repeating {describe(run)} from {store.root}", highlight=False, soft_wrap=True)
    repetition = repeat(store, run, data_dir)
    _show(console, repetition)
    return repetition


def find(results: Path, prefix: str) -> tuple[Store, Run]:
    """Return the store and the run whose key starts with a prefix.

    Raises:
        InputError: there is no such run, or several; or it is unfinished, damaged, not part of its store's suite, or
            of another protocol version.
    """
    folders = sorted(results.glob(f"*/runs/{prefix}*")) if prefix.isalnum() else []
    if len(folders) != 1:
        matches = f"{len(folders)} runs have such a key" if folders else "no run has such a key"
        raise InputError(f"{prefix}: {matches} in {results}; the column transfer_key of a table `cells` lists the keys")
    store = Store(folders[0].parent.parent)
    suite = store.suite()
    check_protocol(store.root, suite, PROTOCOL_VERSION)
    run = expand(suite).run(folders[0].name)
    if run is None:
        raise InputError(f"{prefix}: its run is not part of the suite of {store.root}, so it cannot be repeated")
    record = store.read(run.key)
    if record is None or record["status"] != "ok":
        raise InputError(f"{prefix}: its run did not end ok, so there is nothing to compare with")
    return store, run


def repeat(store: Store, run: Run, data_dir: Path) -> Repetition:
    """Execute a finished run again in a temporary store, with the run that it starts from.

    Raises:
        InputError: the run could not be repeated, for example because its data is missing.
    """
    plan = select(expand(store.suite()), run.key)
    with tempfile.TemporaryDirectory(prefix="bench-verify-") as folder:
        again = open_store(Path(folder), store.suite())
        if (calibrations := store.root / "calibrations").is_dir():  # a budget in seconds then gives the same images
            shutil.copytree(calibrations, again.root / "calibrations")
        with Workers(1, threads=run.threads) as workers:
            workers.check_device(run.device)
            for event in workers.execute(plan, again, data_dir, {}, {}):
                if isinstance(event, Ended):
                    last = event.record
        if last["status"] not in ("ok", "diverged"):
            raise InputError(f"{run.key} could not be repeated: {last['status']}: {last['reason']}")
        return _compare(run, store.read(run.key) or {}, again.read(run.key) or last)


def _compare(run: Run, kept: Record, repeated: Record) -> Repetition:
    same = {
        name: kept["files"].get(name) == repeated.get("files", {}).get(name)
        for name in ("predictions.parquet", WEIGHTS)
    }
    same_predictions = same["predictions.parquet"] if run.target is not None else None
    return Repetition(run, kept, repeated, same_predictions, same[WEIGHTS])


def _show(console: Console, repetition: Repetition) -> None:
    """Print the metrics of both, and the parts of the environment that differ."""
    kept, repeated = repetition.kept, repetition.repeated
    table = Table("", "kept", "repeated")
    for name, value in kept["metrics"].items():
        table.add_row(name.replace("_", " "), decimal(value, 6), decimal(repeated["metrics"].get(name), 6))
    if repetition.same_predictions is not None:
        table.add_row("predictions", "", "the same" if repetition.same_predictions else marked("different", "red"))
    table.add_row("weights", "", "the same, bit for bit" if repetition.same_weights else marked("different", "red"))
    for name, value in kept["environment"].items():
        if value != repeated["environment"].get(name):
            table.add_row(name, str(value), str(repeated["environment"].get(name)))
    console.print(table)
    if repeated["reason"]:
        console.print(repeated["reason"], soft_wrap=True)
    console.print(_verdict(repetition))


def _verdict(repetition: Repetition) -> Text:
    if repetition.is_same:
        return marked("reproduced", "green")
    if repetition.is_reproduced:
        limits = f"no accuracy differs by more than {ACCURACY_TOLERANCE}"
        return marked("reproduced", "green", f" within the tolerance for another processor or other versions: {limits}")
    if repetition.kept.get("sources_hash") != repetition.repeated.get("sources_hash"):
        why = "other sources made the kept run, which may compute or keep something else"
        return marked("not reproduced", "red", f": {why}")
    return marked("not reproduced", "red")
