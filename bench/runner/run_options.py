"""Options of `bench run` that change no result. Imports no torch."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal, get_args

from bench.errors import InputError

TrackerName = Literal["tensorboard", "wandb", "mlflow", "none"]


class Interrupted(Exception):
    """The process was asked to stop; a checkpoint keeps the progress of its run."""


@dataclass(frozen=True)
class RunOptions:
    """The options of a call of `bench run` that change no result."""

    checkpoint_every: float = 60.0
    """The seconds between two checkpoints."""
    tracker: TrackerName = "tensorboard"


DEFAULT_OPTIONS = RunOptions()


def check_tracker(name: str) -> None:
    """Check that a tracker's package is installed, without importing it.

    Raises:
        InputError: the tracker is not known, or its package is not installed.
    """
    if name not in get_args(TrackerName):
        raise InputError(f"tracker {name!r} is not known; known: {', '.join(get_args(TrackerName))}")
    if name != "none" and find_spec(name) is None:
        extra = "vit-cnn-hybrid-bench" if name == "tensorboard" else f"vit-cnn-hybrid-bench[{name}]"
        raise InputError(
            f'tracker {name}: its package is not installed; install it with: pip install "{extra}", '
            "or run with another tracker"
        )
