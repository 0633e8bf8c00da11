"""Time one training step and one forward pass of a run's model, and the reading of a few images.

Only training images are read. Validation and test images are not touched before a run evaluates its trained model.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import torch

import models
from bench.analysis.format import byte_size
from bench.data.dataset import ImageSet, in_memory
from bench.data.loading.bad_images import read_leniently
from bench.data.loading.batches import evaluation_batches, training_batches
from bench.data.loading.image_loader import ImageLoader
from bench.data.opening import OpenData
from bench.machine.clock import now, seconds_of
from bench.machine.memory import peak, reset_peak
from bench.plan.run import PROBES, Run
from bench.runner.augmentation import stream_of
from bench.runner.estimate.estimate import TimedData, TimedRun
from bench.runner.pipeline_choice import EVALUATION_BATCH, choose, num_decoders
from bench.runner.probe import SOLVERS
from bench.runner.run_data import RunData, load_run_data
from bench.training.compute import Compute, compute_on
from bench.training.evaluate import evaluate
from bench.training.linear_probe import features
from bench.training.loop import Batch
from bench.training.trainer import Trainer

TIMED_SECONDS = 0.1
"""The least seconds of timed steps: one step of a tiny model is too short for a precise measurement."""
MAX_READ = 64
"""The number of images that are read to time the reading."""
MANY_IMAGES = 10**9
"""A number of images that a timed training never reaches."""
COPIES = 5
"""The tensors of the weights' size that training needs: weights, gradients, two moments and an average."""


class TooLarge(Exception):
    """The model does not fit into memory."""


def time_run(run: Run, data_dir: Path) -> TimedRun:
    """Time the model of a run: a training step with the recipe's batch, or a probe's features and fit.

    Raises:
        TooLarge: the model does not fit into memory.
        InputError: the data is missing.
    """
    torch.set_num_threads(run.threads)
    compute = compute_on(run.device, run.precision)
    data = load_run_data(run, data_dir)
    start = now(compute.device)
    num_classes = len(data.class_names)
    counts = models.count(run.model, num_classes=num_classes, image_size=run.image_size)
    check_memory(counts, compute.device)
    model = models.build(run.model, num_classes=num_classes, image_size=run.image_size, seed=0).to(compute.device)
    setup_seconds = now(compute.device) - start
    if run.device == "cuda":
        reset_peak(compute.device)
    if run.probe is None:
        seconds_per_image, warm_up_seconds = _time_steps(run, data, Trainer(model, 1, run.settings, compute))
    else:
        seconds_per_image, warm_up_seconds = _time_probe(run, data, model, compute), 0.0
    return TimedRun(
        counts.macs,
        counts.parameters,
        seconds_per_image,
        evaluation_seconds_per_image=_time_evaluation(data, model, compute),
        setup_seconds=setup_seconds,
        warm_up_seconds=warm_up_seconds,
        peak_memory_bytes=peak(compute.device) if run.device == "cuda" else None,
    )


def time_data(run: Run, data_dir: Path) -> TimedData:
    """Time the opening of a run's data and the reading of a few training images.

    Raises:
        InputError: the data is missing or too small.
    """
    load_run_data(run, data_dir)  # the first opening fills caches that later runs of the process use
    start = time.perf_counter()
    data = load_run_data(run, data_dir)
    open_seconds = time.perf_counter() - start
    train, sizes = data.train, {name: len(part) for name, part in data.parts.items()}
    return TimedData(
        num_train=len(train),
        num_validation=sizes.get("validation", 0),
        num_test=sizes.get("test", 0),
        open_seconds=open_seconds,
        read_seconds_per_image=_time_reading(train),
        is_resident=choose(train, run.pipeline, torch.device(run.device)) == "resident",
        is_cached=_is_cached(train),
        num_decoders=num_decoders(run.device),
    )


def check_memory(counts: models.Counts, device: torch.device) -> None:
    """Check that the training of a model does not need more memory than is free.

    Raises:
        TooLarge: it does; the message gives both amounts.
    """
    needed = COPIES * 4 * counts.parameters
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    if needed > free:
        raise TooLarge(
            f"training its {counts.parameters:,} parameters needs {byte_size(needed)}; {byte_size(free)} are free"
        )


def _time_steps(run: Run, data: RunData, trainer: Trainer) -> tuple[float, float]:
    """Return the seconds per image of a training step, and the extra seconds of the first step.

    The learning rate is 0, so that the training cannot diverge.
    """
    batches = _training_batches(run, data, trainer.compute.device)

    def seconds_of_step() -> float:
        start = trainer.seconds
        trainer.take_step(*next(batches), 0.0)
        return trainer.seconds - start

    trainer.begin()
    first, _ = seconds_of_step(), seconds_of_step()
    steps = [seconds_of_step()]
    while sum(steps) < TIMED_SECONDS:
        steps.append(seconds_of_step())
    each = sum(steps) / len(steps)
    return each / run.settings.batch_size, max(0.0, first - each)


def _training_batches(run: Run, data: RunData, device: torch.device) -> Iterator[Batch]:
    images = _first_images(data.train, run.settings.batch_size)
    return training_batches(images, stream_of(run, data, run.settings, MANY_IMAGES), ImageLoader("resident", device))


def _time_probe(run: Run, data: RunData, model: models.Classifier, compute: Compute) -> float:
    """Return the seconds per training image of a probe's features and fit, timed on an untrained network."""
    assert run.probe is not None, "the run has no probe"
    if run.probe.kind == "none":
        return 0.0
    images = _first_images(data.train, EVALUATION_BATCH)
    batches = evaluation_batches(images, EVALUATION_BATCH, ImageLoader("resident", compute.device))
    start = now(compute.device)
    taken = features(model, batches, compute)
    SOLVERS[PROBES[run.probe.kind]](taken, taken, len(data.class_names))
    return (now(compute.device) - start) / len(images)


def _time_evaluation(data: RunData, model: models.Classifier, compute: Compute) -> float:
    """Return the seconds per image of an evaluation, timed on training images after a first pass to warm up."""
    images = _first_images(data.train, EVALUATION_BATCH)

    def evaluate_once() -> None:
        batches = evaluation_batches(images, EVALUATION_BATCH, ImageLoader("resident", compute.device))
        evaluate(model, batches, compute)

    evaluate_once()
    return seconds_of(evaluate_once, compute.device) / len(images)


def _time_reading(images: ImageSet) -> float:
    ids = images.ids[:MAX_READ]
    read_leniently(images.source, ids[:1], images.image_size)
    start = time.perf_counter()
    read_leniently(images.source, ids, images.image_size)
    return (time.perf_counter() - start) / len(ids)


def _is_cached(images: ImageSet) -> bool:
    """Return whether a process keeps the images that it has decoded, for its later runs."""
    source = images.source
    if not isinstance(source, OpenData):
        return False
    return source.is_cached(images.image_size)


def _first_images(images: ImageSet, count: int) -> ImageSet:
    part = ImageSet(images.source, images.labels[:count], images.ids[:count], images.image_size)
    return in_memory(part.images, part.labels)
