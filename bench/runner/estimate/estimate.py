"""Estimate the time, FLOPs, memory and disk of runs from one timed step of each model. Imports no torch.

The time of a run is the sum of its training, its evaluation, the reading of its images, and its set-up. Some work is
done once per worker and serves several runs, such as the compilation of a model; it is spread evenly over these runs.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.plan.run import Run
from bench.runner.budget import images_in
from models.spec.flops import FLOPS_PER_MAC, TRAINING_FLOPS_PER_MAC

BYTES_PER_PARAMETER = 4
PREDICTION_BYTES = 36
"""The bytes per test image in `predictions.parquet`, after compression."""
FILES_BYTES = 20_000
"""The bytes of the record, the history, the curves, and the headers of the other files."""
MOMENTS = {"adamw": 2, "adam": 2, "sgd": 1}
"""The number of tensors of the weights' size that each optimizer keeps."""


@dataclass(frozen=True)
class TimedRun:
    """The timings of a run's model."""

    macs: int
    """The multiply-accumulates of a forward pass of one image."""
    parameters: int
    seconds_per_image: float
    """The seconds of training per image; for a probe, those of the features and the fit."""
    evaluation_seconds_per_image: float = 0.0
    setup_seconds: float = 0.0
    """The seconds to count and to build the model."""
    warm_up_seconds: float = 0.0
    """The extra seconds of the first step."""
    peak_memory_bytes: int | None = None
    """The peak on CUDA; None on a CPU."""


@dataclass(frozen=True)
class TimedData:
    """The timings and sizes of a run's data."""

    num_train: int = 0
    num_validation: int = 0
    num_test: int = 0
    open_seconds: float = 0.0
    """The seconds to open the data in a process that has opened it before."""
    read_seconds_per_image: float = 0.0
    is_resident: bool = True
    """Whether a run reads each training image once and keeps it in memory."""
    is_cached: bool = False
    """whether a process keeps the images for its later runs"""
    num_decoders: int = 1


@dataclass(frozen=True)
class Timings:
    """The timings of the models and the data of some runs."""

    models: Mapping[str, TimedRun]
    """The timings of models, by `model_key`."""
    data: Mapping[str, TimedData]
    """The timings of data, by `data_key`."""
    reasons: Mapping[str, str]
    """The reasons why the other models and data could not be timed, by `model_key` or `data_key`."""


@dataclass(frozen=True)
class RunEstimate:
    """The estimate of one run; zeros and a reason if its model or data could not be timed."""

    run: Run
    seconds: float = 0.0
    images: int = 0
    """The training images that the run sees, repetitions included."""
    training_flops: float = 0.0
    memory_bytes: int | None = None
    """The peak on CUDA; None on a CPU."""
    disk_bytes: int = 0
    """The bytes of the run's results."""
    checkpoint_bytes: int = 0
    """The bytes of the run's checkpoint, which exists only while it trains."""
    reason: str = ""
    """The reason why there is no estimate."""


@dataclass(frozen=True)
class Shares:
    """A run's shares of the work that serves several runs of a worker; 1 if the run does all of it."""

    reading: float = 1.0
    """The share of reading images."""
    warm_up: float = 1.0
    """The share of warming up the model."""
    evaluation: float = 1.0
    """The share of evaluating the network: all probes of one network share their features."""


def estimates(runs: Sequence[Run], timings: Timings, num_workers: int) -> list[RunEstimate]:
    """Estimate each run, in the given order."""
    readers, users = Counter(map(_data_set, runs)), Counter(map(model_key, runs))
    probes = Counter(_probed(run) for run in runs if run.probe is not None)

    def shares(run: Run) -> Shares:
        reading = num_workers / readers[_data_set(run)] if timings.data[data_key(run)].is_cached else 1.0
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
        num_train = 0 if run.probe.kind == "none" else data.num_train
        training_seconds = num_train * (timed.seconds_per_image + read_seconds)
        flops = FLOPS_PER_MAC * timed.macs * num_train
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


def seconds_by_key(run_estimates: Iterable[RunEstimate]) -> dict[str, float]:
    """Return the seconds of each run that could be estimated, by its key."""
    return {estimated.run.key: estimated.seconds for estimated in run_estimates if not estimated.reason}


def model_key(run: Run) -> str:
    """Return a text that is equal for runs whose training step takes the same time per image."""
    kind = f"{run.probe.kind} probe" if run.probe is not None else run.settings.model_dump_json()
    return f"{run.model} {run.image_size} {kind}"


def data_key(run: Run) -> str:
    """Return a text that is equal for runs that load the same number of images of the same data."""
    shots = run.probe.shots if run.probe is not None else None
    return f"{run.data_name} {run.image_size} {run.identity} {run.carved} {run.tests} {shots}"


def _data_set(run: Run) -> str:
    """Return a text that names a data set, whatever part of it a run uses: a process opens it once."""
    name = f"{run.target.name}:{run.target.path}" if run.target is not None else run.data_name
    return f"{name} {run.image_size}"


def _probed(run: Run) -> str:
    """Return a text that is equal for probes that share the features of validation and test images."""
    return f"{run.model} {run.external or run.starts_from} {_data_set(run)}"


def _step_seconds(run: Run, timed: TimedRun, data: TimedData) -> float:
    """Return the seconds of training per image, with the decoding of images that are not resident.

    On a CPU, decoding takes the time of the training's core. A GPU only waits if decoding is slower than training.
    """
    if data.is_resident:
        return timed.seconds_per_image
    if run.device == "cpu":
        return timed.seconds_per_image + data.read_seconds_per_image
    return max(timed.seconds_per_image, data.read_seconds_per_image / data.num_decoders)
