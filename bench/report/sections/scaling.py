"""Write the words and tables on pretraining size: how each model improves with it, and where families cross."""

import math
from collections.abc import Iterable, Sequence
from itertools import groupby

from bench.analysis.format import (
    ABSENT,
    bounds,
    count,
    decimal,
    listed,
    percent,
    plural,
    points,
    short_count,
    with_bounds,
)
from bench.analysis.ladder.crossings import Crossing, Passage
from bench.analysis.ladder.growth import Growth, PairGrowth
from bench.analysis.ladder.rungs import AtRung
from bench.analysis.stats.intervals import Interval
from bench.analysis.stats.scaling import LawCurve
from bench.report.findings import Findings
from bench.report.layout import CONFIDENCE, grouped, heading, interval_over
from bench.report.page import Table, TableCell, undecided

_GROWTH = (
    "The slope says how many percentage points ten times as many pretraining images add, by least squares within each "
    "seed. From five rungs on, a power law with a floor is fitted to the means over seeds: error = floor + drop x "
    "(images / images of the smallest rung) ^ -exponent. It is used if its distances from the rungs are no larger than "
    "their spread explains (a test at 2.5 %). Otherwise, and with fewer rungs, lines in log n join them."
)
_GAINS = (
    "The gain is the slope of the paired difference: how many points the first model gains on the second with ten "
    "times as many pretraining images. Levels are not corrected for the number of pairs on this page."
)

_RATIOS = (
    "The factor by which one curve must be shifted along the images so that both are equal on average where they then "
    "overlap; claim C12 gives it for training FLOPs. There is none if a curve is flat or falls."
)
_LARGEST_EXPONENT = 100.0
"""The end of an exponent's interval from which it counts as open."""


def growth_table(findings: Findings) -> Table:
    """Return the slope and the power law of each model on each ladder: a row per model and ladder."""
    grown = [(model, target.title) for target in findings.trends for model in target.growth]
    rows = tuple((model.model, name, *_growth(model)) for model, name in grouped(grown, lambda pair: pair[0].model))
    caption = (
        "Slope in points per decade of images, floor as an error, largest distance of a rung from its law in points; "
        f"{intervals(findings)}"
    )
    return Table(caption, ("Model", "Target", "Points per decade", "Floor", "Exponent", "Largest misfit"), rows, 2)


def ratio_table(findings: Findings) -> Table:
    """Return how many times as many images one model of each pair needs: a sentence per pair and ladder."""
    ratios = tuple((ratio_in_words(pair, name),) for pair, name in _pairs(findings))
    return Table(f"{_RATIOS} {intervals(findings)}", ("Images for the same accuracy",), ratios)


def crossing_table(findings: Findings) -> Table:
    """Return the crossings and gains of models of different families: a row per pair and ladder."""
    rows = tuple(
        (pair.first.model, pair.second.model, name, _crossing(pair), _slope(pair.slope, pair.reason, "pair"))
        for pair, name in _pairs(findings)
    )
    return Table(intervals(findings), ("First", "Second", "Target", "The first", "Gain in points per decade"), rows, 4)


def prediction_table(of_ladders: Sequence[Findings]) -> Table:
    """Return the predictions of the largest rung beside what came: a row per model and ladder."""
    rows: list[tuple[str | TableCell, ...]] = []
    predicted = [
        (model.model, heading(target.title, findings.transfer), model.prediction)
        for findings in of_ladders
        for target in findings.trends
        for model in target.growth
        if model.prediction
    ]
    for model, name, found in grouped(predicted, lambda each: each[0]):
        came, told = percent(found.measured), found.predicted
        if told is None:
            rows.append((model, name, undecided(found.reason), came, ABSENT))
            continue
        held = "yes" if found.is_held else "no"
        rows.append((model, name, percent(told.mean, told.low, told.high), came, held))
    caption = "The largest rung, predicted by a law that was fitted without it, with the interval of what comes."
    return Table(caption, ("Model", "Target", "Predicted", "Came", "Held"), tuple(rows), 2)


