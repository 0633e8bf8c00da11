"""What all figures share: colours that colour-blind readers can tell apart, panels, and files without dates.

A figure is a `Figure` of its own, drawn without pyplot's state; the same tables give the same bytes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any, Literal

import matplotlib
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.report.layout import family_name

Dashes = Literal["-", "--", ":", "-."]
DASHES: tuple[Dashes, ...] = ("-", "--", ":", "-.")
"""What the lines of one family differ in."""

_PALETTE = seaborn.color_palette("colorblind").as_hex()
_COLOURS = {"vit": _PALETTE[0], "cnn": _PALETTE[1], "hybrid": _PALETTE[2]}
_OF_PAIRS = (4, 9, 5, 3, 7, 8, 6)
_MARKERS = {"vit": "o", "cnn": "s", "hybrid": "D"}
_CHANCE: dict[str, Any] = {"color": "0.45", "linewidth": 1, "linestyle": (0, (1, 2)), "label": "chance"}
_FORMATS = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's settings while drawing and saving; afterwards they are as they were."""
    fixed = matplotlib.rc_context({"svg.hashsalt": "bench", "pdf.fonttype": 42, "font.family": "DejaVu Sans"})
    with seaborn.axes_style("ticks"), seaborn.plotting_context("paper"), fixed:
        yield


def grid(
    num_panels: int, *, width: float, height: float, below: float = 0.0, ylabel: str = "Test accuracy (%)"
) -> tuple[Figure, list[Axes]]:
    """A figure with so many axes; sizes in inches: of a panel, and below all."""
    num_columns = columns(num_panels)
    num_rows = ceil(num_panels / num_columns)
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
    return figure, axes[:num_panels]


def columns(num_panels: int) -> int:
    """How many panels stand side by side: at most three, and four in a square."""
    return 2 if num_panels == 4 else min(3, num_panels)


def model_handle(model: str, family: str, dashes: Dashes) -> Line2D:
    """The legend's entry for a model's line."""
    look: dict[str, Any] = {"color": colour(family), "marker": marker(family), "linestyle": dashes}
    return Line2D([], [], label=f"{family_name(family)}: {model}", **look)


def draw_chance(ax: Axes, chance: float | None) -> None:
    """A line at the accuracy of guessing (0 to 1), where it is known."""
    if chance is not None:
        ax.axhline(100 * chance, **_CHANCE)


def chance_handle() -> Line2D:
    """The legend's entry for that line."""
    return Line2D([], [], **_CHANCE)


def save(figure: Figure, stem: Path) -> None:
    """Write a figure as SVG, PNG and PDF beside one another, without dates or versions in them."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    with style():
        figure.draw_without_rendering()
        figure.set_layout_engine(None)  # laid out once, not again for every format
        for ending, metadata in _FORMATS.items():
            figure.savefig(stem.with_name(f"{stem.name}.{ending}"), metadata=metadata, dpi=200)


def colour(family: str) -> str:
    """A family's colour; grey for a family of the user's own."""
    return str(_COLOURS.get(family, _PALETTE[7]))


def pair_colour(number: int) -> str:
    """The colour of a pair of models, which is that of no family; after seven they come again."""
    return str(_PALETTE[_OF_PAIRS[number % len(_OF_PAIRS)]])


def tint(colour: str) -> str:
    """A lighter, opaque shade of a colour."""
    return str(seaborn.blend_palette(["white", colour], 5).as_hex()[2])


def marker(family: str) -> str:
    """A family's marker."""
    return _MARKERS.get(family, "v")
