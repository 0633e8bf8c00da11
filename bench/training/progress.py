"""How far a training is: what its session reports while it runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One report of a training, at most once per second and at each row of its history.

    `images_seen` and `seconds` count the whole training, with earlier sessions of a resumed run; the rate is
    the latest.
    """

    step: int
    """steps done"""
    num_steps: int
    images_seen: int
    learning_rate: float
    train_loss: float | None
    """the mean over the history's latest row; None before the first"""
    seconds: float
    """of training"""
    images_per_second: float
