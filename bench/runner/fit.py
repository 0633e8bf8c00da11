"""The training part of a run: from its description, or from its last checkpoint, to a trained model.

A batch that does not fit into memory goes through the model in ever smaller parts, whose gradients add up to the
batch's; the training begins anew then, so that its result depends on the final size of the parts alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

import models
from bench.data.loading.batches import training_batches
from bench.data.loading.pipelines import Feed
from bench.data.random import stream_seed
from bench.machine.memory import free_memory, is_out_of_memory
from bench.plan.run import Run
from bench.runner.augmentation import stream_of
from bench.runner.budget import images_of
from bench.runner.initial_weights import initial_model
from bench.runner.run_data import RunData
from bench.runner.session import RunSession
from bench.store.store import Store
from bench.training.compute import Compute
from bench.training.loop import Batch, TrainResult, num_steps, train
from bench.training.settings import Settings
from bench.training.trainer import State, Trainer

CALIBRATION_SECONDS = 3.0
WARM_UP_STEPS = 3


class NotEvenOne(MemoryError):
    """Memory ran out at one image at a time."""


@dataclass(frozen=True)
class FittedModel:
    """A trained model, and how it came about."""

    model: models.Classifier
    fit: TrainResult
    counts: models.Counts
    micro_batch: int
    """images that went through the model at once"""


def fit_run(run: Run, data: RunData, feed: Feed, store: Store, compute: Compute, session: RunSession) -> FittedModel:
    """Train the model of a run.

    Raises:
        Diverged, Interrupted: as the loop and its watch have it.
        NotEvenOne: there is not memory enough, whatever the size of the parts.
    """
    job = _Job(run, data, feed, store, compute)
    state = session.checkpoint()
    wanted = run.settings.micro_batch or run.settings.batch_size
    size = (state[1]["micro_batch"] or wanted) if state is not None else wanted
    while (fitted := _unless_out_of_memory(job, size, state, session)) is None:
        if size == 1:
            raise NotEvenOne("there is not memory enough for training on one image at a time")
        size, state = -(-size // 2), None
        free_memory()
    _note(fitted.model, run.settings, size, session)
    return fitted


@dataclass(frozen=True)
class _Job:
    """What all attempts at a run have in common."""

    run: Run
    data: RunData
    feed: Feed
    store: Store
    compute: Compute

    @property
    def num_classes(self) -> int:
        return len(self.data.class_names)

    def settings(self, micro_batch: int) -> Settings:
        """The recipe's, with another size of the parts where the recipe's is too large."""
        own = self.run.settings
        if micro_batch == (own.micro_batch or own.batch_size):
            return own
        return own.model_copy(update={"micro_batch": micro_batch})

    def training(self, images: int, settings: Settings) -> Trainer:
        """A training that is at its beginning; layers that draw, draw from the seed's own stream."""
        model = initial_model(self.run, self.store, self.num_classes)
        torch.manual_seed(stream_seed(self.run.seed, f"drop {self.run.stage}"))
        return Trainer(model, num_steps(images, settings.batch_size), settings, self.compute)

    def batches(self, images: int, start: int = 0) -> Iterator[Batch]:
        """The run's batches after its first `start` images."""
        stream = stream_of(self.run, self.data, self.run.settings, images)
        return training_batches(self.data.train, stream, self.feed, start=start)

    def images_per_second(self, settings: Settings) -> float:
        """Train a copy for some seconds, to be thrown away; its steps cost what the run's will."""
        size = settings.batch_size
        training = self.training(10**9, settings)
        training.begin()
        batches = self.batches(10**9)
        for images, labels in islice(batches, WARM_UP_STEPS):
            training.take_step(images, labels, settings.learning_rate)
        start, steps = training.seconds, 0
        while steps == 0 or training.seconds - start < CALIBRATION_SECONDS:
            images, labels = next(batches)
            training.take_step(images, labels, settings.learning_rate)
            steps += 1
        return steps * size / (training.seconds - start)


def _unless_out_of_memory(job: _Job, size: int, state: State | None, session: RunSession) -> FittedModel | None:
    """The trained model, or None where memory ran out."""
    try:
        return _fit(job, size, state, session)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return None


def _fit(job: _Job, size: int, state: State | None, session: RunSession) -> FittedModel:
    run, settings = job.run, job.settings(size)
    counts = models.count(run.model, num_classes=job.num_classes, image_size=run.image_size)
    images = images_of(run, counts.macs, job.store, lambda: job.images_per_second(settings))
    training = job.training(images, settings)
    if state is not None:
        training.restore(state)
    session.begin(training, resumed=state is not None)
    fit = train(training, job.batches(images, training.history.images_seen), session.watch)
    assert isinstance(training.model, models.Classifier), "a run trains a classifier"
    return FittedModel(training.model, fit, counts, size)


def _note(model: nn.Module, settings: Settings, size: int, session: RunSession) -> None:
    """Have the record say that a batch was cut, and what that changes."""
    if size >= settings.batch_size:
        return
    why = "" if size == settings.micro_batch else ", since the whole batch did not fit into memory"
    session.notes.append(f"batches of {settings.batch_size} went through the model in parts of {size}{why}")
    if any(isinstance(layer, _BatchNorm) for layer in model.modules()):
        session.notes.append(f"BatchNorm took its statistics over {size} images, not {settings.batch_size}")
