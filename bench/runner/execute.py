"""One run, from its description to its outcome: load, train or probe, evaluate. Every attempt ends in a record."""

import datetime
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

import models
from bench.data.dataset import ImageSet
from bench.data.loading.batches import evaluation_batches
from bench.data.loading.pipelines import Feed
from bench.files.locks import acquire
from bench.files.writing import StoreError
from bench.machine.device import device_name
from bench.machine.memory import free_memory, is_out_of_memory, peak, reset_peak
from bench.plan.run import Run
from bench.runner.budget import FLOPS_PER_MAC
from bench.runner.contamination import num_contaminated
from bench.runner.fit import FittedModel, fit_run
from bench.runner.pipeline_choice import EVALUATION_BATCH, feed_for, pipeline_facts
from bench.runner.probe import probe
from bench.runner.run_data import load_run_data
from bench.runner.run_options import DEFAULT_OPTIONS, Interrupted, RunOptions
from bench.runner.session import RunSession
from bench.store.new_record import build_record, failure
from bench.store.store import Outcome, Record, Store
from bench.training.compute import Compute, compute_on
from bench.training.evaluate import Evaluation, evaluate
from bench.training.history import Diverged
from bench.training.loop import TrainResult


def never() -> bool:
    """Nobody asks the run to stop."""
    return False


def execute(
    run: Run,
    store: Store,
    data_dir: Path,
    options: RunOptions = DEFAULT_OPTIONS,
    *,
    known: str | None = None,
    sit: Callable[[Run, Store, RunOptions], RunSession] | None = None,
) -> Record | None:
    """Do a run and keep its outcome, whatever it is, unless another process does it or has done it meanwhile.

    Args:
        known: when the failed attempt was started that the store is known to hold; any other outcome counts.
        sit: makes the run's session; without it nobody asks the run to stop.

    Returns:
        The record; None while another process does the run.

    Raises:
        Interrupted: the process was asked to stop; a checkpoint has what there is.
        StoreError: the outcome cannot be written.
    """
    lock = acquire(store.running_folder(run.key))
    if lock is None:
        return None
    with lock:
        record = store.read(run.key)
        if record is not None and record["status"] != "ok" and record.get("started_at", "") != (known or ""):
            return record  # another process' attempt, which may have left a checkpoint
        if record is None or record["status"] != "ok":
            session = sit(run, store, options) if sit else RunSession(run, store, options, never)
            with closing(session):
                record = _done(run, store, data_dir, session)
        lock.release(finished=True)
    return record


def _done(run: Run, store: Store, data_dir: Path, session: RunSession) -> Record:
    outcome = attempt(lambda: _outcome(run, store, data_dir, session), run)
    session.say("writing")
    outcome = outcome.with_record(
        notes=[*outcome.record["notes"], *session.notes],
        num_resumes=len(session.resumed_at),
        resumed_at_step=session.resumed_at,
    )
    store.write(outcome)
    session.show_result(outcome.record["metrics"], outcome.record["cost"].get("images_seen", 0))
    return outcome.record


def attempt(job: Callable[[], Outcome], run: Run) -> Outcome:
    """The job's outcome, or the record of how it failed."""
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")
    clock = time.perf_counter()
    try:
        outcome = job()
    except (Interrupted, StoreError):
        raise
    except Exception as error:
        status, reason = _diagnose(error)
        outcome = Outcome(failure(run, status, reason), traceback=traceback.format_exc())
    outcome.record["cost"]["total_seconds"] = time.perf_counter() - clock
    return outcome.with_record(started_at=started)


def _diagnose(error: Exception) -> tuple[str, str]:
    if isinstance(error, Diverged):
        return "diverged", str(error)
    if is_out_of_memory(error):
        return "out_of_memory", str(error).partition("\n")[0] or "the machine's memory ran out"
    return "failed", f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _outcome(run: Run, store: Store, data_dir: Path, session: RunSession) -> Outcome:
    torch.set_num_threads(run.threads)
    with _repeatable(run):
        if run.probe is not None:
            return probe(run, store, data_dir)
        return _train_and_evaluate(run, store, data_dir, session)


def _train_and_evaluate(run: Run, store: Store, data_dir: Path, session: RunSession) -> Outcome:
    compute = compute_on(run.device, run.precision)
    data = load_run_data(run, data_dir)
    feeds = {name: feed_for(part, run, compute.device) for name, part in data.parts.items()}
    measures_memory = reset_peak(compute.device)
    fitted = fit_run(run, data, feeds["train"], store, compute, session)
    peak_memory = peak(compute.device) if measures_memory else None
    session.say("evaluating")
    found = {
        name: _evaluate(fitted.model, part, feeds[name], compute)
        for name, part in data.parts.items()
        if name != "train"
    }
    record = build_record(
        run,
        status="ok",
        device_name=device_name(run.device),
        data={
            **data.facts(),
            "num_contaminated": num_contaminated(run, data, store, data_dir),
            **pipeline_facts(feeds),
        },
        metrics=_metrics(fitted.fit, found),
        counts=vars(fitted.counts),
        cost=_cost(fitted, peak_memory),
    )
    predictions = found["test"].predictions if "test" in found else None
    return Outcome(record, fitted.fit.history, predictions, weights_bytes(fitted.model))


def weights_bytes(model: models.Classifier) -> bytes:
    """A model's state dict as safetensors; clones, since a network may have one tensor under two names."""
    return safetensors.torch.save(
        {name: tensor.cpu().clone(memory_format=torch.contiguous_format) for name, tensor in model.state_dict().items()}
    )


def _evaluate(model: models.Classifier, images: ImageSet, feed: Feed, compute: Compute) -> Evaluation:
    """Answer for a split, with fewer images at once where memory is short."""
    size = EVALUATION_BATCH
    while (evaluation := _evaluated(model, images, feed, compute, size)) is None:
        size = -(-size // 2)
        free_memory()
    return evaluation


def _evaluated(
    model: models.Classifier, images: ImageSet, feed: Feed, compute: Compute, size: int
) -> Evaluation | None:
    """None where memory ran out, unless that was at one image at a time."""
    try:
        return evaluate(model, evaluation_batches(images, size, feed), compute)
    except Exception as error:
        if not is_out_of_memory(error) or size == 1:
            raise
        return None


def _metrics(fitted: TrainResult, found: dict[str, Evaluation]) -> dict[str, float | None]:
    metrics: dict[str, float | None] = {"train_loss": fitted.train_loss}
    for name in ("validation", "test"):
        evaluation = found.get(name)
        metrics[f"{name}_loss"] = _finite(evaluation.loss) if evaluation else None
        metrics[f"{name}_accuracy"] = evaluation.accuracy if evaluation else None
    return metrics


def _cost(fitted: FittedModel, peak_memory: int | None) -> dict[str, Any]:
    """What the run took by each of the measures that budgets may be matched by, whichever this one's is."""
    fit = fitted.fit
    return {
        "images_seen": fit.images_seen,
        "training_flops": FLOPS_PER_MAC * fitted.counts.macs * fit.images_seen,
        "train_seconds": fit.train_seconds,
        "images_per_second": fit.images_seen / fit.train_seconds,
        "peak_memory_bytes": peak_memory,
        "micro_batch": fitted.micro_batch,
    }


@contextmanager
def _repeatable(run: Run) -> Iterator[None]:
    """Let CUDA use only kernels that repeat themselves, where the suite asks for that."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(run.deterministic and run.device == "cuda")
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
