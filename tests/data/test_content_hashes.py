"""Duplicates are found by pixels, against counts by Python's sets."""

import numpy as np
import pytest

from bench.data.content_hashes import (
    content_hashes,
    hashes_of_pictures,
    num_among,
    num_shared_between_splits,
    num_under_several_classes,
)
from bench.data.dataset import in_memory


def test_contents_are_hashed_by_pixels() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 8), dtype=np.uint8)
    images[3] = images[1]
    hashes = content_hashes(in_memory(images, np.zeros(5, np.int64))).tolist()
    assert hashes[3] == hashes[1]
    assert len(set(hashes)) == 4


def test_images_that_cannot_be_read_are_no_duplicates() -> None:
    hashes = hashes_of_pictures(np.zeros((3, 3, 8, 8), np.uint8), {0: "cut off", 2: "empty"})
    assert hashes[1] != 0
    assert hashes[[0, 2]].tolist() == [0, 0]
    assert num_among(hashes, hashes) == 1
    assert num_under_several_classes(hashes, np.array([0, 1, 2])) == 0


@pytest.mark.parametrize("seed", range(5))
def test_duplicates_are_counted_as_python_counts_them(seed: int) -> None:
    random = np.random.default_rng(seed)
    hashes, labels = random.integers(1, 40, 60).astype(np.uint64), random.integers(0, 3, 60)
    classes = [set(labels[hashes == content]) for content in hashes]
    assert num_under_several_classes(hashes, labels) == sum(len(found) > 1 for found in classes)
    train, validation, test = np.split(hashes, [30, 40])
    assert num_shared_between_splits({"train": train, "validation": validation, "test": test}) == {
        "validation": sum(content in set(train) for content in validation),
        "test": sum(content in {*train, *validation} for content in test),
    }
