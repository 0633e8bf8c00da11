"""The sections on what was done: what failed, what is not there, what it cost and what it ran on."""

from collections.abc import Callable, Iterator, Sequence

import pandas as pd

from bench.analysis.format import ABSENT, count, duration, is_known, plural, short_count, text
from bench.analysis.frames import split
from bench.analysis.runs import costs
from bench.report.layout import pretraining_name, target_name
from bench.report.page import Cell, Section, Table

_VERSIONS = ["python", "torch", "torchvision", "timm", "numpy", "pandas"]
_MACHINE = ["device", "precision", "threads", "repeats", "processor", "platform"]
_SOURCES = ["git_commit", "sources_hash"]
_MUST_AGREE = [*_VERSIONS, "device", "precision", "threads", "processor", "sources_hash"]


def summary(cells: pd.DataFrame) -> str:
    """One sentence on how much was asked for and how much of it is there."""
    numbers = cells["status"].value_counts()
    statuses = ", ".join(f"{number:,} {str(name).replace('_', ' ')}" for name, number in numbers.items())
    seeds = plural(cells["seed"].nunique(), "seed")
    targets = plural(cells["target"].nunique(), "target")
    models = plural(cells.loc[cells["ablation"] == "", "model"].nunique(), "model")
    return f"{models}, {targets}, {seeds}; {plural(len(cells), 'row')}: {statuses}."


def shortcomings(cells: pd.DataFrame, runs: pd.DataFrame) -> tuple[str, ...]:
    """What a reader must know before the first number."""
    failed = int((~runs["status"].isin(["ok", "not_run"])).sum())
    not_run = int((cells["status"] == "not_run").sum())
    begun = cells.loc[cells["status"] != "not_run", "seed"].unique()
    waiting = [str(seed) for seed in sorted(cells["seed"].unique()) if seed not in begun]
    found = []
    if failed:
        found.append(f"{plural(failed, 'run')} did not end ok; what rests on them is undecided. They are listed below.")
    if not_run:
        found.append(f"{not_run:,} of {plural(len(cells), 'row')} were not run; they are listed below.")
    if waiting and len(begun):
        found.append(f"No row of seed {', '.join(waiting)} has begun: every number is over the other seeds.")
    found += [f"The runs differ in {name.replace('_', ' ')}; see the environment." for name in _mixed(runs)]
    return tuple(found)


def failures(runs: pd.DataFrame) -> Section:
    """Runs that were attempted and did not end ok, each with its reason."""
    failed = runs[~runs["status"].isin(["ok", "not_run"])]
    if failed.empty:
        return Section("Runs that did not end ok", ("None.",))
    name = _run_pretraining(runs)
    rows = tuple(
        (
            row["kind"],
            row["model"],
            name(row),
            _run_target(row),
            str(row["seed"]),
            row["status"].replace("_", " "),
            text(row["reason"]),
            row["key"],
        )
        for _, row in failed.iterrows()
    )
    header = ("Kind", "Model", "Pretrained on", "Target", "Seed", "Status", "Reason", "Key")
    return Section("Runs that did not end ok", tables=(Table("In the order of the plan.", header, rows, len(header)),))


def notes(runs: pd.DataFrame) -> tuple[Section, ...]:
    """What a reader of some runs' figures should know, such as batches in parts, and which runs were resumed."""
    name = _run_pretraining(runs)
    named = runs.assign(
        pretraining=[name(row) for _, row in runs.iterrows()],
        data=[_run_target(row) for _, row in runs.iterrows()],
    )
    noted, resumed = named[named["notes"] != ""], named[named["resumed_at_step"] != ""]
    tables = tuple(_noted(noted)) + tuple(_resumed(resumed))
    return (Section("Notes on runs", _resuming(resumed), tables=tables),) if tables else ()


def _noted(noted: pd.DataFrame) -> Iterator[Table]:
    """A row for all runs of a model that noted the same."""
    rows = tuple(
        (kind, model, _all(found, "pretraining"), _all(found, "data"), _seeds(found), count(len(found)), note)
        for (kind, model, note), found in split(noted, ["kind", "model", "notes"])
    )
    header = ("Kind", "Model", "Pretrained on", "Target", "Seeds", "Runs", "Notes")
    if rows:
        yield Table("What runs noted; the tables say it of each.", header, rows, len(header))


def _resumed(resumed: pd.DataFrame) -> Iterator[Table]:
    """A row a run."""
    rows = tuple(
        (row["kind"], row["model"], row["pretraining"], row["data"], str(row["seed"]), row["resumed_at_step"])
        for _, row in resumed.iterrows()
    )
    header = ("Kind", "Model", "Pretrained on", "Target", "Seed", "At step")
    if rows:
        yield Table("Runs that were interrupted, and the steps from which they went on.", header, rows, len(header))


