"""Probes: linear classifiers on the features of a network that stays as it is.

`ridge` is regularised least squares to targets of -1 and 1, as in the few-shot figures of the papers on BiT
(Kolesnikov et al. 2020) and on ViT (Dosovitskiy et al. 2021); `logistic` is multinomial logistic regression, by
scikit-learn. Both see features standardised by the training images, leave the bias free, and take from a grid the
strength of regularisation that does best on validation images: test images are no argument of either. A strength
multiplies the squared weights, which are added to the mean loss per image, so images that stand twice change nothing.
The same features give the same bits: all of it is float64 on one thread of the processor.
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
from bench.training.evaluate import Batches, Evaluation, evaluation_of
from models import Classifier

Matrix = NDArray[np.float64]

RIDGE_STRENGTHS = tuple(2.0**exponent for exponent in range(-20, 16))
LOGISTIC_STRENGTHS = tuple(10.0**exponent for exponent in range(-5, 1))
MAX_ITERATIONS = 500
CONSTANT = 1e-6
"""A feature that varies by less than this share of its largest value counts as constant: that is rounding."""


@dataclass(frozen=True, eq=False)
class Features:
    """What a network's head would see of each image of a split."""

    values: NDArray[np.float32]
    """(n, width)"""
    labels: NDArray[np.int64]
    """(n,)"""
    ids: NDArray[np.int64]
    """(n,)"""


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """A fitted probe: standardise, multiply, add."""

    solver: Literal["ridge", "logistic"]
    mean: Matrix
    """(width,), of the training features"""
    scale: Matrix
    """(width,), their standard deviation; infinite for a constant feature, so that it has no influence"""
    weight: Matrix
    """(classes, width)"""
    bias: Matrix
    """(classes,); minus infinity for a class that a logistic regression saw no image of"""
    strength: float
    notes: tuple[str, ...] = ()
    """what a reader of its figures should know"""

    def scores(self, values: NDArray[np.float32]) -> Matrix:
        """Return the classes' scores (n, classes) for features (n, width): logits, of a logistic regression."""
        return _standardised(values, self.mean, self.scale) @ self.weight.T + self.bias

    def evaluate(self, features: Features) -> Evaluation:
        """Judge the probe's answers, with a softmax of the scores as probabilities.

        The scores of `ridge` estimate -1 and 1: their softmax ranks the classes, but is not calibrated, and its
        cross-entropy is not to be reported.
        """
        log_probabilities = torch.from_numpy(log_softmax(self.scores(features.values), axis=1))
        return evaluation_of([(log_probabilities, torch.from_numpy(features.labels), features.ids)])


@torch.inference_mode()
def features(model: Classifier, batches: Batches, compute: Compute) -> Features:
    """Take the features of a whole split once, in its order: batches of images, labels and ids.

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

    All strengths come from one eigendecomposition, of the features' products or the images', whichever are fewer. Of
    equally good strengths, the strongest is taken.
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

    A class without a training image gets no probability, and its validation images do not count. Of equally good
    strengths, the strongest is taken.
    """
    mean, scale = _standardisation(train.values)
    inputs, seen = _standardised(train.values, mean, scale), np.unique(train.labels)
    judged = np.isin(validation.labels, seen)
    outside, labels = _standardised(validation.values[judged], mean, scale), validation.labels[judged]
    best: tuple[float, LinearProbe] | None = None
    notes: list[str] = []
    with threadpool_limits(1):
        for strength in sorted(strengths, reverse=True):
            weight, bias, trouble = _logistic_of(inputs, train.labels, num_classes, strength)
            notes += [f"strength {strength:g}: {trouble}"] if trouble else []
            log_probabilities = log_softmax(outside @ weight.T + bias, axis=1)
            loss = -float(log_probabilities[np.arange(len(labels)), labels].mean()) if len(labels) else 0.0
            if best is None or loss < best[0]:
                best = loss, LinearProbe("logistic", mean, scale, weight, bias, strength)
    assert best is not None, "at least one strength is tried"
    missing = num_classes - len(seen)
    notes += [f"{missing} of {num_classes} classes have no training image"] if missing else []
    return replace(best[1], notes=tuple(notes))


def _standardisation(values: NDArray[np.float32]) -> tuple[Matrix, Matrix]:
    """Return mean and standard deviation (width,) of features; the latter is infinite for a constant one."""
    mean, deviation = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)
    varies = np.ptp(values, axis=0) > CONSTANT * np.abs(values).max(axis=0)
    return mean, np.where(varies, deviation, np.inf)


def _standardised(values: NDArray[np.float32], mean: Matrix, scale: Matrix) -> Matrix:
    return (values.astype(np.float64) - mean) / scale


@dataclass(frozen=True, eq=False)
class _RidgePath:
    """The least squares of one problem at every strength: weights (width, classes) = basis @ coefficients."""

    basis: Matrix
    """(width, rank)"""
    products: Matrix
    """(rank, classes), of the targets with the eigenvectors"""
    eigenvalues: Matrix
    """(rank,)"""
    num_images: int

    def coefficients(self, strength: float) -> Matrix:
        """Return (rank, classes), with `strength` times the squared weights added to the mean squared error."""
        return self.products / (self.eigenvalues + strength * self.num_images)[:, None]


def _decompose(inputs: Matrix, targets: Matrix) -> _RidgePath:
    """Solve for centred inputs (n, width) and targets (n, classes), by width or by n, whichever is smaller."""
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
    """Return weight (classes, width), bias (classes,), and what scikit-learn warned of, such as no convergence."""
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
    rows = seen[1:] if len(seen) == 2 else seen  # of two classes scikit-learn gives the second's odds alone
    weight[rows], bias[rows] = model.coef_, model.intercept_
    return weight, bias, str(caught[0].message).partition("\n")[0].rstrip(":") if caught else ""
