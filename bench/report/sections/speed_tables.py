"""The tables of speeds: a row a network and setting, its rate, its ratio to the reference, and what it needs."""

import json
from collections.abc import Callable

import pandas as pd

from bench.analysis.format import (
    ABSENT,
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
from bench.report.page import Cell, Table

_NOT_RUN = {"out_of_memory": "out of memory"}


def rate_table(task: str, precision: str, rows: pd.DataFrame) -> Table:
    """Images per second of the rows of one group, and what each needs.

    Args:
        task: `inference` or `training`.
        precision: of the group.
        rows: the group's, of kind `equal` or `best`.
    """
    has_settings = rows["kind"].iloc[0] == "best"
    columns: dict[str, Callable[[pd.Series], str | Cell]] = {
        "Model": lambda row: str(row["model"]),
        "Implementation": _implementation,
        **({"Settings": _settings} if has_settings else {}),
        "Images/s": _rate,
        "Times the reference": _ratio,
        **(
            {"Per million images": lambda row: duration(row["seconds_per_million_images"])}
            if task == "training"
            else {}
        ),
        "Parameters": _size,
        **({"Peak memory": _memory} if rows["peak_memory_bytes"].notna().any() else {}),
        "Share of matrix rate": lambda row: percent(row["matrix_share"]),
        **({"J per thousand images": _energy} if rows["joules_per_thousand_images"].notna().any() else {}),
    }
    where = "each at its best settings" if has_settings else settings_in_words(rows)
    caption = f"{task.capitalize()} in {precision} on {_threads(rows)}, {where}."
    return Table(caption, tuple(columns), _filled(rows, columns), 3 if has_settings else 2)


def latency_table(precision: str, rows: pd.DataFrame) -> Table:
    """How long single images take, one at a time.

    Args:
        precision: of the group.
        rows: the group's, of kind `latency`.
    """
    columns: dict[str, Callable[[pd.Series], str | Cell]] = {
        "Model": lambda row: str(row["model"]),
        "Implementation": _implementation,
        "Median": lambda row: _milliseconds(row, "p50_ms"),
        "95th percentile": lambda row: _milliseconds(row, "p95_ms"),
        "99th percentile": lambda row: _milliseconds(row, "p99_ms"),
        "Calls": lambda row: count(len(row["call_seconds"])) if row["status"] == "ok" else ABSENT,
        "Images/s, times the reference": _ratio,
    }
    caption = f"Latency in {precision} on {_threads(rows)}: single images in inference, {settings_in_words(rows)}."
    return Table(caption, tuple(columns), _filled(rows, columns), 2)


def untried_table(rows: pd.DataFrame) -> tuple[Table, ...]:
    """The settings that the search for the best ones could not time, if there are any."""
    failed = [
        (task, precision, model, implementation, _setting(tried), str(tried["reason"]))
        for (task, precision, model, implementation), found in split(
            rows[~rows["is_reference"]], ["task", "precision", "model", "implementation"]
        )
        for tried in json.loads(found["tried"].iloc[0])
        if tried["reason"]
    ]
    header = ("Task", "Precision", "Model", "Implementation", "Settings", "Reason")
    return (Table("Settings that did not run in the search.", header, tuple(failed), 6),) if failed else ()


def settings_in_words(rows: pd.DataFrame) -> str:
    """Batch, layout and mode that rows have in common; several values of one are joined."""
    batches = " or ".join(dict.fromkeys(count(size) for size in rows["batch_size"]))
    words = [_words(rows[name]) for name in ("layout", "mode")]
    return f"batch {batches}, {', '.join(words)}"


def interval_in_words(low: float, high: float) -> str:
    """`1.21 to 1.27`, on one line, or that there is none."""
    if not is_known(low):
        return "no interval"
    return f"{three_digits(low)} to {three_digits(high)}".replace(" ", "\N{NO-BREAK SPACE}")


def _setting(tried: dict[str, object]) -> str:
    return f"batch {count(tried['batch_size'])}, {_word(tried['layout'])}, {_word(tried['mode'])}"


def _threads(rows: pd.DataFrame) -> str:
    return " or ".join(plural(int(number), "thread") for number in dict.fromkeys(rows["threads"]))


def _words(values: pd.Series) -> str:
    return " or ".join(dict.fromkeys(_word(value) for value in values))


def _word(value: object) -> str:
    return str(value).replace("_", " ")


def _filled(
    rows: pd.DataFrame, columns: dict[str, Callable[[pd.Series], str | Cell]]
) -> tuple[tuple[str | Cell, ...], ...]:
    return tuple(tuple(column(row) for column in columns.values()) for _, row in rows.iterrows())


def _implementation(row: pd.Series) -> Cell:
    return Cell(str(row["implementation"]), "reference" if row["is_reference"] else "")


def _settings(row: pd.Series) -> Cell:
    return Cell(f"batch {count(row['batch_size'])}", f"{_word(row['layout'])}, {_word(row['mode'])}")


def _rate(row: pd.Series) -> Cell:
    """Images per second with the number of rounds, or why there are none."""
    if row["status"] != "ok":
        why = _NOT_RUN.get(row["status"], row["status"])
        return Cell(why, row["reason"], doubtful=True)
    return Cell(three_digits(row["images_per_second"]), plural(int(row["num_rounds"]), "round"))


def _ratio(row: pd.Series) -> str | Cell:
    """`1.24` and its interval; the reference is 1 by definition."""
    if row["is_reference"]:
        return "reference"
    if not is_known(row["reference_ratio"]):
        return ABSENT
    low, high = row["reference_ratio_low"], row["reference_ratio_high"]
    return Cell(three_digits(row["reference_ratio"]), interval_in_words(low, high))


def _size(row: pd.Series) -> Cell:
    """Parameters, and the multiply-accumulates of one image."""
    return Cell(count(row["parameters"]), f"{short_count(row['macs'])} MACs")


def _memory(row: pd.Series) -> str | Cell:
    """Return the peak memory of a step, and the memory of its activations."""
    kept = row["activation_memory_bytes"]
    return Cell(byte_size(row["peak_memory_bytes"]), f"activations {byte_size(kept)}" if is_known(kept) else "")


def _milliseconds(row: pd.Series, name: str) -> str | Cell:
    """A quantile of the calls; the first of them says why there is none."""
    if row["status"] != "ok":
        return _rate(row) if name == "p50_ms" else ABSENT
    return f"{three_digits(row[name])} ms"


def _energy(row: pd.Series) -> str:
    return three_digits(row["joules_per_thousand_images"])
