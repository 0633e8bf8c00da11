"""Say in one sentence how accurate and, on a machine, how fast the recommended model is, and why it is recommended."""

from bench.analysis.format import percent, share
from bench.analysis.recommend.answer import Answer, JudgedSize
from bench.analysis.recommend.candidates import LATENCY
from bench.analysis.recommend.messages import message
from bench.analysis.recommend.words import with_its_bounds
from bench.analysis.stats.intervals import LEVEL, Interval

_GOOD = ("best", "as good")


def why(answer: Answer, at_size: JudgedSize) -> str:
    """Return the accuracy of the recommended model with one number of images, its latency, and why it is recommended.

    Args:
        answer: The answer; it has a latency if a machine is named or used by a limit.
        at_size: The candidates with that number of images, one of them recommended.
    """
    recommended = next(each for each in at_size.judged if each.candidate.model == at_size.recommended)
    standings = [each.standing for each in at_size.judged]
    num_good = sum(standing in _GOOD for standing in standings)
    points = f"{answer.question.within:g} point{'' if answer.question.within == 1 else 's'}"
    values = {"best": message("highest that fits" if answer.is_limited else "highest")}
    values |= {"cost": answer.cost, "good": str(num_good), "points": points}
    if num_good == 1:
        reason = message("best", **values)
    else:
        reason = message("best and cheapest" if recommended.standing == "best" else "cheapest", **values)
    for name, number in (("untold", standings.count("cannot tell")), ("worse", standings.count("worse"))):
        if number:
            reason = message(name if number > 1 else f"one {name}", reason=reason, number=number, points=points)
    if at_size.scratch:
        reason = message("scratch", reason=reason, accuracy=_percent(at_size.scratch), points=points)
    accuracy = _percent(recommended.candidate.accuracy)
    values = {"accuracy": accuracy, "target": at_size.target, "level": share(LEVEL), "reason": reason}
    if not answer.machine:
        return message("why", **values)
    latency = with_its_bounds(LATENCY, recommended.candidate.amounts[LATENCY])
    return message("why on machine", cost=answer.cost, latency=latency, **values)


def _percent(accuracy: Interval) -> str:
    return percent(accuracy.mean, accuracy.low, accuracy.high)
