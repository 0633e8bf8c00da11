"""The points of a tuning's trials: all drawn before the first trial begins, and kept, so that a restart repeats none.

They are the same for every family and stage. Optuna draws them, and is imported nowhere else: whoever only goes on
with trials, or runs and reports a suite that was tuned, needs none. Imports no torch.
"""

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.config.search_space import Point, Range, Tuning, Value
from bench.errors import InputError
from bench.files.writing import clear_errors, write_new
from bench.plan.run import canonical_json
from bench.store.store import Store

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

DIGITS = 3
"""Of a number from a range, so that it can be read and written."""


def draw_points(tuning: Tuning, store: Store) -> tuple[Point, ...]:
    """The points of a tuning, as they are kept in its store; drawn and kept first, where they are not there yet.

    Raises:
        InputError: they have to be drawn, and Optuna is not installed; or what is kept is damaged.
        StoreError: they cannot be kept.
    """
    kept = kept_points(tuning, store)
    if kept is not None:
        return kept
    if find_spec("optuna") is None:
        raise InputError(
            'tuning: Optuna, which draws the trials, is not installed; install it with: pip install "vit-cnn-hybrid-'
            'bench[tune]"'
        )
    content = tuning.drawing() | _drawn(tuning)
    path = _path(tuning, store)
    with clear_errors(store.root):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_new(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())
    kept = kept_points(tuning, store)  # those of whoever came first
    assert kept is not None, f"{path} was written, and cannot be read"
    return kept


def kept_points(tuning: Tuning, store: Store) -> tuple[Point, ...] | None:
    """The points that were drawn for a tuning; None where none were.

    Raises:
        InputError: the file is damaged; it is not drawn anew in silence, since trials were made at its points.
    """
    path = _path(tuning, store)
    try:
        content = json.loads(path.read_bytes())
        points = tuple(content["points"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _damaged(path, str(error)) from None
    if len(points) != tuning.trials or any(
        not isinstance(one, dict) or one.keys() != tuning.space.keys() for one in points
    ):
        raise _damaged(path, "its points are not those of this tuning")
    return points


def _damaged(path: Path, what: str) -> InputError:
    return InputError(
        f"{path}: damaged ({what}), and trials were made at the points in it; restore it, or remove it and its store"
    )


def _path(tuning: Tuning, store: Store) -> Path:
    """Named for all that decides the points, so that another space has points of its own."""
    digest = hashlib.sha256(canonical_json(tuning.drawing()).encode()).hexdigest()
    return store.root / "points" / f"{digest[:16]}.json"


def _drawn(tuning: Tuning) -> dict[str, Any]:
    """Independent draws, each setting's on its own: a larger number of trials begins with those of a smaller one."""
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=tuning.seed))
        distributions = {name: _distribution(values) for name, values in sorted(tuning.space.items())}
        drawn = [study.ask(distributions).params for _ in range(tuning.trials)]
    finally:
        optuna.logging.set_verbosity(verbosity)
    points = [{name: _rounded(value, tuning.space[name]) for name, value in point.items()} for point in drawn]
    return {"points": points, "drawn_by": f"optuna {optuna.__version__}, RandomSampler"}


def _distribution(values: Range | tuple[Value, ...]) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if isinstance(values, Range):
        return FloatDistribution(values.low, values.high, log=values.log)
    return CategoricalDistribution(values)


def _rounded(value: Value, values: Range | tuple[Value, ...]) -> Value:
    """A number from a range to a few digits, and still within it; a choice as it is."""
    if not isinstance(values, Range) or not isinstance(value, float):
        return value
    return min(max(float(f"{value:.{DIGITS}g}"), values.low), values.high)
