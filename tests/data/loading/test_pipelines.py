"""Three pipelines, the same batches: whatever the workers, wherever a stream starts, and with bad images in it."""

import weakref
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from bench.data.augment.mixing import Mixing
from bench.data.augment.policies import RandAugment
from bench.data.corpus import CorpusRef, load_subset
from bench.data.dataset import ImageSet, OnBadImage, Pipeline
from bench.data.loading.bad_images import BadImages
from bench.data.loading.batches import evaluation_batches, training_batches
from bench.data.loading.image_loader import DRAWN_AHEAD, ImageLoader
from bench.data.loading.stream import Augmentation, Stream
from bench.data.loading.streaming import BATCHES_AHEAD
from bench.data.opening import OpenData
from bench.errors import BadImage

CPU = torch.device("cpu")
SIZE = 16
NUM_CLASSES = 3
STREAM = Stream(7, "pretrain", 70, 8, Augmentation(2, True, policy=RandAugment(), mixing=Mixing(0.4)), NUM_CLASSES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """30 pictures of 20 x 24 pixels, in three classes."""
    generator = np.random.default_rng(0)
    for number in range(30):
        path = tmp_path / "pictures" / f"class{number % NUM_CLASSES}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(path)
    return tmp_path / "pictures"


def pool_of(folder: Path) -> ImageSet:
    source = OpenData("folder", str(folder), Path("nowhere"))
    return source.some(source.data.pool, SIZE)


def file_of(images: ImageSet, position: int) -> Path:
    """Find the file of an image of a folder: its message names it."""
    source = images.source
    assert isinstance(source, OpenData)
    assert source.path is not None
    files = sorted(Path(source.path).glob("*/*.png"), key=lambda path: (path.parent.name, path.name))
    return files[images.ids[position]]


def loader(pipeline: Pipeline, num_workers: int = 1, on_bad_image: OnBadImage = "fail") -> ImageLoader:
    return ImageLoader(pipeline, CPU, num_workers, BadImages(on_bad_image))


def seen(images: ImageSet, one: ImageLoader, start: int = 0) -> tuple[Tensor, Tensor]:
    """Return all images and labels of the stream."""
    batches = list(training_batches(images, STREAM, one, start=start))
    return torch.cat([pictures for pictures, _ in batches]), torch.cat([labels for _, labels in batches])


def evaluated(images: ImageSet, one: ImageLoader) -> tuple[Tensor, Tensor, NDArray[np.int64]]:
    pictures, labels, ids = zip(*evaluation_batches(images, 8, one), strict=True)
    return torch.cat(pictures), torch.cat(labels), np.concatenate(ids)


@pytest.mark.parametrize("num_workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_streaming_is_resident_bit_for_bit(folder: Path, num_workers: int) -> None:
    images = pool_of(folder)
    expected = seen(images, loader("resident"))
    found = seen(images, loader("streaming", num_workers), start=16)
    assert torch.equal(found[0], expected[0][16:])
    assert torch.equal(found[1], expected[1][16:])
    for one, other in zip(
        evaluated(images, loader("resident")), evaluated(images, loader("streaming", num_workers)), strict=True
    ):
        assert np.array_equal(one, other)


def test_generated_is_resident_bit_for_bit() -> None:
    images = load_subset(CorpusRef(classes=NUM_CLASSES), 40, SIZE, Path("nowhere")).train
    expected = seen(images, loader("resident"))
    found = seen(images, loader("generated"), start=16)
    assert torch.equal(found[0], expected[0][16:])
    assert torch.equal(found[1], expected[1][16:])
    for one, other in zip(evaluated(images, loader("resident")), evaluated(images, loader("generated")), strict=True):
        assert np.array_equal(one, other)


def test_a_bad_image_fails_a_run_by_its_name(folder: Path) -> None:
    images = pool_of(folder)
    bad = file_of(images, 5)
    bad.write_bytes(bad.read_bytes()[:200])
    for pipeline in ("resident", "streaming"):
        with pytest.raises(BadImage, match=rf"^{bad}: not a readable image"):
            seen(images, loader(pipeline))  # type: ignore[arg-type]
        with pytest.raises(BadImage, match=str(bad)):
            evaluated(images, loader(pipeline))  # type: ignore[arg-type]


def test_a_skipped_image_is_counted_and_the_next_of_its_class_replaces_it(folder: Path) -> None:
    images = pool_of(folder)
    before = images.source.read(images.ids, SIZE)
    bad = [3, int(np.flatnonzero(images.labels == images.labels[3])[-1])]
    for position in bad:
        file_of(images, position).write_bytes(b"")
    alike = [place for place in np.flatnonzero(images.labels == images.labels[3]) if place not in bad]
    stand_ins = {3: min(place for place in alike if place > 3), bad[1]: alike[0]}
    expected = before.copy()
    for place, other in stand_ins.items():
        expected[place] = before[other]

    plain = Stream(7, "pretrain", len(images), len(images))
    for pipeline in ("resident", "streaming"):
        skipping = loader(pipeline, on_bad_image="skip")  # type: ignore[arg-type]
        ((pictures, _),) = training_batches(images, plain, skipping)
        assert sorted(skipping.bad.reasons) == sorted(images.ids[bad].tolist())
        assert all("not a readable image" in reason for reason in skipping.bad.reasons.values())
        whole = {picture.numpy().tobytes() for picture in pictures}
        scaled = torch.from_numpy(expected).float().mul_(1 / 127.5).sub_(1)
        assert whole == {picture.numpy().tobytes() for picture in scaled}, pipeline


def test_every_pipeline_replaces_alike(folder: Path) -> None:
    images = pool_of(folder)
    for position in (0, 4, 9):
        file_of(images, position).write_bytes(b"no picture")
    one, other = (seen(images, loader(pipeline, 2, "skip")) for pipeline in ("resident", "streaming"))  # type: ignore[arg-type]
    assert all(torch.equal(first, second) for first, second in zip(one, other, strict=True))


def test_evaluation_leaves_bad_images_out(folder: Path) -> None:
    images = pool_of(folder)
    whole = evaluated(images, loader("resident"))
    for position in (0, 7):
        file_of(images, position).write_bytes(b"")
    good = np.setdiff1d(np.arange(len(images)), [0, 7])
    for pipeline in ("resident", "streaming"):
        skipping = loader(pipeline, on_bad_image="skip")  # type: ignore[arg-type]
        fresh = OpenData("folder", str(folder), Path("nowhere")).some(images.ids, SIZE)
        pictures, labels, ids = evaluated(fresh, skipping)
        assert torch.equal(pictures, whole[0][good])
        assert torch.equal(labels, whole[1][good])
        assert np.array_equal(ids, images.ids[good])
        assert set(skipping.bad.reasons) == set(images.ids[[0, 7]].tolist())


def test_a_class_without_a_readable_image_can_not_be_skipped(folder: Path) -> None:
    for file in (folder / "class1").iterdir():
        file.write_bytes(b"")
    with pytest.raises(BadImage, match="nor can any other image of its class be read"):
        seen(pool_of(folder), loader("resident", on_bad_image="skip"))


alive: list[int] = []
"""Batches that this process has decoded and not let go of."""


@dataclass(frozen=True)
class CountedSource:
    """Grey images, of which each reading process writes down how many batches it still holds."""

    log: Path
    is_formula = True

    def read(self, ids: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        images = np.full((len(ids), 3, image_size, image_size), 127, dtype=np.uint8)
        alive.append(1)
        weakref.finalize(images, alive.pop)
        with self.log.open("a") as file:
            file.write(f"{len(alive)}\n")
        return images

    def read_cached(self, ids: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        raise AssertionError("what does not fit into memory is not kept")


@pytest.mark.parametrize(("pipeline", "num_ahead"), [("generated", DRAWN_AHEAD), ("streaming", BATCHES_AHEAD)])
def test_memory_stays_bounded(tmp_path: Path, pipeline: Pipeline, num_ahead: int) -> None:
    """However long the stream, few batches are read ahead, and none is held once it was taken."""
    log = tmp_path / "log"
    labels = np.arange(320) % NUM_CLASSES
    images = ImageSet(CountedSource(log), labels, np.arange(320), SIZE)
    taken: list[weakref.ref[Tensor]] = []
    for pictures, _ in training_batches(images, Stream(0, "pretrain", 320, 8, Augmentation(2)), loader(pipeline)):
        taken.append(weakref.ref(pictures))
        assert len(log.read_text().splitlines()) <= len(taken) + num_ahead
        assert sum(batch() is not None for batch in taken) <= 2
    assert len(taken) == 40
    assert max(map(int, log.read_text().split())) <= num_ahead + 2