def _resuming(resumed: pd.DataFrame) -> tuple[str, ...]:
    """How close runs that were interrupted come to what they would have been."""
    if resumed.empty:
        return ()
    repeats = " or ".join(resumed["repeats"].unique())
    return (f"A run that goes on from a checkpoint is the same as an uninterrupted one, {repeats}.",)


def _all(runs: pd.DataFrame, name: str) -> str:
    return "; ".join(runs[name].unique())


def not_run(cells: pd.DataFrame) -> Section:
    """Rows of the plan that nothing has been attempted for, and why."""
    missing = cells[cells["status"] == "not_run"]
    if missing.empty:
        return Section("Rows not run", ("None.",))
    name = pretraining_name(cells)
    rows = tuple(
        (
            model,
            name(found.iloc[0]),
            target_name(target, transfer, shots),
            f"{ablation}: {arm}" if ablation else ABSENT,
            _seeds(found),
            text(reason),
        )
        for (model, ablation, arm, reason, target, transfer, shots, *_), found in split(
            missing, ["model", "ablation", "arm", "reason", "target", "transfer", "shots", "corpus", "subset_images"]
        )
    )
    header = ("Model", "Pretrained on", "Target", "Ablation", "Seeds", "Reason")
    return Section("Rows not run", tables=(Table("In the order of the plan.", header, rows, len(header)),))


def outside(keys: Sequence[str]) -> tuple[Section, ...]:
    """Runs in the store that are no part of the suite, if there are any."""
    if not keys:
        return ()
    said = f"{plural(len(keys), 'run')} in the store, of which no number is on this page: {', '.join(keys)}."
    return (Section("Runs outside this suite", (said,)),)


def cost(runs: pd.DataFrame) -> Section:
    """What the finished runs took."""
    rows = tuple(
        (
            row["kind"],
            row["model"],
            count(row["num_runs"]),
            count(row["images_seen"]),
            short_count(row["images_per_second"]),
            duration(row["train_seconds"]),
            short_count(row["training_flops"]),
            f"{row['peak_memory_bytes'] / 2**20:,.0f} MiB" if is_known(row["peak_memory_bytes"]) else ABSENT,
        )
        for _, row in costs(runs).iterrows()
    )
    header = (
        "Kind",
        "Model",
        "Runs",
        "Images seen, median",
        "Images/s, median",
        "Training, sum",
        "FLOPs, sum",
        "Peak memory, largest",
    )
    shared = "Rates are those of runs that shared the machine with others; the throughput benchmarks measure speed."
    return Section("Cost", (shared,), tables=(Table("Runs that ended ok.", header, rows, 2),))


def environment(runs: pd.DataFrame) -> Section:
    """What the runs ran on, and where they disagree."""
    mixed = _mixed(runs)
    rows = []
    for name in [*_MACHINE, *_VERSIONS, *_SOURCES]:
        found = _values(runs, name)
        numbers = [f"{value} ({plural(number, 'run')})" for value, number in found.items()]
        value = "; ".join(numbers) if len(found) > 1 else text(next(iter(found), None))
        rows.append((name.replace("_", " "), Cell(value, "mixed", doubtful=True) if name in mixed else value))
    warnings = tuple(f"The runs differ in {name.replace('_', ' ')}: their rows may not compare." for name in mixed)
    table = Table("As the runs recorded it.", ("What", "Value"), tuple(rows), 2)
    return Section("Environment", warnings=warnings, tables=(table,))


def _run_pretraining(runs: pd.DataFrame) -> Callable[[pd.Series], str]:
    """What to call the pretraining of a run: its own, or that of the run it starts from."""
    name = pretraining_name(runs)
    by_key = {row["key"]: row for _, row in runs.iterrows()}
    return lambda row: name(by_key.get(row["starts_from"], row))


def _run_target(row: pd.Series) -> str:
    """A run's target, with the shots of a probe."""
    if row["kind"] != "probe":
        return text(row["target"])
    return target_name(row["target"], "k-shot" if is_known(row["shots"]) else "linear", row["shots"])


def _seeds(cells: pd.DataFrame) -> str:
    return ", ".join(str(seed) for seed in sorted(cells["seed"].unique()))


def _mixed(runs: pd.DataFrame) -> list[str]:
    return [name for name in _MUST_AGREE if len(_values(runs, name)) > 1]


def _values(runs: pd.DataFrame, name: str) -> dict[str, int]:
    """The distinct values of a column among runs that were attempted, with how many have each."""
    if name not in runs:
        return {}
    attempted = runs[runs["status"] != "not_run"]
    values = [str(value) for value in attempted[name] if is_known(value)]
    return {value: values.count(value) for value in sorted(set(values))}
