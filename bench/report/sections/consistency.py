"""Write the section on error consistency: how much the errors of models agree."""

from bench.analysis.format import ABSENT, decimal, percent, plural, with_bounds
from bench.analysis.ladder.error_consistency import NO_CORRECTNESS, PairConsistency
from bench.report.findings import Findings, at_largest
from bench.report.layout import CONFIDENCE, grouped, heading
from bench.report.page import Charts, Section, Table, TableCell, section, undecided

_MEANING = (
    "Error consistency (Geirhos et al. 2020) is Cohen's kappa of right and wrong at the largest rung, within each "
    "seed: 1 means the same errors, 0 no more errors in common than the two accuracies explain, below 0 fewer. Two "
    "models of one seed saw the same images in the same order. A model compared with itself from seed to seed shows "
    "how much is chance. Kappa does not say which model is more accurate, and the accuracies limit its range."
)
_AVERAGED = "Per-image correctness is averaged over draws, so no image is simply right or wrong."


def consistency(findings: Findings, charts: Charts) -> Section:
    """Return the error consistency of models: a row per pair and target."""
    title = heading("Error consistency", findings.transfer)
    if not findings.errors:
        return section(title, _AVERAGED)
    pairs = [(pair, at_largest(errors)) for errors in findings.errors for pair in errors.pairs]
    if all(pair.reason == NO_CORRECTNESS for pair, _ in pairs):
        return section(title, f"Not known: {NO_CORRECTNESS}.")
    rows = tuple(
        (pair.first.model, "itself, from seed to seed" if pair.is_self else pair.second.model, where, *_cells(pair))
        for pair, where in grouped(pairs, lambda item: (item[0].first.model, item[0].second.model))
    )
    header = ("First", "Second", "Target", "Kappa", "Both right or both wrong", "By accuracy alone")
    caption = f"Kappa with its {CONFIDENCE} interval over seeds and test images."
    chart = charts.get(("consistency", findings.transfer))
    return section(title, _MEANING, chart, Table(caption, header, rows, 3))


def _cells(pair: PairConsistency) -> tuple[str | TableCell, ...]:
    if pair.consistency is None:
        return (undecided(pair.reason), ABSENT, ABSENT)
    kappa = pair.consistency.kappa.interval()
    shown = with_bounds(decimal(kappa.mean, 2), kappa.low, kappa.high, lambda end: decimal(end, 2))
    shares = (percent(pair.consistency.observed), percent(pair.consistency.expected))
    return (TableCell(shown, plural(kappa.n, "seed")), *shares)
