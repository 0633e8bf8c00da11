"""Show the verdicts on all claims in a strip: their numbers, and a line for each claim."""

from collections import Counter
from collections.abc import Sequence

from bench.analysis.claims.claim import NOT_JUDGED, Judgement, Verdict
from bench.report.page import Claimed
from bench.report.sections.claims import sign

_WORDS: dict[Verdict, str] = {
    "supported": "supported",
    "refuted": "refuted",
    "undecided": "undecided",
    NOT_JUDGED: "not judged",
}


def verdict_counts(judgements: Sequence[Judgement]) -> str:
    """Return `1 supported · 1 refuted · 9 undecided · 1 not judged`; verdicts that no claim has are left out."""
    numbers = Counter(each.verdict for each in judgements)
    return " · ".join(f"{numbers[verdict]} {word}" for verdict, word in _WORDS.items() if numbers[verdict])


def claims_strip(judgements: Sequence[Judgement]) -> tuple[Claimed, ...]:
    """Return a line for each claim."""
    return tuple(
        Claimed(each.claim.id, sign(each), _WORDS[each.verdict], each.claim.sentence, _decides(each))
        for each in judgements
    )


def _decides(judgement: Judgement) -> str:
    """Return the estimate of a decided claim, what would decide an open one, or why it is not judged.

    An exact claim has no estimate that says anything without its margin.
    """
    if judgement.verdict in ("supported", "refuted"):
        return judgement.claim.margin if judgement.unit == "share" else judgement.text
    return judgement.would_decide or judgement.reason
