"""Write the section on all real targets together: interquartile means, probabilities of improvement, ranks."""

from collections.abc import Sequence

from bench.analysis.format import count, decimal, listed, p_value, percent, plural, with_bounds
from bench.analysis.ladder.across_targets import is_more_than_noise
from bench.analysis.ladder.rungs import AtRung
from bench.analysis.stats.intervals import LEVEL
from bench.report.findings import Findings, Together, at_largest
from bench.report.first_screen.naming import by_family, capital, is_main_pair
from bench.report.layout import CONFIDENCE, heading, interval_over
from bench.report.page import Charts, Section, Table, TableCell, section, undecided

_Rows = tuple[tuple[str | TableCell, ...], ...]

_MEAN = (
    "The interquartile mean averages the middle half of a model's accuracies over targets, within each seed, and then "
    "over seeds; with fewer than four targets it is their mean."
)
_IMPROVEMENT = (
    "The probability of improvement is how often a run of the first model beats a run of the second on a target drawn "
    "at random, over all pairs of seeds; a tie counts half (Agarwal et al. 2021). In-domain and purpose-made targets "
    "do not count here."
)
_RANKING = (
    "Ranks are taken within each seed, of accuracies averaged over targets at the largest rung; 1 is best. Nemenyi's "
    "test after Friedman's tells models apart (Demsar 2006); so does Wilcoxon's signed-rank test of each pair under "
    "Holm's correction, which has no p-value if so few seeds could never make it reject."
)


def summary(findings: Findings) -> str | None:
    """Return ranks at the largest rung, and how ViT compares with the CNN, in two sentences; None if all is noise.

    Kappa is that of the first real target. Without these two families it is the first pair that is compared.
    """
    targets = next(iter(findings.together), None)
    if targets is None or not targets.ladder.complete:
        return None
    num_seeds = min(model.parts[0].shape[0] for model in targets.ladder.complete)
    if not is_more_than_noise(num_seeds, targets.across.num_targets):
        return None
    say = by_family({model.model: model.family for model in targets.ladder.models})
    told = (_ranks(targets) if targets.across.ranking else "", _of_pair(findings, targets))
    return " ".join(say(capital(text)) for text in told if text) or None


def _ranks(targets: Together) -> str:
    ranking = targets.across.ranking
    assert ranking is not None
    ranks = listed([f"{name} {decimal(mean, 2)}" for name, mean in zip(ranking.names, ranking.mean_ranks, strict=True)])
    test = f"Friedman's {p_value(ranking.friedman)}, critical difference {decimal(ranking.critical_difference, 2)}"
    return f"Mean ranks for {at_largest(targets)}, over {plural(ranking.num_seeds, 'seed')}: {ranks} ({test})."


def _of_pair(findings: Findings, targets: Together) -> str:
    """Return how often the first model beats the second, and the kappa of their errors; empty if neither is known."""
    pair = min(targets.across.improvements, key=lambda pair: not is_main_pair(pair), default=None)
    if pair is None:
        return ""
    names = f"{pair.first.model} and {pair.second.model}"
    last = pair.rungs[-1].interval if pair.rungs else None
    kappas = [
        (found.consistency.kappa.interval(), errors.title)
        for errors in findings.errors
        for found in errors.pairs
        if found.consistency and {found.first.model, found.second.model} == {pair.first.model, pair.second.model}
    ]
    parts = []
    if last:
        shown = percent(last.mean, last.low, last.high, places=0)
        parts.append(f"a run of the first beats one of the second with probability {shown}")
    if kappas:
        kappa, title = kappas[0]
        shown = with_bounds(decimal(kappa.mean, 2), kappa.low, kappa.high, lambda end: decimal(end, 2))
        parts.append(f"the kappa of their errors on {title} is {shown}")
    return f"Of {names}, {'; '.join(parts)}." if parts else ""


