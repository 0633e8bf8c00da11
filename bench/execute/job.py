"""One run, from its description to its outcome: build, train, evaluate. Every attempt ends in a record."""

import datetime
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from accelerate import Accelerator

import models
from bench.data.batches import evaluation_batches, training_batches
from bench.data.hashing import stream_seed
from bench.data.pipelines import Feed
from bench.data.plans import Stream
from bench.data.sets import ImageSet
from bench.execute.augmentation import augmentation_of
from bench.execute.contamination import num_contaminated
from bench.execute.environment import peak_memory_bytes, reset_peak_memory
from bench.execute.feeding import delivery, feed_for
from bench.execute.material import load_material
from bench.execute.record import build_record, failure
from bench.outside import OutsideModel
from bench.plan import Run
from bench.store import Outcome, Record, Store
from bench.train.evaluate import Evaluation, evaluate
from bench.train.loop import Diverged, Fit, accelerator_for, fit, num_steps
from models.outside import outside_weights
from models.weights import load_weights

EVALUATION_BATCH = 250
"""Images at once; it changes no answer beyond the last bits."""


def execute(run: Run, store: Store, data_dir: Path) -> Record:
    """Do a run and keep its outcome, whatever it is; returns the record."""
    outcome = attempt(lambda: _train_and_evaluate(run, store, data_dir), run)
    store.write(outcome)
    return outcome.record


def attempt(job: Callable[[], Outcome], run: Run) -> Outcome:
    """The job's outcome, or the record of how it failed."""
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    clock = time.perf_counter()
    try:
        outcome = job()
    except Exception as error:
        status, reason = _diagnose(error)
        outcome = Outcome(failure(run, status, reason), traceback=traceback.format_exc())
    outcome.record["cost"]["total_seconds"] = time.perf_counter() - clock
    return Outcome(**(vars(outcome) | {"record": outcome.record | {"started_at": started}}))


def _diagnose(error: Exception) -> tuple[str, str]:
    if isinstance(error, Diverged):
        return "diverged", str(error)
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return "out_of_memory", str(error).partition("\n")[0] or "the machine's memory ran out"
    return "failed", f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _train_and_evaluate(run: Run, store: Store, data_dir: Path) -> Outcome:
    torch.set_num_threads(run.threads)
    accelerator = accelerator_for(run.device, run.precision)
    material = load_material(run, data_dir)
    num_classes = len(material.class_names)
    model = _model(run, store, num_classes).to(accelerator.device)
    counts = models.count(run.model, num_classes=num_classes, image_size=run.image_size)

    measures_memory = _reset_peak(accelerator)
    augmentation = augmentation_of(run.settings, flip=material.flip, augmentable=material.augmentable)
    stream = Stream(run.seed, run.stage, run.images, run.settings.batch_size, augmentation, num_classes)
    feeds = {name: feed_for(part, run, accelerator.device) for name, part in material.parts.items()}
    batches = training_batches(material.train, stream, feeds["train"])
    torch.manual_seed(stream_seed(run.seed, f"drop {run.stage}"))  # for layers that draw while training
    fitted = fit(model, batches, num_steps(run.images, run.settings.batch_size), run.settings, accelerator)
    peak = _peak(accelerator) if measures_memory else None
    validation = _evaluate(model, material.validation, feeds["validation"], accelerator)
    test = _evaluate(model, material.test, feeds["test"], accelerator) if material.test else None

    record = build_record(
        run,
        status="ok",
        device_name=_device_name(run),
        data={
            "subset_hash": material.subset_hash,
            "split_hash": material.split_hash,
            **material.subset_classes(),
            "num_images": len(material.train),
            "num_classes": num_classes,
            "class_names": list(material.class_names),
            "num_contaminated": num_contaminated(run, material, store, data_dir),
            **delivery(feeds),
        },
        metrics=_metrics(fitted, validation, test),
        counts={"parameters": counts.parameters, "macs": counts.macs, "tokens": counts.tokens},
        cost={
            "images_seen": fitted.images_seen,
            "training_flops": 6 * counts.macs * fitted.images_seen,
            "train_seconds": fitted.train_seconds,
            "images_per_second": fitted.images_seen / fitted.train_seconds,
            "peak_memory_bytes": peak,
        },
    )
    # clones, since a network may have one tensor under two names
    weights = {
        name: tensor.cpu().clone(memory_format=torch.contiguous_format) for name, tensor in model.state_dict().items()
    }
    return Outcome(record, fitted.history, test.predictions if test else None, safetensors.torch.save(weights))


def _model(run: Run, store: Store, num_classes: int) -> models.Classifier:
    """A model with initial weights from the seed, or with the weights that the run starts from and a new head."""
    init, head = stream_seed(run.seed, "init"), stream_seed(run.seed, "head")
    if run.outside is not None:
        model = _from_outside(run.outside, num_classes, run.image_size, init)
    elif run.starts_from is not None:
        model = _from_run(run, run.starts_from, store, init)
    else:
        return models.build(run.model, num_classes=num_classes, image_size=run.image_size, seed=init)
    model.replace_head(num_classes, seed=head)
    return model


def _from_run(run: Run, key: str, store: Store, seed: int) -> models.Classifier:
    """The model with the weights that another run left, its head included."""
    weights = safetensors.torch.load(store.weights(key))
    num_classes = len(weights["head.weight"])
    model = models.build(run.model, num_classes=num_classes, image_size=run.image_size, seed=seed)
    load_weights(model, weights, f"run {key}, weights of {run.model}")
    return model


def _from_outside(outside: OutsideModel, num_classes: int, image_size: int, seed: int) -> models.Classifier:
    """The model with weights made elsewhere, if they are still those that the suite was resolved with."""
    spec = models.parse_spec(outside.model)
    if outside_weights(spec).sha256 != outside.sha256:
        raise models.SpecError(f"the weights of {spec} have changed: their SHA-256 was {outside.sha256}")
    return models.build(spec, num_classes=num_classes, image_size=image_size, seed=seed)


def _evaluate(model: models.Classifier, images: ImageSet, feed: Feed, accelerator: Accelerator) -> Evaluation:
    return evaluate(model, evaluation_batches(images, EVALUATION_BATCH, feed), accelerator)


def _metrics(fitted: Fit, validation: Evaluation, test: Evaluation | None) -> dict[str, float | None]:
    return {
        "train_loss": fitted.train_loss,
        "validation_loss": _finite(validation.loss),
        "validation_accuracy": validation.accuracy,
        "test_loss": _finite(test.loss) if test else None,
        "test_accuracy": test.accuracy if test else None,
    }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _device_name(run: Run) -> str:
    if run.device == "cuda" and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return run.device


def _reset_peak(accelerator: Accelerator) -> bool:
    if accelerator.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return True
    return reset_peak_memory()


def _peak(accelerator: Accelerator) -> int:
    return torch.cuda.max_memory_allocated() if accelerator.device.type == "cuda" else peak_memory_bytes()
