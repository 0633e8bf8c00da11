"""The sections on more pretraining images: how each model grows with them, and where families cross."""

from collections.abc import Sequence

from bench.analysis.format import ABSENT, count, decimal, plural, points, short_count
from bench.analysis.ladder.crossings import Crossing
from bench.analysis.ladder.growth import Growth, PairGrowth
from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.scaling import LawCurve
from bench.report.findings import Findings, OnTarget
from bench.report.ladder_pictures import LadderPictures, Name
from bench.report.layout import heading, interval_over
from bench.report.page import Cell, Picture, Section, Table

_NO_LADDER = (
    "No ladder has two rungs of equal class count, so there is no trend and no crossing to read: rungs that differ in "
    "their classes differ in more than their size."
)
_GROWTH = (
    "The slope is how many percentage points ten times as many pretraining images add, by least squares within each "
    "seed. From five rungs on a power law with a floor is fitted to the means over seeds: error = floor + drop x "
    "(images / images of the smallest rung) ^ -exponent. Below, curves are lines between rungs, in log n."
)
_GAINS = (
    "The gain is the slope of the paired difference: how many points the first model gains on the second with ten "
    "times as many pretraining images. Levels are not corrected for the number of pairs on this page."
)


def scaling(found: Findings, pictures: LadderPictures) -> Section:
    """How accuracy grows with pretraining images: a row a model and ladder."""
    title = heading("Scaling", found.transfer)
    targets = _with_trend(found)
    if not targets:
        return Section(title, (_NO_LADDER,))
    rows = [
        (model.model, one.title, *_growth(model, one))
        for name in dict.fromkeys(model.model for one in targets for model in one.growth)
        for one in targets
        for model in one.growth
        if model.model == name
    ]
    header = ("Model", "Target", "Slope per tenfold", "Floor", "Exponent", "Largest misfit")
    caption = (
        "Slope in percentage points, floor as an error, the largest distance of a rung from its law in points; "
        f"{LEVEL:.0%} intervals over {_methods(targets)}, conditional on the pretraining subsets."
    )
    table = Table(caption, header, tuple(rows), 2)
    return Section(title, (_GROWTH,), pictures=_picture(pictures, "scaling", found), tables=(table,))


def crossings(found: Findings, pictures: LadderPictures) -> Section:
    """Where models of different families cross, and what one gains on the other: a row a pair and ladder."""
    title = heading("Where families cross", found.transfer)
    targets = _with_trend(found)
    if not targets:
        return Section(title, (_NO_LADDER,))
    duels = [(duel, one) for one in targets for duel in one.duels]
    if not duels:
        return Section(title, ("All models are of one family.",))
    rows = [
        (duel.first.model, duel.second.model, one.title, _crossing(duel), _slope(duel.slope, duel.reason, "pair"))
        for pair in dict.fromkeys((duel.first.model, duel.second.model) for duel, _ in duels)
        for duel, one in duels
        if (duel.first.model, duel.second.model) == pair
    ]
    caption = f"{LEVEL:.0%} intervals over {_methods(targets)}, conditional on the pretraining subsets."
    table = Table(caption, ("First", "Second", "Target", "The first", "Gain per tenfold"), tuple(rows), 4)
    picture = _picture(pictures, "crossings", found)
    return Section(title, (_meaning([duel for duel, _ in duels]), _GAINS), pictures=picture, tables=(table,))


def crossing_in_words(found: Crossing) -> str:
    """What the first model does: `passes at 2,050 images (1,380 to 3,060)`, or a bound where the two do not cross."""
    if found.outcome == "behind":
        return f"is behind; crossing not within the range measured, at the earliest at {images(found.low)}"
    if found.outcome == "ahead":
        return f"is ahead; crossing not within the range measured, at the latest at {images(found.high)}"
    if found.outcome == "several":
        sizes = ", ".join(_size(size) for size in found.sizes)
        return f"crosses {len(found.sizes)} times, at {sizes} images {_interval(found)}"
    return f"{found.outcome} at {images(found.size)} {_interval(found)}"


def images(size: float | None) -> str:
    """`4,096 images` of a rung, else to three digits: `2,050 images`."""
    return ABSENT if size is None else f"{_size(size)} images"


def _with_trend(found: Findings) -> list[OnTarget]:
    """Ladders of two rungs or more."""
    return [one for one in found.targets if len(one.ladder.sizes) > 1]


def _methods(targets: Sequence[OnTarget]) -> str:
    return interval_over(one.ladder.method for one in targets)


def _meaning(duels: Sequence[PairGrowth]) -> str:
    by_law = {duel.crossing.by_law for duel in duels if duel.crossing}
    how = "interpolated in log n between rungs"
    if True in by_law:
        how = "that of the power laws" + ("" if by_law == {True} else f", or {how} where a model has none")
    return (
        "A crossing is the number of pretraining images at which the first model passes the second or is passed by it, "
        f"{how}. Its interval holds the sizes at which the paired difference can't be told from zero; where the data "
        "do not bound it, it is open. What lies beyond the largest rung is an extrapolation, and says so."
    )


def _growth(model: Growth, one: OnTarget) -> tuple[str | Cell, ...]:
    slope = _slope(model.slope, model.reason, "seed")
    if not isinstance(model.curve, LawCurve) or model.parameters is None:
        why = Cell("no law", model.no_law) if model.no_law else ABSENT
        return (slope, why, ABSENT, ABSENT)
    floor, exponent = model.parameters.floor, model.parameters.exponent
    return (
        slope,
        Cell(f"{100 * floor.mean:.1f} %", f"{100 * floor.low:.1f} to {100 * floor.high:.1f} %"),
        Cell(decimal(exponent.mean, 2), f"{exponent.low:.2f} to {exponent.high:.2f}"),
        decimal(100 * model.curve.misfit, 1),
    )


def _slope(slope: Interval | None, reason: str, counted: str) -> Cell:
    if slope is None:
        return Cell("undecided", reason, doubtful=True)
    return Cell(points(slope.mean, slope.low, slope.high), plural(slope.n, counted))


def _crossing(duel: PairGrowth) -> Cell:
    if duel.crossing is None:
        return Cell("undecided", duel.reason, doubtful=True)
    beyond = f"extrapolated: {crossing_in_words(duel.beyond)}" if duel.beyond else ""
    pairs = plural(duel.crossing.num_seeds, "pair")
    return Cell(crossing_in_words(duel.crossing), f"{pairs}; {beyond}" if beyond else pairs)


def _interval(found: Crossing) -> str:
    if found.low is None and found.high is None:
        return "(open on both sides)"
    if found.high is None:
        return f"(from {_size(found.low or 0)} on)"
    return f"(up to {_size(found.high)})" if found.low is None else f"({_size(found.low)} to {_size(found.high)})"


def _size(size: float) -> str:
    if size == round(size):
        return count(size)
    return short_count(size) if size >= 1e4 else count(float(f"{size:.3g}"))


def _picture(pictures: LadderPictures, name: Name, found: Findings) -> tuple[Picture, ...]:
    picture = pictures.get((name, found.transfer))
    return (picture,) if picture else ()
