"""The strategy that trains a network, from its initial weights or its last checkpoint.

If a batch does not fit into memory, the training starts again with half the micro-batch, until it fits. Gradients are
summed over the batch, and the result depends only on the final micro-batch. A network with BatchNorm is never trained
on a single image.
"""

from collections.abc import Iterator
from itertools import islice

import safetensors.torch
import torch
from torch import nn

from bench.data.loading.batches import evaluation_batches, training_batches
from bench.data.random import stream_seed
from bench.machine.memory import free_memory, is_out_of_memory, peak, reset_peak
from bench.runner.augmentation import stream_of
from bench.runner.budget import images_of
from bench.runner.initial_weights import initial_model
from bench.runner.pipeline_choice import EVALUATION_BATCH
from bench.runner.session import RunSession
from bench.runner.strategy import FittedModel, RunInputs
from bench.training.evaluate import Evaluation, Temperature, evaluate
from bench.training.loop import Batch, TrainResult, num_steps, train
from bench.training.settings import Settings
from bench.training.trainer import State, Trainer
from models.batch_norm import fewest_images, has_batch_norm
from models.spec.flops import TRAINING_FLOPS_PER_MAC

CALIBRATION_SECONDS = 3.0
WARM_UP_STEPS = 3
ENDLESS = 10**9
"""A number of images that a timed training never reaches."""


def train_network(inputs: RunInputs, session: RunSession) -> FittedModel:
    """Train the network of a run.

    Raises:
        Diverged: the loss is not finite.
        Interrupted: the process was asked to stop.
        MemoryError: not even a micro-batch of one image fits into memory, or of two for a network with BatchNorm.
    """
    settings, state = inputs.run.settings, session.checkpoint()
    size = (state["micro_batch"] if state is not None else None) or settings.micro_batch or settings.batch_size
    measures_memory = reset_peak(inputs.compute.device)
    while True:
        try:
            model, result = _train(inputs, size, state, session)
            break
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if size == 1 or (size == 2 and fewest_images(inputs.run.model, inputs.run.image_size) == 2):
                at_a_time = "one image" if size == 1 else "two images, as BatchNorm needs,"
                raise MemoryError(f"the memory does not suffice to train on {at_a_time} at a time") from error
        # Outside the except block, since the traceback holds the tensors of the failed attempt until its end.
        size, state = -(-size // 2), None
        free_memory()
    peak_memory = peak(inputs.compute.device) if measures_memory else None
    session.notes.extend(_notes(model, settings, size))
    return FittedModel(
        evaluate=lambda split, temperature: evaluate_split(model, split, inputs, temperature),
        weights=weights_bytes(model),
        device=next(model.parameters()).device,
        cost={
            "images_seen": result.images_seen,
            "training_flops": TRAINING_FLOPS_PER_MAC * inputs.counts.macs * result.images_seen,
            "train_seconds": result.train_seconds,
            "images_per_second": result.images_seen / result.train_seconds,
            "peak_memory_bytes": peak_memory,
            "micro_batch": size,
        },
        train_loss=result.train_loss,
        history=result.history,
    )


def _train(inputs: RunInputs, size: int, state: State | None, session: RunSession) -> tuple[nn.Module, TrainResult]:
    """Train with micro-batches of `size` images, from a checkpoint's state if there is one."""
    settings = inputs.run.settings
    if size != (settings.micro_batch or settings.batch_size):
        settings = settings.model_copy(update={"micro_batch": size})
    images = images_of(inputs.run, inputs.counts.macs, inputs.store, lambda: _images_per_second(inputs, settings))
    trainer = _new_trainer(inputs, images, settings)
    if state is not None:
        trainer.restore(state)
    session.begin(trainer, resumed=state is not None)
    return trainer.model, train(trainer, _batches(inputs, images, trainer.history.images_seen), session.watch)


def _new_trainer(inputs: RunInputs, images: int, settings: Settings) -> Trainer:
    """Return a trainer at step 0; random layers draw from a stream of their own that the run's seed starts."""
    model = initial_model(inputs.run, inputs.store, inputs.num_classes)
    torch.manual_seed(stream_seed(inputs.run.seed, f"drop {inputs.run.stage}"))
    return Trainer(model, num_steps(images, settings.batch_size), settings, inputs.compute)


def _batches(inputs: RunInputs, images: int, start: int = 0) -> Iterator[Batch]:
    """Yield the run's training batches, without its first `start` images."""
    stream = stream_of(inputs.run, inputs.data, inputs.run.settings, images)
    return training_batches(inputs.data.train, stream, inputs.loaders["train"], start=start)


def _images_per_second(inputs: RunInputs, settings: Settings) -> float:
    """Measure the training rate on a separate copy of the model, which takes the same steps and is then discarded."""
    trainer, batches = _new_trainer(inputs, ENDLESS, settings), _batches(inputs, ENDLESS)
    trainer.begin()
    for images, labels in islice(batches, WARM_UP_STEPS):
        trainer.take_step(images, labels, settings.learning_rate)
    start, steps = trainer.seconds, 0
    while steps == 0 or trainer.seconds - start < CALIBRATION_SECONDS:
        images, labels = next(batches)
        trainer.take_step(images, labels, settings.learning_rate)
        steps += 1
    return steps * settings.batch_size / (trainer.seconds - start)


def _notes(model: nn.Module, settings: Settings, size: int) -> Iterator[str]:
    """Yield the record's notes about micro-batches and their effect."""
    if size >= settings.batch_size:
        return
    reason = "" if size == settings.micro_batch else ", since the whole batch did not fit into memory"
    yield f"batches of {settings.batch_size} went through the model in parts of {size}{reason}"
    if has_batch_norm(model):
        yield f"BatchNorm took its statistics over {size} images, not {settings.batch_size}"


def evaluate_split(model: nn.Module, split: str, inputs: RunInputs, temperature: Temperature) -> Evaluation:
    """Evaluate a split, with smaller batches if memory is short."""
    size = EVALUATION_BATCH
    while True:
        try:
            batches = evaluation_batches(inputs.data.parts[split], size, inputs.loaders[split])
            return evaluate(model, batches, inputs.compute, temperature)
        except Exception as error:
            if not is_out_of_memory(error) or size == 1:
                raise
        size = -(-size // 2)
        free_memory()


def weights_bytes(model: nn.Module) -> bytes:
    """Return a model's state dict as safetensors; tensors are cloned, since a model may share one under two names."""
    return safetensors.torch.save(
        {name: tensor.cpu().clone(memory_format=torch.contiguous_format) for name, tensor in model.state_dict().items()}
    )
