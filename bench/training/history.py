"""The losses of a training: they stay on the device and are read in blocks, since reading each would stall a GPU."""

from typing import Any

import pandas as pd
import torch
from torch import Tensor

NUM_ROWS = 100

HistoryRow = tuple[int, int, float, float]
"""Step, images seen, learning rate, and the mean loss since the previous row."""


class Diverged(ArithmeticError):
    """A loss is not finite; the message names its step."""


class History:
    """The history of a training: 100 to 199 evenly spaced rows, or one per step if it has fewer than 100 steps.

    Interruptions do not change the rows.
    """

    def __init__(self, num_steps: int) -> None:
        self.num_steps = num_steps
        self.every = max(1, num_steps // NUM_ROWS)
        self.images_seen = 0
        self.rows: list[HistoryRow] = []
        self.pending: list[Tensor] = []

    def add(self, step: int, num_images: int, learning_rate: float, loss: Tensor) -> None:
        """Add the loss of a step, and read the pending losses if a row is due.

        Raises:
            Diverged: one of the losses that were read is not finite.
        """
        self.images_seen += num_images
        self.pending.append(loss)
        if len(self.pending) == self.every or step == self.num_steps:
            losses = self._read(step)
            self.rows.append((step, self.images_seen, learning_rate, losses.mean().item()))
            self.pending = []

    def table(self) -> pd.DataFrame:
        """Return the rows, with columns step, images_seen, learning_rate and train_loss."""
        return pd.DataFrame(self.rows, columns=["step", "images_seen", "learning_rate", "train_loss"])

    def state(self) -> dict[str, Any]:
        """Return the rows and the pending losses for a checkpoint.

        Raises:
            Diverged: a pending loss is not finite, so the training must not be saved.
        """
        last = (self.rows[-1][0] if self.rows else 0) + len(self.pending)
        losses = self._read(last) if self.pending else torch.empty(0)
        return {"pending": losses, "rows": self.rows, "images_seen": self.images_seen}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from the state of a checkpoint."""
        self.pending = list(state["pending"].unbind())
        self.rows, self.images_seen = state["rows"], state["images_seen"]

    def _read(self, step: int) -> Tensor:
        """Return the pending losses on the host; the last of them belongs to `step`."""
        device = self.pending[-1].device  # losses from a checkpoint are on the host
        losses = torch.stack([loss.to(device) for loss in self.pending]).float().cpu()
        finite = losses.isfinite()
        if not finite.all():
            first = step - len(losses) + 1 + int((~finite).int().argmax())
            raise Diverged(f"the loss was {losses[~finite][0].item()} at step {first}")
        return losses
