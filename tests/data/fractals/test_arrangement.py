"""Arrangement: classes that hold the same patches, so that only a model that sees where they stand can tell them."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

import models
from bench.config.recipe import Settings
from bench.data.catalogue import CATALOGUE
from bench.data.corpus import CorpusRef, corpus_identity, load_subset
from bench.data.dataset import DataSet, ImageSet
from bench.data.formula import Domain, render
from bench.data.fractals.arrangement import (
    DIFFICULTY,
    INSTANCES,
    NUM_CLASSES,
    arrangements,
    open_arrangement,
)
from bench.data.fractals.source import FRACTALS
from bench.data.loading.batches import evaluation_batches, scaled, training_batches
from bench.data.loading.image_loader import ImageLoader
from bench.data.loading.stream import Stream
from bench.data.opening import OpenData, open_data
from bench.data.target import load_target, num_train_images, parse_target, target_identity
from bench.errors import InputError
from bench.training.compute import compute_on
from bench.training.evaluate import Evaluation, evaluate
from bench.training.loop import num_steps
from bench.training.loop import train as train_loop
from bench.training.trainer import Trainer

NOWHERE = Path("nowhere")
CPU = torch.device("cpu")
SOURCE = OpenData("arrangement", None, NOWHERE)


@pytest.fixture(scope="module")
def data() -> DataSet:
    return open_data("arrangement", None, NOWHERE)


@pytest.fixture(scope="module")
def instances(data: DataSet) -> NDArray[np.uint8]:
    """Five instances, each as every class: (5, classes, 3, 32, 32)."""
    return data.read(data.test[: 5 * NUM_CLASSES], 32).reshape(5, NUM_CLASSES, 3, 32, 32)


def cells(images: NDArray[np.uint8], side: int = 4) -> NDArray[np.uint8]:
    """Cut images (..., 3, size, size) into side x side cells: (..., cells, bytes)."""
    *outer, channels, size, _ = images.shape
    cell = size // side
    grid = images.reshape(*outer, channels, side, cell, side, cell)
    return np.moveaxis(grid, (-4, -2), (-5, -4)).reshape(*outer, side**2, channels * cell**2)


def sorted_cells(image: NDArray[np.uint8], side: int = 4) -> list[bytes]:
    return sorted(cell.tobytes() for cell in cells(image, side))


# What the images are


def test_no_tile_is_in_the_same_cell_in_two_classes() -> None:
    tiles = arrangements()
    assert (np.sort(tiles, axis=1) == np.arange(16)).all()
    assert all(len(set(cell)) == NUM_CLASSES for cell in tiles.T)


def test_all_classes_of_an_instance_hold_the_same_patches_each_elsewhere(instances: NDArray[np.uint8]) -> None:
    for instance in instances:
        patches = {tuple(sorted_cells(image)) for image in instance}
        assert len(patches) == 1
        finer = {tuple(sorted_cells(image, side=8)) for image in instance}
        assert len(finer) == 1
        coarser = {tuple(sorted_cells(image, side=2)) for image in instance}
        assert len(coarser) == NUM_CLASSES
        standing = cells(instance)
        for cell in range(16):
            assert len(np.unique(standing[:, cell], axis=0)) == NUM_CLASSES


def test_a_cell_is_the_fractal_that_the_arrangement_names(data: DataSet) -> None:
    for indices, domain in (
        (data.pool, Domain.ARRANGEMENT_TRAIN),
        (data.validation, Domain.ARRANGEMENT_VALIDATION),
        (data.test, Domain.ARRANGEMENT_TEST),
    ):
        image = data.read(indices[37:38], 64)[0]  # instance 3 of its part, as class 7
        drawn = render(FRACTALS, arrangements()[7], np.full(16, 3), image_size=16, difficulty=DIFFICULTY, domain=domain)
        assert np.array_equal(cells(image), drawn.reshape(16, -1))


def test_instances_differ_and_no_picture_is_in_two_splits(data: DataSet) -> None:
    first = [part[: 20 * NUM_CLASSES : NUM_CLASSES] for part in (data.pool, data.validation, data.test)]
    images = data.read(np.concatenate(first), 32)
    assert len({image.tobytes() for image in images}) == 60


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 12_499), min_size=1, max_size=8))
def test_an_image_does_not_depend_on_its_batch(indices: list[int]) -> None:
    read = open_arrangement().read
    together = read(np.array(indices), 32)
    alone = [read(np.array([index]), 32)[0] for index in indices]
    assert np.array_equal(together, np.stack(alone))


@pytest.mark.parametrize("size", [16, 32, 64, 224])
def test_golden_images(data: DataSet, size: int) -> None:
    """A change here is a new version: raise `version` in the catalogue, or that of fractals if they changed."""
    images = data.read(np.array([0, 9, 9_999, 10_000, 10_499, 10_500, 12_499]), size)
    assert hashlib.sha256(images.tobytes()).hexdigest() == GOLDEN[size]


# The split


def test_every_split_holds_every_instance_as_every_class(data: DataSet) -> None:
    counts = CATALOGUE["arrangement"].sizes
    parts = (data.pool, data.validation, data.test)
    assert np.array_equal(np.concatenate(parts), np.arange(len(data.labels)))
    assert [len(part) for part in parts] == [count * NUM_CLASSES for count in INSTANCES.values()]
    assert (len(data.class_names), *map(len, parts)) == counts
    assert counts.classes == NUM_CLASSES
    assert counts.test >= 2_000
    for part in parts:
        assert (data.labels[part].reshape(-1, NUM_CLASSES) == np.arange(NUM_CLASSES)).all()


def test_a_slice_cuts_training_alone() -> None:
    whole, small = (load_target(parse_target(text), seed=0, image_size=32, data_dir=NOWHERE) for text in NAMES)
    assert len(whole.train) == num_train_images(parse_target("arrangement"), NOWHERE) == 10_000
    assert np.bincount(small.train.labels).tolist() == [3] * NUM_CLASSES
    assert np.array_equal(whole.test.ids, small.test.ids)
    assert np.array_equal(whole.validation.ids, small.validation.ids)
    assert whole.split_hash == "c79eaddfcd5ecb6f10d50172f50555dcb8fcfe3d4aef35c102c86a9afec7e1c8"


def test_it_says_that_no_augmentation_is_applied() -> None:
    """In the split, in a subset of it as a corpus, and in the keys of both."""
    splits = load_target(parse_target("arrangement@10"), seed=0, image_size=32, data_dir=NOWHERE)
    subset = load_subset(CorpusRef(name="arrangement"), 10, 32, NOWHERE)
    assert not any((splits.augmentable, splits.flip, subset.augmentable, subset.flip))
    others = load_target(parse_target("digits@10"), seed=0, image_size=8, data_dir=NOWHERE)
    assert others.augmentable
    said = {"name": "arrangement", "version": 1, "corpus_version": FRACTALS.version, "augmentable": False}
    said["difficulty"] = DIFFICULTY.model_dump()
    assert corpus_identity(CorpusRef(name="arrangement"), NOWHERE) == said
    assert target_identity(parse_target("arrangement@10"), NOWHERE) == {**said, "images": 10}
    assert "augmentable" not in target_identity(parse_target("digits@10"), NOWHERE)


@pytest.mark.parametrize("size", [12, 18, 34, 2048])
def test_a_size_that_cells_do_not_fill_is_refused(data: DataSet, size: int) -> None:
    with pytest.raises(InputError, match=rf"image_size: given {size}; .* multiple of 4 from 16 to 2,044"):
        data.read(data.test[:1], size)


@pytest.mark.parametrize("size", [16, 28])
def test_a_cell_that_is_too_small_for_a_fractal_is_the_mean_of_a_larger_one(data: DataSet, size: int) -> None:
    """So an image has the cells of the image of twice the size, and no pixel mixes two cells."""
    small, large = (data.read(data.test[:20], side).astype(int) for side in (size, 2 * size))
    mean = (large[..., ::2, ::2] + large[..., 1::2, ::2] + large[..., ::2, 1::2] + large[..., 1::2, 1::2] + 2) // 4
    assert np.array_equal(small, mean)
    (one, other) = (sorted(cell.tobytes() for cell in cells(image)) for image in small[:2])
    assert one == other


# What models make of it


def logits(model: torch.nn.Module, instances: NDArray[np.uint8]) -> Tensor:
    """Return (instances, classes that they stand in, outputs)."""
    with torch.no_grad():
        answers: Tensor = model.eval()(scaled(torch.from_numpy(instances.reshape(-1, *instances.shape[2:]))))
    return answers.reshape(len(instances), NUM_CLASSES, -1)


def spread(answers: Tensor) -> float:
    """Return how far the answers to one instance's classes are apart, at most."""
    return float((answers - answers[:, :1]).abs().max())