def how_to_read(findings: Sequence[Findings]) -> tuple[str, ...]:
    """Return what slopes, laws, gains and crossings mean."""
    pairs = [pair for each in findings for target in each.trends for pair in target.pairs]
    return (_GROWTH, *((_GAINS, _meaning(pairs)) if pairs else ()))


def _pairs(findings: Findings) -> list[tuple[PairGrowth, str]]:
    """Return each pair with the title of its ladder; those of the same two models follow each other."""
    pairs = [(pair, target.title) for target in findings.trends for pair in target.pairs]
    return grouped(pairs, lambda pair: (pair[0].first.model, pair[0].second.model))


def crossing_in_words(crossing: Crossing) -> str:
    """Return the crossings in words: `passes at 2,050 images (1,380 to 3,060)`; empty if there are none."""
    return listed([f"{passage.verb} at {images(passage.size)} {_interval(passage)}" for passage in crossing.passages])


def is_clear_throughout(pair: PairGrowth) -> bool:
    """Tell whether one model of a pair is clearly ahead of the other at every rung, by the intervals at the rungs."""
    return len(pair.rungs) > 0 and {_sign(rung) for rung in pair.rungs} in ({1}, {-1})


def sides_in_words(pair: PairGrowth, second: str = "", it: str = "") -> str:
    """Return at which rungs the first model of a pair is ahead, behind or neither, by the intervals at the rungs.

    `is behind at 128 images and cannot be told from 384 images on`, or the same with the second model's name.

    Args:
        pair: A pair with rungs.
        second: The second model's name; empty if the text around names it.
        it: How it is called afterwards.
    """
    sides = {1: "is ahead", -1: "is behind", 0: "cannot be told"}
    joins = {1: " of ", -1: " ", 0: " from "}
    signs = [_sign(rung) for rung in pair.rungs]
    streaks = [(sign, [rung.size for rung in run]) for sign, run in groupby(pair.rungs, _sign)]
    words = [
        sides[sign] + (f"{joins[sign]}{it if number and it else second}" if second else "")
        for number, sign in enumerate(dict.fromkeys(signs))
    ]
    if len(streaks) == 1:
        return f"{words[0]} at {'every' if signs[0] else 'any'} size"
    if len(streaks) == 2:
        (_, before), (_, after) = streaks
        until = f"{'up to' if len(before) > 1 else 'at'} {images(before[-1])}"
        return f"{words[0]} {until} and {words[1]} " + (
            f"from {images(after[0])} on" if len(after) > 1 else f"at {images(after[0])}"
        )
    return listed(
        [
            f"{words[number]} at {signs.count(sign)} of {len(signs)} sizes"
            for number, sign in enumerate(dict.fromkeys(signs))
        ]
    )


def in_words_of_slopes(reason: str, models: Iterable[Growth]) -> str:
    """Return a reason that says that an accuracy falls if the interval of its slope lies below zero."""
    for model in models:
        if model.slope and model.slope.high < 0:
            own = f"the accuracy of {model.model} "
            reason = reason.replace(f"{own}does not clearly rise", f"{own}falls")
    return reason


def ratio_in_words(pair: PairGrowth, target: str = "") -> str:
    """Return in a sentence how many times as many images one model of a pair needs for the other's accuracy.

    The model that needs more is named first: `vit needs 7.4 times as many images as resnet, 4.1 to 15, for the same
    accuracy on digits@100`.

    Args:
        pair: The two models on a ladder.
        target: The title of the ladder; empty if the text around the sentence names it.
    """
    first, second = pair.first.model, pair.second.model
    ratio, reason = (pair.ratio.ratio, pair.ratio.reason) if pair.ratio else (None, pair.reason)
    of_both = f"{first} and {second}" + (f" on {target}" if target else "")
    if ratio is None:
        return f"{of_both}: no ratio of images; {reason}"
    mean, low, high = ratio.mean, ratio.low, ratio.high
    if mean < 1 or (math.isnan(mean) and math.isfinite(high)):
        first, second = second, first
        mean, low, high = 1 / mean, 1 / high, 1 / low if low else math.inf
    if low == 0 and math.isinf(high):
        return f"{of_both}: the rungs bound the ratio of images at neither end"
    on = f"for the same accuracy on {'the ' * target.startswith('mean')}{target}" if target else ""
    which = "" if low > 1 else "; which of both needs more cannot be told"
    if math.isnan(mean):
        least = "at least" if which else "more than"
        return f"{first} needs {least} {times(low)} times as many images as {second}{' ' * bool(on)}{on}{which}"
    ends = bounds(low, high, times) if low else f"at most {times(high)}"
    ends = ends if math.isfinite(high) else f"at least {times(low)}"
    return f"{first} needs {times(mean)} times as many images as {second}, {ends}{', ' * bool(on)}{on}{which}"


