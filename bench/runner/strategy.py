"""What a strategy is given of a run and what it returns, so that training and probing are recorded alike."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from bench.data.loading.image_loader import ImageLoader
from bench.plan.run import Run
from bench.runner.run_data import RunData
from bench.store.store import Store
from bench.training.compute import Compute
from bench.training.evaluate import Evaluation
from models import Counts


@dataclass(frozen=True)
class RunInputs:
    """A run, its images, and where it computes."""

    run: Run
    data: RunData
    loaders: dict[str, ImageLoader]
    """how the images of each split reach the device"""
    counts: Counts
    store: Store
    compute: Compute

    @property
    def num_classes(self) -> int:
        """Return the number of classes that the run tells apart."""
        return len(self.data.class_names)


@dataclass(frozen=True)
class FittedModel:
    """What a strategy made of a run."""

    evaluate: Callable[[str], Evaluation]
    """judges the model by the images of a split"""
    weights: bytes
    """safetensors"""
    cost: dict[str, Any]
    """what the fit took, by each measure that budgets may be matched by"""
    train_loss: float | None = None
    history: pd.DataFrame | None = None
    has_loss: bool = True
    """whether the model's scores are logits, whose cross-entropy means something"""
    facts: dict[str, Any] = field(default_factory=dict)
    """further fields of the record"""
