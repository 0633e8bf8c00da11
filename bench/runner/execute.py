"""One run from start to end: lock it, load its data, fit and evaluate a model, write the record.

Two strategies fit a model: `train_network` trains the whole network, `fit_probe` fits a linear classifier on its
features. A failed attempt leaves a record too.
"""

import datetime
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch

import models
from bench.files.atomic import StoreError
from bench.files.locks import acquire
from bench.machine.device import device_name
from bench.machine.memory import is_out_of_memory
from bench.plan.run import Run
from bench.runner.contamination import duplicates, num_contaminated
from bench.runner.fit import train_network
from bench.runner.pipeline_choice import loader_for, pipeline_facts
from bench.runner.probe import fit_probe
from bench.runner.run_data import RunData, load_run_data
from bench.runner.run_options import DEFAULT_OPTIONS, Interrupted, RunOptions
from bench.runner.session import RunSession
from bench.runner.strategy import FittedModel, RunInputs
from bench.store.new_record import build_record, failure
from bench.store.store import Outcome, Record, Store
from bench.training.compute import compute_on
from bench.training.evaluate import Evaluation
from bench.training.history import Diverged

MAX_LOG_PROBABILITIES = 2**27
"""The largest number of log-probabilities of validation images, 1 GiB of them, that a temperature is fitted to."""


def execute(
    run: Run,
    store: Store,
    data_dir: Path,
    options: RunOptions = DEFAULT_OPTIONS,
    *,
    known: str | None = None,
    new_session: Callable[[Run, Store, RunOptions], RunSession] = RunSession,
) -> Record | None:
    """Execute a run and write its outcome, unless another process executes it or has finished it.

    Args:
        run: the run.
        store: the store that its outcome is written to.
        data_dir: the folder of downloaded data sets.
        options: the options that change no result.
        known: the start time of the failed attempt that may be repeated; any other outcome in the store is final.
        new_session: creates the run's session; by default nothing asks the run to stop.

    Returns:
        The record; None if another process executes the run now.

    Raises:
        Interrupted: the process was asked to stop; a checkpoint keeps the progress.
        StoreError: the outcome cannot be written.
    """
    lock = acquire(store.running_folder(run.key))
    if lock is None:
        return None
    with lock:
        record = store.read(run.key)
        if record is not None and record["status"] != "ok" and record.get("started_at", "") != (known or ""):
            return record  # another process failed meanwhile; its attempt counts as this call's
        if record is None or record["status"] != "ok":
            started_at, start = datetime.datetime.now(datetime.UTC), time.perf_counter()
            with closing(new_session(run, store, options)) as session:
                try:
                    outcome = carry_out(run, store, data_dir, session)
                except (Interrupted, StoreError):
                    raise
                except Exception as error:
                    outcome = Outcome(failure(run, *_diagnose(error)), traceback=traceback.format_exc())
                outcome.record["cost"]["total_seconds"] = time.perf_counter() - start
                outcome.record["started_at"] = started_at.isoformat(timespec="microseconds")
                record = _keep(outcome, store, session)
        lock.release(finished=True)
    return record


def carry_out(run: Run, store: Store, data_dir: Path, session: RunSession) -> Outcome:
    """Load the images of a run, fit its model, evaluate it, and build the record."""
    torch.set_num_threads(run.threads)
    # Deterministic CUDA kernels are slower, so they are used only on request. CPU kernels are deterministic anyway.
    torch.use_deterministic_algorithms(run.deterministic and run.device == "cuda")
    compute = compute_on(run.device, run.precision)
    data = load_run_data(run, data_dir)
    loaders = {split: loader_for(images, run, compute.device) for split, images in data.parts.items()}
    counts = models.count(run.model, num_classes=len(data.class_names), image_size=run.image_size)
    inputs = RunInputs(run, data, loaders, counts, store, compute)
    fitted = (train_network if run.probe is None else fit_probe)(inputs, session)
    session.show("evaluating")
    evaluations = _evaluate(fitted, data)
    record = build_record(
        run,
        status="ok",
        device_name=device_name(fitted.device),
        data={
            **data.facts(),
            "num_single_colour": data.num_single_colour(),
            "num_contaminated": num_contaminated(run, data, store, data_dir),
            **duplicates(run, data, store, loaders),
            **_facts_of_test(evaluations.get("test")),
            **_facts_of_validation(evaluations.get("validation")),
            "validation_classes": _by_class(evaluations.get("validation"), len(data.class_names)),
            **pipeline_facts(loaders),
        },
        metrics=_metrics(fitted, evaluations),
        counts=vars(counts),
        cost=fitted.cost,
    )
    record["notes"] += data.notes if data.test is not None else ()
    predictions = evaluations["test"].predictions if "test" in evaluations else None
    if predictions is not None and data.clusters is not None:
        predictions = predictions.assign(cluster=data.clusters[predictions["id"]])
    return Outcome(record | fitted.facts, fitted.history, predictions, fitted.weights)


