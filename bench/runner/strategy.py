"""The input and the result of a strategy, which are the same for training and probing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import torch

from bench.data.loading.image_loader import ImageLoader
from bench.plan.run import Run
from bench.runner.run_data import RunData
from bench.store.store import Store
from bench.training.compute import Compute
from bench.training.evaluate import Evaluation, Temperature
from models import Counts


@dataclass(frozen=True)
class RunInputs:
    """A run, its images, and the device and precision that it computes with."""

    run: Run
    data: RunData
    loaders: dict[str, ImageLoader]
    """The loader of each split."""
    counts: Counts
    store: Store
    compute: Compute

    @property
    def num_classes(self) -> int:
        """Return the number of classes of the run's data."""
        return len(self.data.class_names)


@dataclass(frozen=True)
class FittedModel:
    """The result of a strategy."""

    evaluate: Callable[[str, Temperature], Evaluation]
    """Evaluates the model on the images of a split, at a temperature."""
    weights: bytes
    """The model's tensors as safetensors."""
    device: torch.device
    """The device on which the weights lay during the fit."""
    cost: dict[str, Any]
    """The record's fields about the cost of the fit: images, FLOPs and, for a training, seconds and memory."""
    train_loss: float | None = None
    history: pd.DataFrame | None = None
    has_loss: bool = True
    """Whether the model's scores are logits; only then is their cross-entropy reported."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Further fields of the record."""
