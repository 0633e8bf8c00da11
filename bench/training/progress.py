"""How far one training has come: what the loop reports while it runs, for whoever shows or stores it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One report of a training loop, given at most once a second and at each row of its history.

    `images_seen` and `seconds` count the whole training, earlier sessions of a resumed run included; the rate is that
    of the last moments alone.
    """

    step: int  # done
    num_steps: int
    images_seen: int
    learning_rate: float
    train_loss: float | None  # the mean over the history's latest row; None before the first
    seconds: float  # of training
    images_per_second: float
