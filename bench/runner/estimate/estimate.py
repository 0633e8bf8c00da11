"""What runs will take, from timings of their models and of their data: pure arithmetic. Imports no torch.

A run takes its training (its images at the measured rate), its evaluation, the reading or drawing of its images, the
search for duplicates between pretraining and test, and a fixed cost: the network's building and its files' writing.
What several runs share, such as images that stay in a process' memory, is spread evenly over them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.data.dataset import Pipeline
from bench.plan.run import Run
from bench.runner.budget import FLOPS_PER_MAC, images_in

FLOPS_PER_MAC_OF_FEATURES = 2
HASH_BYTES = 8
"""Of an image, in the store's list of what each set of images was hashed to."""


@dataclass(frozen=True)
class DataTiming:
    """What a run's images cost before a network sees them."""

    num_train: int = 0
    num_validation: int = 0
    num_test: int = 0
    open_seconds: float = 0.0
    """for a process that has had it open before"""
    read_seconds_per_image: float = 0.0
    """to decode or draw"""
    hash_seconds_per_image: float = 0.0
    pipeline: Pipeline = "resident"
    num_decoders: int = 1
    stays: bool = False
    """whether a process keeps what it has decoded, for its later runs"""
    resident_bytes: int = 0
    """of training images that lie on the device while a run trains"""

    @property
    def num_evaluated(self) -> int:
        """Images that a trained network answers for."""
        return self.num_validation + self.num_test

    @property
    def search_seconds_per_image(self) -> float:
        """Of the search for duplicates, which reads again what does not stay."""
        return self.hash_seconds_per_image + (0.0 if self.stays else self.read_seconds_per_image)


@dataclass(frozen=True)
class Shares:
    """What a run does of the work that one run does for others, on average over these."""

    readings: float = 1.0
    """times that it reads each image; less than one where others have left them in memory"""
    warm_ups: float = 0.0
    """times that it waits for compilation"""
    held_out: float = 1.0
    """times that it answers for validation and test images: probes of one network share their features"""
    search_seconds: float = 0.0
    """for duplicates between pretraining and test"""


@dataclass(frozen=True)
class Timing:
    """What a model costs in training, or in a probe, where its images are those of which features are taken."""

    seconds_per_image: float
    macs: int
    """of one image's forward pass"""
    parameters: int
    evaluation_seconds_per_image: float = 0.0
    fixed_seconds: float = 0.0
    """of a run: building, counting, optimizing nothing yet, and writing what it leaves"""
    warm_up_seconds: float = 0.0
    """of compilation, in each process"""
    peak_memory_bytes: int | None = None
    weights_bytes: int = 0
    checkpoint_bytes: int = 0
    files_bytes: int = 0
    """record, history and curves"""
    predictions_bytes: int = 0
    """of a file of none"""
    prediction_bytes_per_image: float = 0.0
    data: DataTiming = DataTiming()
    shares: Shares = Shares()

    @property
    def flops_per_image(self) -> int:
        """Of training on it."""
        return FLOPS_PER_MAC * self.macs


Timings = Mapping[str, Timing]
"""By `timing_key` of a run."""


@dataclass(frozen=True)
class Timed:
    """What was measured, and why the rest could not be."""

    timings: Timings
    reasons: Mapping[str, str]
    """By `timing_key`, too."""


@dataclass(frozen=True)
class RunEstimate:
    """What one run will take; nothing, and a reason, where it could not be timed or cannot be run."""

    run: Run
    seconds: float = 0.0
    images: int = 0
    """that it is trained on, repetitions included"""
    flops: float = 0.0
    """of training"""
    memory_bytes: int | None = None
    """at most, of its process on a CPU, else of the device; None where it could not be measured"""
    disk_bytes: int = 0
    """of what it leaves"""
    checkpoint_bytes: int = 0
    """while it runs"""
    reason: str = ""


def estimates(runs: Iterable[Run], timed: Timed) -> list[RunEstimate]:
    """One for each run, in their order."""
    return [_estimate(run, timed) for run in runs]


def estimated_seconds(run: Run, timings: Timings) -> float:
    """About how long one worker takes for a run; as long as the slowest model would, where its own was not timed."""
    timing = timings.get(timing_key(run))
    if timing is not None:
        return seconds_of(run, timing)
    return max((seconds_of(run, other) for other in timings.values()), default=0.0) if run.probe is None else 0.0


