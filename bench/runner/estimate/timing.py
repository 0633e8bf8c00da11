"""A few steps of a run's model by the clock, on its own images, so that it can be said what a suite will take.

Everything that a run does beside its steps is done once as well, in a store that is thrown away: the network is built
and counted, answers for some images, and its record, curves, predictions and weights are written.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pandas as pd
import psutil
import safetensors.torch
import torch

import models
from bench.data.dataset import ImageSet, in_memory
from bench.data.loading.batches import evaluation_batches, training_batches
from bench.data.loading.pipelines import Feed
from bench.machine.memory import peak, reset_peak
from bench.plan.run import Run
from bench.runner.augmentation import stream_of
from bench.runner.estimate.estimate import Timing
from bench.runner.execute import never, weights_bytes
from bench.runner.pipeline_choice import EVALUATION_BATCH
from bench.runner.run_data import RunData, load_run_data
from bench.runner.run_options import DEFAULT_OPTIONS
from bench.runner.session import RunSession
from bench.store.new_record import build_record
from bench.store.store import WEIGHTS, Outcome, Store
from bench.training.compute import Compute, compute_on
from bench.training.evaluate import Evaluation, evaluate
from bench.training.history import NUM_ROWS, History
from bench.training.loop import Batch
from bench.training.progress import Progress
from bench.training.settings import Settings
from bench.training.trainer import Trainer

WARM_UP_STEPS = 2
MAX_IMAGES = 256
"""Of the run's that it is timed on."""
MAX_STEP_SECONDS = 3.0
"""Of a step on a CPU: of larger batches only a part is timed."""
MAX_IMAGE_SECONDS = 10.0
"""Of one image's forward pass, beyond which no estimate is worth its wait."""
LONG_IMAGE_SECONDS = 0.3
"""Of which it is not tried how long several take at once."""
ENDLESS = 10**9
"""Images; a stream of which nobody sees the end."""
COSTS = ("images_seen", "training_flops", "train_seconds", "images_per_second", "peak_memory_bytes", "micro_batch")
COPIES = 5
"""Of the weights that training takes memory for: themselves, gradients, two moments and an average."""


class TooLarge(Exception):
    """The model cannot be timed here."""


def time_training(run: Run, data_dir: Path, seconds: float) -> Timing:
    """Train the model of a run for so many seconds, evaluate it on some images, and write what a run would.

    Raises:
        TooLarge: its weights do not fit into memory, or an image takes too long.
        InputError: its data is not there.
    """
    torch.set_num_threads(run.threads)
    compute = compute_on(run.device, run.precision)
    with tempfile.TemporaryDirectory(prefix="bench-timing-") as folder:
        store = Store(Path(folder))
        store.running_folder(run.key).mkdir(parents=True)
        return _Trial(run, load_run_data(run, data_dir), compute, store).timing(seconds)


