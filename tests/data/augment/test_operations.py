"""Operations and policies: each image exactly as torchvision's function of it alone, in torchvision's proportions."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chi2, chisquare
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms import RandAugment as Reference
from torchvision.transforms.autoaugment import AutoAugment as ReferencePolicy
from torchvision.transforms.autoaugment import AutoAugmentPolicy, _apply_op

from bench.data.augment.operations import NAMES, Operation, apply, prepare
from bench.data.augment.policies import RANDAUGMENT, SIGNED, AutoAugment, RandAugment, cifar10_policy, strength
from bench.data.random import hash_words

SIZE = 32


def pictures(num_images: int, size: int = SIZE, seed: int = 0) -> Tensor:
    """Noise, gradients, images of few values and of one: what statistics may stumble over."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (num_images, 3, size, size), dtype=np.uint8)
    images[1::4] = images[1::4] // 4 + 60
    images[2::4] = np.linspace(0, 255, size).astype(np.uint8)
    images[3::4] = images[3::4, :, :1, :1]
    images[7::8, :, : size // 2] = 200
    return torch.from_numpy(images)


def alone(image: Tensor, operation: Operation) -> Tensor:
    """What torchvision makes of one image."""
    return _apply_op(image, operation.name, operation.magnitude, InterpolationMode.NEAREST, None)


def changed(images: Tensor, operations: tuple[Operation, ...], chosen: NDArray[np.int64]) -> Tensor:
    return apply(images, prepare(operations, images.shape[-1], images.device), chosen)


@pytest.mark.parametrize("name", NAMES)
def test_every_magnitude_gives_what_torchvision_gives_for_one_image_bit_for_bit(name: str) -> None:
    signs = (1, -1) if name in SIGNED else (1,)
    levels = [(level, bins) for bins in (31, 10) for level in range(bins)]
    operations = tuple(Operation(name, sign * strength(name, *level, SIZE)) for level in levels for sign in signs)
    chosen = np.random.default_rng(1).permutation(np.tile(np.arange(len(operations)), 4))
    images = pictures(len(chosen))
    for before, after, choice in zip(images, changed(images, operations, chosen), chosen, strict=True):
        assert torch.equal(after, alone(before, operations[choice])), operations[choice]


@settings(deadline=None, max_examples=30)
@given(st.integers(4, 40), st.integers(1, 20), st.integers(0, 30), st.integers(0, 100))
def test_a_batch_of_different_operations_is_what_torchvision_makes_image_by_image(
    size: int, num_images: int, magnitude: int, seed: int
) -> None:
    policy = RandAugment(3, magnitude)
    images, operations = pictures(num_images, size, seed), policy.operations(size)
    expected = list(images.clone())
    for layer in policy.draw(hash_words(seed, np.arange(num_images))):
        images = changed(images, operations, layer)
        expected = [alone(image, operations[choice]) for image, choice in zip(expected, layer, strict=True)]
    assert torch.equal(images, torch.stack(expected))


@pytest.mark.parametrize("bins", [10, 31])
@pytest.mark.parametrize("size", [32, 224])
def test_magnitudes_are_torchvisions(bins: int, size: int) -> None:
    space = Reference()._augmentation_space(bins, (size, size))
    assert tuple(space) == RANDAUGMENT
    assert {name for name, (_, signed) in space.items() if signed} == set(SIGNED)
    for name, (magnitudes, _) in space.items():
        ours = [strength(name, level, bins, size) for level in range(bins)]
        assert ours == magnitudes.expand(bins).tolist()


def drawn(policy: RandAugment | AutoAugment, num_images: int) -> Counter[tuple[Operation, ...]]:
    """How often each sequence of operations is drawn; those that do nothing left out."""
    operations = policy.operations(SIZE)
    layers = policy.draw(hash_words(7, np.arange(num_images))).T
    return Counter(tuple(applied(operations[choice]) for choice in row) for row in layers)


def applied(operation: Operation) -> Operation:
    """With one zero, and one sign where none is meant."""
    return Operation(operation.name, operation.magnitude + 0.0)


def torchvisions(
    transform: Reference | ReferencePolicy, num_images: int, monkeypatch: pytest.MonkeyPatch
) -> list[list[Operation]]:
    """The operations that torchvision's class applies to each of so many images."""
    calls: list[list[Operation]] = []

    def note(image: Tensor, name: str, magnitude: float, **_: object) -> Tensor:
        calls[-1].append(applied(Operation(name, magnitude)))
        return image

    monkeypatch.setattr("torchvision.transforms.autoaugment._apply_op", note)
    image = torch.zeros(3, SIZE, SIZE, dtype=torch.uint8)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for _ in range(num_images):
            calls.append([])
            transform(image)
    return calls


def same_proportions(ours: Counter, theirs: Counter) -> float:
    """p of the hypothesis that two samples of one size have one distribution."""
    assert set(ours) == set(theirs)
    ours_and_theirs = np.array([[counts[key] for key in theirs] for counts in (ours, theirs)])
    expected = ours_and_theirs.mean(axis=0)
    statistic = float(((ours_and_theirs - expected) ** 2 / expected).sum())
    return float(chi2.sf(statistic, len(theirs) - 1))


def test_randaugment_draws_as_torchvision_does_image_by_image(monkeypatch: pytest.MonkeyPatch) -> None:
    num_images = 2000
    theirs = Counter(operation for call in torchvisions(Reference(), num_images, monkeypatch) for operation in call)
    ours = Counter(operation for row in drawn(RandAugment(), num_images).elements() for operation in row)
    assert same_proportions(ours, theirs) > 0.01
    operations = RandAugment().operations(SIZE)
    pairs = RandAugment().draw(hash_words(0, np.arange(28 * 28 * 50)))
    assert chisquare(np.bincount(28 * pairs[0] + pairs[1], minlength=28 * 28)).pvalue > 0.01
    assert len(operations) == 28


def test_autoaugment_draws_as_torchvision_does_image_by_image(monkeypatch: pytest.MonkeyPatch) -> None:
    num_images = 5000
    policy = ReferencePolicy(AutoAugmentPolicy.CIFAR10)
    theirs = Counter(tuple(call) for call in torchvisions(policy, num_images, monkeypatch))
    ours = Counter(
        tuple(operation for operation in row if operation.name != "Identity")
        for row in drawn(AutoAugment(), num_images).elements()
    )
    common = {key for key in theirs if theirs[key] + ours[key] >= 20}
    pooled = [Counter({key: counts[key] for key in common}) for counts in (ours, theirs)]
    for counts in pooled:
        counts["rare"] = num_images - counts.total()
    assert same_proportions(*pooled) > 0.01
    assert ours["rare"] == 0
    assert pooled[0]["rare"] < num_images / 10


def test_each_pair_of_the_policy_is_drawn_with_its_probabilities() -> None:
    """The chance of each of its operations, from many draws, against the table itself."""
    layers = AutoAugment().draw(hash_words(3, np.arange(100_000)))
    for layer, choices in enumerate(layers):
        counts = np.bincount(choices, minlength=101)
        for number, pair in enumerate(cifar10_policy()):
            both = counts[1 + 2 * (2 * number + layer) :][:2]
            expected = 100_000 / 25 * pair[layer][1]
            assert abs(both.sum() - expected) < 5 * expected**0.5 + 1e-9
            assert abs(both[0] - both[1]) < 5 * expected**0.5 + 1e-9


@pytest.mark.parametrize("policy", [RandAugment(), AutoAugment()])
def test_the_images_of_one_batch_get_different_operations(policy: RandAugment | AutoAugment) -> None:
    operations, layers = policy.operations(SIZE), policy.draw(hash_words(0, np.arange(128)))
    for layer in layers:
        assert len({operations[choice].name for choice in layer}) > 9
    one = pictures(1).expand(128, -1, -1, -1).clone()
    for layer in layers:
        one = changed(one, operations, layer)
    assert len({image.numpy().tobytes() for image in one}) > 30


def test_no_global_generator_is_asked() -> None:
    before = torch.get_rng_state()
    for policy in (RandAugment(), AutoAugment()):
        for layer in policy.draw(hash_words(0, np.arange(64))):
            changed(pictures(64), policy.operations(SIZE), layer)
    assert torch.equal(torch.get_rng_state(), before)