@pytest.mark.parametrize("spec", ["vit_pico/8:pos=none", "vit_pico/4:pos=none", "vit_pico/8:pool=gap,pos=none"])
def test_without_positions_a_vit_gives_all_classes_of_an_instance_one_answer(
    instances: NDArray[np.uint8], spec: str
) -> None:
    answers = logits(models.build(spec, num_classes=NUM_CLASSES, image_size=32, seed=1), instances)
    assert spread(answers) < 1e-5
    assert spread(answers.transpose(0, 1)) > 1e-3  # instances do differ


def test_the_same_holds_for_small_patches_of_small_images(data: DataSet) -> None:
    """At 16 pixels a cell has 4, so patches of 4 are cells, and patches of 8 are not."""
    small = data.read(data.test[: 5 * NUM_CLASSES], 16).reshape(5, NUM_CLASSES, 3, 16, 16)
    blind, across, seeing = (
        logits(models.build(spec, num_classes=NUM_CLASSES, image_size=16, seed=1), small)
        for spec in ("vit_pico/4:pos=none", "vit_pico/8:pos=none", "vit_pico/4")
    )
    assert spread(blind) < 1e-5
    assert spread(blind.transpose(0, 1)) > 1e-3
    assert min(spread(across), spread(seeing)) > 1e-4


