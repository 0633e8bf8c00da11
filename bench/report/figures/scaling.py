"""Draw error against pretraining size on logarithmic axes; a power law is straight if its floor is zero."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from bench.analysis.format import short_count
from bench.analysis.stats.scaling import Curve
from bench.report.figures import drawing
from bench.report.findings import OnTarget

_POINTS = 60
"""The number of points of a drawn curve."""
_FEW_TICKS_FROM = 12.0
"""The ratio of the largest to the smallest error from which the axis has fewer ticks."""
_LEAST_ERROR = 0.001
"""The smallest error drawn, as a share of 1: an interval down to zero ends here, since zero has no logarithm."""


@drawing.style()
def scaling_figure(targets: Sequence[OnTarget]) -> Figure:
    """Draw a panel per ladder: each model's error with its interval at each rung, and its curve.

    Args:
        targets: At least one target, each with a complete model.
    """
    lines = [(model.family, model.model) for target in targets for model in target.growth]
    dashes = drawing.family_dashes(lines)
    figure, axes = drawing.grid(len(targets), _legend(targets, dashes), height=3.0, ylabel="Test error (%)")
    for target, ax in zip(targets, axes, strict=True):
        _draw_panel(ax, target, dashes)
    return figure


def set_rungs(ax: Axes, target: OnTarget) -> None:
    """Set up the axis of a ladder's rungs; the range beyond the largest rung is shaded."""
    sizes, far = target.ladder.sizes, reach(target)
    drawing.set_sizes(ax, {size: short_count(size) for size in sizes}, far or 0.0)
    if far:
        ax.axvspan(sizes[-1], far * 10, color="0.95", zorder=0)
    ax.set_title(target.title)


def reach(target: OnTarget) -> float | None:
    """Return the size up to which curves are extrapolated: past the last extrapolated crossing; None without one."""
    beyond = [size for pair in target.pairs if pair.beyond for size in pair.beyond.sizes]
    return 1.5 * max(beyond) if beyond else None


def _draw_panel(ax: Axes, target: OnTarget, dashes: Mapping[str, drawing.Dashes]) -> None:
    set_rungs(ax, target)
    sizes, far = target.ladder.sizes, reach(target)
    drawn = [model for model in target.growth if model.rungs]
    for number, model in enumerate(drawn):
        x = drawing.apart(ax, [rung.size for rung in model.rungs], number, len(drawn))
        shade = drawing.colour(model.family)
        drawing.draw_rungs(ax, x.tolist(), model.rungs, _error, shade, drawing.marker(model.family))
        if model.curve is not None:
            _draw_curve(ax, model.curve, sizes[0], sizes[-1], dashes[model.model], shade)
        if far and model.curve is not None and not model.no_law:
            _draw_curve(ax, model.curve, sizes[-1], far, ":", shade)
    errors = [_error(end) for end in drawing.rung_ends(rung for model in drawn for rung in model.rungs)]
    low, high = min(errors) / 1.15, min(max(errors) * 1.15, 105.0)
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low > _FEW_TICKS_FROM else (1, 2, 3, 4, 5, 7)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylim(low, high)


def _error(accuracy: float) -> float:
    """Return an accuracy's error in percent."""
    return 100 * min(max(1 - accuracy, _LEAST_ERROR), 1.0)


def _draw_curve(ax: Axes, curve: Curve, start: float, end: float, dashes: drawing.Dashes, shade: str) -> None:
    x = np.clip(np.geomspace(start, end, _POINTS), start, end)
    ax.plot(x, [_error(curve.accuracy(float(size))) for size in x], linestyle=dashes, color=shade, linewidth=1.4)


def _legend(targets: Sequence[OnTarget], dashes: Mapping[str, drawing.Dashes]) -> list[Line2D]:
    models = {model.model: model.family for target in targets for model in target.growth if model.rungs}
    handles = [drawing.model_handle(name, family, dashes[name]) for name, family in models.items()]
    if any(reach(target) for target in targets):
        handles.append(Line2D([], [], color="0.45", linestyle=":", label="extrapolated"))
    return handles
