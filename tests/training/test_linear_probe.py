"""Probes against scikit-learn's own answers, on problems whose solution is known, and what decides their strength."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

import models
from bench.training.compute import compute_on
from bench.training.evaluate import evaluate
from bench.training.linear_probe import MAX_ITERATIONS, Features, LinearProbe, features, logistic, ridge

BOTH = pytest.mark.parametrize("fit", [ridge, logistic])


def problem(n: int, width: int, classes: int, *, noise: float, seed: int = 0) -> Features:
    """Images scattered around one point a class; the points, offsets and scales are the same for every seed."""
    fixed, drawn = np.random.default_rng(99), np.random.default_rng(seed)
    centres, scale, offset = (
        fixed.normal(size=(classes, width)),
        fixed.uniform(0.01, 50, width),
        fixed.normal(size=width),
    )
    labels = np.arange(n) % classes
    values = (centres[labels] + noise * drawn.normal(size=(n, width))) * scale + 9 * offset
    return Features(values.astype(np.float32), labels, np.arange(n) + 1000)


def some(given: Features, which: np.ndarray | slice) -> Features:
    return Features(given.values[which], given.labels[which], given.ids[which])


def standardised(train: Features, other: Features) -> np.ndarray:
    return StandardScaler().fit(train.values.astype(np.float64)).transform(other.values.astype(np.float64))


@pytest.mark.parametrize("strength", [2.0**-12, 0.5, 64.0])
@pytest.mark.parametrize(("n", "width"), [(200, 12), (25, 60), (30, 30)])
def test_ridge_is_scikit_learn_s_by_width_and_by_images(n: int, width: int, strength: float) -> None:
    train, test = problem(n, width, 5, noise=2), problem(90, width, 5, noise=2, seed=1)
    found = ridge(train, test, 5, [strength])
    inputs, outside = standardised(train, train), standardised(train, test)
    given = Ridge(alpha=strength * n).fit(inputs, 2.0 * np.eye(5)[train.labels] - 1)
    assert np.allclose(found.weight, given.coef_, rtol=1e-7, atol=1e-10)
    assert np.allclose(found.bias, given.intercept_)
    classifier = RidgeClassifier(alpha=strength * n).fit(inputs, train.labels)
    assert np.allclose(found.scores(test.values), classifier.decision_function(outside), rtol=1e-6, atol=1e-9)
    assert found.evaluate(test).predictions["prediction"].tolist() == classifier.predict(outside).tolist()


@pytest.mark.parametrize("classes", [2, 4])
def test_logistic_is_scikit_learn_s(classes: int) -> None:
    train, test = problem(120, 10, classes, noise=2), problem(80, 10, classes, noise=2, seed=1)
    found = logistic(train, test, classes, [0.01])
    given = LogisticRegression(C=1 / (0.01 * 120), max_iter=MAX_ITERATIONS).fit(
        standardised(train, train), train.labels
    )
    probabilities = given.predict_proba(standardised(train, test))
    assert np.allclose(np.exp(log_softmax(found.scores(test.values), axis=1)), probabilities, atol=1e-6)
    answers = found.evaluate(test)
    assert answers.loss == pytest.approx(log_loss(test.labels, probabilities), rel=1e-5)
    assert answers.predictions["id"].tolist() == test.ids.tolist()
    assert np.allclose(answers.predictions["confidence"], probabilities.max(axis=1), atol=1e-6)
    assert found.notes == ()


@BOTH
def test_one_shot_solves_a_problem_whose_classes_lie_far_apart(fit) -> None:
    train, test = problem(7, 40, 7, noise=0.05), problem(70, 40, 7, noise=0.05, seed=1)
    found = fit(train, problem(35, 40, 7, noise=0.05, seed=2), 7)
    answers = found.evaluate(test)
    assert answers.accuracy == 1
    assert (answers.predictions["label_rank"] == 0).all()


def test_of_strengths_that_do_equally_well_the_strongest_is_taken() -> None:
    train, other = problem(40, 8, 4, noise=0.01), problem(40, 8, 4, noise=0.01, seed=1)
    assert ridge(train, other, 4, [0.001, 4.0, 0.1]).strength == 4
    alike = some(other, slice(0))
    assert logistic(train, alike, 4, [0.001, 4.0, 0.1]).strength == 4


@BOTH
def test_the_strength_is_the_one_that_validation_images_like_best(fit) -> None:
    """Many noisy features of few images need more of it than few clean ones of many; tried one by one, too."""
    strengths = [1e-4, 1e-2, 1.0, 100.0]
    chosen = []
    for n, width, noise in ((60, 100, 4.0), (2000, 5, 1.0)):
        train, validation = problem(n, width, 4, noise=noise), problem(400, width, 4, noise=noise, seed=1)
        each = {strength: fit(train, validation, 4, [strength]).evaluate(validation) for strength in strengths}
        best = max(strengths, key=lambda s: (each[s].accuracy if fit is ridge else -each[s].loss, s))
        chosen.append(fit(train, validation, 4, strengths).strength)
        assert chosen[-1] == best
    assert chosen[0] > chosen[1]


@BOTH
@pytest.mark.parametrize("n", [20, 45])
def test_images_that_stand_twice_change_nothing(fit, n: int) -> None:
    """Also where twice as many images are more than features, so that the other way of solving is taken."""
    train, test = problem(n, 30, 5, noise=2), problem(50, 30, 5, noise=2, seed=1)
    once, twice = (fit(given, test, 5) for given in (train, some(train, np.tile(np.arange(n), 2))))
    assert once.strength == twice.strength
    assert np.allclose(once.scores(test.values), twice.scores(test.values), rtol=1e-3, atol=1e-3)


@BOTH
def test_features_that_do_not_vary_are_left_alone(fit) -> None:
    """Nothing is divided by zero, and what they are in other images has no say."""
    train, test = problem(40, 6, 4, noise=1), problem(40, 6, 4, noise=1, seed=1)
    without = [Features(np.delete(part.values, [2, 4], axis=1), part.labels, part.ids) for part in (train, test)]
    train.values[:, 2], test.values[:, 2] = 0.1, 1e6
    train.values[:, 4], test.values[:, 4] = 0, -1e6
    found, expected = fit(train, test, 4), fit(*without, 4)
    assert found.strength == expected.strength
    assert np.allclose(found.scores(test.values), expected.scores(without[1].values), atol=1e-4)


@BOTH
def test_a_draw_of_a_single_class_answers_with_it(fit) -> None:
    train, test = some(problem(40, 6, 4, noise=1), slice(2, None, 4)), problem(40, 6, 4, noise=1, seed=1)
    answers = fit(train, test, 4).evaluate(test)
    assert set(answers.predictions["prediction"]) == {2}
    assert answers.accuracy == 0.25


def test_logistic_says_which_classes_it_never_saw_and_gives_them_no_probability() -> None:
    whole, test = problem(60, 6, 4, noise=1), problem(40, 6, 4, noise=1, seed=1)
    found = logistic(some(whole, whole.labels != 3), test, 4)
    assert found.notes == ("1 of 4 classes have no training image",)
    answers = found.evaluate(test)
    of_it = answers.predictions[test.labels == 3]
    assert np.isinf(of_it["loss"]).all()
    assert (of_it["label_rank"] == 3).all()
    assert 0.5 < answers.accuracy <= 0.75
    assert answers.loss == np.inf


def test_iterations_that_run_out_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.training.linear_probe.MAX_ITERATIONS", 1)
    train = problem(60, 6, 4, noise=2)
    notes = logistic(train, train, 4, [1.0, 0.001]).notes
    assert [note.partition(":")[0] for note in notes] == ["strength 1", "strength 0.001"]
    assert all("converge" in note for note in notes)


@BOTH
def test_the_same_features_give_the_same_bits(fit) -> None:
    train, test = problem(50, 64, 5, noise=2), problem(50, 64, 5, noise=2, seed=1)
    first, again = (vars(fit(train, test, 5)) for _ in range(2))
    assert all(np.array_equal(first[name], again[name]) for name in first)


def test_features_are_what_the_head_sees_of_each_image() -> None:
    """A probe with the head's own weights answers as the model does, in inference as in evaluation."""
    model = models.build("bit_resnet_pico", num_classes=6, image_size=32, seed=0)
    torch.nn.init.normal_(model.head.weight)
    images, labels = torch.randn(23, 3, 32, 32), torch.arange(23) % 6
    batches = [(images[part], labels[part], np.arange(50, 73)[part]) for part in (slice(0, 20), slice(20, 23))]
    compute = compute_on("cpu", "fp32")
    model.train()
    found = features(model, batches, compute)
    assert (found.values.dtype, found.values.shape) == (np.float32, (23, model.head.in_features))
    weight, bias = (tensor.detach().double().numpy() for tensor in (model.head.weight, model.head.bias))
    width = weight.shape[1]
    head = LinearProbe("logistic", np.zeros(width), np.ones(width), weight, bias, 0.0)
    by_head, by_model = head.evaluate(found), evaluate(model, batches, compute)
    assert by_head.loss == pytest.approx(by_model.loss, rel=1e-4)
    exact = ["id", "label", "prediction", "label_rank"]
    assert by_head.predictions[exact].equals(by_model.predictions[exact])
    assert by_head.predictions.dtypes.equals(by_model.predictions.dtypes)


def test_features_that_are_not_finite_are_refused() -> None:
    model = models.build("bit_resnet_pico", num_classes=2, image_size=32, seed=0)
    images = torch.full((2, 3, 32, 32), torch.nan)
    with pytest.raises(FloatingPointError, match="images 7 to 8: a feature is not a finite number"):
        features(model, [(images, torch.zeros(2).long(), np.array([7, 8]))], compute_on("cpu", "fp32"))
