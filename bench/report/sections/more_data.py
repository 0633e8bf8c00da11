"""Write the section on pretraining size: who gains by it, how much data a lead is worth, and where families cross."""

import re
from collections.abc import Callable, Iterator, Sequence

from bench.analysis.format import decimal, listed, plural, points, with_bounds
from bench.analysis.ladder.growth import PairGrowth
from bench.analysis.stats.intervals import unknown
from bench.report.findings import Findings, OnTarget
from bench.report.first_screen.naming import by_family, family_word, is_main_pair
from bench.report.layout import CONFIDENCE, heading
from bench.report.page import Block, Charts, Section, Table, folded, section
from bench.report.sections.scaling import (
    crossing_in_words,
    crossing_table,
    growth_table,
    how_to_read,
    in_words_of_slopes,
    intervals,
    is_clear_throughout,
    prediction_table,
    ratio_in_words,
    ratio_table,
    sides_in_words,
)

_NO_LADDER = (
    "No ladder has two rungs of equal class count, so there is no trend and no crossing: rungs that differ in their "
    "classes differ in more than their size."
)
_AT_END = re.compile(r" \([^()]*\)$")
_MOST_TARGETS = 3
"""The largest number of other targets whose clear results are open."""
_TRUST = "How far to trust an extrapolation: predicted from the smaller rungs,"


def more_data(of_ladders: Sequence[Findings], charts: Charts) -> Section:
    """Return what pretraining on more images does, by rules from the statistics; one line without a ladder.

    What is open tells of one ladder, the mean over real targets or else the first target, and of others what is clear.
    The sentences on other targets, and the tables, are folded.
    """
    title = "More data"
    told = [findings for findings in of_ladders if any(_is_finished(target) for target in findings.trends)]
    if not told:
        reasons = dict.fromkeys(
            model.problem
            for findings in of_ladders
            for target in findings.trends
            for model in target.ladder.models
            if model.problem
        )
        return section(title, f"No ladder is finished: {next(iter(reasons))}." if reasons else _NO_LADDER)
    first, *others = told
    return section(
        title,
        *_of_transfer(first, charts),
        *_clear_elsewhere(told),
        _trust(told),
        folded("More data on other targets", *_of_others(first)),
        folded("Slopes, ratios and crossings of all targets", *_tables(first)),
        *(
            folded(
                heading(title, findings.transfer),
                *_of_transfer(findings, charts),
                *_of_others(findings),
                *_tables(findings),
            )
            for findings in others
        ),
        folded("Trust in extrapolation", prediction_table(told)),
        folded("How to read this", *how_to_read(told)),
    )


def _is_finished(target: OnTarget) -> bool:
    return any(model.rungs for model in target.growth)


def _of_transfer(findings: Findings, charts: Charts) -> Iterator[Block | None]:
    yield charts.get(("crossings", findings.transfer))
    yield from _of_target(_main(findings), findings)


def _main(findings: Findings) -> OnTarget:
    """Return the ladder that is told of first: the mean over real targets, or else the first that is finished."""
    finished = [target for target in findings.trends if _is_finished(target)]
    return next((target for target in finished if len(target.ladder.targets) > 1), finished[0])


def _of_others(findings: Findings) -> Iterator[str]:
    for target in findings.trends:
        if _is_finished(target) and target is not _main(findings):
            yield from _of_target(target, findings)


def _of_target(target: OnTarget, findings: Findings) -> Iterator[str]:
    on = f"On {_title(target)},"
    if not any(model.slope for model in target.growth):
        reason = next(model.reason for model in target.growth if model.reason)
        yield f"{on} the effect of more data is undecided: {reason}."
        return
    yield f"{on} {_slopes(target)}. {intervals(findings)}"
    if not target.pairs:
        yield "All models are of one family."
        return
    pairs, say = _one_per_families(target.pairs), _namer(target)
    yield _sentences(*(say(in_words_of_slopes(text, target.growth)) for text in _ratios(pairs)))
    yield _sentences(*map(say, _crossings(pairs)))


def _title(target: OnTarget) -> str:
    return f"{'the ' * target.title.startswith('mean')}{target.title}"


def _namer(target: OnTarget) -> Callable[[str], str]:
    """Return a function that calls each model in a text by its family, if that has no other model."""
    return by_family({model.model: model.family for model in target.ladder.models})


def _clear_elsewhere(told: Sequence[Findings]) -> Iterator[str]:
    """Yield who clearly gains, and needs clearly more images, on other targets than the one told of first.

    Only the first pair of each target is named, with ViT and CNN before others, on a few targets. Targets of which the
    mean is told are no others.
    """
    main = _main(told[0])
    pairs = [
        (min(target.pairs, key=lambda pair: not is_main_pair(pair)), target, heading(_title(target), findings.transfer))
        for findings in told
        for target in findings.trends
        if target.pairs and not (findings is told[0] and {*target.ladder.targets} <= {*main.ladder.targets})
    ]
    gains = [
        _namer(target)(f"{_gain(pair)} on {title}")
        for pair, target, title in pairs
        if pair.slope and (pair.slope.low > 0 or pair.slope.high < 0)
    ]
    ratios = [
        _namer(target)(f"{ratio_in_words(pair)}, on {title}")
        for pair, target, title in pairs
        if pair.ratio and pair.ratio.ratio and (pair.ratio.ratio.low > 1 or pair.ratio.ratio.high < 1)
    ]
    if gains:
        yield _sentences(f"With ten times as many images, by uncorrected {CONFIDENCE} intervals, {_few(gains)}")
    if ratios:
        yield _sentences(f"For the same accuracy, {_few(ratios)}")


