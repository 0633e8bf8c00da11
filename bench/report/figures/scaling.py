"""Error against pretraining size, both on logarithmic axes: a power law with a floor bends, one without is straight."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, LogLocator, NullLocator

from bench.analysis.format import short_count
from bench.analysis.ladder.growth import Growth
from bench.analysis.stats.scaling import Curve
from bench.report.figures.drawing import DASHES, Dashes, colour, columns, grid, marker, model_handle, style
from bench.report.findings import OnTarget

_POINTS = 60
"""Of a drawn curve."""
_FEW_TICKS_FROM = 12.0
"""Largest over smallest error."""
_LEAST_ERROR = 0.001
"""What an interval that reaches an error of zero is drawn to."""


def scaling_figure(targets: Sequence[OnTarget]) -> Figure:
    """A panel a ladder: each model's error with its interval at each rung, and its curve.

    Args:
        targets: at least one, each with a complete model.
    """
    with style():
        dashes = _dashes(targets)
        handles = _legend(targets, dashes)
        num_columns = columns(len(targets))
        below = 0.18 * ceil(len(handles) / num_columns)
        figure, axes = grid(len(targets), width=3.5, height=3.0, below=below, ylabel="Test error (%)")
        for target, ax in zip(targets, axes, strict=True):
            _draw_panel(ax, target, dashes)
        figure.legend(handles=handles, loc="outside lower center", ncols=num_columns, frameon=False)
    return figure


def set_sizes(ax: Axes, sizes: Sequence[int], end: float | None = None) -> None:
    """A logarithmic axis of pretraining sizes with a tick a rung, up to the last one or to `end` beyond it."""
    span = max(sizes[-1] / sizes[0], 2.0)
    edge = span**0.08
    ax.set_xscale("log")
    ax.set_xlim(sizes[0] / edge, max(end or 0.0, sizes[-1]) * edge)
    ax.xaxis.set_major_locator(FixedLocator(list(sizes)))
    ax.xaxis.set_major_formatter(FixedFormatter([short_count(size) for size in sizes]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.tick_params(axis="x", rotation=45 if len(sizes) > 6 else 0)
    ax.set_xlabel("Images pretrained on")


def reach(target: OnTarget) -> float | None:
    """How far curves are followed beyond the largest rung: somewhat farther than the last extrapolated crossing."""
    beyond = [size for duel in target.duels if duel.beyond for size in duel.beyond.sizes]
    return 1.5 * max(beyond) if beyond else None


def _draw_panel(ax: Axes, target: OnTarget, dashes: dict[str, Dashes]) -> None:
    sizes = target.ladder.sizes
    drawn = [model for model in target.growth if model.rungs]
    middle, step = (len(drawn) - 1) / 2, (sizes[-1] / sizes[0]) ** min(0.012, 0.06 / max(1, len(drawn)))
    for number, model in enumerate(drawn):
        _draw_points(ax, model, step ** (number - middle))
        if model.curve is not None:
            _draw_curve(ax, model.curve, sizes[0], sizes[-1], dashes[model.model], colour(model.family))
    far = reach(target)
    for model in drawn:
        if far and model.curve is not None and not model.no_law:
            _draw_curve(ax, model.curve, sizes[-1], far, ":", colour(model.family))
    if far:
        ax.axvspan(sizes[-1], far * 10, color="0.95", zorder=0)
    ax.set_yscale("log")
    low, high = _limits(drawn)
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low > _FEW_TICKS_FROM else (1, 2, 3, 4, 5, 7)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylim(low, high)
    set_sizes(ax, sizes, far)
    ax.set_title(target.title)


def _draw_points(ax: Axes, model: Growth, apart: float) -> None:
    x = np.array([rung.size for rung in model.rungs]) * apart
    y = np.array([100 * max(1 - rung.mean, _LEAST_ERROR) for rung in model.rungs])
    known = [(at, rung.interval) for at, rung in zip(x, model.rungs, strict=True) if rung.interval]
    for at, interval in known:
        ends = [100 * max(1 - end, _LEAST_ERROR) for end in (interval.high, interval.low)]
        ax.plot([at, at], ends, color=colour(model.family), linewidth=1.1)
    ax.plot(x, y, marker(model.family), color=colour(model.family), markersize=5, zorder=3)


def _draw_curve(ax: Axes, curve: Curve, start: float, end: float, dashes: Dashes, shade: str) -> None:
    x = np.clip(np.geomspace(start, end, _POINTS), start, end)
    y = [100 * max(1 - curve.accuracy(float(size)), _LEAST_ERROR) for size in x]
    ax.plot(x, y, dashes, color=shade, linewidth=1.4)


def _limits(models: Sequence[Growth]) -> tuple[float, float]:
    """Of the error axis, in percent: everything drawn and some air."""
    rungs = [rung for model in models for rung in model.rungs]
    ends = [
        end
        for rung in rungs
        for end in (rung.mean, *((rung.interval.low, rung.interval.high) if rung.interval else ()))
    ]
    errors = [100 * min(max(1 - end, _LEAST_ERROR), 1.0) for end in ends]
    return min(errors) / 1.15, min(max(errors) * 1.15, 105.0)


def _dashes(targets: Sequence[OnTarget]) -> dict[str, Dashes]:
    """Models of one family differ in their dashes."""
    families: dict[str, list[str]] = {}
    for target in targets:
        for model in target.growth:
            if model.model not in families.setdefault(model.family, []):
                families[model.family].append(model.model)
    full = tuple(dashes for dashes in DASHES if dashes != ":")  # dotted is what is extrapolated
    return {name: full[number % len(full)] for names in families.values() for number, name in enumerate(names)}


def _legend(targets: Sequence[OnTarget], dashes: dict[str, Dashes]) -> list[Line2D]:
    models = {model.model: model.family for target in targets for model in target.growth if model.rungs}
    handles = [model_handle(name, family, dashes[name]) for name, family in models.items()]
    if any(reach(target) for target in targets):
        handles.append(Line2D([], [], color="0.45", linestyle=":", label="extrapolated"))
    return handles
