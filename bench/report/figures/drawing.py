"""Provide what all figures share: colours for colour-blind readers, one panel with its title, and files without dates.

Figures are drawn without pyplot's global state, and the same tables give the same bytes. A figure is one panel of about
the width of a phone, since the page shows it at that width, too: all of its text is then at least 11 pixels high.
"""

import json
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import wrap
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from matplotlib.transforms import Bbox

from bench.analysis.comparison import SCRATCH
from bench.analysis.format import percent
from bench.analysis.ladder.rungs import AtRung
from bench.analysis.seeds import COMPLETE
from bench.report.layout import family_name

Dashes = str | tuple[int, tuple[int, ...]]
_DASHES: tuple[Dashes, ...] = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)))
"""The dashes that distinguish the lines of one family; dotted lines are constant answers and extrapolations."""

COLOURS = {
    "vit": "#005b94",
    "cnn": "#b85d00",
    "hybrid": "#00462d",
    "other": "#5b6570",
    "pair-1": "#b04aa8",
    "pair-2": "#6b4e12",
    "pair-3": "#2f3a45",
    "constant": "#6b6b6b",
    "ink": "#1c2127",
    "quiet": "#56606b",
    "line": "#dfe3e8",
    "shade": "#f5f7f9",
    "paper": "#ffffff",
}
"""Name of a CSS variable of the page -> its light value, the colour in print. `inline_svg` needs all to differ."""
TITLE, BACKGROUND = "figure-title", "figure-background"
"""The ids of the groups in an SVG that hold the title and the white behind the figure."""
WIDTH = 4.8
"""The width of a figure in inches; at 400 pixels on a screen, a point of it is more than a pixel."""
TEXT_POINTS, _TITLE_POINTS = 11.5, 13.0
_TITLE_CHARACTERS, _LABEL_CHARACTERS, _NAME_CHARACTERS = 42, 42, 48
ROW = 0.22
"""The height of a row of text or of a dot in inches, where items stand below each other."""
_MARKERS = {"vit": "o", "cnn": "s", "hybrid": "D"}
_PAIR_MARKERS = ("^", "v", "P", "X", "<", ">")
_PAIRS = {frozenset(pair): place for place, pair in enumerate((("vit", "cnn"), ("vit", "hybrid")), start=1)}
_WIDEST_CAP, _THINNEST_CAP = 15.0, 6.0
_SEED: dict[str, Any] = {"markersize": 6, "alpha": 0.35, "markeredgewidth": 0, "zorder": 1.5}
_CONSTANT: dict[str, Any] = {"color": COLOURS["constant"], "linewidth": 1.2, "linestyle": (0, (1, 2))}
_DPI = 200
_FORMATS = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@contextmanager
def style() -> Iterator[None]:
    """Set Matplotlib up while a figure is drawn or saved; its settings are restored afterwards."""
    ink, sizes = (
        COLOURS["ink"],
        ("font.size", "axes.labelsize", "axes.titlesize", "xtick.labelsize", "ytick.labelsize", "legend.fontsize"),
    )
    settings: Any = {
        **dict.fromkeys(sizes, TEXT_POINTS),
        **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor"), ink),
        "svg.fonttype": "none",
        "svg.hashsalt": "bench",
        "pdf.fonttype": 42,
        "font.family": "DejaVu Sans",
        "text.parse_math": False,  # a name may hold a dollar sign
    }
    with seaborn.axes_style("ticks"), seaborn.plotting_context("paper"), matplotlib.rc_context(settings):
        yield


def panel(title: str, handles: Sequence[Line2D], *, height: float, ylabel: str = "") -> tuple[Figure, Axes]:
    """Return a figure of one panel between its title and its legend, with horizontal grid lines.

    Args:
        title: What the figure shows, in a sentence; it is broken into lines.
        handles: The entries of the legend.
        height: The height of the panel, in inches.
        ylabel: The label of the vertical axis, in a few words.
    """
    figure, (ax,) = frame(title, handles, height=height)
    ax.grid(axis="y", color=COLOURS["line"], linewidth=0.7)
    ax.set_ylabel(ylabel)
    return figure, ax


