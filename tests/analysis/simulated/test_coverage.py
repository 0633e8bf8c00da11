"""Intervals hold the truth as often as they say, and verdicts are seldom wrong, in a thousand experiments each.

Between 91 and 98.5 % of 95 % intervals at 3 seeds, between 93 and 97.5 % from 5 on. Those of differences, from which
verdicts are derived, may hold it more often at 3 seeds. Where nothing differs, at most 6.6 % of single verdicts go
either way: 5 % and what a thousand experiments may differ from it by chance.
"""

from collections.abc import Iterator

import pytest

from tests.analysis.simulated.coverage import (
    FEW_EFFECTS,
    IN_WORDS,
    SEEDS,
    Found,
    of_accuracy,
    of_difference,
    of_ladder,
)
from tests.analysis.simulated.experiments import EFFECTS, NUM_EXPERIMENTS, Effects
from tests.analysis.simulated.table import Row, require_documented

pytestmark = pytest.mark.slow

MOST_DECIDED = 0.066
MOST_DECIDED_OF_FAMILY = 0.0125
"""Twelve claims are judged at 99.58 % each: 0.42 %, and what a thousand experiments may differ from it by chance."""

of_all_effects = pytest.mark.parametrize("effects", EFFECTS, ids=lambda effects: effects.name)
of_few_effects = pytest.mark.parametrize("effects", FEW_EFFECTS, ids=lambda effects: effects.name)
at_seeds = pytest.mark.parametrize("num_seeds", SEEDS)


def _covers(found: Found, num_seeds: int) -> bool:
    low, high = (0.91, 0.985) if num_seeds == 3 else (0.93, 0.975)
    return low <= found.coverage <= high


def _difference_covers(found: Found, num_seeds: int) -> bool:
    low, high = (0.94, 1.0) if num_seeds == 3 else (0.936, 0.98)
    return low <= found.coverage <= high


@at_seeds
@of_all_effects
def test_accuracy(effects: Effects, num_seeds: int) -> None:
    assert _covers(of_accuracy(0.7, effects, num_seeds), num_seeds)


@at_seeds
@of_all_effects
def test_accuracy_near_one(effects: Effects, num_seeds: int) -> None:
    """95 %, where accuracies are skewed."""
    assert _covers(of_accuracy(0.95, effects, num_seeds), num_seeds)


@at_seeds
@of_all_effects
def test_difference(effects: Effects, num_seeds: int) -> None:
    """Of 5 points."""
    assert _difference_covers(of_difference((0.75, 0.7), effects, num_seeds), num_seeds)


@at_seeds
@of_all_effects
def test_no_difference(effects: Effects, num_seeds: int) -> None:
    """The verdict, too: of one claim, and of one among twelve."""
    found = of_difference((0.7, 0.7), effects, num_seeds)
    assert _difference_covers(found, num_seeds)
    assert found.decided <= MOST_DECIDED
    assert found.decided_of_family <= MOST_DECIDED_OF_FAMILY


@pytest.mark.parametrize("num_seeds", [2, 4, 6, 8])
@of_few_effects
def test_verdicts_at_other_numbers_of_seeds(effects: Effects, num_seeds: int) -> None:
    found = of_difference((0.7, 0.7), effects, num_seeds)
    assert found.decided <= MOST_DECIDED
    assert found.decided_of_family <= MOST_DECIDED_OF_FAMILY


@at_seeds
@of_few_effects
def test_a_seeds_effect_on_all_rungs_and_targets(effects: Effects, num_seeds: int) -> None:
    """The mean difference over three rungs and two targets."""
    found = of_ladder(effects, num_seeds)
    assert _difference_covers(found, num_seeds)
    assert found.decided <= MOST_DECIDED
    assert found.decided_of_family <= MOST_DECIDED_OF_FAMILY


def test_seeds_of_several_rows_are_not_seeds_of_their_own() -> None:
    """Counted as if they were, three seeds in six rows would call every fifth pair of equal models different."""
    assert of_ladder(EFFECTS[-1], 3, as_if_independent=True).decided > 0.2


def rows() -> Iterator[Row]:
    """Yield what the page says of a model, of two, and of two on several rungs and targets."""
    for effects, words in zip(FEW_EFFECTS, IN_WORDS, strict=True):
        found = {seeds: of_accuracy(0.7, effects, seeds).coverage for seeds in SEEDS}
        yield _row("accuracy", f"of 70 %; {words}", "95 % hold", found)
    found = {seeds: of_accuracy(0.95, EFFECTS[-1], seeds).coverage for seeds in SEEDS}
    yield _row("accuracy", f"of 95 %; {IN_WORDS[-1]}", "95 % hold", found)
    for effects, words in zip(FEW_EFFECTS, IN_WORDS, strict=True):
        found = {seeds: of_difference((0.7, 0.7), effects, seeds).coverage for seeds in SEEDS}
        yield _row("difference", f"equal models; {words}", "95 % hold", found)
    for effects, words in zip(FEW_EFFECTS, IN_WORDS, strict=True):
        found = {seeds: of_ladder(effects, seeds).coverage for seeds in SEEDS}
        yield _row("mean difference over three rungs and two targets", f"equal models; {words}", "95 % hold", found)
    for effects, words in zip(FEW_EFFECTS, IN_WORDS, strict=True):
        found = {seeds: of_difference((0.7, 0.7), effects, seeds).decided_of_family for seeds in SEEDS}
        yield _row("verdict, one of twelve", f"equal models; {words}", "0.4 % wrong", found)
    independent = of_ladder(EFFECTS[-1], 3, as_if_independent=True).decided
    data = "equal models; each row's seeds counted as others, which is not done"
    yield Row("verdict, the only one", data, "wrong", "5 % wrong", NUM_EXPERIMENTS, {"3": independent})


def _row(of: str, data: str, promised: str, found: dict[int, float]) -> Row:
    return Row(of, data, "right", promised, NUM_EXPERIMENTS, {str(seeds): share for seeds, share in found.items()})


def test_rows_of_the_page() -> None:
    require_documented("coverage", rows())
