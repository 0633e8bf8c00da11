"""Decide which model is ahead of the models of other families, for every sentence and title of a page.

The leader is the model with the highest mean, in which failed seeds count as what they scored. It leads only if it is
clearly ahead of each model of another family: the interval that verdicts use lies above zero, at a level that Holm's
procedure corrects over these comparisons, and no failed seed objects. Otherwise those that are not clearly behind
cannot be told from it. Models of the leader's own family are not compared with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from statistics import fmean

from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.quantities import Difference
from bench.analysis.claims.rows import CompleteRow, RowId, RowsByTarget
from bench.analysis.format import steady
from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.multiple import corrected_level, step_down
from bench.analysis.stats.power import Limits
from bench.analysis.stats.statistics_errors import AnalysisError
from bench.analysis.targets import slices

_SIGN = Limits(0.0, float("inf"))


@dataclass(frozen=True)
class Contestant:
    """A model with a complete row on each of some targets."""

    family: str
    rows: Mapping[str, CompleteRow]

    @property
    def model(self) -> str:
        """Return the model's spec."""
        return next(iter(self.rows.values())).id.model

    @property
    def has_failures(self) -> bool:
        """Tell whether a seed failed to train."""
        return any(row.results.failed for row in self.rows.values())

    @cached_property
    def mean(self) -> float:
        """Return the mean accuracy over targets, 0 to 1; it has no last bits, which must not break a tie."""
        of_target = {name: fmean(row.results.counted().accuracy.values()) for name, row in self.rows.items()}
        return steady(fmean(fmean(of_target[name] for name in same) for same in slices(of_target)))


@dataclass(frozen=True)
class Rival:
    """The model of another family that comes nearest to the leader."""

    contestant: Contestant
    is_behind: bool
    """Whether the leader is clearly ahead of it, and of every other model of its family."""
    gap: Interval | None
    """How much more accurate the leader is, in shares of 1; None without an interval."""
    level: float
    """The level of the interval: the usual one, or the corrected one if only that includes zero."""
    reason: str = ""
    """Why there is no interval, or which failed seeds object; empty otherwise."""


@dataclass(frozen=True)
class Placing:
    """Who is ahead among some models on some targets."""

    leader: Contestant | None
    """The model with the highest mean; None if no model is finished."""
    rivals: tuple[Rival, ...]
    """The nearest rival of each other family that has a finished model, by their means, the best first."""
    ahead: frozenset[tuple[str, str]]
    """(family, family): the first family's rival is clearly ahead of the second's."""
    unfinished: Mapping[str, str]
    """Family -> a model of it that lacks seeds or the whole row."""

    @property
    def is_finished(self) -> bool:
        """Tell whether no model lacks anything."""
        return self.leader is not None and not self.unfinished

    @property
    def lead(self) -> str:
        """Return the family that leads; empty if none does, or if there is no other."""
        leads = self.is_finished and self.rivals and all(rival.is_behind for rival in self.rivals)
        return self.leader.family if leads and self.leader else ""

    @property
    def level_with(self) -> tuple[Rival, ...]:
        """Return the rivals that cannot be told from the leader."""
        return tuple(rival for rival in self.rivals if not rival.is_behind)

    @property
    def behind(self) -> tuple[Rival, ...]:
        """Return the rivals of which the leader is clearly ahead."""
        return tuple(rival for rival in self.rivals if rival.is_behind)

    @property
    def behind_all(self) -> tuple[Rival, ...]:
        """Return the rivals of which the leader is ahead, and so is each rival that cannot be told from the leader."""
        others = [rival.contestant.family for rival in self.level_with]
        return tuple(
            rival for rival in self.behind if all((family, rival.contestant.family) in self.ahead for family in others)
        )


