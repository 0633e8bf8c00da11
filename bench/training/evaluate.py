"""Evaluation: a model's prediction for each image of a split, with losses, Brier terms and the accuracy.

Validation images give the temperature that minimises their loss (Guo et al. 2017, "On calibration of modern neural
networks"), by which the loss and the confidence of test images are scaled.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import softmax
from torch import Tensor, nn

from bench.training.compute import Compute

Batches = Iterable[tuple[Tensor, Tensor, NDArray[np.int64]]]
"""Batches of images or of log-probabilities (batch, classes), with labels (batch,) and ids (batch,)."""
Temperature = float | Literal["fitted"] | None
"""What log-probabilities are divided by: a number, the one that is fitted to the images themselves, or nothing."""
TEMPERATURES = (0.1, 10.0)
"""The range of fitted temperatures; its end is taken if the loss is still falling there."""


@dataclass(frozen=True)
class Evaluation:
    """A model's predictions for a split, and their mean loss and accuracy."""

    predictions: pd.DataFrame
    """One row per image: id, label, prediction, confidence, loss, label_rank (0 is first), brier, and, with a
    temperature, scaled_confidence and scaled_loss."""
    loss: float
    """The mean cross-entropy in nats."""
    accuracy: float
    """The share of correct predictions."""
    temperature: float | None = None
    """The temperature of the scaled columns; None without them."""

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

    def mean(self, column: str) -> float | None:
        """Return the mean of a column of the predictions; None if there is no such column or the mean is not finite."""
        value = self.predictions[column].to_numpy(np.float64).mean() if column in self.predictions else np.nan
        return float(value) if np.isfinite(value) else None


@torch.inference_mode()
def evaluate(model: nn.Module, batches: Batches, compute: Compute, temperature: Temperature = None) -> Evaluation:
    """Classify each image of a split once, and return the predictions in the order of the batches."""
    model.eval()
    return evaluation_of(_classified(model, batches, compute), temperature)


def evaluation_of(batches: Batches, temperature: Temperature = None) -> Evaluation:
    """Compare log-probabilities (batch, classes) with the labels of their images."""
    if temperature == "fitted":
        batches = list(batches)  # the log-probabilities wait for the temperature
        temperature = fitted_temperature(batches)
    parts, ids = [], []
    for log_probabilities, labels, batch_ids in batches:
        parts.append(_answers(log_probabilities, labels))
        if temperature is not None:
            parts[-1] |= _scaled(log_probabilities, labels, temperature)
        ids.append(batch_ids)
    columns = {name: torch.cat([part[name] for part in parts]).cpu().numpy() for name in parts[0]}
    loss = float(columns["loss"].mean(dtype=np.float64))
    columns = {name: each.astype(np.float32) if each.dtype.kind == "f" else each for name, each in columns.items()}
    table = pd.DataFrame({"id": np.concatenate(ids), **columns})
    is_correct = table["prediction"] == table["label"]
    return Evaluation(table, loss, float(is_correct.mean()), temperature)


def fitted_temperature(batches: Batches) -> float | None:
    """Return the temperature that minimises the mean loss, or None if no temperature makes it finite.

    The loss is convex in the inverse of the temperature, so Brent's method finds the only root of its derivative.
    """
    parts = [(found.double().cpu().numpy(), labels.cpu().numpy()) for found, labels, _ in batches]
    if not all(np.isfinite(found[np.arange(len(labels)), labels]).all() for found, labels in parts):
        return None
    parts = [(found.clip(min=-1e30), labels) for found, labels in parts]  # 0 times minus infinity would be no number

    def slope(inverse: float) -> float:
        """Return the sum over images of the derivative of the loss by the inverse temperature."""
        expected = (softmax(inverse * found, axis=1) * found for found, _ in parts)
        of_label = (found[np.arange(len(labels)), labels] for found, labels in parts)
        return sum(float(mean.sum() - own.sum()) for mean, own in zip(expected, of_label, strict=True))

    least, most = (1 / temperature for temperature in reversed(TEMPERATURES))
    if slope(most) <= 0:
        return 1 / most
    if slope(least) >= 0:
        return 1 / least
    return float(1 / brentq(slope, least, most, xtol=1e-9, rtol=1e-9))


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
    is_label = labels[:, None] == torch.arange(log_probabilities.shape[1], device=labels.device)
    return {
        "label": labels,
        "prediction": prediction,
        "confidence": confidence.exp(),
        "loss": -of_label[:, 0],
        "label_rank": (log_probabilities > of_label).sum(dim=1),
        "brier": (log_probabilities.exp() - is_label.to(of_label)).square().sum(dim=1),
    }


def _scaled(log_probabilities: Tensor, labels: Tensor, temperature: float) -> dict[str, Tensor]:
    scaled = (log_probabilities / temperature).log_softmax(dim=1)
    of_label = scaled.gather(1, labels[:, None])
    return {"scaled_confidence": scaled.max(dim=1).values.exp(), "scaled_loss": -of_label[:, 0]}
