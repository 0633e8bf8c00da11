"""Title the ladder's charts by who leads at which sizes; each title has at most 70 characters."""

from collections.abc import Sequence
from itertools import groupby

from bench.analysis.ahead import Placing, placing
from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.rows import RowId, Transfer
from bench.analysis.format import count, listed
from bench.analysis.ladder.rungs import LadderResults
from bench.report.findings import OnTarget
from bench.report.first_screen.naming import capital, family_word, fitting, in_order
from bench.report.first_screen.rungs_of_targets import OfTarget

AHEAD, ERRS_LEAST = "is ahead", "errs least"
"""What a title says of the leader, for accuracies and for errors."""


def difference_title(target: OnTarget, evidence: Evidence) -> str:
    """Return which model of a pair is ahead at which rungs: ViT and CNN, or else the first pair of families."""
    ladder = target.ladder
    if not ladder.rivals:
        return "No pair of families is on this ladder"
    pairs = [((first.family, first.model), (second.family, second.model)) for first, second in ladder.rivals]
    pair = next((pair for pair in pairs if {family for family, _ in pair} == {"vit", "cnn"}), pairs[0])
    placings = [_placing(evidence, ladder, pair, size) for size in ladder.sizes]
    return title_of_sizes(ladder.sizes, placings, AHEAD, of_pair=True)


def title_of_target(target: OfTarget, says: str = AHEAD) -> str:
    """Return who leads on a target: at which of its rungs or, without any, from scratch or with external weights."""
    if target.rungs:
        return title_of_sizes([rung.size or 0 for rung in target.rungs], [rung.placing for rung in target.rungs], says)
    part = next(target.parts)
    where = "from scratch" if part.size == 0 else "with external weights"
    return title_of_sizes([0], [part.placing], says).replace("at 0 images", where).replace("at any size", where)


def title_of_sizes(sizes: Sequence[int], placings: Sequence[Placing], says: str, *, of_pair: bool = False) -> str:
    """Return who leads at which sizes.

    Args:
        sizes: The pretraining images of the rungs, ascending.
        placings: Who is ahead at each of them.
        says: What to say of the leader.
        of_pair: Whether only two models are compared, so that the title names both.
    """
    families = in_order(family for each in placings for family in _families(each))
    finished = [number for number, each in enumerate(placings) if each.is_finished]
    if not finished:
        return "No size is finished yet" if len(sizes) > 1 else "Not finished yet"
    if len(families) == 1:
        return f"Only one family is compared: the {family_word(families[0])}"
    leads = [placings[number].lead for number in finished]
    if not any(leads):
        return _no_lead(
            [placings[number] for number in finished], all_sizes=len(finished) == len(sizes), of_pair=of_pair
        )
    runs = groupby(zip(finished, leads, strict=True), key=lambda pair: pair[1])
    streaks = [(lead, [number for number, _ in run]) for lead, run in runs]
    led = [(lead, _span(run, finished, sizes)) for lead, run in streaks if lead]
    (first, where), *rest = led
    other = next((family for family in families if family != first), "")
    over = f" of the {family_word(other)}" if of_pair and not rest else ""
    words = [f"the {family_word(first)} {says}{over} {where}", *(f"the {family_word(one)} {at}" for one, at in rest)]
    numbers = [
        f"the {family_word(one)} {says} at {leads.count(one)} of {len(sizes)} sizes"
        for one in dict.fromkeys(leads)
        if one
    ]
    return capital(fitting(listed(words) if len(words) < 3 else ", ".join(words), "; ".join(numbers)))


def _placing(evidence: Evidence, ladder: LadderResults, models: Sequence[tuple[str, str]], size: int) -> Placing:
    transfer = Transfer(ladder.transfer, ladder.shots)
    ids = [(family, RowId(model, ladder.corpus, size, transfer)) for family, model in models]
    return placing(evidence, ids, ladder.targets)


def _families(each: Placing) -> list[str]:
    leader = [each.leader.family] if each.leader else []
    return [*leader, *(rival.contestant.family for rival in each.rivals), *each.unfinished]


def _span(run: Sequence[int], finished: Sequence[int], sizes: Sequence[int]) -> str:
    """Return at which sizes, given the numbers of neighbouring finished ones."""
    first, last = run[0], run[-1]
    if list(run) == list(finished) and len(sizes) > 1:
        return "at every size" if len(finished) == len(sizes) else "at every finished size"
    if first == last:
        return f"at {count(sizes[first])} images"
    if last == len(sizes) - 1:
        return f"from {count(sizes[first])} images on"
    return (
        f"up to {count(sizes[last])} images"
        if first == 0
        else f"from {count(sizes[first])} to {count(sizes[last])} images"
    )


def _no_lead(placings: Sequence[Placing], *, all_sizes: bool, of_pair: bool) -> str:
    """Return that no family leads, with those behind all others if they are the same at each size."""
    at = "at any size" if all_sizes else "at any finished size"
    if not any(rival.gap for each in placings for rival in each.rivals):
        return "Without intervals, no family is shown to be ahead"
    if of_pair:
        return f"{listed(_words(_families(placings[0])))} cannot be told apart {at}"
    patterns = {_pattern(each) for each in placings}
    none = f"No family is shown to be ahead {at}"
    if len(patterns) == 1 and (pattern := patterns.pop()):
        level, behind = (_words(families) for families in pattern)
        are = f"the {behind[0]} is" if len(behind) == 1 else f"{listed(behind)} are"
        return capital(fitting(f"{listed(level)} cannot be told apart; {are} behind", none))
    return none


def _pattern(each: Placing) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return the families that cannot be told apart and those behind all of them; None without one of both."""
    if each.leader is None or each.ahead & {(one, other) for one in _top(each) for other in _top(each)}:
        return None
    if not each.behind or each.behind != each.behind_all:
        return None
    return tuple(in_order(_top(each))), tuple(in_order(rival.contestant.family for rival in each.behind))


def _top(each: Placing) -> list[str]:
    """Return the leader's family, and those that cannot be told from it."""
    leader = [each.leader.family] if each.leader else []
    return [*leader, *(rival.contestant.family for rival in each.level_with)]


def _words(families: Sequence[str]) -> list[str]:
    return [family_word(family) for family in in_order(families)]
