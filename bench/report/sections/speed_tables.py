"""Write the tables of speeds: a row per network and setting, with its rate, ratio to the reference, and memory."""

import json
from collections.abc import Callable

import pandas as pd

from bench.analysis.format import (
    ABSENT,
    bounds,
    byte_size,
    count,
    duration,
    is_known,
    percent,
    plural,
    short_count,
    three_digits,
)
from bench.analysis.frames import split
from bench.analysis.speed import intervals_in_words
from bench.report.page import Table, TableCell, table


def rate_table(task: str, precision: str, rows: pd.DataFrame) -> Table:
    """Return a table of one group's images per second, with each network's size, memory and energy.

    Args:
        task: `inference` or `training`.
        precision: The precision of the group.
        rows: The rows of the group, of kind `equal` or `best`.
    """
    has_settings = rows["kind"].iloc[0] == "best"
    columns: dict[str, Callable[[pd.Series], str | TableCell]] = {
        "Model": lambda row: str(row["model"]),
        "Implementation": _implementation,
        **({"Settings": _settings} if has_settings else {}),
        "Images/s": _rate,
        "Times the reference": _ratio,
        **({"Per million images": _training_time} if task == "training" else {}),
        "Parameters": _size,
        **({"Peak memory": _memory} if rows["peak_memory_bytes"].notna().any() else {}),
        "Share of matrix rate": lambda row: percent(row["matrix_share"]),
        **({"J per thousand images": _energy} if rows["joules_per_thousand_images"].notna().any() else {}),
    }
    where = "each at its best settings" if has_settings else settings_in_words(rows)
    caption = f"{task.capitalize()} in {precision} on {threads_in_words(rows)}, {where}. {intervals_in_words(rows)}"
    return table(caption, columns, rows, 3 if has_settings else 2)


def latency_table(precision: str, rows: pd.DataFrame) -> Table:
    """Return a table of the latency of single images.

    Args:
        precision: The precision of the group.
        rows: The rows of the group, of kind `latency`.
    """
    columns: dict[str, Callable[[pd.Series], str | TableCell]] = {
        "Model": lambda row: str(row["model"]),
        "Implementation": _implementation,
        "Median": lambda row: _milliseconds(row, "p50_ms"),
        "95th percentile": lambda row: _milliseconds(row, "p95_ms"),
        "99th percentile": lambda row: _milliseconds(row, "p99_ms"),
        "Calls": lambda row: count(len(row["call_seconds"])) if row["status"] == "ok" else ABSENT,
        "Images/s, times the reference": _ratio,
    }
    where = f"{threads_in_words(rows)}: single images in inference, {settings_in_words(rows)}"
    return table(f"Latency in {precision} on {where}. {intervals_in_words(rows)}", columns, rows, 2)


def untried_table(rows: pd.DataFrame) -> Table:
    """Return a table of the settings that failed in the search for the best ones."""
    failed = tuple(
        (task, precision, model, implementation, settings_in_words(pd.DataFrame([tried])), str(tried["reason"]))
        for (task, precision, model, implementation), of_network in split(
            rows[~rows["is_reference"]], ["task", "precision", "model", "implementation"]
        )
        for tried in json.loads(of_network["tried"].iloc[0])
        if tried["reason"]
    )
    header = ("Task", "Precision", "Model", "Implementation", "Settings", "Reason")
    return Table("Settings that did not run in the search.", header, failed, 6)


def settings_in_words(rows: pd.DataFrame) -> str:
    """Return the batch, layout and mode of rows in words; different values are joined by `or`."""
    batches = " or ".join(dict.fromkeys(count(size) for size in rows["batch_size"]))
    return f"batch {batches}, {_words(rows['layout'])}, {_words(rows['mode'])}"


def threads_in_words(rows: pd.DataFrame) -> str:
    """Return the numbers of threads of rows in words; different numbers are joined by `or`."""
    return " or ".join(plural(int(number), "thread") for number in sorted(set(rows["threads"])))


def ratio_cell(row: pd.Series, name: str) -> TableCell:
    """Return a ratio with its interval, which must not wrap."""
    interval = bounds(row[f"{name}_low"], row[f"{name}_high"]).replace(" ", "\N{NO-BREAK SPACE}")
    return TableCell(three_digits(row[name]), interval if is_known(row[f"{name}_low"]) else "no interval")


def _words(values: pd.Series) -> str:
    return " or ".join(dict.fromkeys(_word(value) for value in values))


def _word(value: object) -> str:
    return str(value).replace("_", " ")


def _implementation(row: pd.Series) -> TableCell:
    return TableCell(str(row["implementation"]), "reference" if row["is_reference"] else "")


def _settings(row: pd.Series) -> TableCell:
    return TableCell(f"batch {count(row['batch_size'])}", f"{_word(row['layout'])}, {_word(row['mode'])}")


def _rate(row: pd.Series) -> TableCell:
    """Return images per second with the number of rounds, or the status and reason if the row did not run."""
    if row["status"] != "ok":
        return TableCell(row["status"].replace("_", " "), row["reason"], doubtful=True)
    return TableCell(three_digits(row["images_per_second"]), plural(int(row["num_rounds"]), "round"))


def _ratio(row: pd.Series) -> str | TableCell:
    if row["is_reference"]:
        return "reference"
    return ratio_cell(row, "reference_ratio") if is_known(row["reference_ratio"]) else ABSENT


def _size(row: pd.Series) -> TableCell:
    """Return the parameters, with the multiply-accumulates of one image as a note."""
    return TableCell(count(row["parameters"]), f"{short_count(row['macs'])} MACs")


def _memory(row: pd.Series) -> str | TableCell:
    """Return the peak memory of a step, with the memory of its activations as a note."""
    activations = row["activation_memory_bytes"]
    note = f"activations {byte_size(activations)}" if is_known(activations) else ""
    return TableCell(byte_size(row["peak_memory_bytes"]), note)


def _milliseconds(row: pd.Series, name: str) -> str | TableCell:
    """Return a quantile of the calls' times; the median's column gives the reason if the row did not run."""
    if row["status"] != "ok":
        return _rate(row) if name == "p50_ms" else ABSENT
    return f"{three_digits(row[name])} ms"


def _training_time(row: pd.Series) -> str:
    return duration(row["seconds_per_million_images"])


def _energy(row: pd.Series) -> str:
    return three_digits(row["joules_per_thousand_images"])
