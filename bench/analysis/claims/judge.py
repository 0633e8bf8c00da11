"""Judge a suite's claims: each is supported, refuted or undecided by an interval at a level corrected over all of them.

Claims are judged at the suite's looks (`bench.analysis.claims.looks`); what one look decides, later ones keep. Between
looks, numbers are shown without a verdict.

If a table lacks a row or a statistic raises an error, the claim is undecided and the error is the reason. NaN never
becomes a verdict. Claims that the suite's rows can't decide do not count in the correction.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bench.analysis.claims.claim import NOT_JUDGED, Claim, Judgement
from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.exact_check import CannotTell
from bench.analysis.claims.looks import Looks, looks_of
from bench.analysis.claims.quantities import Finding, JudgedQuantity, deciding, is_within, judged, together
from bench.analysis.format import listed, percent, quantity
from bench.analysis.seeds import GIVEN_SUCCESS
from bench.analysis.stats.intervals import LEVEL, unknown
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

Found = tuple[Finding | None, AnalysisError | None]
"""What a claim is judged by, and the error that leaves it undecided."""
_MAY_PASS = (IncompleteRowError, SingleSeedError, ConstantError)
"""Errors that later seeds may remove. Such claims count in the correction now, as they will count then."""


def judge_claims(
    claims: Sequence[Claim], evidence: Evidence, declared_looks: Sequence[int] = (), level: float = LEVEL
) -> list[Judgement]:
    """Judge claims together.

    Args:
        claims: The claims, each with its comparison and margins.
        evidence: The tables of a suite.
        declared_looks: The numbers of seeds at which claims are judged; by default once, at all seeds.
        level: The confidence level at which all verdicts of all looks hold together.

    Returns:
        One judgement per claim, in the same order.
    """
    looks = looks_of(evidence.tables["cells"], declared_looks)
    judgements: list[Judgement] = []
    for look in looks.reached:
        of_look = _judge_at(claims, evidence, looks, look, level)
        decided = {each.claim.id: each for each in judgements if _is_decided(each)}
        judgements = [decided.get(each.claim.id, each) for each in of_look]
    if looks.next and not looks.reached:
        judgements = _judge_at(claims, evidence, looks, looks.next, level)
    if looks.next and looks.num_begun not in looks.at:
        judgements = [_waiting(each, looks) for each in judgements]
    return [replace(each, looks=str(looks)) for each in judgements]


def _judge_at(claims: Sequence[Claim], evidence: Evidence, looks: Looks, look: int, level: float) -> list[Judgement]:
    """Judge claims by a look's seeds, at the part of the level that the look spends."""
    cells = evidence.tables["cells"]
    if look < len(looks.seeds):
        seen = cells[cells["seed"].isin(looks.seeds[:look])]
        evidence = replace(evidence, tables={**evidence.tables, "cells": seen})
    findings = [find_quantities(claim, evidence) for claim in claims]
    single = corrected_level(num_in_correction(findings), looks.level(look, level))
    following = next((one for one in looks.at if one > look), None)
    return [
        replace(_judge(claim, *of_claim, evidence, single, following), look=look)
        for claim, of_claim in zip(claims, findings, strict=True)
    ]


def _is_decided(judgement: Judgement) -> bool:
    """Tell whether an interval decided a claim."""
    return judgement.verdict in ("supported", "refuted") and not math.isnan(judgement.level)


def _waiting(judgement: Judgement, looks: Looks) -> Judgement:
    """Return the judgement of a claim without a verdict until the next look, unless an earlier look decided it."""
    is_past = judgement.look in looks.reached
    if math.isnan(judgement.level) or (is_past and _is_decided(judgement)):
        return judgement
    return replace(
        judgement,
        verdict="undecided",
        look=judgement.look if is_past else 0,
        reason=f"the next look is at {looks.next} seeds, and {looks.num_begun} have begun",
        would_decide=_next_look(looks.next),
        parts=tuple(replace(part, word="undecided", needed="") for part in judgement.parts),
    )


def num_in_correction(findings: Iterable[Found]) -> int:
    """Return the number of claims over which the level is corrected, one at the least."""
    return max(
        1, sum(isinstance(error, _MAY_PASS) or (found is not None and error is None) for found, error in findings)
    )


def find_quantities(claim: Claim, evidence: Evidence) -> Found:
    """Return the finding that a claim is judged by, or the error that leaves it undecided.

    If both are returned, the rows exist but give no interval. If neither is, no interval decides the claim.
    """
    if claim.comparison is None or isinstance(claim.comparison, CannotTell):
        return None, None
    finding = None
    try:
        finding = claim.comparison.find(evidence)
        for measured in finding.quantities:
            measured.interval(LEVEL)
    except AnalysisError as error:
        return finding, error
    return finding, None


def _judge(
    claim: Claim,
    finding: Finding | None,
    error: AnalysisError | None,
    evidence: Evidence,
    level: float,
    next_look: int | None,
) -> Judgement:
    if claim.comparison is None:
        return Judgement(claim, NOT_JUDGED, reason=f"it needs {claim.needs}")
    if isinstance(claim.comparison, CannotTell):
        try:
            return claim.comparison.check(claim, evidence)
        except AnalysisError as refusal:
            return _refused(claim, refusal, None, ())
    beside = tuple(_until_error(claim.comparison.beside(evidence)))
    if error is not None or finding is None:
        return _refused(claim, error, finding, beside)
    return _decided(claim, finding, judged(finding.quantities, level), level, beside, next_look)


