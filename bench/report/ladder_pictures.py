"""The figures of what ladders show, and what stands under each."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from matplotlib.figure import Figure

from bench.analysis.comparison import FINE_TUNE
from bench.analysis.stats.intervals import LEVEL
from bench.report.figures.crossing import crossing_figure
from bench.report.figures.drawing import colour, pair_colour, save
from bench.report.figures.forest import Forest, Line, forest_figure
from bench.report.figures.ranks import ranks_figure
from bench.report.figures.scaling import scaling_figure
from bench.report.findings import Errors, Findings, Together, at_largest
from bench.report.layout import heading
from bench.report.page import Picture

Name = Literal["scaling", "crossings", "improvement", "ranks", "consistency"]
LadderPictures = dict[tuple[Name, str], Picture]
"""By name and transfer; what had nothing to draw is absent."""

_CAPTIONS: dict[Name, tuple[str, str]] = {
    "scaling": (
        "Test error against the number of pretraining images",
        f"means with {LEVEL:.0%} intervals, both axes logarithmic. A curve is a power law with a floor from five rungs "
        "on, else lines between the rungs. On these axes a power law without a floor is straight; one that nears its "
        "floor bends. Shaded: beyond what was measured.",
    ),
    "crossings": (
        "Where families cross",
        f"paired differences with {LEVEL:.0%} intervals; above zero the first model is ahead. In the strip below, the "
        "size at which each pair crosses, with its interval; an arrow where the data leave it open. Of a pair that "
        "does not cross within the range measured, the sizes at which it still can. Hollow: extrapolated.",
    ),
    "improvement": (
        "Probability of improvement at the largest rung",
        "how often a run of the first model beats one of the second on a target picked at random, with "
        f"{LEVEL:.0%} intervals over seeds.",
    ),
    "ranks": (
        "Mean ranks over seeds",
        "1 is best. Bars join models whose mean ranks differ by less than Nemenyi's critical difference at "
        f"{1 - LEVEL:.0%}.",
    ),
    "consistency": (
        "Error consistency at the largest rung",
        "1 is the same errors, 0 as many in common as the accuracies explain. Hollow: one model from seed to seed. "
        f"{LEVEL:.0%} intervals over seeds and test images.",
    ),
}
"""What each shows, and how."""


def draw_ladders(found: Sequence[Findings], out: Path, folder: str) -> LadderPictures:
    """Draw what each transfer's ladders show into `out/folder`."""
    pictures: LadderPictures = {}
    for one in found:
        for name, figure in _figures(one):
            pictures[name, one.transfer] = picture = _picture(name, one.transfer, folder)
            save(figure, out / picture.path)
    return pictures


def _figures(found: Findings) -> Iterator[tuple[Name, Figure]]:
    if grown := [one for one in found.targets if any(model.curve for model in one.growth)]:
        yield "scaling", scaling_figure(grown)
    if crossed := [one for one in found.targets if any(duel.rungs for duel in one.duels)]:
        yield "crossings", crossing_figure(crossed)
    if improved := [forest for one in found.together if (forest := _improvements(one))]:
        yield "improvement", forest_figure(improved, "Probability of improvement (%)", 50, (-3, 103))
    if rankings := [(at_largest(one), one.across.ranking) for one in found.together if one.across.ranking]:
        families = {model.model: model.family for one in found.together for model in one.ladder.models}
        yield "ranks", ranks_figure(rankings, families)
    if alike := [forest for one in found.errors if (forest := _consistencies(one))]:
        yield "consistency", forest_figure(alike, "Error consistency \N{GREEK SMALL LETTER KAPPA}", 0, _kappas(alike))


def _picture(name: Name, transfer: str, folder: str) -> Picture:
    shown, caption = _CAPTIONS[name]
    title = heading(shown, transfer)
    path = f"{folder}/{name}" + (f"-{transfer}" if transfer != FINE_TUNE else "")
    return Picture(path, f"{title}: {caption}", title)


def _improvements(found: Together) -> Forest | None:
    """Pairs at the largest rung, in percent; nothing if none is known."""
    lines = []
    for number, one in enumerate(found.across.improvements):
        last = next((rung.interval for rung in one.rungs if rung.size == found.ladder.sizes[-1]), None)
        interval = last and replace(last, mean=100 * last.mean, low=100 * last.low, high=100 * last.high)
        lines.append(Line(f"{one.first.model} over {one.second.model}", interval, pair_colour(number)))
    return Forest(at_largest(found), tuple(lines)) if any(line.interval for line in lines) else None


def _consistencies(found: Errors) -> Forest | None:
    """Pairs, then each model with itself; nothing if none is known."""
    lines = tuple(
        Line(
            f"{one.first.model} from seed to seed" if one.is_self else f"{one.first.model} and {one.second.model}",
            one.consistency.kappa.interval() if one.consistency else None,
            colour(one.first.family) if one.is_self else "0.3",
            one.is_self,
        )
        for one in found.likenesses
    )
    return Forest(at_largest(found), lines) if any(line.interval for line in lines) else None


def _kappas(forests: Sequence[Forest]) -> tuple[float, float]:
    """An axis from zero to the largest, or from the smallest below it."""
    known = [line.interval for forest in forests for line in forest.lines if line.interval]
    low, high = min(one.low for one in known), max(one.high for one in known)
    return min(0.0, low) - 0.03, max(0.0, high) + 0.03
