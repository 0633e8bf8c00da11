"""Apply the choice of a suite's trials, and report missing trials of a suite that must be tuned. Imports no torch."""

from collections.abc import Sequence
from pathlib import Path

from bench.analysis.format import listed
from bench.config.resolved import ResolvedSuite
from bench.errors import InputError
from bench.store.store import Store
from bench.tuning.halving import StudyState, chosen, study_states
from bench.tuning.kept import NO_TRIALS, KeptTrials, look_into
from models.spec.model_spec import parse_spec


def tuning_store(root: Path) -> Store:
    """Return the store of the trials of a suite with results in `root`."""
    return Store(root / "tuning")


def tuned(suite: ResolvedSuite, root: Path, kept: KeptTrials = NO_TRIALS) -> ResolvedSuite:
    """Return the suite with the choices of its trials in its recipes; unchanged until every study has a choice.

    Args:
        suite: the suite.
        root: the folder of its results.
        kept: trials that it keeps beside its file; those in the folder have priority.

    Raises:
        InputError: a family chose another member than the suite's first model of the family.
    """
    if suite.tuning is None:
        return suite
    states = survey(suite, tuning_store(root), kept)
    choice = chosen(states)
    if choice and (change := change_to_make(suite, states)):
        raise InputError(change)
    return suite.tuned(choice) if choice else suite


def change_to_make(suite: ResolvedSuite, states: Sequence[StudyState]) -> str:
    """Return what to change in the suite's file if trials chose other members than its models; else nothing."""
    others = {
        state.study.family: f"{state.best.model} instead of {state.study.model}"
        for state in states
        if state.study.members and state.best is not None and state.best.model != state.study.model
    }
    if not others:
        return ""
    arms = [
        ablation.name
        for ablation in suite.ablations
        if any(parse_spec(model).family in others for model in ablation.arms.values())
    ]
    and_arms = f" and in the arms of {listed(arms)}" if arms else ""
    return (
        f"suite {suite.name}: its trials chose {listed(list(others.values()))}. Write what they chose under "
        f"`models`{and_arms}; no trial is repeated"
    )


def survey(suite: ResolvedSuite, store: Store, kept: KeptTrials = NO_TRIALS) -> tuple[StudyState, ...]:
    """Return the state of every study, by a store of trials and by kept trials; empty before the first trial."""
    if not store.has_suite and not kept.records:
        return ()
    return study_states(suite.untuned(), look_into(store, kept))


def check_tuned(suite: ResolvedSuite, root: Path, kept: KeptTrials = NO_TRIALS) -> None:
    """Refuse a suite that must be tuned and is not.

    Raises:
        InputError: a family or stage has no choice; the error names each of them and what is missing.
    """
    if suite.tuning is None or suite.tuning.chosen or not suite.tuning.required:
        return
    states = survey(suite, tuning_store(root))
    lacking = ", ".join(f"{state.study} ({state.missing})" for state in states if state.missing)
    untuned = lacking or "every family, since no trial was made"
    unused = f"; {why}" if (why := kept.why_unused(suite)) else ""
    raise InputError(
        f"suite {suite.name} has to be tuned (tuning.required: true) and is not: {untuned}. `bench tune` of this "
        f"suite makes what is missing, in {tuning_store(root).root}{unused}"
    )
