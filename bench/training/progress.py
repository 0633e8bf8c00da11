"""The progress of a training, which its session reports while it runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One progress report of a training.

    `images_seen` and `seconds` include the earlier sessions of a resumed run.
    """

    step: int
    """The number of steps done."""
    num_steps: int
    images_seen: int
    learning_rate: float
    train_loss: float | None
    """The mean loss of the history's latest row; None before the first row."""
    seconds: float
    """The seconds of training."""
    images_per_second: float
    """The rate since the previous report."""
