"""Judges a suite's claims: each supported, refuted or undecided, by an interval at a level corrected over all of them.

What the tables lack, or what a statistic refuses by name, leaves a claim undecided with that as the reason; a number
that is not one never comes out as a verdict. Claims without an interval do not count in the correction.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.analysis.claims.claim import NOT_JUDGED, Claim, Judgement, Part
from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.exact_check import CannotTell
from bench.analysis.claims.quantities import Finding, Judged, deciding, is_beyond, judged, together
from bench.analysis.format import listed, quantity
from bench.analysis.stats.intervals import LEVEL
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.power import MOST_SEEDS, POWER, Needed
from bench.analysis.stats.statistics_errors import (
    AnalysisError,
    ConstantError,
    DifferentImagesError,
    DuplicateRowError,
    IncompleteRowError,
    SingleSeedError,
)


def judge_claims(claims: Sequence[Claim], evidence: Evidence, level: float = LEVEL) -> list[Judgement]:
    """Judge claims together.

    Args:
        claims: each with its comparison and margins.
        evidence: the tables of a suite.
        level: of confidence over all claims that have an interval.

    Returns:
        A judgement a claim, in their order.
    """
    found = [_look(claim, evidence) for claim in claims]
    family = sum(one.finding is not None for one in found)
    single = corrected_level(max(1, family), level)
    return [_judge(one, evidence, single) for one in found]


@dataclass(frozen=True)
class _Found:
    """What there is to judge a claim by: a finding, or the error that says why there is none."""

    claim: Claim
    finding: Finding | None = None
    error: AnalysisError | None = None
    without_interval: Finding | None = None
    """Found, and of no use: its rows are there, but no interval follows from them."""


def _look(claim: Claim, evidence: Evidence) -> _Found:
    if claim.comparison is None or isinstance(claim.comparison, CannotTell):
        return _Found(claim)
    finding = None
    try:
        finding = claim.comparison.find(evidence)
        for quantity in finding.quantities:
            quantity.interval(LEVEL)
    except AnalysisError as error:
        return _Found(claim, error=error, without_interval=finding)
    return _Found(claim, finding)


def _judge(found: _Found, evidence: Evidence, level: float) -> Judgement:
    claim = found.claim
    if claim.comparison is None:
        return _without(claim, f"it needs {claim.needs}")
    if isinstance(claim.comparison, CannotTell):
        return _exact(claim, claim.comparison, evidence)
    if found.finding is None:
        assert found.error is not None, "a claim has a finding, or an error that says why not"
        return _refused(claim, found.error, found.without_interval, _beside(claim, evidence))
    return _decided(claim, found.finding, judged(found.finding.quantities, level), level, _beside(claim, evidence))


def _decided(claim: Claim, finding: Finding, parts: list[Judged], level: float, beside: tuple[str, ...]) -> Judgement:
    one, verdict = deciding(parts), together([part.word for part in parts])
    is_open = verdict == "undecided"
    return Judgement(
        claim,
        verdict,
        one.unit,
        *(one.interval.mean, one.interval.low, one.interval.high),
        level,
        *(one.interval.n, finding.num_seeds),
        measured=finding.measured,
        reason=_why(one, len(parts)) if is_open else "",
        would_decide=_what_would([part for part in parts if part.word == "undecided"]) if is_open else "",
        parts=tuple(_part(part) for part in parts),
        beside=beside,
        keys=finding.keys,
    )


def _refused(claim: Claim, error: AnalysisError, finding: Finding | None, beside: tuple[str, ...]) -> Judgement:
    """Undecided for want of an interval."""
    whole = finding.num_seeds if finding else 0
    num_pairs, num_seeds = whole, whole
    if isinstance(error, IncompleteRowError):
        num_pairs, num_seeds = error.num_pairs, error.num_seeds
    return Judgement(
        claim,
        "undecided",
        "",
        *(math.nan,) * 4,
        *(num_pairs, num_seeds),
        measured=finding.measured if finding else "",
        reason=str(error),
        would_decide=_remedy(error, claim),
        parts=(),
        beside=beside,
        keys=finding.keys if finding else (),
    )


def _exact(claim: Claim, comparison: CannotTell, evidence: Evidence) -> Judgement:
    try:
        found = comparison.check(evidence)
    except AnalysisError as error:
        return _refused(claim, error, None, ())
    return Judgement(
        claim,
        found.word,
        "share",
        *(found.share, math.nan, math.nan, math.nan),
        *(found.num_seeds, found.num_seeds),
        measured=found.measured,
        reason=found.reason,
        would_decide="a longer training of these arms" if found.word == "undecided" else "",
        parts=(),
        beside=found.details,
        keys=found.keys,
    )


def _without(claim: Claim, reason: str) -> Judgement:
    unknown = (math.nan,) * 4
    return Judgement(claim, NOT_JUDGED, "", *unknown, 0, 0, "", reason, "", (), (), ())


def _beside(claim: Claim, evidence: Evidence) -> tuple[str, ...]:
    """Lines as far as there are any: what refuses the verdict may refuse these, too."""
    assert claim.comparison is not None and not isinstance(claim.comparison, CannotTell)
    lines: list[str] = []
    try:
        for line in claim.comparison.beside(evidence):
            lines.append(line)
    except AnalysisError:
        pass
    return tuple(lines)


def _why(one: Judged, num_parts: int) -> str:
    """Why a quantity decides nothing."""
    if math.isnan(one.interval.low):
        return f"{one.name}: there is no such value within what was measured"
    if is_beyond(one.interval, one.limits):
        return f"{one.name}: beyond its limits, but not at the level corrected for {num_parts} comparisons (Holm)"
    reached = [limit for limit in (one.limits.low, one.limits.high) if one.interval.low <= limit <= one.interval.high]
    limits = listed([f"{quantity(limit, one.unit)} {one.unit}" if limit else "zero" for limit in reached])
    return f"{one.name}: the interval reaches {limits}"


def _what_would(parts: Sequence[Judged]) -> str:
    """What the open quantities need: one that is estimated beyond its limits to refute the claim, else all of them."""
    if in_words := [part.needed for part in parts if isinstance(part.needed, str)]:
        return in_words[0]
    seeds = [(part.needed, part.interval.mean in part.limits) for part in parts if isinstance(part.needed, Needed)]
    beyond = [needed for needed, is_within in seeds if not is_within]
    found = _least(beyond) if beyond else _most([needed for needed, _ in seeds])
    if found.images_forbid:
        return "more test images: with these, no number of seeds decides it, if the truth is what was estimated"
    if found.seeds is None:
        return f"more than {MOST_SEEDS:,} seeds: the estimate is too close to a limit"
    return f"about {found.seeds:,} seeds in all (power {POWER:.0%}, if the truth is what was estimated)"


def _least(needed: Sequence[Needed]) -> Needed:
    return min(needed, key=lambda one: math.inf if one.seeds is None else one.seeds)


def _most(needed: Sequence[Needed]) -> Needed:
    return max(needed, key=lambda one: (one.images_forbid, math.inf if one.seeds is None else one.seeds))


def _remedy(error: AnalysisError, claim: Claim) -> str:
    """What would decide a claim that an error left open."""
    if isinstance(error, IncompleteRowError):
        return "every seed of these cells ended ok: `bench run` tries again what did not"
    if isinstance(error, SingleSeedError):
        return "two seeds at the least; how many decide it is known from two on"
    if isinstance(error, ConstantError):
        return "a target on which seeds differ: more test images, or a harder one"
    if isinstance(error, DuplicateRowError | DifferentImagesError):
        return "tables in which each run stands once, and rows that were tested on the same images"
    return claim.needs


def _part(one: Judged) -> Part:
    return Part(one.name, one.unit, one.interval.mean, one.interval.low, one.interval.high, one.word, one.equivalence)
