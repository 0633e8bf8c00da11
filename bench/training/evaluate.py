"""Evaluation: a model's prediction for each image of a split, with the loss and the accuracy."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.training.compute import Compute

Batches = Iterable[tuple[Tensor, Tensor, NDArray[np.int64]]]
"""Batches of images or of log-probabilities (batch, classes), with labels (batch,) and ids (batch,)."""


@dataclass(frozen=True)
class Evaluation:
    """A model's predictions for a split, and their mean loss and accuracy."""

    predictions: pd.DataFrame
    """One row per image: id, label, prediction, confidence, label_probability, label_rank (0 is first)."""
    loss: float
    """The mean cross-entropy in nats."""
    accuracy: float
    """The share of correct predictions."""

    @property
    def num_answers(self) -> int:
        """Return the number of different classes that the predictions name."""
        return int(self.predictions["prediction"].nunique())

    @property
    def class_sizes(self) -> NDArray[np.int64]:
        """Return the number of images of each class that has images."""
        return np.asarray(self.predictions["label"].value_counts(), dtype=np.int64)

    @property
    def balanced_accuracy(self) -> float:
        """Return the mean over classes of the share of their images that is predicted correctly."""
        is_correct = self.predictions["prediction"] == self.predictions["label"]
        return float(is_correct.groupby(self.predictions["label"]).mean().mean())


@torch.inference_mode()
def evaluate(model: nn.Module, batches: Batches, compute: Compute) -> Evaluation:
    """Classify each image of a split once, and return the predictions in the order of the batches."""
    model.eval()
    return evaluation_of(_classified(model, batches, compute))


def evaluation_of(batches: Batches) -> Evaluation:
    """Compare log-probabilities (batch, classes) with the labels of their images."""
    parts, ids = [], []
    for log_probabilities, labels, batch_ids in batches:
        parts.append(_answers(log_probabilities, labels))
        ids.append(batch_ids)
    columns = {name: torch.cat([part[name] for part in parts]).cpu().numpy() for name in parts[0]}
    log_probability = columns.pop("label_log_probability")
    table = pd.DataFrame({"id": np.concatenate(ids), **columns})
    is_correct = table["prediction"] == table["label"]
    return Evaluation(table, float(-log_probability.mean(dtype=np.float64)), float(is_correct.mean()))


def _classified(
    model: nn.Module, batches: Batches, compute: Compute
) -> Iterator[tuple[Tensor, Tensor, NDArray[np.int64]]]:
    for images, labels, ids in batches:
        with compute.autocast():
            logits = model(images)
        yield logits.float().log_softmax(dim=1), labels, ids


def _answers(log_probabilities: Tensor, labels: Tensor) -> dict[str, Tensor]:
    confidence, prediction = log_probabilities.max(dim=1)
    of_label = log_probabilities.gather(1, labels[:, None])
    return {
        "label": labels,
        "prediction": prediction,
        "confidence": confidence.exp().float(),
        "label_probability": of_label[:, 0].exp().float(),
        "label_rank": (log_probabilities > of_label).sum(dim=1),
        "label_log_probability": of_label[:, 0],
    }
