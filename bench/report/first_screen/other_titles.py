"""Title the charts of gains, ablations and costs by what they show; each title has at most 70 characters."""

from collections.abc import Sequence

import pandas as pd

from bench.analysis.ahead import clear_signs, difference, own_signs
from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.quantities import Difference
from bench.analysis.claims.rows import RowId
from bench.analysis.format import count, listed, plural
from bench.analysis.frames import split
from bench.analysis.pareto import BEHIND, FRONT, UNDECIDED
from bench.analysis.stats.statistics_errors import AnalysisError
from bench.report.first_screen.naming import capital, family_word, fitting
from bench.report.first_screen.rungs_of_targets import OfTarget, row_id_of

OWN = "by its own interval only"
"""What a title says of a difference whose interval excludes zero if the corrected rule does not decide it."""


def gain_title(target: OfTarget) -> str:
    """Return which models pretraining on the largest finished rung helps or hurts, against training from scratch."""
    if target.scratch is None:
        return "Nothing was trained from scratch on this target"
    scratch = {row_id.model: row_id for _, row_id in target.scratch.row_ids}
    for rung in reversed(target.rungs):
        paired = [(family, row_id, scratch[row_id.model]) for family, row_id in rung.row_ids if row_id.model in scratch]
        differences = [_difference(rung.evidence, ours, theirs, rung.target) for _, ours, theirs in paired]
        known = [difference for difference in differences if difference]
        if known and len(known) == len(differences):
            models = [(family, ours.model) for family, ours, _ in paired]
            return _gain(rung.size or 0, models, clear_signs(known), own_signs(known))
    return "No size is finished yet"


def ablation_title(rows: pd.DataFrame, evidence: Evidence) -> str:
    """Return which arms of an ablation differ from the reference.

    Args:
        rows: The rows of one ablation, from the table `ablations`.
        evidence: The tables that they come from.
    """
    arms: list[str] = []
    differences: list[Difference] = []
    references: set[str] = set()
    for _, of_setting in split(rows, ["target", "transfer", "shots"]):
        ids = {row["arm"]: row_id_of(row) for _, row in of_setting.iterrows()}
        reference = of_setting.loc[of_setting["is_reference"], "arm"].iloc[0]
        references.add(reference)
        for arm, row_id in ids.items():
            target = of_setting["target"].iloc[0]
            found = _difference(evidence, row_id, ids[reference], target) if arm != reference else None
            if found:
                arms.append(arm)
                differences.append(found)
    if not differences:
        return "No arm is finished with its reference"
    reference, signs = references.pop(), clear_signs(differences)
    return _of_arms(arms, signs, reference) or _of_arms_alone(arms, own_signs(differences), reference)


def front_title(rows: pd.DataFrame, cost: str = "") -> str:
    """Return how many rows are on a front, with the only one if no other can be.

    Args:
        rows: The rows of one target and one cost, from the table of `bench.analysis.pareto`.
        cost: The cost's name inside a sentence, if the title is to name it.
    """
    by = f" by {cost}" if cost else ""
    places = [rows[rows["place"] == place] for place in (FRONT, BEHIND, UNDECIDED)]
    front, behind, undecided = map(len, places)
    if not front:
        return f"Accuracy and {cost or 'this cost'} are known of no row"
    if front == 1 and behind and not undecided:
        row = places[0].iloc[0]
        others = "all others are behind it"
        return fitting(
            f"{row['model']} alone is on the front{by}; {others}",
            f"One {family_word(row['family'])} alone is on the front{by}; {others}",
        )
    parts = [f"{behind:,} behind"] * bool(behind) + [f"{undecided:,} cannot be told"] * bool(undecided)
    return f"{plural(front, 'row')} on the front{by}" + "".join(f", {part}" for part in parts)


def _difference(evidence: Evidence, row_id: RowId, reference: RowId, target: str) -> Difference | None:
    """Return a row less its reference; None if either is not finished."""
    try:
        return difference(f"{row_id} less {reference}", evidence.rows([row_id, reference], [target]))
    except AnalysisError:
        return None


