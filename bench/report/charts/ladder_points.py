"""Turn rows of the comparison, ablation arms, differences of pairs and constant answers into points of the ladder."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from bench.analysis.comparison import SCRATCH
from bench.analysis.format import count, signed
from bench.analysis.seeds import COMPLETE
from bench.report.charts.chart_look import (
    CONSTANT,
    PAPER,
    QUIET,
    Datum,
    estimate,
    family_colour,
    family_shape,
    known,
    number,
    pair_colour,
    pair_shape,
    short_names,
    tenths,
)
from bench.report.figures.crossing import shown_pairs
from bench.report.findings import Findings, OnTarget
from bench.report.layout import arm_row, by_transfer, comparison_row, panels, target_key

_WIDTHS = (9, 5, 2.5, 1.2)
"""The widths of intervals, line by line: a narrow one is seen on a wide one at the same size."""
_OPACITIES = (0.4, 0.5, 0.7, 0.9)
"""The opacities of these intervals: those in front cover more."""
_DASHES: tuple[list[int], ...] = ([], [6, 3], [2, 2], [8, 3, 2, 3])
"""The dashes of a family's lines, in turn."""


def ladder_points(
    comparison: pd.DataFrame,
    ablations: pd.DataFrame,
    findings: Sequence[Findings],
    constant: Mapping[str, float],
) -> tuple[list[Datum], list[int], float]:
    """Return the points of the ladders, the sizes of the rungs, and the place on their axis of from scratch.

    Each point has `views`: view -> a number, the ends of its interval, and all three in words. Without a pretrained row
    of known size that has a result, there are neither points nor sizes. The arguments are those of `ladder_chart`.
    """
    sized = known(comparison[(comparison["corpus"] == SCRATCH) | comparison["subset_images"].notna()], "accuracy")
    sizes = sorted({int(size) for size in sized.loc[sized["corpus"] != SCRATCH, "subset_images"]})
    if not sizes:
        return [], [], 0.0
    scratch_at = number(sizes[0] / max(2.0, (sizes[-1] / sizes[0]) ** 0.25)) or 0.0
    data = [*_rows(sized, scratch_at), *_arms(ablations, set(sized["model"]), scratch_at), *_pairs(findings)]
    targets = dict.fromkeys(datum["target"] for datum in data if datum["kind"] == "row" and datum["images"])
    data = [row for row in data if row["target"] in targets]
    return [*_levels(targets, _constants(sized, constant), data), *data], sizes, scratch_at


def _rows(sized: pd.DataFrame, scratch_at: float) -> Iterator[Datum]:
    """Yield a point for each row of the comparison; those from scratch are at the left."""
    models = dict(zip(sized["model"], sized["family"], strict=True))
    names, order = short_names(models), list(models)
    several = sized.loc[sized["corpus"] != SCRATCH, "corpus"].nunique() > 1
    of_family = {model: [m for m in order if models[m] == models[model]].index(model) for model in order}
    for _, rows in by_transfer(sized):
        for panel in panels(rows):
            for _, row in panel.rows.iterrows():
                model, is_scratch = str(row["model"]), row["corpus"] == SCRATCH
                corpus = "" if is_scratch or not several else f" on {row['corpus']}"
                yield _point(row, "row", scratch_at) | {
                    "line": f"{model}{corpus}",
                    "label": f"{names[model]}{corpus}",
                    **_interval_look(order.index(model)),
                    "dash": _DASHES[of_family[model] % len(_DASHES)],
                    "row": comparison_row(row),
                }


def _arms(ablations: pd.DataFrame, on_ladder: set[str], scratch_at: float) -> Iterator[Datum]:
    """Yield a point for each arm whose model is not on the ladder, and that has a place on the axis."""
    if ablations.empty:
        return
    arms = known(ablations[~ablations["model"].isin(on_ladder)], "accuracy", "subset_images")
    for _, rows in by_transfer(arms):
        for panel in panels(rows):
            for _, row in panel.rows.iterrows():
                name = f"{row['model']} (arm {row['arm']} of {row['ablation']})"
                yield _point(row, "arm", scratch_at) | {
                    "line": name,
                    "label": "",
                    "width": 1,
                    "opacity": _OPACITIES[0],
                    "dash": [],
                    "row": arm_row(row),
                }