def images(size: float | None) -> str:
    """Return a size with its unit, such as `2,050 images`; a dash if it is None."""
    return ABSENT if size is None else f"{_size(size)} images"


def intervals(findings: Findings) -> str:
    """Return what the intervals of a way of transfer are, in a sentence."""
    over = interval_over(target.ladder.method for target in findings.trends)
    return f"{CONFIDENCE} intervals over {over}, conditional on the pretraining subsets."


def _meaning(pairs: Sequence[PairGrowth]) -> str:
    by_law = {pair.crossing.by_law for pair in pairs if pair.crossing}
    how = "interpolated in log n between rungs"
    if True in by_law:
        how = "that of the power laws" + ("" if by_law == {True} else f", or {how} if a model has no law")
    return (
        "A crossing is the number of pretraining images at which the first model passes the second or is passed by it, "
        f"{how}. Its interval holds the sizes at which the paired difference cannot be told from zero; an end that "
        "the data do not bound is open. Curves may bend between rungs, so intervals are wider there: for lines by the "
        "change of slope to the next segment, for laws by their largest distance from a rung. A crossing "
        "beyond the largest rung is marked as extrapolated."
    )


def _growth(model: Growth) -> tuple[str | TableCell, ...]:
    slope = _slope(model.slope, model.reason, "seed")
    if not isinstance(model.curve, LawCurve) or model.parameters is None:
        return (slope, TableCell("no law", model.no_law) if model.no_law else ABSENT, ABSENT, ABSENT)
    floor, exponent = model.parameters.floor, model.parameters.exponent
    return (
        slope,
        percent(floor.mean, floor.low, floor.high),
        with_bounds(_hundredths(exponent.mean), exponent.low, exponent.high, _hundredths),
        _tenths(100 * model.curve.misfit),
    )


def _tenths(value: float) -> str:
    return decimal(value, 1)


def _hundredths(value: float) -> str:
    return decimal(value, 2) if value < _LARGEST_EXPONENT else "open"


def _slope(slope: Interval | None, reason: str, counted: str) -> TableCell:
    if slope is None:
        return undecided(reason)
    return TableCell(points(slope.mean, slope.low, slope.high), plural(slope.n, counted))


def _crossing(pair: PairGrowth) -> TableCell:
    if pair.crossing is None:
        return undecided(pair.reason)
    basis = f"{plural(pair.crossing.num_seeds, 'pair')}, {'power laws' if pair.crossing.by_law else 'lines'}"
    beyond = f"; extrapolated: {crossing_in_words(pair.beyond)}" if pair.beyond else ""
    where = crossing_in_words(pair.crossing) or sides_in_words(pair)
    none = "; no crossing within the sizes measured" if is_clear_throughout(pair) else ""
    return TableCell(where + none, basis + beyond)


def _sign(rung: AtRung) -> int:
    """Return the sign of a difference whose interval excludes zero, else 0."""
    interval = rung.interval
    return int(interval.low > 0) - int(interval.high < 0) if interval else 0


def _interval(passage: Passage) -> str:
    low, high = passage.low, passage.high
    if high is None:
        return f"(from {_size(low or 0)} on)"
    return f"(up to {_size(high)})" if low is None else f"({bounds(low, high, _size)})"


def times(ratio: float) -> str:
    """Return a ratio to two digits, or three from 10 on: `7.4`, `27`, `1,020`."""
    return f"{float(f'{ratio:.3g}'):,g}" if ratio >= 9.95 else f"{ratio:#.2g}"


def _size(size: float) -> str:
    if size == round(size):
        return count(size)
    return short_count(size) if size >= 1e4 else count(float(f"{size:.3g}"))
