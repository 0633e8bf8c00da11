"""What a session prints of its speeds: a line per row, group by group, the fastest first."""

import math
from collections.abc import Iterable, Iterator

import pandas as pd

from bench.analysis.speed_columns import SETTING, Record, records, setting_in_words

WIDTHS = (22, 11, 31, 36, 24)


def lines(tables: Iterable[pd.DataFrame]) -> Iterator[str]:
    """Yield the rows of groups in words; `table_of` makes the tables."""
    for table in tables:
        rows = records(table.sort_values("reference_ratio", ascending=False, kind="stable"))
        yield _heading(rows[0])
        yield from map(_line, rows)
        yield ""


def _heading(row: Record) -> str:
    threads = f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}"
    where = f"{row['precision']}, {row['image_size']} px, {row['device_name']}, {threads}"
    setting = {"latency": "latency (batch 1)", "equal": "equal settings", "best": "best settings"}[row["kind"]]
    return f"{row['task']}, {setting}: {where}"


def _line(row: Record) -> str:
    if row["status"] != "ok":
        return _columns(row["model"], row["implementation"], f"{row['status']}: {row['reason']}")
    setting = setting_in_words(*(row[name] for name in SETTING))
    return _columns(row["model"], row["implementation"], setting, _speed(row), _ratio(row))


def _speed(row: Record) -> str:
    if row["kind"] == "latency":
        return f"p50 {row['p50_ms']:.3g}, p95 {row['p95_ms']:.3g}, p99 {row['p99_ms']:.3g} ms"
    return f"{row['images_per_second']:,.0f} images/s"


def _ratio(row: Record) -> str:
    if row["is_reference"]:
        return "the reference"
    if math.isnan(row["reference_ratio"]):
        return ""
    return f"{row['reference_ratio']:.3f} ({row['reference_ratio_low']:.3f} to {row['reference_ratio_high']:.3f})"


def _columns(*texts: str) -> str:
    padded = (text.ljust(width) for text, width in zip(texts, WIDTHS, strict=False))
    return "  " + " ".join(padded).rstrip()
