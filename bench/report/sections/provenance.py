"""Write the sections on the runs: failures, missing rows, costs and the environment."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bench import PROTOCOL_VERSION
from bench.analysis.comparison import AS_IT_IS
from bench.analysis.duplicates import duplicate_warnings
from bench.analysis.failed_seeds import DIVERGED
from bench.analysis.format import ABSENT, byte_size, count, duration, first_few, is_known, plural, short_count, text
from bench.analysis.frames import split
from bench.analysis.runs import costs
from bench.analysis.seeds import ALIKE
from bench.report.layout import pretraining_name, target_name
from bench.report.page import Section, Table, TableCell, section, table

_VERSIONS = ["python", "torch", "torchvision", "timm", "numpy", "pandas"]
_MACHINE = ["device", "precision", "threads", "repeats", "processor", "platform"]
_SOURCES = ["git_commit", "sources_hash"]
_MUST_AGREE = [*_VERSIONS, "device", "precision", "threads", "processor", "sources_hash"]


def summary(cells: pd.DataFrame) -> str:
    """Return a sentence on the size of the plan and the statuses of its rows."""
    numbers = cells["status"].value_counts()
    statuses = ", ".join(f"{number:,} {str(name).replace('_', ' ')}" for name, number in numbers.items())
    seeds = plural(cells["seed"].nunique(), "seed")
    targets = plural(cells["target"].nunique(), "target")
    models = plural(cells.loc[cells["ablation"] == "", "model"].nunique(), "model")
    return f"{models}, {targets}, {seeds}; {plural(len(cells), 'row')}: {statuses}."


def shortcomings(suite: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
    """Return the warnings that a reader must see before the first number."""
    cells, runs = tables["cells"], tables["runs"]
    diverged = int((runs["status"] == DIVERGED).sum())
    failed = int((~runs["status"].isin(["ok", "not_run", DIVERGED])).sum())
    not_run = int((cells["status"] == "not_run").sum())
    begun = cells.loc[cells["status"] != "not_run", "seed"].unique()
    waiting = [str(seed) for seed in sorted(cells["seed"].unique()) if seed not in begun]
    warnings = []
    if suite["protocol"] != PROTOCOL_VERSION:
        warnings.append(
            f"These runs were made under protocol version {suite['protocol']}; the present version is "
            f"{PROTOCOL_VERSION}, so new runs are not comparable with them."
        )
    if failed:
        warnings.append(f"{plural(failed, 'run')} did not end ok, so their rows are undecided. They are listed below.")
    if diverged:
        warnings.append(f"{plural(diverged, 'run')} diverged, so their seeds failed to train. They are listed below.")
    if not_run:
        warnings.append(f"{not_run:,} of {plural(len(cells), 'row')} were not run. They are listed below.")
    if waiting and len(begun):
        warnings.append(f"No row of seed {', '.join(waiting)} has begun, so every number is over the other seeds.")
    warnings += duplicate_warnings(cells, tables.get("left_out"))
    warnings += [f"The runs differ in {name.replace('_', ' ')}; see the environment." for name in _mixed(runs)]
    return tuple(warnings)


def failed_seeds(*tables: pd.DataFrame) -> tuple[str, ...]:
    """Return a warning if seeds of a row failed to train; tables as for `same_predictions`."""
    rows = [
        f"{row['model']} on {target_name(row['target'], row['transfer'], row['shots'])}: {row['status']}"
        for table in tables
        for _, row in table[table["num_failed"] > 0].iterrows()
    ]
    if not rows:
        return ()
    rows = list(dict.fromkeys(rows))
    return (f"Seeds failed to train, so the accuracies of these rows are given success: {first_few(rows)}.",)


def same_predictions(*tables: pd.DataFrame) -> tuple[str, ...]:
    """Return a warning if seeds of a row gave the same predictions.

    Args:
        tables: The tables from `bench.analysis.comparison` and `bench.analysis.ablations`.
    """
    rows = {
        f"{row['model']} on {target_name(row['target'], row['transfer'], row['shots'])}: {note}": None
        for table in tables
        for _, row in table[table["notes"].str.contains(ALIKE, regex=False, na=False)].iterrows()
        for note in row["notes"].split("; ")
        if ALIKE in note
    }
    return (f"Seeds that are no independent repeats: {first_few(list(rows))}.",) if rows else ()


def failures(runs: pd.DataFrame) -> Section:
    """Return the runs that were attempted and did not end ok, each with its reason."""
    title, named = "Runs that did not end ok", named_runs(runs)
    failed = named[~named["status"].isin(["ok", "not_run"])]
    if failed.empty:
        return section(title, "None.")
    failed = failed.assign(status=failed["status"].str.replace("_", " "))
    header = ("Kind", "Model", "Pretrained on", "Target", "Seed", "Status", "Reason", "Key")
    rows = _fields(failed, ["kind", "model", "pretraining", "data", "seed", "status", "reason", "key"])
    return section(title, Table("In the order of the plan.", header, rows, len(header)))


def notes(runs: pd.DataFrame) -> tuple[Section, ...]:
    """Return the notes of runs, such as batches in parts, and the runs that were resumed; nothing without any."""
    named = named_runs(runs)
    noted, resumed = named[named["notes"] != ""], named[named["resumed_at_step"] != ""]
    if noted.empty and resumed.empty:
        return ()
    return (section("Notes on runs", _resuming(resumed), _noted(noted), _resumed(resumed)),)


def _noted(noted: pd.DataFrame) -> Table:
    """Return a table with one row for all runs of a model with the same notes."""
    rows = tuple(
        (kind, model, _all(same, "pretraining"), _all(same, "data"), _seeds(same), count(len(same)), note)
        for (kind, model, note), same in split(noted, ["kind", "model", "notes"])
    )
    header = ("Kind", "Model", "Pretrained on", "Target", "Seeds", "Runs", "Notes")
    return Table("Notes of runs; the tables mark the rows.", header, rows, len(header))


def _resumed(resumed: pd.DataFrame) -> Table:
    header = ("Kind", "Model", "Pretrained on", "Target", "Seed", "At step")
    rows = _fields(resumed, ["kind", "model", "pretraining", "data", "seed", "resumed_at_step"])
    return Table("Runs that were interrupted, and the steps from which they continued.", header, rows, len(header))


def _resuming(resumed: pd.DataFrame) -> str:
    """Return a sentence on how closely resumed runs agree with uninterrupted ones; empty if there are none."""
    repeats = " or ".join(resumed["repeats"].unique())
    return f"A run that continues from a checkpoint equals an uninterrupted one, {repeats}." if repeats else ""


def _all(runs: pd.DataFrame, name: str) -> str:
    return "; ".join(runs[name].unique())


def not_run_in_words(suite: str, cells: pd.DataFrame) -> str:
    """Return how many rows of the plan were not attempted, of what, and how to go on; empty if there are none."""
    missing = cells[cells["status"] == "not_run"]
    if missing.empty:
        return ""
    name = pretraining_name(cells)
    counted = {
        "model": missing["model"].nunique(),
        "pretraining": missing.apply(name, axis=1).nunique(),
        "target": missing["target"].nunique(),
        "seed": missing["seed"].nunique(),
    }
    of_what = ", ".join(plural(number, noun) for noun, number in counted.items())
    reasons = first_few([text(reason) for reason in dict.fromkeys(missing["reason"])])
    why = "" if set(missing["reason"]) == {"not run yet"} else f" Reasons: {reasons}."
    return (
        f"{missing.shape[0]:,} of {plural(len(cells), 'row')} not run, of {of_what}.{why} `bench run {suite}` goes on."
    )


def not_run(cells: pd.DataFrame) -> Section:
    """Return the rows of the plan that were not attempted, with the reason."""
    missing = cells[cells["status"] == "not_run"]
    if missing.empty:
        return section("Rows not run", "None.")
    name = pretraining_name(cells)
    rows = tuple(
        (
            model,
            name(rows.iloc[0]),
            target_name(target, transfer, shots),
            f"{ablation}: {arm}" if ablation else ABSENT,
            _seeds(rows),
            text(reason),
        )
        for (model, ablation, arm, reason, target, transfer, shots, *_), rows in split(
            missing, ["model", "ablation", "arm", "reason", "target", "transfer", "shots", "corpus", "subset_images"]
        )
    )
    header = ("Model", "Pretrained on", "Target", "Ablation", "Seeds", "Reason")
    return section("Rows not run", Table("In the order of the plan.", header, rows, len(header)))


def outside(keys: Sequence[str]) -> tuple[Section, ...]:
    """Return the runs in the store that are not part of the suite; nothing if there are none."""
    listed = f"{plural(len(keys), 'run')} in the store, which this page does not count: {', '.join(keys)}."
    return (section("Runs outside this suite", listed),) if keys else ()


def cost(runs: pd.DataFrame) -> Section:
    """Return the costs of the finished runs."""
    columns = {
        "Kind": lambda row: row["kind"],
        "Model": lambda row: row["model"],
        "Runs": lambda row: count(row["num_runs"]),
        "Images seen, median": lambda row: count(row["images_seen"]),
        "Images/s, median": lambda row: short_count(row["images_per_second"]),
        "Training, sum": lambda row: duration(row["train_seconds"]),
        "FLOPs, sum": lambda row: short_count(row["training_flops"]),
        "Peak memory, largest": lambda row: byte_size(row["peak_memory_bytes"]),
    }
    shared = "Rates are those of runs that shared the machine with others; the throughput benchmarks measure speed."
    return section("Cost", shared, table("Runs that ended ok.", columns, costs(runs), 2))


def environment(runs: pd.DataFrame) -> Section:
    """Return the environment of the runs, with a warning for each fact in which they differ."""
    mixed = _mixed(runs)
    rows = []
    for name in [*_MACHINE, *_VERSIONS, *_SOURCES]:
        values = _values(runs, name)
        numbers = [f"{value} ({plural(number, 'run')})" for value, number in values.items()]
        value = "; ".join(numbers) if len(values) > 1 else text(next(iter(values), None))
        rows.append((name.replace("_", " "), TableCell(value, "mixed", doubtful=True) if name in mixed else value))
    warnings = [f"The runs differ in {name.replace('_', ' ')}, so their rows may not be comparable." for name in mixed]
    return section(
        "Environment", Table("As the runs recorded it.", ("What", "Value"), tuple(rows), 2), warnings=warnings
    )


def named_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs with the names of their target and of their pretraining, or that of the run they start from."""
    rows = [row for _, row in runs.iterrows()]
    name, by_key = pretraining_name(runs), {row["key"]: row for row in rows}
    pretraining = [name(by_key.get(row["starts_from"], row)) for row in rows]
    return runs.assign(pretraining=pretraining, data=[_run_target(row) for row in rows])


def _fields(runs: pd.DataFrame, names: list[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(map(text, row)) for row in runs[names].itertuples(index=False))


def _run_target(row: pd.Series) -> str:
    """Return a run's target, with the shots of a probe."""
    if row["kind"] != "probe":
        return text(row["target"])
    kind = "k-shot" if is_known(row["shots"]) else AS_IT_IS if row["recipe"] == AS_IT_IS else "linear"
    return target_name(row["target"], kind, row["shots"])


def _seeds(cells: pd.DataFrame) -> str:
    return ", ".join(str(seed) for seed in sorted(cells["seed"].unique()))


def _mixed(runs: pd.DataFrame) -> list[str]:
    return [name for name in _MUST_AGREE if len(_values(runs, name)) > 1]


def _values(runs: pd.DataFrame, name: str) -> dict[str, int]:
    """Return the distinct values of a column among attempted runs, with the number of runs that have each."""
    if name not in runs:
        return {}
    attempted = runs[runs["status"] != "not_run"]
    values = [str(value) for value in attempted[name] if is_known(value)]
    return {value: values.count(value) for value in sorted(set(values))}
