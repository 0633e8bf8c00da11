"""Evaluation: what a model answers for each image of a split, and the figures that follow from it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True)
class Evaluation:
    """Per-image answers, with the mean cross-entropy (nats) and the share of right answers."""

    predictions: pd.DataFrame
    """Columns id, label, prediction, confidence, label_probability, label_rank (0 is first)."""
    loss: float
    accuracy: float


@torch.inference_mode()
def evaluate(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor, NDArray[np.int64]]], accelerator: Accelerator
) -> Evaluation:
    """Classify a whole split once, in its order: batches of images, labels and ids."""
    model.eval()
    parts, ids = [], []
    for images, labels, batch_ids in batches:
        with accelerator.autocast():
            logits = model(images)
        parts.append(_answers(logits.float(), labels))
        ids.append(batch_ids)
    columns = {name: torch.cat([part[name] for part in parts]).cpu().numpy() for name in parts[0]}
    log_probability = columns.pop("label_log_probability")
    table = pd.DataFrame({"id": np.concatenate(ids), **columns})
    right = table["prediction"] == table["label"]
    return Evaluation(table, float(-log_probability.mean(dtype=np.float64)), float(right.mean()))


def _answers(logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
    log_probabilities = logits.log_softmax(dim=1)
    confidence, prediction = log_probabilities.max(dim=1)
    of_label = log_probabilities.gather(1, labels[:, None])
    return {
        "label": labels,
        "prediction": prediction,
        "confidence": confidence.exp(),
        "label_probability": of_label[:, 0].exp(),
        "label_rank": (log_probabilities > of_label).sum(dim=1),
        "label_log_probability": of_label[:, 0],
    }