def _point(row: pd.Series, kind: str, scratch_at: float) -> Datum:
    is_scratch, family = row["corpus"] == SCRATCH, str(row["family"])
    accuracy, low, high = (100 * float(row[name]) for name in ("accuracy", "low", "high"))
    views = {
        "accuracy": estimate((accuracy, low, high), tenths, " %"),
        "error": estimate((100 - accuracy, 100 - high, 100 - low), tenths, " %"),
    }
    if kind == "row" and pd.notna(row["gain"]):
        views["gain"] = estimate((100 * float(row[f"gain{end}"]) for end in ("", "_low", "_high")), signed, " points")
    images = 0 if is_scratch else int(row["subset_images"])
    return {
        "kind": kind,
        "target": target_key(row),
        "family": family,
        "other": family,
        "images": images,
        "x": images or scratch_at,
        "from": "from scratch" if is_scratch else f"{count(images)} images",
        "colour": family_colour(family),
        "fill": family_colour(family) if row["status"] == COMPLETE else PAPER,
        "shape": family_shape(family),
        "views": views,
    }


def _interval_look(place: int) -> Datum:
    """Return the width and opacity of the intervals of a line, by its place among the lines."""
    return {"width": _WIDTHS[place % len(_WIDTHS)], "opacity": _OPACITIES[place % len(_WIDTHS)]}


def _pairs(findings: Sequence[Findings]) -> Iterator[Datum]:
    """Yield a point for each difference of two models at a rung, of the pairs that the printed figure has, too."""
    single = [target for found in findings for target in found.targets if len(target.ladder.targets) == 1]
    several = len({target.ladder.corpus for target in single}) > 1
    for target in single:
        yield from _pairs_on(target, f" on {target.ladder.corpus}" if several else "")


def _pairs_on(target: OnTarget, corpus: str) -> Iterator[Datum]:
    ladder = target.ladder
    key = target_key(pd.Series({"target": ladder.targets[0], "transfer": ladder.transfer, "shots": ladder.shots}))
    models = {model.model: model.family for model in ladder.models}
    names = short_names(models)
    pairs = shown_pairs(target)
    colours = [pair_colour(pair.first.family, pair.second.family) for pair in pairs]
    for place, (pair, shade) in enumerate(zip(pairs, colours, strict=True)):
        first, second = pair.first, pair.second
        for rung in pair.rungs:
            ends = (rung.interval.low, rung.interval.high) if rung.interval else (None, None)
            points = [None if value is None else 100 * value for value in (rung.mean, *ends)]
            yield {
                "kind": "pair",
                "target": key,
                "family": first.family,
                "other": second.family,
                "images": rung.size,
                "x": rung.size,
                "from": f"{count(rung.size)} images",
                "line": f"{first.model} less {second.model}{corpus}",
                "label": f"{names[first.model]} \N{MINUS SIGN} {names[second.model]}{corpus}",
                "colour": shade,
                "fill": shade,
                "shape": pair_shape(first.family, second.family),
                **_interval_look(place),
                "dash": _DASHES[colours[:place].count(shade) % len(_DASHES)],
                "views": {"difference": estimate(points, signed, " points")},
                "row": "",
            }


def _levels(targets: Iterable[str], constants: Mapping[str, float], rows: Sequence[Datum]) -> Iterator[Datum]:
    """Yield lines across the plot: no difference, and the best constant answer.

    A constant answer that is further below all accuracies than they spread would press them together, so it is written
    at the foot of the plot and not drawn.
    """
    for target in targets:
        yield _level(target, {"gain": [0, 0, 0, ""], "difference": [0, 0, 0, ""]}, [])
        if target not in constants:
            continue
        level = 100 * constants[target]
        ends = [end for row in rows if row["target"] == target for end in row["views"].get("accuracy", [])[:3]]
        drawn = [end for end in ends if end is not None]
        is_near = bool(drawn) and level > min(drawn) - (max(drawn) - min(drawn))
        views = {
            "accuracy": [*[number(level)] * 3, f"best constant answer {tenths(level)} %"],
            "error": [*[number(100 - level)] * 3, f"error of the best constant answer {tenths(100 - level)} %"],
        }
        yield _level(target, views, [2, 3]) | {"kind": "level" if is_near else "note", "colour": CONSTANT}


def _level(target: str, views: Mapping[str, list[Any]], dash: list[int]) -> Datum:
    return {
        "kind": "level",
        "target": target,
        "family": None,
        "views": views,
        "colour": QUIET,
        "dash": dash,
    }


def _constants(sized: pd.DataFrame, constant: Mapping[str, float]) -> dict[str, float]:
    """Return the key of a target -> accuracy of its best constant answer, if it is known."""
    keys = {target_key(row): str(row["target"]) for _, row in sized.iterrows()}
    return {key: constant[target] for key, target in keys.items() if target in constant}
