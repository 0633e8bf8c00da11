"""What a worker process does: whole runs, timings for the estimate, counts. The fork server imports this beforehand."""

import logging
import multiprocessing
import signal
import time
from pathlib import Path

import torch

import models
from bench.execute.job import execute
from bench.plan import Run
from bench.store import Record, Store
from bench.train.loop import accelerator_for, fit

TIMED_STEPS = 6


def start() -> None:
    """Leave Ctrl-C to the parent, which ends its workers itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    multiprocessing.current_process().daemon = False  # so that a run may have processes that decode for it
    logging.getLogger("accelerate").setLevel(logging.ERROR)


def do_run(run: Run, store: Store, data_dir: Path) -> Record:
    """Do a run and keep its outcome; returns its record."""
    return execute(run, store, data_dir)


def count(model: str, num_classes: int, image_size: int) -> models.Counts:
    """A model's parameters and multiply-accumulates."""
    return models.count(model, num_classes=num_classes, image_size=image_size)


def seconds_per_image(run: Run, num_classes: int = 10) -> float:
    """Time a few training steps of a run's model on random images, after one to warm up."""
    torch.set_num_threads(run.threads)
    accelerator = accelerator_for(run.device, run.precision)
    model = models.build(run.model, num_classes=num_classes, image_size=run.image_size, seed=0)
    model.to(accelerator.device)
    size = run.settings.batch_size
    images = torch.randn(size, 3, run.image_size, run.image_size, device=accelerator.device)
    labels = torch.arange(size, device=accelerator.device) % num_classes
    fit(model, [(images, labels)], 1, run.settings, accelerator)
    start = time.perf_counter()
    fit(model, [(images, labels)] * TIMED_STEPS, TIMED_STEPS, run.settings, accelerator)
    return (time.perf_counter() - start) / (TIMED_STEPS * size)
