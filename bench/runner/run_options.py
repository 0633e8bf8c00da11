"""How runs are carried out, which changes no result. Imports no torch."""

from dataclasses import dataclass

from bench.runner.trackers import TrackerName


class Interrupted(Exception):
    """The process was asked to stop; a checkpoint keeps what was done of its run."""


@dataclass(frozen=True)
class RunOptions:
    """What a call of `bench run` asks for besides results."""

    checkpoint_every: float = 60.0
    """seconds"""
    tracker: TrackerName = "tensorboard"


DEFAULT_OPTIONS = RunOptions()