def _decided(
    claim: Claim,
    finding: Finding,
    parts: list[JudgedQuantity],
    level: float,
    beside: tuple[str, ...],
    next_look: int | None,
) -> Judgement:
    decisive, verdict = deciding(parts), together([part.word for part in parts])
    is_open = verdict == "undecided"
    return Judgement(
        claim,
        verdict,
        decisive.unit,
        decisive.interval,
        level,
        finding.num_seeds,
        finding.measured,
        reason=_why(decisive, parts) if is_open else "",
        would_decide=_what_would([part for part in parts if part.word == "undecided"], next_look) if is_open else "",
        parts=tuple(parts),
        beside=beside,
        keys=finding.keys,
    )


def _refused(claim: Claim, error: AnalysisError | None, finding: Finding | None, beside: tuple[str, ...]) -> Judgement:
    """Return the judgement of a claim without an interval, which is undecided."""
    judgement = Judgement(
        claim, "undecided", reason=str(error), would_decide=_remedy(error, claim.needs), beside=beside
    )
    if finding:
        judgement = replace(judgement, measured=finding.measured, keys=finding.keys)
        judgement = replace(judgement, interval=unknown(finding.num_seeds), num_seeds=finding.num_seeds)
    if isinstance(error, IncompleteRowError):
        judgement = replace(judgement, interval=unknown(error.num_pairs), num_seeds=error.num_seeds)
    return judgement


def _until_error(lines: Iterator[str]) -> Iterator[str]:
    """Yield lines until one raises an error: the cause of a missing verdict may affect these, too."""
    try:
        yield from lines
    except AnalysisError:
        return


def _why(part: JudgedQuantity, parts: Sequence[JudgedQuantity]) -> str:
    """Return why a quantity is undecided."""
    low, high, limits = part.interval.low, part.interval.high, part.limits
    if part.objection:
        return f"{part.name}: {GIVEN_SUCCESS} its interval would decide, but {part.objection}"
    if math.isnan(low) and part.unit == "log odds per decade":
        return f"{part.name}: an accuracy is 0 or 100 %, so its log odds are infinite"
    if math.isnan(low):
        return f"{part.name}: there is no such value within what was measured"
    if part.is_decided_alone:
        if any(is_within(one.interval, one.limits) for one in parts if one.word == "undecided"):
            return f"{part.name}: the sign differs between points and log odds"
        number = len({one.question for one in parts})
        return f"{part.name}: beyond its limits, but not at the level corrected for {number} comparisons (Holm)"
    reached = [limit for limit in (limits.low, limits.high) if low <= limit <= high]
    ends = [f"{quantity(limit, part.unit)} {part.unit}" if limit else "zero" for limit in reached]
    return f"{part.name}: the interval reaches {listed(ends)}{_what_its_width_decides(part)}"


def _what_its_width_decides(part: JudgedQuantity) -> str:
    """Return which margin an interval of this width could decide; empty for ratios and sizes."""
    half = (part.interval.high - part.interval.low) / 2
    if not part.unit.startswith(("points", "log odds")) or not math.isfinite(half):
        return ""
    width = f"{quantity(half, part.unit).removeprefix('+')} {part.unit}"
    if math.isinf(part.limits.low) or math.isinf(part.limits.high):
        return f"; half of its width is {width}"
    return f"; of this width, it could support no margin narrower than ±{width}"


def _next_look(look: int | None) -> str:
    """Return the next look in words."""
    return f"the next look, at {look} seeds"


def _what_would(parts: Sequence[JudgedQuantity], next_look: int | None) -> str:
    """Return what would decide the claim: the next look, or else the seeds of a new suite.

    It is enough to resolve one quantity estimated beyond its limits, which would refute the claim, or else all.
    """
    if in_words := [part.needed for part in parts if isinstance(part.needed, str)]:
        others = [part for part in parts if isinstance(part.needed, Needed)]
        return "; and ".join([in_words[0], *([_what_would(others, next_look)] if others else [])])
    seeds = [(part.needed, part.interval.mean in part.limits) for part in parts if isinstance(part.needed, Needed)]
    beyond = [needed for needed, is_within in seeds if not is_within]
    if beyond:
        needed = min(beyond, key=_num_seeds)
    else:
        needed = max((needed for needed, _ in seeds), key=lambda one: (one.images_forbid, _num_seeds(one)))
    if needed.images_forbid:
        return "more test images: with these, no number of seeds decides it, if the truth is what was estimated"
    if next_look:
        return _next_look(next_look)
    if needed.seeds is None:
        return (
            f"unknown: after these seeds the truth may be so close to a limit that a new suite of {MOST_SEEDS:,} seeds "
            "would not decide"
        )
    return (
        f"a new suite with {needed.seeds:,} other seeds, declared before it runs (it would decide with a probability "
        f"of {percent(POWER, places=0)}, given the error of this estimate)"
    )


def _num_seeds(needed: Needed) -> float:
    return math.inf if needed.seeds is None else needed.seeds


def _remedy(error: AnalysisError | None, needs: str) -> str:
    """Return what would decide a claim that an error left undecided; by default the rows that the claim needs."""
    remedies: dict[type[AnalysisError] | tuple[type[AnalysisError], ...], str] = {
        IncompleteRowError: "an outcome and a success of these seeds: `bench run` tries again what did not end ok",
        SingleSeedError: "two seeds at the least; how many decide it is known from two on",
        ConstantError: "a target on which seeds differ: more test images, or a harder one",
        (DuplicateRowError, DifferentImagesError): (
            "tables in which each run stands once, and rows that were tested on the same images"
        ),
    }
    return next((remedy for kind, remedy in remedies.items() if isinstance(error, kind)), needs)