def placing(
    evidence: Evidence, models: Sequence[tuple[str, RowId]], targets: Sequence[str], level: float = LEVEL
) -> Placing:
    """Decide who is ahead.

    Args:
        evidence: The tables of a suite.
        models: The family and the row of each model.
        targets: The targets; a difference is the mean over them.
        level: The confidence level at which all comparisons with the leader hold together.
    """
    contestants: list[Contestant] = []
    unfinished: dict[str, str] = {}
    for family, row_id in models:
        try:
            contestants.append(Contestant(family, {target: evidence.row(row_id, target) for target in targets}))
        except AnalysisError:
            unfinished.setdefault(family, row_id.model)
    if not contestants:
        return Placing(None, (), frozenset(), unfinished)
    leader = max(contestants, key=lambda one: one.mean)
    others = sorted((one for one in contestants if one.family != leader.family), key=lambda one: -one.mean)
    rivals = _rivals(leader, others, level)
    return Placing(leader, rivals, _ahead([rival.contestant for rival in rivals], level), unfinished)


def difference(name: str, rows: RowsByTarget) -> Difference:
    """Return the first row's accuracy less the second's, paired by seed and test image.

    Args:
        name: The name of the difference.
        rows: Target -> the two rows.
    """
    return Difference(name, rows, (1.0, -1.0), _SIGN)


def clear_signs(differences: Sequence[Difference], level: float = LEVEL) -> list[int]:
    """Return the sign of each difference, 1 or -1, or 0 if it is not clear.

    Args:
        differences: Differences, over all of which Holm's procedure corrects.
        level: The confidence level at which all signs hold together.
    """
    signs = [0] * len(differences)

    def is_clear(number: int, strict: float) -> bool:
        signs[number] = _sign(differences[number], strict)
        return signs[number] != 0

    step_down(len(differences), is_clear, level)
    return signs


def own_signs(differences: Sequence[Difference], level: float = LEVEL) -> list[int]:
    """Return the sign of each difference by its own interval, 1 or -1, or 0 if that includes zero; nothing corrects it.

    Args:
        differences: Differences.
        level: The confidence level of each interval.
    """
    return [_sign(difference, level) for difference in differences]


def _less(first: Contestant, second: Contestant) -> Difference:
    rows = {target: [row, second.rows[target]] for target, row in first.rows.items()}
    return difference(f"{first.model} less {second.model}", rows)


def _rivals(leader: Contestant, others: Sequence[Contestant], level: float) -> tuple[Rival, ...]:
    differences = [_less(leader, other) for other in others]
    signs = clear_signs(differences, level)
    strict = corrected_level(max(1, sum(sign != 1 for sign in signs)), level)
    judged = list(zip(others, differences, signs, strict=True))
    rivals = []
    for family in dict.fromkeys(other.family for other in others):
        of_family = [one for one in judged if one[0].family == family]
        nearest = next((one for one in of_family if one[2] != 1), of_family[0])
        rivals.append(_rival(*nearest, level, strict))
    return tuple(sorted(rivals, key=lambda rival: -rival.contestant.mean))


def _rival(other: Contestant, difference: Difference, sign: int, level: float, strict: float) -> Rival:
    """Return a rival with the interval that shows what was decided of it."""
    try:
        interval = difference.interval(level)
        objection = difference.objection(interval, level)
    except AnalysisError as error:
        return Rival(other, False, None, level, str(error))
    if sign == 1:
        return Rival(other, True, interval, level)
    if objection or interval.low <= 0 <= interval.high:
        return Rival(other, False, interval, level, objection)
    corrected = difference.interval(strict)
    return Rival(other, False, corrected, strict, difference.objection(corrected, strict))


def _ahead(rivals: Sequence[Contestant], level: float) -> frozenset[tuple[str, str]]:
    """Return of which rivals other rivals are clearly ahead."""
    pairs = list(combinations(rivals, 2))
    signs = clear_signs([_less(*pair) for pair in pairs], level)
    ordered = [(pair if sign == 1 else pair[::-1]) for pair, sign in zip(pairs, signs, strict=True) if sign]
    return frozenset((better.family, worse.family) for better, worse in ordered)


def _sign(difference: Difference, level: float) -> int:
    try:
        interval = difference.interval(level)
        if difference.objection(interval, level):
            return 0
    except AnalysisError:
        return 0
    return int(interval.low > 0) - int(interval.high < 0)
