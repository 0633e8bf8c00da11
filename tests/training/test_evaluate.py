"""Evaluation against the same figures taken by NumPy and scikit-learn."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss

from bench.training.compute import compute_on
from bench.training.evaluate import TEMPERATURES, evaluate, evaluation_of


class Given(torch.nn.Module):
    """A classifier that answers with the first values of an image."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)[:, :4]


def test_the_figures_are_those_of_the_logits():
    logits = np.random.default_rng(0).normal(size=(23, 4)).astype(np.float32)
    labels = np.arange(23) % 4
    images = torch.from_numpy(logits).reshape(23, 1, 2, 2)
    parts = [slice(start, start + 10) for start in (0, 10, 20)]
    batches = [(images[part], torch.from_numpy(labels[part]), np.arange(100, 123)[part]) for part in parts]
    found = evaluate(Given(), batches, compute_on("cpu", "fp32"))

    probabilities = np.exp(log_softmax(logits.astype(np.float64), axis=1))
    assert np.isclose(found.accuracy, accuracy_score(labels, logits.argmax(axis=1)))
    assert np.isclose(found.balanced_accuracy, balanced_accuracy_score(labels, logits.argmax(axis=1)), rtol=1e-12)
    assert found.num_answers == len(set(logits.argmax(axis=1)))
    assert found.class_sizes.tolist() == [6, 6, 6, 5]
    assert np.isclose(found.loss, log_loss(labels, probabilities), rtol=1e-5)
    table = found.predictions
    assert table["id"].tolist() == list(range(100, 123))
    assert table["prediction"].tolist() == logits.argmax(axis=1).tolist()
    of_label = probabilities[np.arange(23), labels]
    assert np.allclose(table["loss"], -np.log(of_label), rtol=1e-5)
    assert np.allclose(table["brier"], ((probabilities - np.eye(4)[labels]) ** 2).sum(axis=1), rtol=1e-4)
    assert {table[name].dtype for name in ("confidence", "loss", "brier")} == {np.dtype(np.float32)}
    assert (found.temperature, found.mean("scaled_loss")) == (None, None)
    assert np.allclose(table["confidence"], probabilities.max(axis=1), rtol=1e-5)
    assert table["label_rank"].tolist() == (probabilities > of_label[:, None]).sum(axis=1).tolist()
    assert ((table["label_rank"] == 0) == (table["prediction"] == table["label"])).all()


def batches_of(logits: np.ndarray, labels: np.ndarray, size: int = 64) -> list:
    found = torch.from_numpy(log_softmax(logits, axis=1))
    parts = [slice(start, start + size) for start in range(0, len(logits), size)]
    return [(found[part], torch.from_numpy(labels[part]), np.arange(len(logits))[part]) for part in parts]


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_the_fitted_temperature_is_that_of_the_labels_and_minimises_the_loss(factor):
    """Labels drawn by the probabilities of some logits, which are then multiplied by a factor."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 5))
    labels = np.argmax(logits + rng.gumbel(size=logits.shape), axis=1)
    fitted = evaluation_of(batches_of(factor * logits, labels), "fitted")
    assert fitted.temperature == pytest.approx(factor, rel=0.05)

    def loss(temperature: float) -> float:
        return log_loss(labels, softmax(factor * logits / temperature, axis=1), labels=range(5))

    best = minimize_scalar(loss, bounds=(0.1, 10), method="bounded", options={"xatol": 1e-8})
    assert fitted.temperature == pytest.approx(best.x, rel=1e-4)
    assert fitted.mean("scaled_loss") == pytest.approx(best.fun, rel=1e-6)
    given = evaluation_of(batches_of(factor * logits, labels, 7), fitted.temperature)
    assert given.predictions.equals(fitted.predictions)
    probabilities = softmax(factor * logits / fitted.temperature, axis=1)
    assert np.allclose(given.predictions["scaled_confidence"], probabilities.max(axis=1), rtol=1e-5)


def test_a_temperature_stays_in_its_range_and_is_missing_where_no_loss_is_finite():
    logits, labels = np.random.default_rng(0).normal(size=(30, 4)), np.arange(30) % 4
    right = logits + 100 * np.eye(4)[labels]
    assert evaluation_of(batches_of(right, labels), "fitted").temperature == TEMPERATURES[0]
    wrong = logits - 100 * np.eye(4)[labels]
    assert evaluation_of(batches_of(wrong, labels), "fitted").temperature == TEMPERATURES[1]
    logits[:, 3] = -np.inf  # a class without training images in a logistic regression
    assert evaluation_of(batches_of(logits, labels), "fitted").temperature is None
    unseen = labels != 3
    found = evaluation_of(batches_of(logits[unseen], labels[unseen]), "fitted")
    assert TEMPERATURES[0] < found.temperature <= TEMPERATURES[1]
    assert np.isfinite(found.predictions.to_numpy()).all()


def test_one_answer_to_uneven_classes_has_the_accuracy_of_the_constant_answer():
    """Its balanced accuracy is 1 / classes; the class without test images does not count."""
    labels = torch.tensor([0] * 7 + [2] * 2 + [3])
    answers = torch.log_softmax(torch.tensor([[2.0, 1.0, 0.0, 0.0]]).expand(10, 4), dim=1)
    found = evaluation_of([(answers, labels, np.arange(10))])
    assert (found.num_answers, found.class_sizes.tolist()) == (1, [7, 2, 1])
    assert found.accuracy == 0.7
    assert np.isclose(found.balanced_accuracy, 1 / 3, rtol=1e-12)
