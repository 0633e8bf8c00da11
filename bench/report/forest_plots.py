"""Turn the results of ladders and the judgements of claims into forest plots."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench.analysis.claims.claim import Judgement
from bench.analysis.claims.quantities import JudgedQuantity
from bench.analysis.format import in_unit, steady
from bench.analysis.stats.intervals import Interval
from bench.analysis.stats.ranks import Ranking
from bench.report.figures.drawing import COLOURS, colour, pair_colour
from bench.report.figures.forest import Forest, ForestLine
from bench.report.findings import Errors, Findings, Together, at_largest
from bench.report.layout import heading

_MOST_LINES = 24
"""The largest number of lines in a panel; a longer one is a table."""


_CLAIMED = {
    "points": "Points of accuracy",
    "points per decade": "Points per tenfold images",
    "points of shape bias": "Points of shape bias",
    "log odds per decade": "Log odds per tenfold images",
}
"""Unit of a claim's estimate -> the label of its axis."""


@dataclass(frozen=True)
class ForestPlot:
    """A figure that is still to be drawn."""

    key: tuple[str, ...]
    """The key of its chart."""
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
            yield ForestPlot((kind, findings.transfer), heading(title, findings.transfer), label, neutral, drawn)


def forests_of_claims(judgements: Sequence[Judgement]) -> Iterator[ForestPlot]:
    """Yield the estimates of claims, a plot per unit, each with the values for which its claim holds.

    Units of sizes and ratios have no plot, since few claims have them; the table shows their estimates.
    """
    for unit, label in _CLAIMED.items():
        parts = [(each, part) for each in judgements for part in each.parts if part.unit == unit]
        forest = Forest("", tuple(_claimed(*pair) for pair in parts if pair[1].interval.is_known))
        if _is_drawn(forest):
            yield ForestPlot(("claims", unit), f"Claims in {unit}", label, 0, (forest,))


def _claimed(judgement: Judgement, part: JudgedQuantity) -> ForestLine:
    """Return the line of an estimate, in its unit."""
    found = part.interval
    # As in the table `claims`: in further digits processors differ.
    mean, low, high = (steady(in_unit(value, part.unit), 6) for value in (found.mean, found.low, found.high))
    published = judgement.claim.published
    return ForestLine(
        f"{judgement.claim.id}, {part.word}: {part.name}",
        Interval(mean, low, high, found.n),
        COLOURS["ink"],
        part.word == "undecided",
        (in_unit(part.limits.low, part.unit), in_unit(part.limits.high, part.unit)),
        published.span if published.unit == part.unit else None,
    )


def _in_percent(interval: Interval) -> Interval:
    return replace(interval, mean=100 * interval.mean, low=100 * interval.low, high=100 * interval.high)


def _is_drawn(forest: Forest) -> bool:
    return any(line.interval for line in forest.lines) and len(forest.lines) <= _MOST_LINES


def _improvements(targets: Together) -> Forest:
    """Return the pairs at the largest rung, in percent."""
    lines = []
    for pair in targets.across.improvements:
        last = next((rung.interval for rung in pair.rungs if rung.size == targets.ladder.sizes[-1]), None)
        interval = last and _in_percent(last)
        shade = pair_colour(pair.first.family, pair.second.family)
        lines.append(ForestLine(f"{pair.first.model} over {pair.second.model}", interval, shade))
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
