"""What a session prints of its speeds: a line per row, group by group, the fastest first."""

from collections.abc import Iterable, Iterator

import pandas as pd

from bench.analysis.format import plural
from bench.analysis.speed import intervals_in_words
from bench.analysis.speed_columns import SETTING, setting_in_words

KINDS = {"latency": "latency (batch 1)", "equal": "equal settings", "best": "best settings"}
WIDTHS = (22, 11, 31, 36, 24)


def lines(tables: Iterable[pd.DataFrame]) -> Iterator[str]:
    """Yield the rows of groups in words."""
    for table in tables:
        first = table.iloc[0]
        yield (
            f"{first['task']}, {KINDS[first['kind']]}: {first['precision']}, {first['image_size']} px, "
            f"{first['device_name']}, {plural(first['threads'], 'thread')}. {intervals_in_words(table)}"
        )
        widths = (max(WIDTHS[0], *map(len, table["model"])), *WIDTHS[1:])
        for _, row in table.sort_values("reference_ratio", ascending=False, kind="stable").iterrows():
            cells = (text.ljust(width) for text, width in zip(_cells(row), widths, strict=False))
            yield "  " + " ".join(cells).rstrip()
        yield ""


def _cells(row: pd.Series) -> list[str]:
    """Return network, setting, speed and ratio, or why there is no speed."""
    if row["status"] != "ok":
        return [row["model"], row["implementation"], f"{row['status']}: {row['reason']}"]
    speed = f"{row['images_per_second']:,.0f} images/s"
    if row["kind"] == "latency":
        speed = f"p50 {row['p50_ms']:.3g}, p95 {row['p95_ms']:.3g}, p99 {row['p99_ms']:.3g} ms"
    ratio = f"{row['reference_ratio']:.3f}"
    if pd.notna(row["reference_ratio_low"]):
        ratio += f" ({row['reference_ratio_low']:.3f} to {row['reference_ratio_high']:.3f})"
    if row["is_reference"] or pd.isna(row["reference_ratio"]):
        ratio = "the reference" if row["is_reference"] else ""
    return [row["model"], row["implementation"], setting_in_words(*(row[name] for name in SETTING)), speed, ratio]
