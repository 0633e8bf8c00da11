"""The losses of a training: kept on the device, read now and then, since reading each would stall a GPU."""

from typing import Any

import pandas as pd
import torch
from torch import Tensor

NUM_ROWS = 100

HistoryRow = tuple[int, int, float, float]
"""Step, images seen, learning rate, and the mean loss since the row before."""


class Diverged(ArithmeticError):
    """The loss stopped being finite."""


class History:
    """Rows at even distances, about a hundred in all, whatever the training's length and interruptions."""

    def __init__(self, num_steps: int) -> None:
        self.num_steps = num_steps
        self.every = max(1, num_steps // NUM_ROWS)
        self.images_seen = 0
        self.rows: list[HistoryRow] = []
        self.pending: list[Tensor] = []

    def add(self, step: int, num_images: int, learning_rate: float, loss: Tensor) -> None:
        """Note a step; raises Diverged, naming the step, once a loss that is not finite is read."""
        self.images_seen += num_images
        self.pending.append(loss)
        if len(self.pending) == self.every or step == self.num_steps:
            losses = self._read(step)
            self.rows.append((step, self.images_seen, learning_rate, losses.mean().item()))
            self.pending = []

    def table(self) -> pd.DataFrame:
        """Columns step, images_seen, learning_rate, train_loss."""
        return pd.DataFrame(self.rows, columns=["step", "images_seen", "learning_rate", "train_loss"])

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What a checkpoint keeps; raises Diverged rather than keep a training that has come to nothing."""
        last = (self.rows[-1][0] if self.rows else 0) + len(self.pending)
        losses = self._read(last) if self.pending else torch.empty(0)
        return {"history.pending": losses}, {"rows": self.rows, "images_seen": self.images_seen}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go on from a state."""
        self.pending = list(tensors["history.pending"].unbind())
        self.rows = [tuple(row) for row in facts["rows"]]
        self.images_seen = facts["images_seen"]

    def _read(self, step: int) -> Tensor:
        """The pending losses, the last of which is of `step`, on the host."""
        device = self.pending[-1].device  # a checkpoint's are on the host
        losses = torch.stack([loss.to(device) for loss in self.pending]).float().cpu()
        finite = losses.isfinite()
        if not finite.all():
            first = step - len(losses) + 1 + int((~finite).int().argmax())
            raise Diverged(f"the loss was {losses[~finite][0].item()} at step {first}")
        return losses
