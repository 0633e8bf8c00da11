"""What the trials in a suite's store chose, and what a suite that demands it lacks. Imports no torch, nor Optuna."""

from pathlib import Path

from bench.config.resolved import ResolvedSuite
from bench.config.search_space import ResolvedTuning
from bench.errors import InputError
from bench.store.store import Record, Store
from bench.tuning.halving import NOT_RUN, Followed, chosen, follow
from bench.tuning.points import kept_points


def tuning_store(root: Path) -> Store:
    """Where the trials of a suite lie, whose results lie in `root`: a store of their own, of no cells."""
    return Store(root / "tuning")


def tuned(suite: ResolvedSuite, root: Path) -> ResolvedSuite:
    """The suite with what its trials chose in its recipes; as it is written where they are not all done."""
    if suite.tuning is None:
        return suite
    choice = chosen(survey(suite, suite.tuning, tuning_store(root)))
    return suite.tuned(choice) if choice else suite


def survey(suite: ResolvedSuite, tuning: ResolvedTuning, store: Store) -> tuple[Followed, ...]:
    """How far every study is; nothing before the points are drawn."""
    points = kept_points(tuning, store)

    def look(key: str) -> Record | None:
        record = store.look(key)
        return record if record is not None and record["status"] != NOT_RUN else None

    return follow(suite.untuned(), points, look) if points is not None else ()


def check_tuned(suite: ResolvedSuite, root: Path) -> None:
    """Refuse a suite that demands to be tuned, and is not.

    Raises:
        InputError: names each family and stage without a choice, and what it lacks.
    """
    if suite.tuning is None or suite.tuning.chosen or not suite.tuning.required:
        return
    lacking = [f"{one.study} ({one.missing})" for one in survey(suite, suite.tuning, tuning_store(root)) if one.missing]
    untuned = ", ".join(lacking) or "every family, since no trial was made"
    raise InputError(
        f"suite {suite.name} demands to be tuned (tuning.required: true), and is not: {untuned}. `bench tune` of this "
        f"suite makes what is missing, in {tuning_store(root).root}"
    )
