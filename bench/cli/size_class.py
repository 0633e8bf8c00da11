"""`size_class`: check, before anything trains, that each model has a partner of its size in each other family."""

from bench.analysis.format import percent, signed
from bench.config.external_weights import SOURCES
from bench.config.resolved import ResolvedSuite
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
    alone = unmatched(_sizes(suite, suite.size_class))
    if alone:
        lines = "\n".join(_line(model, suite.size_class) for model in alone)
        raise InputError(
            f"suite {suite.name}: size_class: {suite.size_class} asks for a partner within "
            f"{percent(TOLERANCE, places=0)} in each other family, which is missing:\n{lines}\n"
            "Take other models (`bench models` lists sizes), or leave size_class out"
        )


def _sizes(suite: ResolvedSuite, measure: Measure) -> list[Sized]:
    """Return the size of each model at the suite's image size."""
    models = {model: str(parse_spec(model).without(*SOURCES)) for model in suite.models}
    with Workers(1, threads=suite.threads) as workers:
        counts = workers.count_models(list(dict.fromkeys(models.values())), NUM_CLASSES, suite.image_size)
    return [Sized(model, parse_spec(bare).family, getattr(counts[bare], measure)) for model, bare in models.items()]


def _line(alone: Unmatched, measure: Measure) -> str:
    model, nearest = alone.unpaired, alone.nearest
    return (
        f"  {model.model} ({model.family}, {model.size:,} {WORDS[measure]}) has no {nearest.family}; the nearest is "
        f"{nearest.model} ({nearest.size:,}, {signed(100 * alone.difference, places=0)} %)"
    )
