"""Batches: the same images for every model, batch size and device; each with an augmentation of its own."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bench.data.dataset import ImageSet, in_memory
from bench.data.loading.batches import (
    crop_one_by_one,
    crop_together,
    evaluation_batches,
    scaled,
    training_batches,
)
from bench.data.loading.image_loader import ImageLoader
from bench.data.loading.stream import Augmentation, Stream, seen_order
from bench.training.loop import num_steps

CPU = torch.device("cpu")
SIZE = 8


def noise(num_images: int) -> ImageSet:
    """Images without two alike; the label of each is its index."""
    images = np.random.default_rng(0).integers(0, 256, (num_images, 3, SIZE, SIZE), dtype=np.uint8)
    return in_memory(images, np.arange(num_images))


def seen(data: ImageSet, stream: Stream, start: int = 0) -> tuple[Tensor, Tensor]:
    """Return all images and labels of a stream."""
    batches = list(training_batches(data, stream, ImageLoader("resident", CPU), start=start))
    return torch.cat([images for images, _ in batches]), torch.cat([labels for _, labels in batches])


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 150), st.integers(1, 50), st.integers(0, 5))
def test_every_epoch_shows_each_image_once_and_every_batch_but_the_last_is_full(
    num_images: int, num_seen: int, batch_size: int, seed: int
) -> None:
    batches = list(
        training_batches(
            noise(num_images), Stream(seed, "pretrain", num_seen, batch_size), ImageLoader("resident", CPU)
        )
    )
    sizes = [len(labels) for _, labels in batches]
    assert sum(sizes) == num_seen
    assert all(size == batch_size for size in sizes[:-1])
    assert sizes[-1] > 1 or 1 in (batch_size, num_seen)
    assert sizes[-1] <= batch_size + (batch_size > 1)
    assert len(sizes) == num_steps(num_seen, batch_size)
    labels = torch.cat([labels for _, labels in batches]).tolist()
    for start in range(0, num_seen - num_images + 1, num_images):
        assert sorted(labels[start : start + num_images]) == list(range(num_images))


def test_seed_stage_and_epoch_each_change_the_order() -> None:
    def order(seed: int, stage: str, epoch: int) -> tuple[int, ...]:
        return tuple(seen_order(Stream(seed, stage, 1000, 10), 50, 50 * epoch, 50 * epoch + 50))

    orders = {
        order(seed, stage, epoch) for seed in range(3) for stage in ("pretrain", "transfer") for epoch in range(3)
    }
    assert len(orders) == 18


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 100))
def test_neither_the_batch_size_nor_a_resume_changes_what_is_seen(one: int, other: int, start: int) -> None:
    data, augmentation = noise(30), Augmentation(shift=2, flip=True)
    images, labels = seen(data, Stream(1, "pretrain", 100, one, augmentation))
    resumed_images, resumed_labels = (
        seen(data, Stream(1, "pretrain", 100, other, augmentation), start)
        if start < 100
        else (images[100:], labels[100:])
    )
    assert torch.equal(images[start:], resumed_images)
    assert torch.equal(labels[start:], resumed_labels)


def test_a_long_stream_is_planned_in_parts_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    data, stream = noise(30), Stream(1, "pretrain", 200, 7, Augmentation(2, True))
    whole = seen(data, stream)
    monkeypatch.setattr("bench.data.loading.stream.PLANNED", 15)
    parts = seen(data, stream)
    assert all(torch.equal(one, other) for one, other in zip(whole, parts, strict=True))


def test_without_augmentation_images_are_only_scaled() -> None:
    data = noise(20)
    images, labels = seen(data, Stream(0, "pretrain", 40, 8))
    assert images.dtype == torch.float32
    assert torch.equal(images, scaled(torch.from_numpy(data.images))[labels])
    assert scaled(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == pytest.approx([-1, 1])
    assert scaled(torch.tensor([51], dtype=torch.uint8)).item() == pytest.approx((0.2 - 0.5) / 0.5)


def test_each_image_gets_one_of_all_shifts_and_flips_evenly() -> None:
    """Every image seen is a crop of its own, padded with black, mirrored or not: 9 offsets times 2, all alike often."""
    data, shift = noise(10), 1
    images, labels = seen(data, Stream(3, "pretrain", 3600, 32, Augmentation(shift, flip=True)))
    padded = scaled(torch.nn.functional.pad(torch.from_numpy(data.images), [shift] * 4))
    found: Counter[tuple[int, int, bool]] = Counter()
    for image, label in zip(images, labels.tolist(), strict=True):
        for top in range(3):
            for left in range(3):
                window = padded[label, :, top : top + SIZE, left : left + SIZE]
                found[top, left, False] += torch.equal(image, window)
                found[top, left, True] += torch.equal(image, window.flip(2))
    assert sum(found.values()) == 3600
    assert len(found) == 18
    assert all(140 < count < 260 for count in found.values())


def test_augmentation_is_drawn_anew_each_epoch_and_for_each_image() -> None:
    images, labels = seen(noise(4), Stream(0, "pretrain", 400, 32, Augmentation(shift=3)))
    for label in range(4):
        assert len({image.numpy().tobytes() for image in images[labels == label]}) > 30


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 4), st.integers(1, 9), st.randoms(use_true_random=False))
def test_the_gpus_crop_is_the_cpus(shift: int, batch: int, random: object) -> None:
    generator = np.random.default_rng(random.randint(0, 2**32))  # type: ignore[attr-defined]
    padded = torch.nn.functional.pad(torch.from_numpy(noise(12).images), [shift] * 4)
    draws = [generator.integers(0, bound, batch) for bound in (12, 2 * shift + 1, 2 * shift + 1, 2)]
    plan = torch.from_numpy(np.stack(draws))
    assert torch.equal(crop_one_by_one(padded, plan, SIZE), crop_together(padded, plan, SIZE))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_gpu_sees_the_same_batches() -> None:
    data, stream = noise(30), Stream(1, "pretrain", 100, 16, Augmentation(2, True))
    images, labels = seen(data, stream)
    batches = list(training_batches(data, stream, ImageLoader("resident", torch.device("cuda"))))
    assert torch.equal(torch.cat([one.cpu() for one, _ in batches]), images)
    assert torch.equal(torch.cat([one.cpu() for _, one in batches]), labels)


@given(st.integers(1, 40), st.integers(1, 50))
def test_evaluation_sees_every_image_once_in_order(num_images: int, batch_size: int) -> None:
    data = noise(num_images)
    batches = list(evaluation_batches(data, batch_size, ImageLoader("resident", CPU)))
    assert torch.cat([labels for _, labels, _ in batches]).tolist() == list(range(num_images))
    assert torch.equal(torch.cat([images for images, _, _ in batches]), scaled(torch.from_numpy(data.images)))
    assert np.array_equal(np.concatenate([ids for _, _, ids in batches]), data.ids)
