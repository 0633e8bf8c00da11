"""Say why a candidate does not fit or cannot be told, why none fits, and what would help."""

import math
from collections.abc import Callable, Mapping, Sequence

from bench.analysis.format import byte_size, count, listed, plural, three_digits
from bench.analysis.recommend.candidates import LATENCY, MEMORY, PARAMETERS, Candidate
from bench.analysis.recommend.decide import Amount, Gap, within_limit
from bench.analysis.recommend.messages import message
from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.power import MOST_SEEDS, Limits, seeds_needed

_AMOUNTS = {LATENCY: "latency", MEMORY: "memory", PARAMETERS: "parameters"}
_SHOWN: dict[str, Callable[[float], str]] = {
    LATENCY: lambda value: f"{three_digits(value)} ms",
    MEMORY: lambda value: byte_size(value * 2**20),
    PARAMETERS: lambda value: f"{count(value)} parameters",
}


def would_tell(estimate: Estimate, num_compared: int, within: float, gap: Gap) -> tuple[str, int | None]:
    """Return what would tell whether a candidate is as good as the best: in words, and as a number of seeds if known.

    Args:
        estimate: How much more accurate the best candidate is.
        num_compared: Over how many comparisons the level is corrected.
        within: The difference that the user would give up, as a share of 1.
        gap: The same difference with its intervals.
    """
    low, high = gap.bounds[num_compared - 1]
    if low > within or high <= within:
        return message("failed seeds"), None
    needed = seeds_needed(estimate, Limits(-math.inf, within), corrected_level(num_compared))
    if needed.seeds is not None:
        return message("seeds", seeds=plural(needed.seeds, "seed")), needed.seeds
    return message("images") if needed.images_forbid else message("too many seeds", most=f"{MOST_SEEDS:,}"), None


def why_not(candidate: Candidate, limits: Mapping[str, float], word: str) -> str:
    """Return which limits a candidate does not meet, or may not meet, and by how much."""
    names = [name for name, most in limits.items() if within_limit(candidate.amounts[name], most) == word]
    return "; ".join(_beyond(name, candidate, limits[name]) for name in names)


def nothing_fits(candidates: Sequence[Candidate], most: Mapping[str, float], untold: Sequence[str]) -> tuple[str, str]:
    """Return that no candidate fits, with the nearest one to each limit, and what would help.

    Args:
        candidates: The candidates.
        most: Limit -> the most that the user allows.
        untold: The models of which it cannot be told whether they fit.
    """
    lines = "; ".join(_nearest(name, candidates, limit) for name, limit in most.items())
    if untold:
        word = "fits" if len(untold) == 1 else "fit"
        found = message("none is shown to fit", limits=lines, models=listed(untold), fit=word)
        return found, message("more calls", measure=message("measure"))
    return message("none fits", limits=lines), message("higher")


def with_its_bounds(name: str, amount: Amount) -> str:
    """Return an amount that was measured, with its bounds if it has some."""
    shown = _SHOWN[name]
    if not amount.low < amount.high:
        return shown(amount.value)
    high = shown(amount.high) if math.isfinite(amount.high) else message("few calls")
    return message("bounded", value=shown(amount.value), low=shown(amount.low), high=high)


def _nearest(name: str, candidates: Sequence[Candidate], most: float) -> str:
    """Return who meets a limit, or who is nearest to it, and by how much."""
    known = [each for each in candidates if not math.isnan(each.amounts[name].value)]
    limit = _SHOWN[name](most)
    if fitting := [each.model for each in known if within_limit(each.amounts[name], most) == "fits"]:
        return message("met", limit=limit, models=listed(fitting))
    nearest = min(known, key=lambda each: each.amounts[name].value)
    return message("nearest", limit=limit, model=nearest.model, beyond=_beyond(name, nearest, most))


def _beyond(name: str, candidate: Candidate, most: float) -> str:
    """Return an amount with its bounds, and how far it is over its limit."""
    amount = candidate.amounts[name]
    if math.isnan(amount.value):
        return message("unmeasured", amount=_AMOUNTS[name])
    text = with_its_bounds(name, amount)
    if amount.value > most:
        text = message("over", value=text, by=_SHOWN[name](amount.value - most))
    return text + (f"; {candidate.note}" if name == LATENCY and candidate.note else "")
