"""Probes: linear classifiers on the features of a frozen network.

`ridge` is regularised least squares to targets of -1 and 1, as in the few-shot results of the papers on BiT
(Kolesnikov et al. 2020) and ViT (Dosovitskiy et al. 2021). `logistic` is scikit-learn's multinomial logistic
regression.

Both standardise features by the training images and do not regularise the bias. Both choose the strength of
regularisation from a grid by validation images, and never see test images. The strength multiplies the squared weights,
which are added to the mean loss per image, so duplicating all images changes nothing. The same features give the same
bits, because all of it is float64 on one thread of the CPU.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax
from threadpoolctl import threadpool_limits

from bench.training.compute import Compute
from bench.training.evaluate import Batches, Evaluation, Temperature, evaluation_of
from models import Classifier

Matrix = NDArray[np.float64]

RIDGE_STRENGTHS = tuple(2.0**exponent for exponent in range(-20, 16))
LOGISTIC_STRENGTHS = tuple(10.0**exponent for exponent in range(-5, 1))
MAX_ITERATIONS = 500
CONSTANT = 1e-6
"""A feature counts as constant if it varies by less than this share of its largest value: that is only rounding."""


@dataclass(frozen=True, eq=False)
class Features:
    """The input of a network's head for each image of a split."""

    values: NDArray[np.float32]
    """The features (n, width)."""
    labels: NDArray[np.int64]
    """The labels (n,)."""
    ids: NDArray[np.int64]
    """The image ids (n,)."""


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """A fitted probe: it standardises features and applies a linear layer."""

    solver: Literal["ridge", "logistic"]
    mean: Matrix
    """The mean (width,) of the training features."""
    scale: Matrix
    """The standard deviation (width,) of the training features; infinite for constant ones, to ignore them."""
    weight: Matrix
    """The weights (classes, width)."""
    bias: Matrix
    """The biases (classes,); minus infinity for a class without training images in a logistic regression."""
    strength: float
    """The strength of regularisation."""
    notes: tuple[str, ...] = ()
    """Warnings for the reader of the results."""

    def scores(self, values: NDArray[np.float32]) -> Matrix:
        """Return the scores (n, classes) of features (n, width); those of a logistic regression are logits."""
        return _standardised(values, self.mean, self.scale) @ self.weight.T + self.bias

    def evaluate(self, features: Features, temperature: Temperature = None) -> Evaluation:
        """Evaluate the probe, with a softmax of the scores as probabilities.

        The scores of `ridge` estimate -1 and 1. Their softmax ranks the classes but is not calibrated, so its
        cross-entropy must not be reported.
        """
        log_probabilities = torch.from_numpy(log_softmax(self.scores(features.values), axis=1))
        return evaluation_of([(log_probabilities, torch.from_numpy(features.labels), features.ids)], temperature)


@torch.inference_mode()
def features(model: Classifier, batches: Batches, compute: Compute) -> Features:
    """Compute the features of each image of a split, in the order of the batches.

    Raises:
        FloatingPointError: a feature is not a finite number.
    """
    model.eval()
    values, labels, ids = [], [], []
    for images, batch_labels, batch_ids in batches:
        with compute.autocast():
            batch_values = model.features(images)
        values.append(batch_values.float().cpu().numpy())
        labels.append(batch_labels.cpu().numpy())
        ids.append(batch_ids)
        if not np.isfinite(values[-1]).all():
            raise FloatingPointError(f"images {ids[-1][0]} to {ids[-1][-1]}: a feature is not a finite number")
    return Features(np.concatenate(values), np.concatenate(labels), np.concatenate(ids))


def ridge(
    train: Features, validation: Features, num_classes: int, strengths: Sequence[float] = RIDGE_STRENGTHS
) -> LinearProbe:
    """Fit least squares to -1 and 1, one column per class, with the strength of the best validation accuracy.

    One eigendecomposition serves all strengths: that of the Gram matrix of features or of images, whichever is smaller.
    Among equally good strengths, the strongest is chosen.
    """
    mean, scale = _standardisation(train.values)
    targets = np.where(np.arange(num_classes) == train.labels[:, None], 1.0, -1.0)
    bias = targets.mean(axis=0)
    strongest_first = sorted(strengths, reverse=True)
    with threadpool_limits(1):
        path = _decompose(_standardised(train.values, mean, scale), targets - bias)
        basis = _standardised(validation.values, mean, scale) @ path.basis
        predicted = ((basis @ path.coefficients(strength) + bias).argmax(axis=1) for strength in strongest_first)
        num_right = [np.count_nonzero(classes == validation.labels) for classes in predicted]
        strength = strongest_first[int(np.argmax(num_right))]
        weight = (path.basis @ path.coefficients(strength)).T
    return LinearProbe("ridge", mean, scale, weight, bias, strength)