def _few(texts: Sequence[str]) -> str:
    """Return some texts, and how many more there are."""
    more = len(texts) - _MOST_TARGETS
    return "; ".join([*texts[:_MOST_TARGETS], *([f"the table has {more} more"] if more > 0 else [])])


def _gain(pair: PairGrowth) -> str:
    """Return which model of a pair gains on the other; the second if the slope of the difference lies below zero."""
    slope, models = pair.slope or unknown(0), (pair.first.model, pair.second.model)
    gains, on = models if slope.mean > 0 else models[::-1]
    low, high = sorted((abs(slope.low), abs(slope.high)))
    return f"{gains} gains {with_bounds(f'{_points(abs(slope.mean))} points', low, high, _points)} on {on}"


def _points(share: float) -> str:
    return decimal(100 * share, 1)


def _one_per_families(pairs: Sequence[PairGrowth]) -> list[PairGrowth]:
    """Return the first pair of each two families: with several models per family, the tables have the others."""
    chosen: dict[tuple[str, str], PairGrowth] = {}
    for pair in pairs:
        chosen.setdefault((pair.first.family, pair.second.family), pair)
    return list(chosen.values())


def _slopes(target: OnTarget) -> str:
    """Return how many points tenfold images add to each model."""
    known = [(f"the {family_word(model.family)} {model.model}", model.slope) for model in target.growth if model.slope]
    added = [f"{points(slope.mean, slope.low, slope.high)} to {model}" for model, slope in known]
    return f"ten times as many pretraining images add these points: {listed(added)}"


def _ratios(pairs: Sequence[PairGrowth]) -> Iterator[str]:
    """Yield a sentence for each pair with a ratio, and one for those that lack it for the same reason."""
    known = [pair for pair in pairs if pair.ratio and pair.ratio.ratio]
    unknown = [(pair, pair.ratio.reason if pair.ratio else pair.reason) for pair in pairs if pair not in known]
    told = [ratio_in_words(pair) for pair in known]
    yield from (f"For the same accuracy, {told[0]}", *told[1:]) if told else ()
    for reason, who in _by_reason(unknown, len(pairs)):
        yield f"There is no ratio of images for {who}: {reason}"


def _crossings(pairs: Sequence[PairGrowth]) -> Iterator[str]:
    """Yield where the first model of each pair passes the second, or at which rungs it is ahead, behind or neither."""
    apart = []
    for pair in pairs:
        first, second, found = pair.first.model, pair.second.model, pair.crossing
        if found and found.passages:
            yield f"Against {second}, {first} {crossing_in_words(found)}"
        elif found and is_clear_throughout(pair):
            apart.append(f"{first} {sides_in_words(pair, second)}")
        elif found:
            yield f"{first} {sides_in_words(pair, second, 'it')}"
    if apart:
        yield f"No crossing within the sizes measured: {listed(apart)}"
    for reason, who in _by_reason([(pair, pair.reason) for pair in pairs if not pair.crossing], len(pairs)):
        yield f"Crossings are undecided for {who}: {reason}"


def _by_reason(pairs: Sequence[tuple[PairGrowth, str]], num_pairs: int) -> Iterator[tuple[str, str]]:
    """Yield each reason with the pairs that it holds for, in words; a reason's figures are left to the tables.

    The reasons are put together if no pair lacks one.
    """
    of_reason: dict[str, list[str]] = {}
    for pair, reason in pairs:
        short = _AT_END.sub("", reason)
        of_reason.setdefault(short, []).append(f"{pair.first.model} and {pair.second.model}")
    if len(pairs) == num_pairs > 1:
        yield "; ".join(of_reason), "any pair"
        return
    for reason, named in of_reason.items():
        yield reason, ", nor for ".join(named)


def _trust(told: Sequence[Findings]) -> str | None:
    """Return in how many cases the law of the smaller rungs holds at the largest; None without such a law."""
    predictions = [model.prediction for each in told for target in each.trends for model in target.growth]
    held = [found.is_held for found in predictions if found and found.predicted]
    if not held:
        return None
    return f"{_TRUST} the largest is within the interval of {held.count(True)} of {plural(len(held), 'prediction')}."


def _tables(findings: Findings) -> tuple[Table, ...]:
    pairs = (ratio_table(findings), crossing_table(findings))
    return (growth_table(findings), *(table for table in pairs if table.rows))


def _sentences(*texts: str) -> str:
    return " ".join(f"{'T' if text.startswith('the ') else text[0]}{text[1:]}." for text in texts if text)