class Clock:
    """Adds up what is done while it runs."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - start


@dataclass
class _Trial:
    """One run's model, tried out."""

    run: Run
    data: RunData
    compute: Compute
    store: Store

    def timing(self, seconds: float) -> Timing:
        fixed = Clock()
        counts, model = self._built(fixed)
        inference = self._inference_seconds(model)
        settings = self._settings(inference)
        is_whole = settings is self.run.settings
        measures_memory = reset_peak(self.compute.device) and is_whole
        with fixed.running():
            session = RunSession(self.run, self.store, DEFAULT_OPTIONS, never)
            training = Trainer(model, ENDLESS, settings, self.compute)
            session.begin(training, resumed=False)
        pace = _pace(training, self._batches(settings), session, seconds)
        peak_memory = peak(self.compute.device) if measures_memory else None
        found, evaluation_seconds = self._answered(model, min(EVALUATION_BATCH, int(2 + seconds / inference)))
        with fixed.running():
            weights = self._written(model, found, counts, session)
        empty, each = predictions_bytes(found.predictions)
        return Timing(
            pace.seconds_per_image,
            counts.macs,
            counts.parameters,
            evaluation_seconds_per_image=evaluation_seconds,
            fixed_seconds=fixed.seconds,
            warm_up_seconds=pace.warm_up_seconds if settings.compile else 0.0,
            peak_memory_bytes=peak_memory,
            weights_bytes=len(weights),
            checkpoint_bytes=sum(tensor.nbytes for tensor in training.state()[0].values()),
            files_bytes=self._bytes_beside_weights(),
            predictions_bytes=empty,
            prediction_bytes_per_image=each,
        )

    def _built(self, fixed: Clock) -> tuple[models.Counts, models.Classifier]:
        """The model on its device, if there is memory enough for training it."""
        run = self.run
        with fixed.running():
            counts = models.count(run.model, num_classes=self.num_classes, image_size=run.image_size)
        check_size(counts, self.compute.device)
        with fixed.running():
            model = models.build(run.model, num_classes=self.num_classes, image_size=run.image_size, seed=0)
            return counts, model.to(self.compute.device)

    @property
    def num_classes(self) -> int:
        return len(self.data.class_names)

    def _inference_seconds(self, model: models.Classifier) -> float:
        """Of one image's forward pass; of several at once where that does not take long."""
        first = self._answered(model, 1)[1]
        if first > MAX_IMAGE_SECONDS:
            raise TooLarge(f"one image's forward pass took {first:.0f} s; more than {MAX_IMAGE_SECONDS:.0f}")
        again = self._answered(model, 1)[1]
        return again if again > LONG_IMAGE_SECONDS else self._answered(model, 8)[1]

    def _settings(self, inference_seconds: float) -> Settings:
        """The run's, with a smaller batch where a step would take too long; backward costs two forward passes."""
        own = self.run.settings
        size = max(2, int(MAX_STEP_SECONDS / (3 * inference_seconds)))
        if self.run.device != "cpu" or size >= own.batch_size:
            return own
        micro = min(own.micro_batch, size) if own.micro_batch is not None else None
        return own.model_copy(update={"batch_size": size, "micro_batch": micro})

    def _batches(self, settings: Settings) -> Iterator[Batch]:
        images = first_images(self.data.train, MAX_IMAGES)
        stream = stream_of(self.run, self.data, settings, ENDLESS)
        return training_batches(images, stream, Feed("resident", self.compute.device))

    def _answered(self, model: models.Classifier, count: int) -> tuple[Evaluation, float]:
        """What the model answers for images of the test, or of validation, and the seconds that each takes."""
        parts = self.data.parts
        images = first_images(parts.get("test", parts.get("validation", self.data.train)), count)
        feed = Feed("resident", self.compute.device)
        start = time.perf_counter()
        evaluation = evaluate(model, evaluation_batches(images, EVALUATION_BATCH, feed), self.compute)
        return evaluation, (time.perf_counter() - start) / len(images)

    def _written(
        self, model: models.Classifier, found: Evaluation, counts: models.Counts, session: RunSession
    ) -> bytes:
        """Write what a run leaves, with made-up losses; returns the weights as who starts from them reads them."""
        losses = History(NUM_ROWS)
        for step in range(1, NUM_ROWS + 1):
            losses.add(step, 1, 1 / step, torch.tensor(1 / step))
            if session.curves is not None:
                session.curves.log(Progress(step, NUM_ROWS, step, 1 / step, 1 / step, float(step), 1 / step))
        metrics: dict[str, float | None] = dict.fromkeys(("validation_accuracy", "test_accuracy"), found.accuracy)
        facts, cost = self.data.facts(), dict.fromkeys(COSTS, 1.0)
        record = build_record(self.run, status="ok", data=facts, metrics=metrics, counts=vars(counts), cost=cost)
        self.store.write(Outcome(record, losses.table(), found.predictions, weights_bytes(model)))
        session.show_result(metrics, NUM_ROWS)
        session.close()
        weights = self.store.weights(self.run.key)
        safetensors.torch.load(weights)
        return weights

    def _bytes_beside_weights(self) -> int:
        """Of what a run leaves beside its weights and predictions."""
        folders = (self.store.run_folder(self.run.key), self.store.root / "curves")
        files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
        return sum(path.stat().st_size for path in files if path.name not in (WEIGHTS, "predictions.parquet"))


@dataclass(frozen=True)
class _Pace:
    seconds_per_image: float
    warm_up_seconds: float
    """beyond what its steps take later"""


def _pace(training: Trainer, batches: Iterator[Batch], session: RunSession, seconds: float) -> _Pace:
    """Take steps for so many seconds, watched as in a run, after some to warm up; at a rate of 0 nothing diverges.

    The clock waits for a GPU, and is read ever less often there.
    """
    taken, more = 0, 1
    growth = 2 if training.compute.device.type == "cuda" else 1

    def step() -> None:
        images, labels = next(batches)
        training.take_step(images, labels, 0.0)
        session.watch(training)

    training.begin()
    for _ in range(WARM_UP_STEPS):
        step()
    start = training.seconds
    while training.seconds - start < seconds:
        for _ in range(more):
            step()
        taken, more = taken + more, growth * more
    each = (training.seconds - start) / taken
    return _Pace(each / training.settings.batch_size, max(0.0, start - WARM_UP_STEPS * each))


def check_size(counts: models.Counts, device: torch.device) -> None:
    """Refuse a model that would take all memory for its weights and what training keeps beside each."""
    needed = COPIES * 4 * counts.parameters
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    if needed > free:
        raise TooLarge(
            f"its {counts.parameters:,} parameters need {needed / 1e9:.1f} GB in training; {free / 1e9:.1f} GB are free"
        )


def first_images(images: ImageSet, count: int) -> ImageSet:
    """The first images of a set, in memory."""
    part = ImageSet(images.source, images.labels[:count], images.ids[:count], images.image_size)
    return in_memory(part.images, part.labels)


def predictions_bytes(predictions: pd.DataFrame) -> tuple[int, float]:
    """What their file takes without any, and what each image adds."""
    empty = _parquet_bytes(predictions[:0])
    return empty, (_parquet_bytes(predictions) - empty) / len(predictions)


def _parquet_bytes(table: pd.DataFrame) -> int:
    buffer = BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.tell()