def _gain(size: int, models: Sequence[tuple[str, str]], signs: Sequence[int], own: Sequence[int]) -> str:
    """Return which models gain or lose; without any, those of which only their own intervals say so."""
    families = [family for family, _ in models]
    names = [f"the {family_word(family)}" if families.count(family) == 1 else model for family, model in models]
    helped, hurt = ([name for name, sign in zip(names, signs, strict=True) if sign == wanted] for wanted in (1, -1))
    first = f"pretraining on {count(size)} images"
    if len(helped) == len(names) > 1:
        return capital(f"{first} helps every model")
    if not helped and not hurt:
        alone = [(name, sign) for name, sign in zip(names, own, strict=True) if sign]
        if len(alone) == 1:
            ((name, sign),) = alone
            told = f"{'helps' if sign > 0 else 'hurts'} {name} {OWN}"
            return fitting(capital(f"{first} {told}"), f"Pretraining {told}", f"One model differs {OWN}")
        if alone:
            told = f"{len(alone)} of {len(names)} models differ from scratch, by their own intervals only"
            return fitting(f"Pretraining: {told}", capital(told))
        helps = "is not shown to help any model"
        return fitting(capital(f"{first} {helps}"), f"Pretraining {helps}")
    words = [f"{what} {listed(who)}" for what, who in (("helps", helped), ("hurts", hurt)) if who]
    numbers = [f"{what} {len(who)} of {len(names)} models" for what, who in (("helps", helped), ("hurts", hurt)) if who]
    return capital(fitting(f"{first} {' and '.join(words)}", f"{first} {', '.join(numbers)}"))


def _of_arms(arms: Sequence[str], signs: Sequence[int], reference: str) -> str:
    """Return which arms are behind the reference or ahead of it, each perhaps on some targets only; empty if none."""
    if not any(signs):
        return ""
    by_arm: dict[str, list[int]] = {}
    for arm, sign in zip(arms, signs, strict=True):
        by_arm.setdefault(arm, []).append(sign)
    words, numbers = [], []
    for wanted, what in ((-1, "behind"), (1, "ahead of")):
        if everywhere := [arm for arm, of_arm in by_arm.items() if set(of_arm) == {wanted}]:
            who = f"the arm{'s' * (len(everywhere) > 1)} {listed(everywhere)}"
            words.append(f"{who} {'is' if len(everywhere) == 1 else 'are'} {what} {reference}")
        for arm, of_arm in by_arm.items():
            if wanted in of_arm and set(of_arm) != {wanted}:
                words.append(
                    f"the arm {arm} is {what} {reference} on {of_arm.count(wanted)} of {plural(len(of_arm), 'target')}"
                )
        if some := [arm for arm, of_arm in by_arm.items() if wanted in of_arm]:
            is_only = len(by_arm) == 1 and set(by_arm[some[0]]) == {wanted}
            who = "the arm" if is_only else f"{len(some)} of {plural(len(by_arm), 'arm')}"
            numbers.append(f"{who} {'is' if len(some) == 1 else 'are'} {what}")
    return capital(fitting("; ".join(words), f"{'; '.join(numbers)} the reference".replace("ahead of;", "ahead;")))


def _of_arms_alone(arms: Sequence[str], own: Sequence[int], reference: str) -> str:
    """Return which arms differ by their own intervals, of which none is clear after correction."""
    by_arm: dict[str, list[int]] = {}
    for arm, sign in zip(arms, own, strict=True):
        by_arm.setdefault(arm, []).append(sign)
    told = {arm: signs for arm, signs in by_arm.items() if any(signs)}
    if not told:
        return "No arm is shown to differ from its reference"
    numbers = f"{len(told)} of {plural(len(by_arm), 'arm')} differ{'s' * (len(told) == 1)} {OWN}"
    arm, signs = next(iter(told.items()))
    if len(told) > 1 or len({*signs}) > 1:
        return numbers.replace("its own interval", "their own intervals") if len(told) > 1 else numbers
    return fitting(f"The arm {arm} is {'behind' if signs[0] < 0 else 'ahead of'} {reference} {OWN}", numbers)
