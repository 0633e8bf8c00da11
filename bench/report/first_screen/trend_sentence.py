"""Say whether more pretraining data helps ViT more than the ResNet, and how many times as much data one needs."""

import math
from collections.abc import Iterator, Sequence

from bench.analysis.claims.claim import Judgement
from bench.analysis.format import bounds, decimal, signed
from bench.analysis.ladder.growth import PairGrowth
from bench.report.findings import Findings, OnTarget
from bench.report.first_screen.naming import capital, family_word
from bench.report.layout import target_name
from bench.report.sections.scaling import ratio_in_words

TREND = "C11"
"""The claim that the more pretraining data, the better ViT stands against ResNet."""
_UNKNOWN = "how many times as many images one family needs for the same accuracy"
_ASKED = "whether more pretraining images help the ViT more than the CNN"


def trend_sentence(judgements: Sequence[Judgement]) -> str:
    """Return whether ViT gains on the ResNet along the ladder, as the claim C11 was judged; empty if it was not."""
    judgement = next((each for each in judgements if each.claim.id == TREND), None)
    if judgement is None:
        return ""
    part = next((part for part in judgement.parts if part.unit == "points per decade"), None)
    if part is None:
        return f"{capital(_ASKED)} cannot be told: {judgement.reason}."
    mean, low, high = (100 * end for end in (part.interval.mean, part.interval.low, part.interval.high))
    on = part.name.rpartition("slope, ")[2]
    if judgement.verdict not in ("supported", "refuted"):
        shown = f"{signed(mean)} points ({bounds(low, high, signed)} at {judgement.level_text})"
        why = f"; {judgement.reason.rpartition(': ')[2]}" if low > 0 or high < 0 else ""
        change = "with ten times as many, the difference of the ViT to the CNN changes by"
        return f"{capital(_ASKED)} cannot be told on {on}: {change} {shown}{why}."
    does = "gains" if judgement.verdict == "supported" else "loses"
    least, most = sorted((abs(low), abs(high)))
    shown = f"{_size(mean)} points on the CNN ({bounds(least, most, _size)} at {judgement.level_text})"
    return f"With ten times as many pretraining images the ViT {does} {shown}, on {on}."


def ratio_sentence(key: str, findings: Sequence[Findings]) -> str:
    """Return how many times as many pretraining images one family needs for the accuracy of another.

    It is that of ViT and CNN on the target shown or, where that is refused, on the first target that has one.

    Args:
        key: The key of the target that is shown.
        findings: The results of all ladders.
    """
    pairs = list(_pairs(key, findings))
    for is_wanted in (_is_main, _is_any):
        wanted = [found for found in pairs if is_wanted(found[0])]
        if known := next((found for found in wanted if found[0].ratio and found[0].ratio.ratio), None):
            return _told(known, next((found for found in wanted if found[2]), None))
    refused = next((found for found in pairs if _is_main(found[0])), pairs[0] if pairs else None)
    return f"{capital(_UNKNOWN)} on {refused[1]} is not known: {_reason(refused[0])}." if refused else ""


_Found = tuple[PairGrowth, str, bool]
"""A pair, the title of its target, and whether that is the target shown."""


def _pairs(key: str, findings: Sequence[Findings]) -> Iterator[_Found]:
    """Yield the pairs of all ladders, those of the target shown first."""
    of_ladders = [(each, _keys(each), found.transfer) for found in findings for each in found.trends]
    for each, keys, _ in sorted(of_ladders, key=lambda one: one[1] != [key]):
        for pair in each.pairs:
            yield pair, _title(each), keys == [key]


def _keys(target: OnTarget) -> list[str]:
    ladder = target.ladder
    return [target_name(name, ladder.transfer, ladder.shots) for name in ladder.targets]


def _title(target: OnTarget) -> str:
    """Return the title of a ladder's target, with its way of transfer."""
    name = target.ladder.targets[0]
    return target.title + target_name(name, target.ladder.transfer, None).removeprefix(name)


def _is_main(pair: PairGrowth) -> bool:
    return {pair.first.family, pair.second.family} == {"vit", "cnn"}


def _is_any(_: PairGrowth) -> bool:
    return True


def _told(known: _Found, shown: _Found | None) -> str:
    """Return the ratio, and why there is none on the target shown if it is that of another one."""
    pair, words = known[0], ratio_in_words(known[0], known[1])
    families = {model.model: model.family for model in (pair.first, pair.second)}
    sentence = f"The {family_word(families[words.split()[0]])} {words}."
    if known[2] or shown is None:
        return sentence
    return f"{sentence} There is no such ratio on {shown[1]}: {_reason(shown[0])}."


def _reason(pair: PairGrowth) -> str:
    return (pair.ratio.reason if pair.ratio else "") or pair.reason


def _size(points: float) -> str:
    return decimal(math.fabs(points), 1)
