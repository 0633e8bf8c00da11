"""Provide what all figures share: colours for colour-blind readers, panels, and files without dates.

Figures are drawn without pyplot's global state, and the same tables give the same bytes.
"""

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from matplotlib.transforms import Bbox, ScaledTranslation

from bench.analysis.comparison import SCRATCH
from bench.analysis.ladder.rungs import AtRung
from bench.analysis.seeds import COMPLETE
from bench.report.layout import family_name

Dashes = str | tuple[int, tuple[int, ...]]
_DASHES: tuple[Dashes, ...] = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)))
"""The dashes that distinguish the lines of one family; dotted lines are constant answers and extrapolations."""

_PALETTE = seaborn.color_palette("colorblind").as_hex()
_COLOURS = {"vit": _PALETTE[0], "cnn": _PALETTE[1], "hybrid": _PALETTE[2]}
_OF_PAIRS = (4, 9, 5, 3, 7, 8, 6)
_MARKERS = {"vit": "o", "cnn": "s", "hybrid": "D"}
_CONSTANT: dict[str, Any] = {"color": "0.45", "linewidth": 1, "linestyle": (0, (1, 2)), "label": "constant answer"}
_DPI = 200
_FORMATS = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@contextmanager
def style() -> Iterator[None]:
    """Set Matplotlib up while a figure is drawn or saved; its settings are restored afterwards."""
    fixed = matplotlib.rc_context({"svg.hashsalt": "bench", "pdf.fonttype": 42, "font.family": "DejaVu Sans"})
    with seaborn.axes_style("ticks"), seaborn.plotting_context("paper"), fixed:
        yield


def grid(
    num_panels: int, handles: Sequence[Line2D], *, height: float, ylabel: str = "Test accuracy (%)", width: float = 3.5
) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels and a legend below them; `width` and `height` are a panel's, in inches."""
    num_columns = 2 if num_panels == 4 else min(3, num_panels)
    num_rows = ceil(num_panels / num_columns)
    below = 0.18 * ceil(len(handles) / num_columns)
    figure = Figure(figsize=(width * num_columns, height * num_rows + below), layout="constrained")
    axes = list(figure.subplots(num_rows, num_columns, squeeze=False).flat)
    for ax in axes[num_panels:]:
        ax.remove()
    for number, ax in enumerate(axes[:num_panels]):
        seaborn.despine(ax=ax)
        ax.grid(axis="y", color="0.9", linewidth=0.6)
        ax.set_axisbelow(True)
        if number % num_columns == 0:
            ax.set_ylabel(ylabel)
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=num_columns, frameon=False)
    return figure, axes[:num_panels]


def save(figure: Figure, stem: Path) -> None:
    """Write a figure as SVG, PNG and PDF, without dates or versions in the files.

    The pictures are as large as the figure, or larger if a label or the legend reaches over its edge.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    with style():
        figure.set_dpi(_DPI)  # hinting makes a text's width depend on it
        figure.draw_without_rendering()
        figure.set_layout_engine(None)  # so that savefig does not compute the layout again for every format
        whole = Bbox.union([figure.bbox_inches, figure.get_tightbbox()])
        for ending, metadata in _FORMATS.items():
            figure.savefig(stem.with_name(f"{stem.name}.{ending}"), metadata=metadata, dpi=_DPI, bbox_inches=whole)


def colour(family: str) -> str:
    """Return a family's colour; grey for an unknown family."""
    return str(_COLOURS.get(family, _PALETTE[7]))


def pair_colour(number: int) -> str:
    """Return one of seven colours for a pair of models; no family has these colours."""
    return str(_PALETTE[_OF_PAIRS[number % len(_OF_PAIRS)]])


def tint(full: str) -> str:
    """Return a lighter, opaque shade of a colour."""
    return str(seaborn.blend_palette(["white", full], 5).as_hex()[2])


def marker(family: str) -> str:
    """Return a family's marker."""
    return _MARKERS.get(family, "v")


def family_dashes(lines: Iterable[tuple[str, Hashable]]) -> dict[Any, Dashes]:
    """Return key -> dashes for lines given as (family, key); lines of one family get different dashes."""
    numbers: Counter[str] = Counter()
    chosen: dict[Any, Dashes] = {}
    for family, key in lines:
        if key not in chosen:
            chosen[key] = _DASHES[numbers[family] % len(_DASHES)]
            numbers[family] += 1
    return chosen


def model_handle(model: str, family: str, dashes: Dashes) -> Line2D:
    """Return the legend's entry for a model's line."""
    look: dict[str, Any] = {"color": colour(family), "marker": marker(family), "linestyle": dashes}
    return Line2D([], [], label=f"{family_name(family)}: {model}", **look)


def fill_handles(rows: pd.DataFrame) -> list[Line2D]:
    """Return the legend's entries for the marker fills that occur among the rows, except the full one."""
    fills = {
        "from scratch": ((rows["corpus"] == SCRATCH).any(), row_fill(True, True)),
        "a seed is missing or failed": ((rows["status"] != COMPLETE).any(), row_fill(False, False)),
    }
    look: dict[str, Any] = {"color": "0.45", "marker": "o", "linestyle": ""}
    return [Line2D([], [], label=label, **look, **fill) for label, (is_drawn, fill) in fills.items() if is_drawn]


def row_fill(from_scratch: bool, is_complete: bool) -> dict[str, Any]:
    """Return a row's fill: full if pretrained, half if from scratch, hollow if a seed is missing or failed."""
    if not is_complete:
        return {"markerfacecolor": "white"}
    return {"fillstyle": "left" if from_scratch else "full", "markerfacecoloralt": "white"}