def _evaluate(fitted: FittedModel, data: RunData) -> dict[str, Evaluation]:
    """Evaluate each split once: validation before test, since it gives the temperature of the test images."""
    evaluations: dict[str, Evaluation] = {}
    temperature: float | None = None
    if "validation" in data.parts:
        num_values = len(data.parts["validation"]) * len(data.class_names)
        is_fitted = fitted.has_loss and num_values <= MAX_LOG_PROBABILITIES
        evaluations["validation"] = fitted.evaluate("validation", "fitted" if is_fitted else None)
        temperature = evaluations["validation"].temperature
    if "test" in data.parts:
        evaluations["test"] = fitted.evaluate("test", temperature)
    return evaluations


def _facts_of_test(evaluation: Evaluation | None) -> dict[str, Any]:
    """Return the record's fields about the classes of the test images that were classified."""
    sizes = evaluation.class_sizes if evaluation is not None else None
    return {
        "num_test_images": int(sizes.sum()) if sizes is not None else None,
        "constant_answer": float(sizes.max() / sizes.sum()) if sizes is not None else None,
        "smallest_test_class_images": int(sizes.min()) if sizes is not None else None,
        "largest_test_class_images": int(sizes.max()) if sizes is not None else None,
    }


def _facts_of_validation(evaluation: Evaluation | None) -> dict[str, Any]:
    """Return the record's fields about the validation images, which say whether a trial learned anything."""
    sizes = evaluation.class_sizes if evaluation is not None else None
    return {
        "num_validation_images": int(sizes.sum()) if sizes is not None else None,
        "constant_validation_answer": float(sizes.max() / sizes.sum()) if sizes is not None else None,
    }


def _by_class(evaluation: Evaluation | None, num_classes: int) -> dict[str, list[int]] | None:
    """Return, for each class, the number of images, of images answered correctly, and of images given this answer."""
    if evaluation is None:
        return None
    labels, answers = (evaluation.predictions[name].to_numpy() for name in ("label", "prediction"))
    counted = {"images": labels, "right": labels[labels == answers], "answers": answers}
    return {name: np.bincount(each, minlength=num_classes).tolist() for name, each in counted.items()}


def _metrics(fitted: FittedModel, evaluations: dict[str, Evaluation]) -> dict[str, float | None]:
    metrics = {"train_loss": fitted.train_loss}
    for split in ("validation", "test"):
        evaluation = evaluations.get(split)
        has_loss = evaluation is not None and fitted.has_loss and np.isfinite(evaluation.loss)
        metrics[f"{split}_loss"] = evaluation.loss if evaluation is not None and has_loss else None
        metrics[f"{split}_accuracy"] = evaluation.accuracy if evaluation is not None else None
    test = evaluations.get("test")
    metrics["test_balanced_accuracy"] = test.balanced_accuracy if test is not None else None
    metrics["num_answers"] = test.num_answers if test is not None else None
    validation = evaluations.get("validation")
    for column in ("label_rank", "confidence", "brier", "scaled_confidence", "scaled_loss"):
        is_known = validation is not None and (fitted.has_loss or column == "label_rank")
        metrics[f"validation_{column}"] = validation.mean(column) if validation is not None and is_known else None
    metrics["temperature"] = validation.temperature if validation is not None else None
    return metrics


def _diagnose(error: Exception) -> tuple[str, str]:
    """Return the status and the reason of a failed run."""
    if isinstance(error, Diverged):
        return "diverged", str(error)
    if is_out_of_memory(error):
        return "out_of_memory", str(error).partition("\n")[0] or "the machine's memory ran out"
    return "failed", f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _keep(outcome: Outcome, store: Store, session: RunSession) -> Record:
    """Write an outcome with the session's notes and resumes, and return the record."""
    session.show("writing")
    outcome = outcome.with_record(
        notes=[*outcome.record["notes"], *session.notes],
        num_resumes=len(session.resumed_at),
        resumed_at_step=session.resumed_at,
    )
    store.write(outcome)
    session.draw_result(outcome.record)
    return outcome.record
