"""Trials that a suite keeps beside its file, so that its users need not make them.

`X.trials.json` holds their records, reduced to what the choice, the table `trials` and the report read. A trial is
recognised by its key alone, so another suite, device or protocol version finds none. Imports no torch.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.config.resolved import ResolvedSuite
from bench.config.suite import beside
from bench.errors import InputError
from bench.files.atomic import write_atomically
from bench.files.plain import read_json
from bench.plan.run import Run
from bench.store.record_shape import wrong_field
from bench.store.records import KEY, SCHEMA_VERSION
from bench.store.store import Outcome, Record, Store, keep_suite, open_trials
from bench.tuning.halving import NOT_RUN, Look, StudyState, study_states

FIELDS = ("status", "reason", "started_at", "sources_hash")
"""Fields of a record that are kept, as text."""
PARTS = {
    "data": ("constant_validation_answer", "num_validation_images"),
    "metrics": ("validation_accuracy", "validation_loss"),
    "cost": ("images_seen", "training_flops", "train_seconds"),
    "environment": ("python", "torch", "processor", "device", "git_commit"),
}
"""Parts of a record, and their fields that are kept."""
MADE_FOR = ("device", "precision", "protocol")
"""Fields of the suite that the file names, so that a message can say why its trials do not fit."""


@dataclass(frozen=True)
class KeptTrials:
    """The trials that a suite keeps; none without a file."""

    path: Path = Path()
    records: Mapping[str, Record] = field(default_factory=dict)
    """Record of each run, by its key."""
    made_for: Mapping[str, Any] = field(default_factory=dict)
    """Device, precision and protocol version of the runs."""

    def why_unused(self, suite: ResolvedSuite) -> str:
        """Return why a suite has no choice by them; empty if it has one, or if there are no such trials."""
        if not self.records or suite.tuning is None or suite.tuning.chosen:
            return ""
        fields = {name: getattr(suite, name) for name in MADE_FOR}
        others = [f"{name} {self.made_for[name]}" for name in MADE_FOR if self.made_for[name] != fields[name]]
        why = f"of {', '.join(others)}" if others else "of a suite that differs"
        return f"the trials in {self.path} are {why}, so they choose nothing here"


NO_TRIALS = KeptTrials()


def kept_path(named: str) -> Path:
    """Return where the trials of a suite are kept, given its shipped name or the path of its file."""
    return beside(named, ".trials.json")


def read_kept(path: Path) -> KeptTrials:
    """Return the trials in a file; none without it.

    Raises:
        InputError: the file is damaged, or of another version.
    """
    try:
        content = read_json(path.resolve())
    except FileNotFoundError:
        return NO_TRIALS
    except OSError as error:
        raise _damaged(path, error.strerror or "it cannot be read") from None
    except ValueError as error:
        raise _damaged(path, f"no JSON: {error}") from None
    names = {"schema_version", "trials", *MADE_FOR}
    if not isinstance(content, dict) or not names <= content.keys() or not isinstance(content["trials"], dict):
        raise _damaged(path, f"it needs the fields {', '.join(sorted(names))}")
    if (version := content["schema_version"]) != SCHEMA_VERSION:
        raise InputError(f"{path}: schema version {version}; this version reads {SCHEMA_VERSION}")
    records = {key: _record(path, key, kept) for key, kept in content["trials"].items()}
    return KeptTrials(path, records, {name: content[name] for name in MADE_FOR})


def _record(path: Path, key: str, kept: Any) -> Record:
    """Return the record of a kept trial without its run."""
    if not KEY.fullmatch(key) or not isinstance(kept, dict):
        raise _damaged(path, f"{key[:80]!r} is no key with a record")
    parts: Record = {part: {} for part in PARTS}
    record = {"schema_version": SCHEMA_VERSION, "run": {}, **parts, **kept, "key": key}
    if wrong := wrong_field(record):
        raise _damaged(path, f"run {key}: {wrong}")
    if record["status"] == NOT_RUN:
        raise _damaged(path, f"run {key}: it was not run")
    return record


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(f"{path}: damaged ({reason}); take it from its source again, or remove it to make the trials")


def write_kept(path: Path, suite: ResolvedSuite, states: Sequence[StudyState]) -> None:
    """Write the records of all trials of a suite; the same records give the same bytes.

    Raises:
        StoreError: the file cannot be written.
    """
    records = {key: _reduced(record) for key, (_, record) in sorted(_made(states).items())}
    lines = ",\n".join(f"{json.dumps(key)}:{_compact(record)}" for key, record in records.items())
    head = {"schema_version": SCHEMA_VERSION, **{name: getattr(suite, name) for name in MADE_FOR}}
    write_atomically(path, f'{_compact(head)[:-1]},"trials":{{\n{lines}\n}}}}\n'.encode())


def look_into(store: Store, kept: KeptTrials) -> Look:
    """Return a function that finds a run's record in a store of trials, or else among kept ones."""

    def look(key: str) -> Record | None:
        record = store.look(key)
        return record if record is not None and record["status"] != NOT_RUN else kept.records.get(key)

    return look


def take_up(suite: ResolvedSuite, store: Store, kept: KeptTrials) -> None:
    """Write kept trials into the store of a suite's trials, which then needs no other file.

    Those of a study to which trials are still missing follow once it is complete.

    Args:
        suite: the suite.
        store: the store of its trials; it need not exist.
        kept: the trials that the suite keeps.

    Raises:
        StoreError: the store cannot be written.
    """
    own = look_into(store, NO_TRIALS)
    states = study_states(suite.untuned(), look_into(store, kept)) if kept.records else ()
    missing = [run for key, (run, _) in _made(states).items() if own(key) is None]
    if missing:
        open_trials(store.root)
        for run in missing:
            store.write(Outcome(kept.records[run.key] | {"run": run.resolved()}))
        keep_suite(store, suite.untuned())


def _made(states: Sequence[StudyState]) -> dict[str, tuple[Run, Record]]:
    """Return the runs of all trials so far, by key, with their records."""
    trials = [trial for state in states for trial in state.trials]
    return {run.key: (run, record) for trial in trials for run, record in zip(trial.runs, trial.records, strict=True)}


def _reduced(record: Record) -> Record:
    """Return the fields of a record that are kept."""
    fields = {name: record[name] for name in FIELDS if record.get(name)}
    parts = {
        part: {name: record[part][name] for name in names if record[part].get(name) is not None}
        for part, names in PARTS.items()
    }
    return {"reason": "", **fields, **parts}


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
