"""Say in a sentence who leads on a target, by how much, or who cannot be told apart.

A family leads only by the rules of `bench.analysis.ahead`. Accuracies are those of the comparison, given success if
seeds failed to train; differences are those that decided, with the interval that shows the decision.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from bench.analysis.ahead import Contestant, Placing, Rival
from bench.analysis.format import bounds, decimal, is_known, listed, percent, share
from bench.analysis.seeds import GIVEN_SUCCESS
from bench.analysis.stats.intervals import LEVEL
from bench.report.first_screen.naming import capital, family_word, named, parameters, target_words
from bench.report.first_screen.rungs_of_targets import ComparedAt, OfTarget


def lead_sentence(target: OfTarget, runs: pd.DataFrame) -> str:
    """Return who leads on a target, at the largest size at which all models are finished.

    Args:
        target: What is compared on the target.
        runs: One row per run, which counts the parameters of the models.
    """
    parts = list(target.parts)
    sizes = parameters(runs, str(target.first["target"]))
    if target.is_evaluated_once:
        return _sentences(_Words(parts[0], target, sizes).evaluated_once())
    finished = next((part for part in parts if part.placing.is_finished), None)
    part = finished or next((part for part in parts if part.placing.rivals), None)
    if part is None:
        begun = next((part for part in parts if part.rows["accuracy"].notna().any()), parts[0])
        return _sentences(_Words(begun, target, sizes).nothing_finished())
    larger = "" if part is parts[0] or not target.rungs else "larger sizes are not finished"
    return _sentences(_Words(part, target, sizes).told(), larger)


class _Words:
    """The words on one size of one target."""

    def __init__(self, part: ComparedAt, target: OfTarget, sizes: Mapping[str, float]) -> None:
        self.placing: Placing = part.placing
        self.sizes = sizes
        self.rows = {row["model"]: row for _, row in part.rows.iterrows()}
        self.on = f"on {target_words(target.first)} {part.where}".rstrip(",")
        self.has_unit = False

    def told(self) -> str:
        """Return what the finished models show."""
        leader, level = self.placing.leader, self.placing.level_with
        if leader is None:
            return self.nothing_finished()
        if not self.placing.rivals:
            return self._alone(leader)
        if level:
            return self._level(leader, level) if any(rival.gap for rival in level) else self._without_interval(leader)
        return self._leads(leader) if self.placing.lead else self._partly(leader)

    def evaluated_once(self) -> str:
        """Return the accuracies of networks that are not trained."""
        return f"each model is evaluated once, so no family leads {self.on}: {self._so_far()}"

    def nothing_finished(self) -> str:
        """Return the accuracies so far, if there are any."""
        so_far = self._so_far()
        return (
            f"no family leads {self.on} yet: {f'rows lack seeds; so far {so_far}' if so_far else 'no run has a result'}"
        )

    def _leads(self, leader: Contestant) -> str:
        rivals = self.placing.rivals
        first = f"the {self._named(leader)} leads {self.on}: {self._accuracy(leader)}"
        against = self._against(rivals)
        nearest = _nearest(rivals)
        return f"{first} against {against}; {_gap(nearest)} over the {self._short(nearest.contestant)}"

    def _level(self, leader: Contestant, level: Sequence[Rival]) -> str:
        """Return who cannot be told apart, and who is behind them."""
        top = [leader, *(rival.contestant for rival in level)]
        names = [f"the {self._named(one)}" for one in top]
        families = {one.family for one in top}
        ahead = [pair for pair in sorted(self.placing.ahead) if {*pair} <= families]
        apart = (
            f"{names[0]} cannot be told from {listed(names[1:])}" if ahead else f"{listed(names)} cannot be told apart"
        )
        gaps = [f"{self._short(leader)} less {self._short(rival.contestant)} is {_gap(rival)}" for rival in level]
        words = f"{apart} {self.on}: {listed([self._accuracy(one) for one in top])}; {listed(gaps)}"
        return "; ".join(
            [
                words,
                *(f"the {family_word(one)} is ahead of the {family_word(other)}" for one, other in ahead),
                *(self._behind(rival, top) for rival in self.placing.behind),
                *self._lacking(),
            ]
        )

    def _without_interval(self, leader: Contestant) -> str:
        """Return the accuracies of models whose differences have no interval."""
        rivals = self.placing.rivals
        each = [f"{self._named(one)} {self._accuracy(one)}" for one in (leader, *(one.contestant for one in rivals))]
        reasons = dict.fromkeys(rival.reason for rival in rivals if rival.reason)
        return "; ".join([f"no family is shown to lead {self.on}: {listed(each)}", *reasons, *self._lacking()])

    def _partly(self, leader: Contestant) -> str:
        """Return of whom the leader is ahead while other models are not finished."""
        rivals = self.placing.rivals
        first = f"the {self._named(leader)} is ahead {self.on}: {self._accuracy(leader)}"
        against = self._against(rivals)
        nearest = _nearest(rivals)
        over = f"{_gap(nearest)} over the {self._short(nearest.contestant)}"
        return "; ".join([f"{first} against {against}", over, *self._lacking(), "so no family leads yet"])

    def _against(self, rivals: Sequence[Rival]) -> str:
        """Return the rivals with their means; the difference that follows has the interval that decides."""
        return listed([f"{self._named(one)} {self._mean(one)}" for one in (rival.contestant for rival in rivals)])

    def _alone(self, leader: Contestant) -> str:
        """Return the accuracy of the best model of the only family."""
        own = f"the {self._named(leader)} has {self._accuracy(leader)} {self.on}"
        if self.placing.unfinished:
            return "; ".join([own, *self._lacking()])
        if len(self.rows) == 1:
            return f"{own}; there is no other model to compare it with"
        return f"{own}, the highest mean of {len(self.rows)} models; all are of one family, so none is compared"

    def _behind(self, rival: Rival, top: Sequence[Contestant]) -> str:
        own = f"the {self._named(rival.contestant)}, {self._accuracy(rival.contestant)}, is behind"
        if rival in self.placing.behind_all:
            return f"{own} {'both' if len(top) == 2 else 'all of them'}"
        return f"{own} the {self._short(top[0])} by {_gap(rival)}"

    def _lacking(self) -> list[str]:
        unfinished = self.placing.unfinished
        return [f"the {named(model, family, self.sizes)} is not finished" for family, model in unfinished.items()]

    def _so_far(self) -> str:
        """Return the accuracies of rows, some of which lack seeds."""
        known = [row for row in self.rows.values() if is_known(row["accuracy"])]
        return listed([f"{named(row['model'], row['family'], self.sizes)} {_accuracy(row)}" for row in known])

    def _named(self, one: Contestant) -> str:
        """Return a model with its size, whose unit is said once."""
        unit, self.has_unit = "" if self.has_unit else "parameters", True
        return named(one.model, one.family, self.sizes, unit)

    def _short(self, one: Contestant) -> str:
        """Return the family, or the model if the family has several."""
        several = sum(row["family"] == one.family for row in self.rows.values()) > 1
        return one.model if several else family_word(one.family)

    def _mean(self, one: Contestant) -> str:
        return percent(self.rows[one.model]["accuracy"]) + (f" {GIVEN_SUCCESS}" if one.has_failures else "")

    def _accuracy(self, one: Contestant) -> str:
        return _accuracy(self.rows[one.model]) + (f" {GIVEN_SUCCESS}" if one.has_failures else "")


def _nearest(rivals: Sequence[Rival]) -> Rival:
    return min(rivals, key=lambda rival: rival.gap.mean if rival.gap else 0.0)


def _accuracy(row: pd.Series) -> str:
    return percent(row["accuracy"], row["low"], row["high"])


def _gap(rival: Rival) -> str:
    """Return how much more accurate the leader is: `17.7 points (14.2 to 21.3)`."""
    if rival.gap is None:
        return f"without interval, since {rival.reason.split(';')[0]}"
    at = f" at {share(rival.level)}" if rival.level != LEVEL else ""
    objects = "; not clear with failed seeds counted" if rival.reason else ""
    return f"{_points(rival.gap.mean)} points ({bounds(rival.gap.low, rival.gap.high, _points)}{at}{objects})"


def _points(gap: float) -> str:
    return decimal(100 * gap, 1)


def _sentences(*texts: str) -> str:
    return " ".join(f"{capital(text)}." for text in texts if text)
