"""Draw the differences of ablation arms to their reference arm, on all real targets on one axis."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from bench.analysis.format import signed
from bench.analysis.frames import split
from bench.analysis.seeds import COMPLETE
from bench.analysis.targets import is_real
from bench.report.charts.chart_look import PAPER, Datum, estimate, family_colour, family_shape, known
from bench.report.charts.forest_rows import forest_rows, line
from bench.report.layout import arm_row, target_key

_TOLD = {"arm": "arm", "model": "model", "target": "target", "shown": "difference"}


def differences_chart(ablations: pd.DataFrame) -> dict[str, Any] | None:
    """Return the chart, with a row for each arm and real target; None if no arm has a difference there.

    Its param is `families`.

    Args:
        ablations: The table from `bench.analysis.ablations`.
    """
    real = ablations[ablations["target"].map(is_real).astype(bool)]
    if known(real, "difference").empty:
        return None
    return forest_rows(list(_lines(real)), "Difference to the reference arm (points)", _TOLD)


def _lines(real: pd.DataFrame) -> Iterator[Datum]:
    for (ablation,), arms in split(real, ["ablation"]):
        compared = known(arms, "difference")
        if compared.empty:
            continue
        reference = arms.loc[arms["is_reference"].astype(bool)].iloc[0]
        yield line("heading", f"{ablation}: less {reference['arm']}")
        keys = compared.apply(target_key, axis=1)
        several = keys.nunique() > 1
        for (arm, family), rows in split(compared.assign(key=keys), ["arm", "family"]):
            if several:
                yield line("name", str(arm), str(family))
            for _, row in rows.iterrows():
                yield line("name", row["key"] if several else str(arm), str(family))
                yield _dot(row, f"{arm} of {ablation}")


def _dot(row: pd.Series, arm: str) -> Datum:
    family = str(row["family"])
    ends = (100 * float(row[f"difference{end}"]) for end in ("", "_low", "_high"))
    mean, low, high, shown = estimate(ends, signed, " points")
    return line(
        "dot",
        "",
        family,
        arm=arm,
        model=row["model"],
        target=row["key"],
        mean=mean,
        interval=None if low is None else [low, high],
        shown=shown,
        colour=family_colour(family),
        fill=family_colour(family) if row["difference_status"] == COMPLETE else PAPER,
        shape=family_shape(family),
        row=arm_row(row),
    )
