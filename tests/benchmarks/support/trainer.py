"""A process that trains when told to: `python -m tests.benchmarks.support.trainer`.

Line by line on its input: `prepare MODEL THREADS` builds a model and warms up, `train STEPS` trains on; each is
answered with `done`. Data, augmentation, loop and optimizer are those of a run on a CPU. It ends with its input.
"""

import sys
from collections.abc import Callable
from itertools import islice

import torch

import models
from bench.config.recipe import Settings
from bench.data.loading.batches import training_batches
from bench.data.loading.pipelines import Feed
from bench.data.loading.stream import Augmentation, Stream
from bench.speed.images import IMAGE_SIZE, NUM_CLASSES, random_images
from bench.training import loop
from bench.training.compute import compute_on
from bench.training.trainer import Trainer

BATCH_SIZE = 32
WARM_UP_STEPS = 4


def main() -> None:
    train: Callable[[int], None] = nothing_prepared
    for line in sys.stdin:
        match line.split():
            case "prepare", name, threads:
                train = prepare(name, int(threads))
                train(WARM_UP_STEPS)
            case "train", steps:
                train(int(steps))
            case _:
                raise ValueError(f"unknown order: {line!r}")
        print("done", flush=True)


def prepare(name: str, threads: int) -> Callable[[int], None]:
    """What trains a model for so many steps more."""
    torch.set_num_threads(threads)
    settings = Settings(batch_size=BATCH_SIZE)
    compute = compute_on("cpu", "fp32")
    model = models.build(name, num_classes=NUM_CLASSES, image_size=IMAGE_SIZE, seed=0)
    stream = Stream(0, "pretrain", num_images=10**9, batch_size=BATCH_SIZE, augmentation=Augmentation(shift=1))
    batches = training_batches(random_images(1024), stream, Feed("resident", torch.device("cpu")))

    def train(steps: int) -> None:
        loop.train(Trainer(model, steps, settings, compute), islice(batches, steps))

    return train


def nothing_prepared(steps: int) -> None:
    raise ValueError(f"{steps} steps of what? `prepare MODEL THREADS` comes first")


if __name__ == "__main__":
    main()