def across_targets(findings: Findings, charts: Charts) -> Section:
    """Return the results over all real targets of a transfer: a row per model or pair, a column per rung."""
    title = heading("Across targets", findings.transfer)
    if not findings.together:
        return section(title, "No real target has this transfer on a ladder.")
    return section(
        title,
        _MEAN if any(targets.across.num_targets > 1 for targets in findings.together) else None,
        _IMPROVEMENT,
        _RANKING,
        *(_ranking(targets) for targets in findings.together),
        charts.get(("improvement", findings.transfer)),
        charts.get(("ranks", findings.transfer)),
        *(part(targets) for targets in findings.together for part in (_means, _improvements, _pairs)),
    )


def _ranking(targets: Together) -> str:
    """Return the ranking in words, or why there is none."""
    where = at_largest(targets)
    if (ranking := targets.across.ranking) is None:
        return f"No ranks for {where}: {targets.across.no_ranking}."
    ranks = ", ".join(
        f"{name} {decimal(mean, 2)}" for name, mean in zip(ranking.names, ranking.mean_ranks, strict=True)
    )
    critical = f"{decimal(ranking.critical_difference, 2)} at {percent(1 - LEVEL, places=0)}"
    return (
        f"Mean ranks for {where}, over {plural(ranking.num_seeds, 'seed')}: {ranks}. Critical difference {critical}; "
        f"Friedman's {p_value(ranking.friedman)}."
    )


def _means(targets: Together) -> Table:
    rows: _Rows = tuple(
        (model.model, *_row(targets, model.rungs, model.reason, is_pair=False)) for model in targets.across.models
    )
    several = targets.across.num_targets > 1
    of_targets = f"interquartile mean of the accuracies on {targets.across.num_targets} targets"
    caption = (
        f"{targets.title}: {of_targets if several else 'accuracy'}, with its {CONFIDENCE} interval over "
        f"{interval_over([targets.ladder.method])}, by pretraining images."
    )
    return Table(caption, ("Model", *_sizes(targets)), rows, 1)


def _improvements(targets: Together) -> Table:
    rows: _Rows = tuple(
        (pair.first.model, pair.second.model, *_row(targets, pair.rungs, pair.reason, is_pair=True))
        for pair in targets.across.improvements
    )
    caption = (
        f"{targets.title}: probability that the first model beats the second, with its {CONFIDENCE} interval over "
        "seeds, by pretraining images."
    )
    return Table(caption, ("First", "Second", *_sizes(targets)), rows, 2)


def _pairs(targets: Together) -> Table:
    rows = tuple(
        (
            pair.first,
            pair.second,
            decimal(pair.rank_difference, 2),
            pair.pairs,
            p_value(pair.nemenyi),
            pair.pairs if pair.wilcoxon_holm is None else p_value(pair.wilcoxon_holm),
        )
        for pair in (targets.across.ranking.pairs if targets.across.ranking else ())
    )
    header = ("First", "Second", "Difference of mean ranks", "First ahead in", "Nemenyi", "Wilcoxon and Holm")
    return Table(f"{at_largest(targets)}: ranks, the better model first.", header, rows, 2)


def _sizes(targets: Together) -> list[str]:
    return [count(size) for size in targets.ladder.sizes]


def _row(targets: Together, rungs: Sequence[AtRung], reason: str, *, is_pair: bool) -> list[TableCell]:
    by_size = {rung.size: rung for rung in rungs}
    return [_cell(by_size.get(size), reason, is_pair=is_pair) for size in targets.ladder.sizes]


def _cell(rung: AtRung | None, reason: str, *, is_pair: bool) -> TableCell:
    if rung is None or rung.interval is None:
        return undecided(reason)
    interval = rung.interval
    if not is_pair:
        return TableCell(percent(interval.mean, interval.low, interval.high), plural(interval.n, "seed"))
    return TableCell(percent(interval.mean, interval.low, interval.high, places=0), plural(interval.n, "pair"))