def draw_row(
    ax: Axes, x: float, row: pd.Series, shade: str, size: float = 5.5, zorder: float = 3.0, **edge: Any
) -> None:
    """Draw a row's mean accuracy, in percent, with its interval and a dot for each seed."""
    draw_seeds(ax, x, row, zorder)
    mean, low, high = (100 * float(row[name]) for name in ("accuracy", "low", "high"))
    ends = [[mean - low], [high - mean]]
    ax.errorbar([x], [mean], ends, fmt="none", ecolor=shade, elinewidth=1.1, zorder=zorder)
    fill = row_fill(row["corpus"] == SCRATCH, row["status"] == COMPLETE)
    look: dict[str, Any] = {"color": shade, "markersize": size, "zorder": zorder + 0.5} | fill | edge
    ax.plot([x], [mean], marker(row["family"]), **look)


def draw_seeds(ax: Axes, x: float, row: pd.Series, zorder: float = 3.0) -> None:
    """Draw a dot at the accuracy of each seed, in percent; failed seeds have dots, too."""
    _draw_dots(ax, x, [100 * value for value in seed_values(row)], zorder)


def _draw_dots(ax: Axes, x: float, values: Sequence[float], zorder: float) -> None:
    """Draw a dot for each seed, right of the marker of their mean."""
    beside = ax.transData + ScaledTranslation(7 / 72, 0, ax.figure.dpi_scale_trans)
    look: dict[str, Any] = {"color": "0.2", "markersize": 4, "markeredgecolor": "white", "markeredgewidth": 0.3}
    ax.plot([x] * len(values), values, ".", transform=beside, zorder=zorder, **look)


def seed_values(row: pd.Series) -> list[float]:
    """Return the accuracies of a row's seeds, 0 to 1."""
    return [value for value in json.loads(row["seeds"]) if value is not None]


def draw_rungs(
    ax: Axes, x: Sequence[float], rungs: Sequence[AtRung], shown: Callable[[float], float], shade: str, sign: str
) -> None:
    """Draw the number at each rung with its interval, and a dot for each seed.

    Args:
        ax: The axes to draw on.
        x: The x coordinate of each rung.
        rungs: The numbers at the rungs.
        shown: Converts a number to the units of the axis.
        shade: The colour.
        sign: The marker.
    """
    for at, rung in zip(x, rungs, strict=True):
        if rung.interval:
            ends = sorted((shown(rung.interval.low), shown(rung.interval.high)))
            ax.plot([at, at], ends, color=shade, linewidth=1.1)
        _draw_dots(ax, at, [shown(value) for value in rung.of_seeds], 2.5)
    ax.plot(x, [shown(rung.mean) for rung in rungs], sign, color=shade, markersize=5, zorder=3)


def rung_ends(rungs: Iterable[AtRung]) -> list[float]:
    """Return all numbers that are drawn at rungs: means, seeds and the ends of intervals."""
    return [
        end
        for rung in rungs
        for end in (rung.mean, *rung.of_seeds, *((rung.interval.low, rung.interval.high) if rung.interval else ()))
    ]


def apart(ax: Axes, x: Iterable[float], number: int, num_items: int) -> np.ndarray:
    """Return x shifted for one of several items, so that intervals at the same x do not overlap.

    The scale and the limits of the axis must be set before.
    """
    share = (number - (num_items - 1) / 2) * min(0.02, 0.1 / num_items)
    to_axes = ax.transScale + ax.transLimits
    places = to_axes.transform([(value, 0.5) for value in x]) + np.array([share, 0.0])
    return np.asarray(to_axes.inverted().transform(places)[:, 0])


def set_sizes(ax: Axes, ticks: Mapping[float, str], end: float = 0.0) -> None:
    """Set up a logarithmic axis of pretraining sizes with a tick at each, up to the last size or a later end."""
    sizes = sorted(ticks)
    edge = max(sizes[-1] / sizes[0], 2.0) ** 0.08
    ax.set_xscale("log")
    ax.set_xlim(sizes[0] / edge, max(end, sizes[-1]) * edge)
    ax.xaxis.set_major_locator(FixedLocator(sizes))
    ax.xaxis.set_major_formatter(FixedFormatter([ticks[size] for size in sizes]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.tick_params(axis="x", rotation=45 if len(sizes) > 6 else 0)
    ax.set_xlabel("Pretraining images")


def set_accuracies(ax: Axes, rows: pd.DataFrame, constant: float | None = None) -> None:
    """Set the limits of an axis of accuracies in percent: rows, seeds and the line with a margin, within 0 to 100."""
    drawn = [100 * value for column in ("accuracy", "low", "high") for value in rows[column].dropna()]
    drawn += [100 * value for _, row in rows.iterrows() for value in seed_values(row)]
    drawn += [] if constant is None else [100 * constant]
    ax.set_ylim(max(0.0, min(drawn, default=4) - 4), min(101.0, max(drawn, default=100) + 4))


def draw_constant(ax: Axes, constant: float | None) -> None:
    """Draw a line at the accuracy of the best constant answer (0 to 1), if it is known."""
    if constant is not None:
        ax.axhline(100 * constant, **_CONSTANT)


def constant_handle() -> Line2D:
    """Return the legend's entry for the line of the best constant answer."""
    return Line2D([], [], **_CONSTANT)