def frame(
    title: str, handles: Sequence[Line2D], *, height: float, num_columns: int = 1, num_panels: int = 1
) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels in columns, between its title and its legend; `height` is a panel's, in inches."""
    num_rows = -(-num_panels // num_columns)
    lines = wrap(title, _TITLE_CHARACTERS, break_on_hyphens=False)
    num_lines = len(lines) + sum(len(str(handle.get_label()).splitlines()) for handle in handles)
    line = 1.3 * TEXT_POINTS / 72
    figure = Figure(figsize=(WIDTH, height * num_rows + line * num_lines), layout="constrained")
    figure.suptitle("\n".join(lines), x=0.01, ha="left", gid=TITLE, fontsize=_TITLE_POINTS)
    figure.patch.set_gid(BACKGROUND)
    axes = list(figure.subplots(num_rows, num_columns, squeeze=False).flat)
    for ax in axes[num_panels:]:
        ax.remove()
    for ax in axes[:num_panels]:
        seaborn.despine(ax=ax)
        ax.patch.set_gid(BACKGROUND)
        ax.set_axisbelow(True)
    if handles:
        figure.legend(handles=handles, loc="outside lower left", frameon=False, borderaxespad=0.1, labelspacing=0.25)
    return figure, axes[:num_panels]


def save(figure: Figure, stem: Path, title: str = "") -> None:
    """Write a figure as SVG, PNG and PDF, without dates or versions in the files.

    Text stays text in SVG and PDF. The pictures are as large as the figure, or larger if a label or the legend reaches
    over its edge.

    Args:
        figure: The figure.
        stem: The path of the files without their suffix.
        title: What the figure shows, for readers who cannot see it.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    with style():
        figure.set_dpi(_DPI)  # hinting makes a text's width depend on it
        figure.draw_without_rendering()
        figure.set_layout_engine(None)  # so that savefig does not compute the layout again for every format
        whole = Bbox.union([figure.bbox_inches, figure.get_tightbbox()])
        for ending, fixed in _FORMATS.items():
            metadata = {**fixed, **({"Title": title} if title else {})}
            figure.savefig(stem.with_name(f"{stem.name}.{ending}"), metadata=metadata, dpi=_DPI, bbox_inches=whole)


def colour(family: str) -> str:
    """Return a family's colour; grey for an unknown family."""
    return COLOURS[family if family in _MARKERS else "other"]


def marker(family: str) -> str:
    """Return a family's marker."""
    return _MARKERS.get(family, "p")


def pair_number(first: str, second: str) -> int:
    """Return the number of the colour of two families, in either order: 3 for other pairs than ViT-CNN, ViT-hybrid."""
    return _PAIRS.get(frozenset((first, second)), 3)


def pair_colour(first: str, second: str) -> str:
    """Return the colour of a pair of families; no family has it."""
    return COLOURS[f"pair-{pair_number(first, second)}"]


def pair_marker(number: int) -> str:
    """Return the marker of a pair of models; no family has these markers."""
    return _PAIR_MARKERS[number % len(_PAIR_MARKERS)]


def cap_width(number: int, num_items: int) -> float:
    """Return the width of an item's caps in points, which tells intervals in one place apart: the first is widest."""
    return _WIDEST_CAP - (_WIDEST_CAP - _THINNEST_CAP) * number / max(1, num_items - 1)


def family_dashes(lines: Iterable[tuple[str, Hashable]]) -> dict[Any, Dashes]:
    """Return key -> dashes for lines given as (family, key); lines of one family get different dashes."""
    numbers: Counter[str] = Counter()
    chosen: dict[Any, Dashes] = {}
    for family, key in lines:
        if key not in chosen:
            chosen[key] = _DASHES[numbers[family] % len(_DASHES)]
            numbers[family] += 1
    return chosen


def model_handle(model: str, family: str, **look: Any) -> Line2D:
    """Return the legend's entry for a model, with its family in front of its name."""
    label = wrapped(f"{family_name(family)}: {model}")
    return Line2D([], [], label=label, color=colour(family), marker=marker(family), **look)


def wrapped(label: str) -> str:
    """Return a label for the legend, in lines that the figure can hold."""
    return "\n".join(wrap(label, _LABEL_CHARACTERS, break_on_hyphens=False))


def fill_handles(rows: pd.DataFrame) -> list[Line2D]:
    """Return the legend's entries for the marker fills that occur among the rows, except the full one."""
    fills = {
        "from scratch": ((rows["corpus"] == SCRATCH).any(), row_fill(True, True)),
        "a seed is missing or failed": ((rows["status"] != COMPLETE).any(), row_fill(False, False)),
    }
    look: dict[str, Any] = {"color": COLOURS["quiet"], "marker": "o", "linestyle": ""}
    return [Line2D([], [], label=label, **look, **fill) for label, (is_drawn, fill) in fills.items() if is_drawn]


def row_fill(from_scratch: bool, is_complete: bool) -> dict[str, Any]:
    """Return a row's fill: full if pretrained, half if from scratch, hollow if a seed is missing or failed."""
    if not is_complete:
        return {"markerfacecolor": COLOURS["paper"]}
    return {"fillstyle": "left" if from_scratch else "full", "markerfacecoloralt": COLOURS["paper"]}


def set_rows(ax: Axes) -> None:
    """Set up an axis of rows, which are named by lines of text over the grid."""
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color=COLOURS["line"], linewidth=0.7)