def seconds_of(run: Run, timing: Timing) -> float:
    """The same by a timing that is given."""
    data = timing.data
    evaluated = data.num_evaluated * (
        timing.evaluation_seconds_per_image + timing.shares.readings * data.read_seconds_per_image
    )
    around = data.open_seconds + timing.fixed_seconds + timing.shares.search_seconds
    return around + _training_seconds(run, timing) + timing.shares.held_out * evaluated


def images_of(run: Run, timing: Timing) -> int:
    """How many images a run trains on; a probe trains its network on none."""
    if run.probe is not None:
        return 0
    return round(images_in(run.budget, timing.macs, 1 / _step_seconds(run, timing)))


def model_key(run: Run) -> str:
    """What runs have in common whose steps cost as much an image."""
    kind = f"{run.probe.kind} probe" if run.probe is not None else run.settings.model_dump_json()
    return f"{run.model} {run.image_size} {kind}"


def data_key(run: Run) -> str:
    """What runs have in common that load as many images of the same kind."""
    shots = run.probe.shots if run.probe is not None else None
    return f"{run.data_name} {run.image_size} {run.identity} {run.carved} {shots}"


def timing_key(run: Run) -> str:
    """Both, in one stage: a transfer is searched for duplicates, and training from scratch is not."""
    return f"{run.stage} {model_key(run)} {data_key(run)}"


def data_set(run: Run) -> str:
    """What a process opens once, whatever part of it a run trains on."""
    name = f"{run.target.name}:{run.target.path}" if run.target is not None else run.data_name
    return f"{name} {run.image_size}"


def hash_lists_bytes(runs: Iterable[Run], timings: Timings) -> int:
    """What the store's lists of hashes take: one of each subset and of each test that a pretraining goes before."""
    sizes = {}
    for run in runs:
        if run.pretraining is not None and timing_key(run) in timings:
            sizes[data_set(run)] = timings[timing_key(run)].data.num_test
            sizes[data_key(run.pretraining)] = run.pretraining.subset_images or 0
    return HASH_BYTES * sum(sizes.values())


def _estimate(run: Run, timed: Timed) -> RunEstimate:
    key = timing_key(run)
    timing = timed.timings.get(key)
    if timing is None:
        return RunEstimate(run, reason=timed.reasons.get(key, "it was not timed"))
    images = images_of(run, timing)
    resident = timing.data.resident_bytes if run.probe is None else 0
    return RunEstimate(
        run,
        seconds_of(run, timing),
        images,
        _flops(run, timing, images),
        timing.peak_memory_bytes + resident if timing.peak_memory_bytes is not None else None,
        timing.files_bytes + timing.weights_bytes + _predictions_bytes(timing),
        timing.checkpoint_bytes,
    )


def _predictions_bytes(timing: Timing) -> int:
    """Without a test there is no such file."""
    tested = timing.data.num_test
    return timing.predictions_bytes + round(tested * timing.prediction_bytes_per_image) if tested else 0


def _flops(run: Run, timing: Timing, images: int) -> float:
    """Of training, as a record has it; of a probe the features of its training images."""
    if run.probe is not None:
        return float(FLOPS_PER_MAC_OF_FEATURES * timing.macs * timing.data.num_train)
    return float(timing.flops_per_image * images)


def _training_seconds(run: Run, timing: Timing) -> float:
    data, read = timing.data, timing.shares.readings * timing.data.read_seconds_per_image
    if run.probe is not None:
        return data.num_train * (timing.seconds_per_image + read)
    first = data.num_train * read if data.pipeline == "resident" else 0.0
    first += timing.shares.warm_ups * timing.warm_up_seconds
    if run.budget.match == "seconds":
        return first + run.budget.amount
    return first + images_of(run, timing) * _step_seconds(run, timing)


def _step_seconds(run: Run, timing: Timing) -> float:
    """Of one image: on a CPU its decoding takes a core's time from training, beside a GPU the longer of both counts."""
    data = timing.data
    if data.pipeline == "resident":
        return timing.seconds_per_image
    if run.device == "cpu":
        return timing.seconds_per_image + data.read_seconds_per_image
    return max(timing.seconds_per_image, data.read_seconds_per_image / data.num_decoders)
