"""Check sizes before anything trains: each model has a partner of its size, and members of a tuning are of one size."""

import math
from collections.abc import Sequence

from bench.analysis.format import percent, signed
from bench.config.external_weights import SOURCES
from bench.config.resolved import ResolvedSuite
from bench.config.search_space import members_of
from bench.errors import InputError
from bench.runner.pool.pool import Workers
from models.spec.model_spec import parse_spec
from models.spec.size_classes import TOLERANCE, Measure, Sized, Unmatched, unmatched

NUM_CLASSES = 10
"""The number of classes to count with, as in `bench models`: the head of pretraining does not matter."""

WORDS = {"parameters": "parameters", "macs": "multiply-accumulates"}


def check_size_class(suite: ResolvedSuite) -> None:
    """Count the suite's models in a worker, and check that each has a partner; arms of ablations need none.

    Raises:
        InputError: a model has no partner; the message names the nearest model of the other family, and both sizes.
    """
    assert suite.size_class is not None, "the suite asks for no size class"
    alone = unmatched(_sizes(suite.models, suite.size_class, suite))
    if alone:
        lines = "\n".join(_line(model, suite.size_class) for model in alone)
        raise InputError(
            f"suite {suite.name}: size_class: {suite.size_class} asks for a partner within "
            f"{percent(TOLERANCE, places=0)} in each other family, which is missing:\n{lines}\n"
            "Take other models (`bench models` lists sizes), or leave size_class out"
        )


def check_members(suite: ResolvedSuite) -> None:
    """Count the members of a tuning in a worker, and check that each is of the size of its family's first model.

    Raises:
        InputError: a member is not; the message names its size and the limits.
    """
    assert suite.tuning is not None, "the suite asks for no tuning"
    measure = suite.size_class or "parameters"
    sizes = {sized.model: sized for sized in _sizes(members_of(suite.tuning), measure, suite)}
    lines = []
    for member in sizes.values():
        own = sizes[suite.first_models[member.family]]
        low, high = math.ceil(own.size * (1 - TOLERANCE)), math.floor(own.size * (1 + TOLERANCE))
        if not low <= member.size <= high:
            limits = f"{own.model} allows {low:,} to {high:,}"
            lines.append(f"  {member.model} ({member.family}) has {member.size:,} {WORDS[measure]}; {limits}")
    if lines:
        raise InputError(
            f"suite {suite.name}: tuning.members leaves the size class: a member's {WORDS[measure]} are within "
            f"{percent(TOLERANCE, places=0)} of those of the suite's first model of the family, but\n"
            + "\n".join(lines)
        )


def _sizes(named: Sequence[str], measure: Measure, suite: ResolvedSuite) -> list[Sized]:
    """Return the size of each model at the suite's image size."""
    models = {model: str(parse_spec(model).without(*SOURCES)) for model in named}
    with Workers(1, threads=suite.threads) as workers:
        counts = workers.count_models(list(dict.fromkeys(models.values())), NUM_CLASSES, suite.image_size)
    return [Sized(model, parse_spec(bare).family, getattr(counts[bare], measure)) for model, bare in models.items()]


def _line(alone: Unmatched, measure: Measure) -> str:
    model, nearest = alone.unpaired, alone.nearest
    return (
        f"  {model.model} ({model.family}, {model.size:,} {WORDS[measure]}) has no {nearest.family}; the nearest is "
        f"{nearest.model} ({nearest.size:,}, {signed(100 * alone.difference, places=0)} %)"
    )