@pytest.mark.parametrize(
    "spec",
    [
        "vit_pico/8",
        "vit_pico/8:pos=relative",
        "vit_pico/8:pos=conditional",
        "vit_pico/16:pos=none",
        "vit_pico/8:padding=2,pos=none,stride=4",
        "bit_resnet_pico",
        "r_pico+vit_pico/8:pos=none",
    ],
)
def test_with_positions_overlap_or_convolutions_a_model_tells_the_classes_apart(
    instances: NDArray[np.uint8], spec: str
) -> None:
    assert spread(logits(models.build(spec, num_classes=NUM_CLASSES, image_size=32, seed=1), instances)) > 1e-4


def test_a_shift_would_give_the_class_away(instances: NDArray[np.uint8]) -> None:
    """Why nothing is augmented: shifted by a pixel, patches hold pixels of two cells."""
    model = models.build("vit_pico/8:pos=none", num_classes=NUM_CLASSES, image_size=32, seed=1)
    assert spread(logits(model, np.roll(instances, 1, axis=-1))) > 1e-4


def answers_after(spec: str, train: ImageSet, test: ImageSet, num_images: int) -> Evaluation:
    torch.set_num_threads(1)
    compute, recipe = compute_on("cpu", "fp32"), Settings(learning_rate=0.002)
    model = models.build(spec, num_classes=NUM_CLASSES, image_size=32, seed=1000)
    if num_images:
        batches = training_batches(train, Stream(1000, "scratch", num_images, 32), ImageLoader("resident", CPU))
        train_loop(Trainer(model, num_steps(num_images, 32), recipe, compute), batches)
    return evaluate(model, evaluation_batches(test, 250, ImageLoader("resident", CPU)), compute)


@pytest.mark.parametrize("num_images", [0, 512])
def test_without_positions_exactly_one_in_ten_is_right_trained_or_not(data: DataSet, num_images: int) -> None:
    train, test = SOURCE.some(data.pool, 32), SOURCE.some(data.test, 32)
    found = answers_after("vit_pico/8:pos=none", train, test, num_images)
    assert found.accuracy == 1 / NUM_CLASSES
    assert (found.predictions["prediction"].to_numpy().reshape(-1, NUM_CLASSES).std(axis=1) == 0).all()


@pytest.mark.slow
def test_with_positions_it_is_learned(data: DataSet) -> None:
    train, validation = SOURCE.some(data.pool, 32), SOURCE.some(data.validation, 32)
    assert answers_after("vit_pico/8:pos=sincos-2d", train, validation, 2_560).accuracy > 0.7


NAMES = ("arrangement", "arrangement@30")
GOLDEN = {
    16: "57f45aa30cb62bf2de720fc0be26fc7796342d19b44cf4c97a43090c993c2d8b",
    32: "71c9496323d91a7361dddf1c51421b1fcab34290d2341ebb5489e998a5e2fff3",
    64: "22793ab54b4a25962e53353df783b567f465643a902e9aa52cbb6c11ee3a02bd",
    224: "f3009bc656c09d588c77611176a7832535999e0304eff369b132fe0e2befb943",
}
"""SHA-256 of the first and last images of each part."""