def logistic(
    train: Features, validation: Features, num_classes: int, strengths: Sequence[float] = LOGISTIC_STRENGTHS
) -> LinearProbe:
    """Fit a multinomial logistic regression, with the strength of the lowest validation loss.

    A class without a training image gets probability 0, and its validation images are ignored. Among equally good
    strengths, the strongest is chosen.
    """
    mean, scale = _standardisation(train.values)
    inputs, seen = _standardised(train.values, mean, scale), np.unique(train.labels)
    is_seen = np.isin(validation.labels, seen)
    held_out, labels = _standardised(validation.values[is_seen], mean, scale), validation.labels[is_seen]
    best: tuple[float, LinearProbe] | None = None
    notes: list[str] = []
    with threadpool_limits(1):
        for strength in sorted(strengths, reverse=True):
            weight, bias, warning = _logistic_of(inputs, train.labels, num_classes, strength)
            notes += [f"strength {strength:g}: {warning}"] if warning else []
            log_probabilities = log_softmax(held_out @ weight.T + bias, axis=1)
            loss = -float(log_probabilities[np.arange(len(labels)), labels].mean()) if len(labels) else 0.0
            if best is None or loss < best[0]:
                best = loss, LinearProbe("logistic", mean, scale, weight, bias, strength)
    assert best is not None, "at least one strength is tried"
    missing = num_classes - len(seen)
    notes += [f"{missing} of {num_classes} classes have no training image"] if missing else []
    return replace(best[1], notes=tuple(notes))


def _standardisation(values: NDArray[np.float32]) -> tuple[Matrix, Matrix]:
    """Return the mean and the standard deviation (width,) of features; infinite deviations mark constant features."""
    mean, deviation = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)
    varies = np.ptp(values, axis=0) > CONSTANT * np.abs(values).max(axis=0)
    return mean, np.where(varies, deviation, np.inf)


def _standardised(values: NDArray[np.float32], mean: Matrix, scale: Matrix) -> Matrix:
    return (values.astype(np.float64) - mean) / scale


@dataclass(frozen=True, eq=False)
class _RidgePath:
    """The least-squares solutions for all strengths: weights (width, classes) = basis @ coefficients."""

    basis: Matrix
    """The basis of the weights (width, rank)."""
    products: Matrix
    """The products (rank, classes) of the eigenvectors with the targets."""
    eigenvalues: Matrix
    """The eigenvalues (rank,)."""
    num_images: int

    def coefficients(self, strength: float) -> Matrix:
        """Return the coefficients (rank, classes) that minimise mean squared error + strength * squared weights."""
        return self.products / (self.eigenvalues + strength * self.num_images)[:, None]


def _decompose(inputs: Matrix, targets: Matrix) -> _RidgePath:
    """Decompose centred inputs (n, width) and targets (n, classes), by width or by n, whichever is smaller."""
    num_images, width = inputs.shape
    if width <= num_images:
        eigenvalues, vectors = np.linalg.eigh(inputs.T @ inputs)
        basis, products = vectors, vectors.T @ (inputs.T @ targets)
    else:
        eigenvalues, vectors = np.linalg.eigh(inputs @ inputs.T)
        basis, products = inputs.T @ vectors, vectors.T @ targets
    return _RidgePath(basis, products, eigenvalues.clip(min=0), num_images)


def _logistic_of(
    inputs: Matrix, labels: NDArray[np.int64], num_classes: int, strength: float
) -> tuple[Matrix, Matrix, str]:
    """Return weight (classes, width), bias (classes,), and scikit-learn's warning, such as no convergence."""
    from sklearn.linear_model import LogisticRegression

    seen = np.unique(labels)
    weight, bias = np.zeros((num_classes, inputs.shape[1])), np.full(num_classes, -np.inf)
    bias[seen] = 0
    if len(seen) == 1:
        return weight, bias, ""
    model = LogisticRegression(C=1 / (strength * len(inputs)), max_iter=MAX_ITERATIONS)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(inputs, labels)
    rows = seen[1:] if len(seen) == 2 else seen  # for two classes, scikit-learn returns one row: the second class
    weight[rows], bias[rows] = model.coef_, model.intercept_
    return weight, bias, str(caught[0].message).partition("\n")[0].rstrip(":") if caught else ""
