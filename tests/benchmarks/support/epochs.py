"""A process that trains for whole epochs when told to: `python -m tests.benchmarks.support.epochs FOLDER IMAGES`.

Line by line on its input: `prepare PARTY PATCH THREADS WORKERS` warms up on noise, `epoch` opens the folder and trains
once on so many of its images, from its first file to the last step; each is answered with `done`. The parties are
`ours`, trained as a run of a suite is, and `timm`, trained as `timm_loop` does. It keeps to two cores, its loading
workers too, and ends with its input.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import torch

import models
from bench.config.recipe import Settings
from bench.data.loading.batches import training_batches
from bench.data.loading.pipelines import Feed
from bench.data.loading.stream import Augmentation, Stream
from bench.data.target import TargetRef, load_target
from bench.runner.pipeline_choice import choose, num_decoders
from bench.speed.images import IMAGE_SIZE, NUM_CLASSES, random_batch
from bench.training.compute import compute_on
from bench.training.loop import num_steps, train
from bench.training.trainer import Trainer
from tests.benchmarks.support.timm_loop import build_model, open_loader, train_epoch

NUM_CORES = 2
BATCH_SIZE = 32
SHIFT = 4
WARM_UP_STEPS = 4

Epoch = Callable[[], None]


def main() -> None:
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:NUM_CORES])
    folder, num_images = Path(sys.argv[1]), int(sys.argv[2])
    epoch: Epoch = nothing_prepared
    for line in sys.stdin:
        match line.split():
            case "prepare", party, patch, threads, workers:
                torch.set_num_threads(int(threads))
                if party == "ours":
                    epoch = our_epoch(folder, num_images, int(patch))
                else:
                    epoch = their_epoch(folder, num_images, int(patch), int(workers))
            case ["epoch"]:
                epoch()
            case _:
                raise ValueError(f"unknown order: {line!r}")
        print("done", flush=True)


def our_epoch(folder: Path, num_images: int, patch: int) -> Epoch:
    """As a run on a CPU does it: the target's images by the pipeline that is chosen for them, then `fit`."""
    device = torch.device("cpu")
    settings = Settings(batch_size=BATCH_SIZE, shift=SHIFT, flip=True)
    compute = compute_on("cpu", "fp32")
    model = models.build(f"vit_pico/{patch}", num_classes=NUM_CLASSES, image_size=IMAGE_SIZE, seed=0)
    train(Trainer(model, WARM_UP_STEPS, settings, compute), [random_batch(BATCH_SIZE, "cpu")] * WARM_UP_STEPS)

    def epoch() -> None:
        images = load_target(TargetRef("folder", str(folder)), seed=0, image_size=IMAGE_SIZE, data_dir=folder).train
        assert len(images) == num_images, f"{len(images)} images to train on, not {num_images}"
        feed = Feed(choose(images, "auto", device), device, num_decoders("cpu"))
        stream = Stream(0, "scratch", num_images, BATCH_SIZE, Augmentation(settings.shift, settings.flip))
        steps = num_steps(num_images, BATCH_SIZE)
        train(Trainer(model, steps, settings, compute), training_batches(images, stream, feed))

    return epoch


def their_epoch(folder: Path, num_images: int, patch: int, num_workers: int) -> Epoch:
    """As one does it by hand."""
    model = build_model(patch, NUM_CLASSES)
    for _ in range(WARM_UP_STEPS):
        images, labels = random_batch(BATCH_SIZE, "cpu")
        torch.nn.functional.cross_entropy(model(images), labels).backward()

    def epoch() -> None:
        train_epoch(model, open_loader(folder / "train", num_images, BATCH_SIZE, num_workers))

    return epoch


def nothing_prepared() -> None:
    raise ValueError("an epoch of what? `prepare PARTY PATCH THREADS WORKERS` comes first")


if __name__ == "__main__":
    main()
