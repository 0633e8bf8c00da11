"""Two families of equal final accuracy, of which one leaves chance late: what pruning makes of them.

Deliberately wrong for successive halving, which takes the order of trials after a share of the budget for that of the
end. `python -m tests.analysis.simulated.test_halving_of_slow_families` prints the mean accuracies of the choices.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast
from unittest import mock

import numpy as np
import pytest

from bench.config.resolved import ResolvedSuite
from bench.store.store import Record
from bench.tuning import halving
from bench.tuning.halving import StudyState, study_states
from bench.tuning.studies import Study

NUM_TRIALS, NUM_IMAGES, CHANCE = 16, 1000, 0.1
NUM_TUNINGS = 200
HALVINGS = (0.125, 0.25)
LEAVES = {"at once": (0.0, 0.0), "late": (0.2, 0.7), "around the shares": (0.05, 0.35)}
"""Between which shares of the budget the trials of the slow family leave chance, each at its own."""


@dataclass(frozen=True)
class FakeRun:
    """One trial of one family after a share of the budget."""

    key: str
    data_name: str = "digits"


def tunings(leaves: tuple[float, float], *, knows_chance: bool) -> list[tuple[StudyState, ...]]:
    """Return simulated tunings of a fast family and a slow one, whose trials have the same accuracies at the end.

    Args:
        leaves: The shares between which the slow family leaves chance.
        knows_chance: Whether records have the best constant answer, without which every share prunes.
    """
    generator = np.random.default_rng(0)
    return [_tuning(generator, leaves, knows_chance) for _ in range(NUM_TUNINGS)]


def _tuning(generator: np.random.Generator, leaves: tuple[float, float], knows_chance: bool) -> tuple[StudyState, ...]:
    final, left = generator.normal(0.8, 0.05, (2, NUM_TRIALS)), generator.uniform(*leaves, NUM_TRIALS)
    final[1] = generator.permutation(final[0])
    known = {"constant_validation_answer": CHANCE, "num_validation_images": NUM_IMAGES} if knows_chance else {}

    def look(key: str) -> Record:
        family, trial, share = (convert(word) for convert, word in zip((int, int, float), key.split(), strict=True))
        start = left[trial] if family else 0.0
        learned = 1 - np.exp(-8 * max(0.0, share - start) / (1 - start))
        rate = CHANCE + (final[family, trial] - CHANCE) * learned
        found = generator.binomial(NUM_IMAGES, min(rate, 1)) / NUM_IMAGES
        return {
            "status": "ok",
            "data": known,
            "metrics": {"validation_accuracy": float(rate if share == 1 else found), "validation_loss": None},
        }

    return _studies(look)


def _studies(look: Callable[[str], Record]) -> tuple[StudyState, ...]:
    studies = tuple(Study("pretrain", family, family) for family in ("0", "1"))

    def trial_runs(_: object, study: Study, point: dict[str, int], share: float, __: object) -> tuple[FakeRun, ...]:
        return (FakeRun(f"{study.family} {point['number']} {share}"),)

    faked = {
        "studies_of": lambda _: studies,
        "draw_points": lambda _: tuple({"number": number} for number in range(NUM_TRIALS)),
        "trial_runs": trial_runs,
    }
    suite = SimpleNamespace(tuning=SimpleNamespace(halvings=HALVINGS))
    with mock.patch.multiple(halving, **faked):
        return study_states(cast(ResolvedSuite, suite), look)


def chosen_accuracies(leaves: tuple[float, float], *, knows_chance: bool) -> tuple[float, float]:
    """Return the mean final accuracy of the choices of the fast family and of the slow one, in percent."""
    of_tunings = tunings(leaves, knows_chance=knows_chance)
    fast, slow = np.mean([[100 * state.best.score for state in states if state.best] for states in of_tunings], axis=0)
    return float(fast), float(slow)


@pytest.mark.slow
def test_a_family_that_leaves_chance_late_loses_nothing() -> None:
    """Without the rule it loses points, since its trials were pruned by chance."""
    fast, slow = chosen_accuracies(LEAVES["late"], knows_chance=False)
    assert fast - slow > 2.5
    fast, slow = chosen_accuracies(LEAVES["late"], knows_chance=True)
    assert abs(fast - slow) < 0.1


@pytest.mark.slow
def test_families_that_learn_at_once_are_pruned_after_every_share() -> None:
    """As without the rule: after both shares half of the trials."""
    for states in tunings(LEAVES["at once"], knows_chance=True):
        assert [sum(trial.status == "pruned" for trial in state.trials) for state in states] == [12, 12]


if __name__ == "__main__":
    for name, shares in LEAVES.items():
        print(name, *(chosen_accuracies(shares, knows_chance=knows) for knows in (False, True)))
