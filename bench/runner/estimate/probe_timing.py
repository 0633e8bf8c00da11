"""A probe on a few of a run's images by the clock: features, the fit, and what is written."""

import tempfile
import time
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

import models
from bench.data.dataset import ImageSet
from bench.data.loading.batches import evaluation_batches
from bench.data.loading.pipelines import Feed
from bench.machine.memory import peak, reset_peak
from bench.plan.run import PROBES, Run
from bench.runner.estimate.estimate import Timing
from bench.runner.estimate.timing import Clock, check_size, first_images, predictions_bytes
from bench.runner.execute import weights_bytes
from bench.runner.pipeline_choice import EVALUATION_BATCH
from bench.runner.probe import SOLVERS
from bench.runner.run_data import RunData, load_run_data
from bench.store.new_record import build_record
from bench.store.store import Outcome, Store
from bench.training.compute import compute_on
from bench.training.linear_probe import Features, LinearProbe, features


def time_probe(run: Run, data_dir: Path) -> Timing:
    """Fit the probe of a run on the features that its network, with weights drawn anew, has of some images.

    What the fit takes counts with the images that it is fitted to, of which there may be more in the run.

    Raises:
        TooLarge: the network does not fit into memory.
        InputError: the data is not there.
    """
    torch.set_num_threads(run.threads)
    device = compute_on(run.device, run.precision).device
    data, fixed = load_run_data(run, data_dir), Clock()
    num_classes = len(data.class_names)
    with fixed.running():
        counts = models.count(run.model, num_classes=num_classes, image_size=run.image_size)
        check_size(counts, device)
        model = models.build(run.model, num_classes=num_classes, image_size=run.image_size, seed=0)
        safetensors.torch.load(weights_bytes(model))
        model.to(device)
    measures_memory = reset_peak(device)
    seen, seconds_per_image = _features(run, model, data.train)
    judged, _ = _features(run, model, data.validation)
    fitted, fit_seconds = _fit(run, seen, judged, num_classes)
    peak_memory = peak(device) if measures_memory else None
    with fixed.running():
        sizes = _written(run, data, counts, fitted, judged)
    return Timing(
        seconds_per_image + fit_seconds / len(seen.labels),
        counts.macs,
        counts.parameters,
        evaluation_seconds_per_image=seconds_per_image,
        fixed_seconds=fixed.seconds,
        peak_memory_bytes=peak_memory,
        **sizes,
    )


def _features(run: Run, model: models.Classifier, images: ImageSet) -> tuple[Features, float]:
    """Of some images, with the seconds that each took; the first ones warm up."""
    compute = compute_on(run.device, run.precision)
    some, feed = first_images(images, EVALUATION_BATCH), Feed("resident", compute.device)
    features(model, evaluation_batches(first_images(some, 2), 2, feed), compute)
    start = time.perf_counter()
    found = features(model, evaluation_batches(some, EVALUATION_BATCH, feed), compute)
    return found, (time.perf_counter() - start) / len(some)


def _fit(run: Run, seen: Features, judged: Features, num_classes: int) -> tuple[LinearProbe, float]:
    assert run.probe is not None, "a run without a probe trains its network"
    start = time.perf_counter()
    fitted = SOLVERS[PROBES[run.probe.kind]](seen, judged, num_classes)
    return fitted, time.perf_counter() - start


def _written(run: Run, data: RunData, counts: models.Counts, fitted: LinearProbe, judged: Features) -> dict[str, Any]:
    """Write what a probe leaves; returns the sizes that a timing holds."""
    predictions = fitted.evaluate(judged).predictions
    record = build_record(run, status="ok", data=data.facts(), counts=vars(counts))
    weights = safetensors.torch.save({"probe.weight": torch.from_numpy(fitted.weight.copy())})
    with tempfile.TemporaryDirectory(prefix="bench-timing-") as folder:
        store = Store(Path(folder))
        store.write(Outcome(record, None, predictions, weights))
        files = (store.run_folder(run.key) / "record.json").stat().st_size
    empty, each = predictions_bytes(predictions)
    return {
        "weights_bytes": len(weights),
        "files_bytes": files,
        "predictions_bytes": empty,
        "prediction_bytes_per_image": each,
    }
