"""Say in one sentence how accurate the recommended model is, and why it is recommended."""

from bench.analysis.format import percent
from bench.analysis.recommend.answer import Answer, JudgedSize
from bench.analysis.recommend.messages import message

_GOOD = ("best", "as good")


def why(answer: Answer, at_size: JudgedSize) -> str:
    """Return the accuracy of the recommended model with one number of images, and why it is recommended."""
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
    found = recommended.candidate.accuracy
    accuracy = percent(found.mean, found.low, found.high)
    return message("why", accuracy=accuracy, target=at_size.target, reason=reason)
