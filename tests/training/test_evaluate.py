"""Evaluation against the same figures taken by NumPy and scikit-learn."""

import numpy as np
import torch
from scipy.special import log_softmax
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss

from bench.training.compute import compute_on
from bench.training.evaluate import evaluate, evaluation_of


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
    assert np.allclose(table["label_probability"], of_label, rtol=1e-5)
    assert np.allclose(table["confidence"], probabilities.max(axis=1), rtol=1e-5)
    assert table["label_rank"].tolist() == (probabilities > of_label[:, None]).sum(axis=1).tolist()
    assert ((table["label_rank"] == 0) == (table["prediction"] == table["label"])).all()


def test_one_answer_to_uneven_classes_has_the_accuracy_of_the_constant_answer():
    """Its balanced accuracy is 1 / classes; the class without test images does not count."""
    labels = torch.tensor([0] * 7 + [2] * 2 + [3])
    answers = torch.log_softmax(torch.tensor([[2.0, 1.0, 0.0, 0.0]]).expand(10, 4), dim=1)
    found = evaluation_of([(answers, labels, np.arange(10))])
    assert (found.num_answers, found.class_sizes.tolist()) == (1, [7, 2, 1])
    assert found.accuracy == 0.7
    assert np.isclose(found.balanced_accuracy, 1 / 3, rtol=1e-12)
