"""The section on all real targets together: interquartile means, probabilities of improvement, ranks."""

from collections.abc import Iterator, Sequence

from bench.analysis.format import count, decimal, percent, plural
from bench.analysis.ladder.rungs import AtRung
from bench.analysis.stats.intervals import LEVEL
from bench.report.findings import Findings, Together, at_largest
from bench.report.ladder_pictures import LadderPictures
from bench.report.layout import heading, interval_over
from bench.report.page import Cell, Section, Table

Rows = tuple[tuple[str | Cell, ...], ...]

_MEANING = (
    "The interquartile mean is that of the middle half of a model's accuracies over targets, within each seed, then "
    "over seeds; of fewer than four targets it is their mean. The probability of improvement is how often a run of the "
    "first model beats one of the second on a target picked at random, over all pairs of seeds, a tie being half "
    "(Agarwal et al. 2021). Targets that are in-domain or purpose-made stand apart, and in neither."
)
_RANKING = (
    "Ranks are taken within each seed, of accuracies averaged over targets at the largest rung; 1 is best. Models are "
    "told apart by Nemenyi's test after Friedman's (Demsar 2006), and each pair by Wilcoxon's signed-rank test under "
    "Holm's correction, which has no p-value where so few seeds could never make it reject."
)


def across_targets(found: Findings, pictures: LadderPictures) -> Section:
    """The real targets of a transfer put together: a row a model or pair, a column a rung."""
    title = heading("Across targets", found.transfer)
    if not found.together:
        return Section(title, ("The suite has no real target with a ladder.",))
    said = [_MEANING, _RANKING, *(sentence for one in found.together for sentence in _ranking(one))]
    shown = [pictures.get(("improvement", found.transfer)), pictures.get(("ranks", found.transfer))]
    tables = [table for one in found.together for table in (_means(one), _improvements(one), _pairs(one))]
    return Section(
        title,
        tuple(said),
        pictures=tuple(picture for picture in shown if picture is not None),
        tables=tuple(table for table in tables if table.rows),
    )


def _ranking(one: Together) -> Iterator[str]:
    """What came out of the ranks, or why there are none."""
    where = at_largest(one)
    if (ranking := one.across.ranking) is None:
        yield f"No ranks for {where}: {one.across.no_ranking}."
        return
    ranks = ", ".join(f"{name} {mean:.2f}" for name, mean in zip(ranking.names, ranking.mean_ranks, strict=True))
    yield (
        f"Mean ranks for {where}, over {plural(ranking.num_seeds, 'seed')}: {ranks}; critical difference "
        f"{ranking.critical_difference:.2f} at {1 - LEVEL:.0%}, Friedman's p {_p_value(ranking.friedman)}."
    )


def _means(one: Together) -> Table:
    rows: Rows = tuple(
        (model.model, *_row(one, model.rungs, model.reason, is_pair=False)) for model in one.across.models
    )
    caption = (
        f"{one.title}: interquartile mean of the accuracies on {plural(one.across.num_targets, 'target')}, "
        f"± half of its {LEVEL:.0%} interval over {interval_over([one.ladder.method])}, by pretraining images."
    )
    return Table(caption, ("Model", *_sizes(one)), rows, 1)


def _improvements(one: Together) -> Table:
    rows: Rows = tuple(
        (pair.first.model, pair.second.model, *_row(one, pair.rungs, pair.reason, is_pair=True))
        for pair in one.across.improvements
    )
    caption = (
        f"{one.title}: probability that the first model beats the second, with its {LEVEL:.0%} interval over seeds, "
        "by pretraining images."
    )
    return Table(caption, ("First", "Second", *_sizes(one)), rows, 2)


def _pairs(one: Together) -> Table:
    pairs = one.across.ranking.pairs if one.across.ranking else ()
    rows = tuple(
        (
            pair.first,
            pair.second,
            decimal(pair.rank_difference, 2),
            pair.pairs,
            _p_value(pair.nemenyi),
            pair.pairs if pair.wilcoxon_holm is None else _p_value(pair.wilcoxon_holm),
        )
        for pair in pairs
    )
    caption = f"{at_largest(one)}: ranks, the better model first."
    header = ("First", "Second", "Mean ranks apart", "First ahead in", "p, Nemenyi", "p, Wilcoxon and Holm")
    return Table(caption, header, rows, 2)


def _sizes(one: Together) -> list[str]:
    return [count(size) for size in one.ladder.sizes]


def _row(one: Together, rungs: Sequence[AtRung], reason: str, *, is_pair: bool) -> tuple[Cell, ...]:
    by_size = {rung.size: rung for rung in rungs}
    return tuple(_cell(by_size.get(size), reason, is_pair=is_pair) for size in one.ladder.sizes)


def _cell(rung: AtRung | None, reason: str, *, is_pair: bool) -> Cell:
    if rung is None or rung.interval is None:
        return Cell("undecided", reason, doubtful=True)
    found = rung.interval
    if is_pair:
        return Cell(
            f"{100 * found.mean:.0f} %", f"{100 * found.low:.0f} to {100 * found.high:.0f} %; {plural(found.n, 'pair')}"
        )
    return Cell(percent(found.mean, found.low, found.high), plural(found.n, "seed"))


def _p_value(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}"
