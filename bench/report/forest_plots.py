"""Turn the results of ladders and the judgements of claims into forest plots."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench.analysis.claims.claim import Judgement
from bench.analysis.stats.intervals import Interval
from bench.analysis.stats.ranks import Ranking
from bench.report.figures.drawing import COLOURS, colour, pair_colour
from bench.report.figures.forest import Forest, ForestLine
from bench.report.findings import Errors, Findings, Together, at_largest

_MOST_LINES = 24
"""The largest number of lines in a panel; a longer one is a table."""


@dataclass(frozen=True)
class ForestPlot:
    """A figure that is still to be drawn."""

    kind: str
    title: str
    label: str
    """The label of the axis."""
    neutral: float
    """The value of no effect."""
    forests: tuple[Forest, ...]


def forests_of_ladders(findings: Findings) -> Iterator[ForestPlot]:
    """Yield probabilities of improvement, mean ranks and error consistency, each if there is something to draw."""
    together = findings.together
    improved = [_improvements(targets) for targets in together]
    ranked = [_ranks(targets, targets.across.ranking) for targets in together if targets.across.ranking]
    alike = [_consistencies(errors) for errors in findings.errors]
    kappa = "Error consistency \N{GREEK SMALL LETTER KAPPA}"
    largest = "at the largest rung"
    plots = (
        ("improvement", f"Probability of improvement {largest}", "Probability of improvement (%)", 50, improved),
        ("ranks", "Mean ranks over seeds", "Mean rank", 1, ranked),
        ("consistency", f"Error consistency {largest}", kappa, 0, alike),
    )
    for kind, title, label, neutral, forests in plots:
        if drawn := tuple(filter(_is_drawn, forests)):
            yield ForestPlot(kind, title, label, neutral, drawn)


def forest_of_claims(judgements: Sequence[Judgement]) -> ForestPlot | None:
    """Return the estimates of claims about points, each with the values for which its claim holds; None without one."""
    lines = tuple(
        ForestLine(
            f"{each.claim.id}, {part.word}: {part.name}",
            _in_percent(part.interval),
            COLOURS["ink"],
            part.word == "undecided",
            (100 * part.limits.low, 100 * part.limits.high),
        )
        for each in judgements
        for part in each.parts
        if part.unit == "points" and part.interval.is_known
    )
    forest = Forest("", lines)
    label = "Estimate (points)"
    return ForestPlot("claims", "Claims about points", label, 0, (forest,)) if _is_drawn(forest) else None


def _in_percent(interval: Interval) -> Interval:
    return replace(interval, mean=100 * interval.mean, low=100 * interval.low, high=100 * interval.high)


def _is_drawn(forest: Forest) -> bool:
    return any(line.interval for line in forest.lines) and len(forest.lines) <= _MOST_LINES


def _improvements(targets: Together) -> Forest:
    """Return the pairs at the largest rung, in percent."""
    lines = []
    for number, pair in enumerate(targets.across.improvements):
        last = next((rung.interval for rung in pair.rungs if rung.size == targets.ladder.sizes[-1]), None)
        interval = last and _in_percent(last)
        lines.append(ForestLine(f"{pair.first.model} over {pair.second.model}", interval, pair_colour(number)))
    return Forest(at_largest(targets), tuple(lines))


def _ranks(targets: Together, ranking: Ranking) -> Forest:
    """Return the models by rank, each with half of the critical difference on either side."""
    families = {model.model: model.family for model in targets.ladder.models}
    half = ranking.critical_difference / 2
    lines = tuple(
        ForestLine(name, Interval(mean, mean - half, mean + half, ranking.num_seeds), colour(families[name]))
        for name, mean in zip(ranking.names, ranking.mean_ranks, strict=True)
    )
    return Forest(at_largest(targets), lines)


def _consistencies(errors: Errors) -> Forest:
    """Return the pairs, and each model paired with itself."""
    lines = tuple(
        ForestLine(
            f"{pair.first.model} from seed to seed" if pair.is_self else f"{pair.first.model} and {pair.second.model}",
            pair.consistency.kappa.interval() if pair.consistency else None,
            colour(pair.first.family) if pair.is_self else COLOURS["quiet"],
            pair.is_self,
        )
        for pair in errors.pairs
    )
    return Forest(at_largest(errors), lines)