def name_lines(name: str) -> list[str]:
    """Return the lines of a name that stands over its dots."""
    return wrap(name, _NAME_CHARACTERS, break_on_hyphens=False)


def write_name(ax: Axes, row: int, name: str) -> int:
    """Write a name from a row on, and return the first row below it."""
    lines = name_lines(name)
    for number, line in enumerate(lines):
        write(ax, row + number, line)
    return row + len(lines)


def write(ax: Axes, row: float, text: str, at: float = 0.0) -> None:
    """Write text into a row, from a share of the axis' width on."""
    behind: dict[str, Any] = {"facecolor": COLOURS["paper"], "edgecolor": "none", "pad": 1.0}
    ax.text(at, row, text, transform=ax.get_yaxis_transform(), va="center", bbox=behind, zorder=4)


def draw_intervals(ax: Axes, intervals: Iterable[tuple[float, float, float]], shade: str, cap: float) -> None:
    """Draw intervals given as (x, low, high), with caps of a width in points; those without ends are left out."""
    known = [interval for interval in intervals if np.isfinite(interval).all()]
    if known:
        at, low, high = zip(*known, strict=True)
        ax.vlines(at, low, high, color=shade, linewidth=1.2, zorder=2)
        ax.plot([*at, *at], [*low, *high], "_", color=shade, markersize=cap, markeredgewidth=1.4, zorder=2)


def draw_seeds(ax: Axes, x: Iterable[float], seeds: Iterable[Sequence[float]], shade: str) -> None:
    """Draw a faint dot for each seed at each x."""
    dots = [(at, value) for at, values in zip(x, seeds, strict=True) for value in values]
    if dots:
        ax.plot(*zip(*dots, strict=True), ".", color=shade, **_SEED)


def seed_values(row: pd.Series) -> list[float]:
    """Return the accuracies of a row's seeds in percent."""
    return [100 * value for value in json.loads(row["seeds"]) if value is not None]


def rung_ends(rungs: Iterable[AtRung]) -> list[float]:
    """Return all numbers that are drawn at rungs: means, seeds and the ends of intervals."""
    return [
        end
        for rung in rungs
        for end in (rung.mean, *rung.of_seeds, *((rung.interval.low, rung.interval.high) if rung.interval else ()))
    ]


def set_sizes(ax: Axes, ticks: Mapping[float, str], end: float = 0.0) -> None:
    """Set up a logarithmic axis of pretraining sizes with a tick at each, up to the last size or a later end."""
    sizes = sorted(ticks)
    edge = max(sizes[-1] / sizes[0], 2.0) ** 0.06
    ax.set_xscale("log")
    ax.set_xlim(sizes[0] / edge, max(end, sizes[-1]) * edge)
    ax.xaxis.set_major_locator(FixedLocator(sizes))
    ax.xaxis.set_major_formatter(FixedFormatter([ticks[size] for size in sizes]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.tick_params(axis="x", rotation=45 if len(sizes) > 6 else 0)
    ax.set_xlabel("Pretraining images")


def accuracy_limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the limits of an axis of accuracies in percent: rows, intervals and seeds with air, within 0 to 100."""
    drawn = [100 * value for column in ("accuracy", "low", "high") for value in rows[column].dropna()]
    drawn += [value for _, row in rows.iterrows() for value in seed_values(row)]
    low, high = min(drawn, default=0.0), max(drawn, default=100.0)
    air = 0.05 * (high - low) or 1.0
    return max(-1.0, low - air), min(101.0, high + air)


def constant_handle(constant: float, limits: tuple[float, float]) -> Line2D:
    """Return the legend's entry for the best constant answer (0 to 1); it says so if the axis does not reach it."""
    is_shown = limits[0] <= 100 * constant <= limits[1]
    label = f"constant answer: {percent(constant)}{'' if is_shown else ', beyond this axis'}"
    return Line2D([], [], label=label, **_CONSTANT | ({} if is_shown else {"linestyle": ""}))


def draw_constant(ax: Axes, constant: float) -> None:
    """Draw a line at the accuracy of the best constant answer (0 to 1), if the axis reaches it."""
    if ax.get_ylim()[0] <= 100 * constant <= ax.get_ylim()[1]:
        ax.axhline(100 * constant, **_CONSTANT)
