"""The section on whose errors are alike."""

from bench.analysis.format import ABSENT, decimal, percent, plural
from bench.analysis.ladder.error_consistency import NO_CORRECTNESS, PairConsistency
from bench.analysis.stats.consistency import Consistency
from bench.analysis.stats.intervals import LEVEL
from bench.report.findings import Findings, at_largest
from bench.report.ladder_pictures import LadderPictures
from bench.report.layout import heading
from bench.report.page import Cell, Section, Table

_MEANING = (
    "Error consistency (Geirhos et al. 2020) is Cohen's kappa of right and wrong at the largest rung, within each "
    "seed: 1 is the same errors, 0 as many in common as the two accuracies explain, below 0 fewer. Two models of one "
    "seed saw the same images in the same order; what a model has in common with itself from seed to seed shows how "
    "much is chance. Kappa says nothing of who is more accurate, and the accuracies bound what it can be."
)
_AVERAGED = "Answers are averaged over draws, so none is right or wrong."


def consistency(found: Findings, pictures: LadderPictures) -> Section:
    """Whose errors are alike: a row a pair and target."""
    title = heading("Error consistency", found.transfer)
    if not found.errors:
        return Section(title, (_AVERAGED,))
    if all(one.reason == NO_CORRECTNESS for errors in found.errors for one in errors.likenesses):
        return Section(title, (f"Not known: {NO_CORRECTNESS}.",))
    rows = tuple(
        (one.first.model, "itself, from seed to seed" if one.is_self else one.second.model, where, *_cells(one))
        for first, second in dict.fromkeys(_pair(one) for errors in found.errors for one in errors.likenesses)
        for errors in found.errors
        for where, one in ((at_largest(errors), one) for one in errors.likenesses)
        if _pair(one) == (first, second)
    )
    header = ("First", "Second", "Target", "Kappa", "Right or wrong alike", "By accuracy alone")
    caption = f"Kappa ± half of its {LEVEL:.0%} interval over seeds and test images."
    picture = pictures.get(("consistency", found.transfer))
    return Section(
        title, (_MEANING,), pictures=(picture,) if picture else (), tables=(Table(caption, header, rows, 3),)
    )


def _pair(one: PairConsistency) -> tuple[str, str]:
    return one.first.model, one.second.model


def _cells(one: PairConsistency) -> tuple[str | Cell, ...]:
    if one.consistency is None:
        return (Cell("undecided", one.reason, doubtful=True), ABSENT, ABSENT)
    return (_kappa(one.consistency), percent(one.consistency.observed), percent(one.consistency.expected))


def _kappa(found: Consistency) -> Cell:
    interval = found.kappa.interval()
    half_width = (interval.high - interval.low) / 2
    mean = decimal(interval.mean, 2).replace("-", "\N{MINUS SIGN}")
    return Cell(f"{mean} ± {decimal(half_width, 2)}", plural(interval.n, "seed"))
