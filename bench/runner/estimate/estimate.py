"""Compute what the runs of a suite take, from one timed step of each model. Imports no torch.

The time of a run is its training, its evaluation, the reading of its images, and its set-up. Work that one run does
for others of the same worker, such as the compilation of a model, is spread evenly over all of them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.plan.run import Run
from bench.runner.budget import images_in
from models.spec.flops import FLOPS_PER_MAC, TRAINING_FLOPS_PER_MAC

BYTES_PER_PARAMETER = 4
PREDICTION_BYTES = 16
"""Bytes per test image in `predictions.parquet`, after compression."""
FILES_BYTES = 20_000
"""Record, history, curves, and what the other files hold besides their numbers."""
MOMENTS = {"adamw": 2, "adam": 2, "sgd": 1}
"""Copies of the weights that each optimizer keeps."""


@dataclass(frozen=True)
class TimedRun:
    """What was measured of a run's model."""

    macs: int
    """multiply-accumulates of one image's forward pass"""
    parameters: int
    seconds_per_image: float
    """of training; of a probe, of the features and the fit"""
    evaluation_seconds_per_image: float = 0.0
    setup_seconds: float = 0.0
    """to count and to build the model"""
    warm_up_seconds: float = 0.0
    """of the first step, beyond those of a later step"""
    peak_memory_bytes: int | None = None
    """on CUDA; None on a CPU"""


@dataclass(frozen=True)
class TimedData:
    """What was measured of a run's data."""

    num_train: int = 0
    num_validation: int = 0
    num_test: int = 0
    open_seconds: float = 0.0
    """in a process that has opened it before"""
    read_seconds_per_image: float = 0.0
    is_resident: bool = True
    """whether a run reads each training image once, and keeps it"""
    is_kept: bool = False
    """whether a process keeps the images for its later runs"""
    num_decoders: int = 1


@dataclass(frozen=True)
class Timings:
    """What was measured of the models and the data of some runs."""

    models: Mapping[str, TimedRun]
    """by `model_key`"""
    data: Mapping[str, TimedData]
    """by `data_key`"""
    reasons: Mapping[str, str]
    """why the others could not be measured, by either key"""


@dataclass(frozen=True)
class RunEstimate:
    """What one run takes; zeros and a reason if its model or data could not be timed."""

    run: Run
    seconds: float = 0.0
    images: int = 0
    """training images, repetitions included"""
    training_flops: float = 0.0
    memory_bytes: int | None = None
    """the peak on CUDA; None on a CPU"""
    disk_bytes: int = 0
    """of the run's results"""
    checkpoint_bytes: int = 0
    """while the run trains"""
    reason: str = ""


@dataclass(frozen=True)
class Shares:
    """How often a run does, on average, what one run does for all others in its worker."""

    reading: float = 1.0
    """reads each image"""
    warm_up: float = 1.0
    """warms up its model"""
    evaluation: float = 1.0
    """evaluates its network: all probes of one network share their features"""


def estimates(runs: Sequence[Run], timings: Timings, num_workers: int) -> list[RunEstimate]:
    """Estimate each run, in the given order."""
    readers, users = Counter(map(_data_set, runs)), Counter(map(model_key, runs))
    probes = Counter(_probed(run) for run in runs if run.probe is not None)

    def shares(run: Run) -> Shares:
        reading = num_workers / readers[_data_set(run)] if timings.data[data_key(run)].is_kept else 1.0
        evaluation = num_workers / probes[_probed(run)] if run.probe is not None else 1.0
        return Shares(*(min(1.0, share) for share in (reading, num_workers / users[model_key(run)], evaluation)))

    def estimated(run: Run) -> RunEstimate:
        for key in (data_key(run), model_key(run)):
            if key in timings.reasons:
                return RunEstimate(run, reason=timings.reasons[key])
        return estimate(run, timings.models[model_key(run)], timings.data[data_key(run)], shares(run))

    return [estimated(run) for run in runs]


def estimate(run: Run, timed: TimedRun, data: TimedData, shares: Shares = Shares()) -> RunEstimate:
    """Estimate a run from the timings of its model and data."""
    read_seconds = shares.reading * data.read_seconds_per_image
    evaluated = shares.evaluation * (data.num_validation + data.num_test)
    weights_bytes = BYTES_PER_PARAMETER * timed.parameters
    copies = 1 + MOMENTS[run.settings.optimizer] + (run.settings.ema is not None)
    step_seconds = _step_seconds(run, timed, data)
    images = 0 if run.probe else round(images_in(run.budget, timed.macs, 1 / step_seconds))
    if run.probe is not None:
        training_seconds = data.num_train * (timed.seconds_per_image + read_seconds)
        flops = FLOPS_PER_MAC * timed.macs * data.num_train
    else:
        reading_seconds = data.num_train * read_seconds if data.is_resident else 0.0
        training_seconds = reading_seconds + shares.warm_up * timed.warm_up_seconds + images * step_seconds
        flops = TRAINING_FLOPS_PER_MAC * timed.macs * images
    return RunEstimate(
        run,
        seconds=data.open_seconds
        + timed.setup_seconds
        + training_seconds
        + evaluated * (timed.evaluation_seconds_per_image + read_seconds),
        images=images,
        training_flops=float(flops),
        memory_bytes=timed.peak_memory_bytes,
        disk_bytes=FILES_BYTES + (0 if run.probe else weights_bytes) + PREDICTION_BYTES * data.num_test,
        checkpoint_bytes=0 if run.probe else copies * weights_bytes,
    )


def seconds_by_key(found: Iterable[RunEstimate]) -> dict[str, float]:
    """Return the seconds of each run that could be estimated, by its key."""
    return {estimated.run.key: estimated.seconds for estimated in found if not estimated.reason}


def model_key(run: Run) -> str:
    """Return a text that runs share if a training step costs them the same per image."""
    kind = f"{run.probe.kind} probe" if run.probe is not None else run.settings.model_dump_json()
    return f"{run.model} {run.image_size} {kind}"


def data_key(run: Run) -> str:
    """Return a text that runs share if they load the same number of images of the same kind."""
    shots = run.probe.shots if run.probe is not None else None
    return f"{run.data_name} {run.image_size} {run.identity} {run.carved} {run.tests} {shots}"


def _data_set(run: Run) -> str:
    """Return a text for what a process opens once, whatever part of it a run trains on."""
    name = f"{run.target.name}:{run.target.path}" if run.target is not None else run.data_name
    return f"{name} {run.image_size}"


def _probed(run: Run) -> str:
    """Return a text that probes share if they share the features of validation and test images."""
    return f"{run.model} {run.external or run.starts_from} {_data_set(run)}"


def _step_seconds(run: Run, timed: TimedRun, data: TimedData) -> float:
    """Return the training seconds per image: on a CPU, decoding takes a core from training; a GPU waits for it."""
    if data.is_resident:
        return timed.seconds_per_image
    if run.device == "cpu":
        return timed.seconds_per_image + data.read_seconds_per_image
    return max(timed.seconds_per_image, data.read_seconds_per_image / data.num_decoders)
