"""Say whether more pretraining data helps ViT more than the CNN, and how many times as much data one needs.

Both are of the target shown. The trend is that of the claim C11 if it was judged on this target, so that page and claim
say the same; on other targets it is the slope of the pair, at a level that nothing corrects.
"""

import math
import re
from collections.abc import Iterator, Sequence

from bench.analysis.claims.claim import Judgement
from bench.analysis.comparison import FINE_TUNE
from bench.analysis.format import bounds, decimal, signed
from bench.analysis.ladder.growth import PairGrowth
from bench.analysis.stats.intervals import Interval
from bench.report.findings import Findings, OnTarget
from bench.report.first_screen.naming import by_family, is_main_pair
from bench.report.layout import CONFIDENCE, target_name
from bench.report.sections.scaling import in_words_of_slopes, ratio_in_words

TREND = "C11"
"""The claim that the more pretraining data, the better ViT stands against ResNet."""
_UNTOLD = "Whether more pretraining helps the ViT more than the CNN cannot be told"
_FIGURES = re.compile(r"( from [\d,]+ to [\d,]+ images)? \([^()]*\)$")
"""The sizes and the slopes at the end of a reason, which the section on more data has."""


def trend_sentence(key: str, findings: Sequence[Findings], judgements: Sequence[Judgement]) -> str:
    """Return whether ViT gains on the CNN with more pretraining images, on the target shown; empty if nobody asked.

    Args:
        key: The key of the target that is shown.
        findings: The results of all ladders.
        judgements: The judgements of claims; of C11 the words and the level are taken if it was judged on this target.
    """
    judgement = next((each for each in judgements if each.claim.id == TREND), None)
    found = next((found for found in _pairs(key, findings) if is_main_pair(found[1])), None)
    if found is None:
        is_judged = judgement is None or any(part.unit == "points per decade" for part in judgement.parts)
        return "" if judgement is None or is_judged else f"{_UNTOLD}: {judgement.reason}."
    each, pair = found
    if judgement and (judged := _as_judged(judgement, each, pair)):
        return judged
    if pair.slope is None:
        return f"{_UNTOLD}: {_reason(pair, each)}."
    low, high = pair.slope.low, pair.slope.high
    return _trend(pair.slope, f"{CONFIDENCE}, uncorrected", _names(each, pair), is_told=low > 0 or high < 0)


def ratio_sentence(key: str, findings: Sequence[Findings]) -> str:
    """Return how many times as many pretraining images one family needs for the accuracy of another, or why none.

    It is that of ViT and CNN or, without these, of the first pair of families. Where the target shown has no ratio, the
    first target that has one follows.

    Args:
        key: The key of the target that is shown.
        findings: The results of all ladders.
    """
    pairs = list(_pairs(key, findings))
    found = next(
        (found for found in pairs if is_main_pair(found[1])),
        pairs[0] if pairs else None,
    )
    if found is None:
        return ""
    each, pair = found
    if pair.ratio and pair.ratio.ratio:
        return f"For the same accuracy, {_by_family(each, ratio_in_words(pair))}."
    refused = f"No ratio of images: {_reason(pair, each, pair.ratio.reason if pair.ratio else '')}."
    return f"{refused}{_elsewhere(findings)}"


def _elsewhere(findings: Sequence[Findings]) -> str:
    """Return the ratio of ViT and CNN on the first target that has one, as a further sentence; empty without any."""
    for each in (each for found in findings for each in found.trends if len(each.ladder.targets) == 1):
        for pair in each.pairs:
            if is_main_pair(pair) and pair.ratio and pair.ratio.ratio:
                probed = target_name("", each.ladder.transfer, each.ladder.shots)
                return f" On {each.title}{probed}, {_by_family(each, ratio_in_words(pair))}."
    return ""


def _pairs(key: str, findings: Sequence[Findings]) -> Iterator[tuple[OnTarget, PairGrowth]]:
    """Yield the pairs on the ladders of a target, the first ladder's first; ViT is always the first of its pair."""
    for each in (each for found in findings for each in found.trends):
        ladder = each.ladder
        if [target_name(name, ladder.transfer, ladder.shots) for name in ladder.targets] == [key]:
            yield from ((each, pair) for pair in each.pairs)


def _names(each: OnTarget, pair: PairGrowth) -> tuple[str, str]:
    """Return `the ViT` and `the CNN`, or the models if a family has several."""
    return _by_family(each, pair.first.model), _by_family(each, pair.second.model)


def _as_judged(judgement: Judgement, each: OnTarget, pair: PairGrowth) -> str:
    """Return the trend as C11 was judged; empty if it was not judged on this ladder."""
    part = next((part for part in judgement.parts if part.unit == "points per decade"), None)
    if part is None or (part.name.rpartition("slope, ")[2],) != tuple(each.ladder.targets):
        return ""
    interval = part.interval
    same = math.isclose(pair.slope.mean, interval.mean, abs_tol=1e-9) if pair.slope else False
    if not (same or (pair.slope is None and each.ladder.transfer == FINE_TUNE)):
        return ""
    is_told = judgement.verdict in ("supported", "refuted")
    why = judgement.reason.rpartition(": ")[2] if not is_told and (interval.low > 0 or interval.high < 0) else ""
    return _trend(interval, judgement.level_text, _names(each, pair), is_told=is_told, why=why)


def _trend(interval: Interval, level: str, names: tuple[str, str], *, is_told: bool, why: str = "") -> str:
    """Return the trend in words: the second model gains if the interval of the first less the second is below zero."""
    low, high = interval.low, interval.high
    if not is_told:
        shown = bounds(100 * low, 100 * high, signed)
        reason = f"; {why}" if why else ""
        return f"{_UNTOLD}: {signed(100 * interval.mean)} points per tenfold images ({shown} at {level}){reason}."
    gains, on = names if interval.mean > 0 else names[::-1]
    least, most = sorted((abs(low), abs(high)))
    shown = f"{_size(interval.mean)} points on {on} ({bounds(least, most, _size)} at {level})"
    return f"With ten times as many pretraining images {gains} gains {shown}."


def _reason(pair: PairGrowth, each: OnTarget, reason: str = "") -> str:
    """Return why a pair is undecided, without the figures that tables have; of what several rungs lack, the first."""
    words = _FIGURES.sub("", in_words_of_slopes(reason or pair.reason, each.growth))
    first, *others = words.split("; at ")
    return _by_family(each, f"{first}, and more is missing" if others else first)


def _by_family(each: OnTarget, text: str) -> str:
    return by_family({model.model: model.family for model in each.ladder.models})(text)


def _size(share: float) -> str:
    return decimal(100 * math.fabs(share), 1)
