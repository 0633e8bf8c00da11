"""Three pipelines, the same batches: whatever the workers, wherever a stream starts, and with bad images in it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from bench.data.augment.mixing import Mixing
from bench.data.augment.policies import RandAugment
from bench.data.catalogue import OpenData
from bench.data.corpus import CorpusRef, load_subset
from bench.data.dataset import ImageSet, OnBadImage, Pipeline
from bench.data.loading.bad_images import BadImages
from bench.data.loading.batches import evaluation_batches, training_batches
from bench.data.loading.pipelines import Feed
from bench.data.loading.stream import Augmentation, Stream
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


def feed(pipeline: Pipeline, num_workers: int = 1, on_bad_image: OnBadImage = "fail") -> Feed:
    return Feed(pipeline, CPU, num_workers, BadImages(on_bad_image))


def seen(images: ImageSet, one: Feed, start: int = 0) -> tuple[Tensor, Tensor]:
    """Return all images and labels of the stream."""
    batches = list(training_batches(images, STREAM, one, start=start))
    return torch.cat([pictures for pictures, _ in batches]), torch.cat([labels for _, labels in batches])


def evaluated(images: ImageSet, one: Feed) -> tuple[Tensor, Tensor, NDArray[np.int64]]:
    pictures, labels, ids = zip(*evaluation_batches(images, 8, one), strict=True)
    return torch.cat(pictures), torch.cat(labels), np.concatenate(ids)


@pytest.mark.parametrize("num_workers", [1, 2])
def test_streaming_is_resident_bit_for_bit(folder: Path, num_workers: int) -> None:
    images = pool_of(folder)
    expected = seen(images, feed("resident"))
    found = seen(images, feed("streaming", num_workers), start=16)
    assert torch.equal(found[0], expected[0][16:])
    assert torch.equal(found[1], expected[1][16:])
    for one, other in zip(
        evaluated(images, feed("resident")), evaluated(images, feed("streaming", num_workers)), strict=True
    ):
        assert np.array_equal(one, other)


def test_generated_is_resident_bit_for_bit() -> None:
    images = load_subset(CorpusRef(classes=NUM_CLASSES), 40, SIZE, Path("nowhere")).train
    expected = seen(images, feed("resident"))
    found = seen(images, feed("generated"), start=16)
    assert torch.equal(found[0], expected[0][16:])
    assert torch.equal(found[1], expected[1][16:])
    for one, other in zip(evaluated(images, feed("resident")), evaluated(images, feed("generated")), strict=True):
        assert np.array_equal(one, other)


def test_a_bad_image_fails_a_run_by_its_name(folder: Path) -> None:
    images = pool_of(folder)
    bad = file_of(images, 5)
    bad.write_bytes(bad.read_bytes()[:200])
    for pipeline in ("resident", "streaming"):
        with pytest.raises(BadImage, match=rf"^{bad}: not a readable image"):
            seen(images, feed(pipeline))  # type: ignore[arg-type]
        with pytest.raises(BadImage, match=str(bad)):
            evaluated(images, feed(pipeline))  # type: ignore[arg-type]


def test_a_skipped_image_is_counted_and_the_next_of_its_class_stands_in(folder: Path) -> None:
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
        skipping = feed(pipeline, on_bad_image="skip")  # type: ignore[arg-type]
        ((pictures, _),) = training_batches(images, plain, skipping)
        assert sorted(skipping.bad.met) == sorted(images.ids[bad].tolist())
        assert all("not a readable image" in reason for reason in skipping.bad.met.values())
        whole = {picture.numpy().tobytes() for picture in pictures}
        scaled = torch.from_numpy(expected).float().mul_(1 / 127.5).sub_(1)
        assert whole == {picture.numpy().tobytes() for picture in scaled}, pipeline


def test_every_pipeline_replaces_alike(folder: Path) -> None:
    images = pool_of(folder)
    for position in (0, 4, 9):
        file_of(images, position).write_bytes(b"no picture")
    one, other = (seen(images, feed(pipeline, 2, "skip")) for pipeline in ("resident", "streaming"))  # type: ignore[arg-type]
    assert all(torch.equal(first, second) for first, second in zip(one, other, strict=True))


def test_evaluation_leaves_bad_images_out(folder: Path) -> None:
    images = pool_of(folder)
    whole = evaluated(images, feed("resident"))
    for position in (0, 7):
        file_of(images, position).write_bytes(b"")
    good = np.setdiff1d(np.arange(len(images)), [0, 7])
    for pipeline in ("resident", "streaming"):
        skipping = feed(pipeline, on_bad_image="skip")  # type: ignore[arg-type]
        fresh = OpenData("folder", str(folder), Path("nowhere")).some(images.ids, SIZE)
        pictures, labels, ids = evaluated(fresh, skipping)
        assert torch.equal(pictures, whole[0][good])
        assert torch.equal(labels, whole[1][good])
        assert np.array_equal(ids, images.ids[good])
        assert set(skipping.bad.met) == set(images.ids[[0, 7]].tolist())


def test_a_class_without_a_readable_image_can_not_be_skipped(folder: Path) -> None:
    for file in (folder / "class1").iterdir():
        file.write_bytes(b"")
    with pytest.raises(BadImage, match="nor can any other image of its class be read"):
        seen(pool_of(folder), feed("resident", on_bad_image="skip"))


TRAIN = """
import json, sys
from itertools import islice
from pathlib import Path
import psutil
import models
from bench.data.loading.batches import training_batches
from bench.data.catalogue import OpenData
from bench.data.corpus import CorpusRef, load_subset
from bench.data.loading.pipelines import Feed
from bench.data.loading.stream import Augmentation, Stream
from bench.training.compute import compute_on
from bench.training.loop import train
from bench.training.trainer import Trainer
from bench.config.recipe import Settings

def memory():
    everyone = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(process.memory_info().rss for process in everyone)

def watched(batches):
    for batch in batches:
        yield batch
        seen.append(memory())

if __name__ == "__main__":
    pipeline, path = sys.argv[1:]
    if pipeline == "generated":
        images = load_subset(CorpusRef(classes=3), 40_000, 96, Path("x")).train
    else:
        source = OpenData("folder", path, Path("x"))
        images = source.some(source.data.pool.repeat(2_000), 96)
    compute, seen = compute_on("cpu", "fp32"), []
    stream = Stream(0, "pretrain", 10**6, 16, Augmentation(2))
    batches = training_batches(images, stream, Feed(pipeline, compute.device))
    model = models.build("vit_pico/16", num_classes=3, image_size=96, seed=0)
    train(Trainer(model, 60, Settings(batch_size=16), compute), watched(islice(batches, 60)))
    print(json.dumps({"whole": images.num_bytes, "more": max(seen) - seen[9]}))
"""


@pytest.mark.parametrize("pipeline", ["generated", "streaming"])
def test_memory_stays_bounded(folder: Path, tmp_path: Path, pipeline: Pipeline) -> None:
    """Training on more than a gigabyte: after ten steps the process and its workers grow by less than 32 MiB."""
    script = tmp_path / "train.py"
    script.write_text(TRAIN)
    done = subprocess.run(
        [sys.executable, script, pipeline, folder],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["whole"] > 10**9
    assert found["more"] < 32 * 2**20, found
