"""From a run's budget to the images that it sees.

Seconds become images once for all seeds of a model, by timing it on this machine before the first of them trains. The
store keeps that rate, so that a run that is resumed or repeated is the same run.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from bench.errors import InputError
from bench.files.writing import clear_errors, write_new
from bench.plan.run import Budget, Run, canonical_json
from bench.store.store import Store
from models.spec.flops import TRAINING_FLOPS_PER_MAC


def images_of(run: Run, macs: int, store: Store, images_per_second: Callable[[], float]) -> int:
    """Return how many images a run sees; `images_per_second` times its model, unless the store knows the rate.

    Raises:
        ValueError: the budget is not enough for one image: an untrained model would pass as a result.
    """
    budget = run.budget
    rate = calibrated(run, store, images_per_second) if budget.match == "seconds" else 0.0
    images = images_in(budget, macs, rate)
    if images < 1:
        raise ValueError(f"a budget of {budget.amount:g} {budget.match} is not enough for one image")
    return round(images)


def images_in(budget: Budget, macs: int, images_per_second: float) -> float:
    """Return how many images a budget holds, of a model with `macs` multiply-accumulates per image."""
    match budget.match:
        case "images":
            return budget.amount
        case "flops":
            return budget.amount / (TRAINING_FLOPS_PER_MAC * macs)
    return budget.amount * images_per_second


def calibrated(run: Run, store: Store, images_per_second: Callable[[], float]) -> float:
    """Return the images per second by which seconds become images: the store's rate, or a new one for the store.

    Raises:
        InputError: the store's rate is damaged. It is not measured anew, since other seeds have used it.
    """
    path = calibration_path(run, store)
    rate = _read(path)
    if rate is None:
        with clear_errors(store.root):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_new(path, json.dumps({"model": run.model, "images_per_second": images_per_second()}).encode())
        rate = _read(path)  # of the first process to write it, since another may time the same model
        assert rate is not None, f"{path} was written, and cannot be read"
    return rate


def calibration_path(run: Run, store: Store) -> Path:
    """Return the file of the rate of a run's model, which all its seeds, data sets and subsets share."""
    parts = {
        name: run.resolved()[name] for name in ("model", "image_size", "settings", "precision", "device", "threads")
    }
    return store.root / "calibrations" / f"{hashlib.sha256(canonical_json(parts).encode()).hexdigest()[:16]}.json"


def _read(path: Path) -> float | None:
    try:
        return float(json.loads(path.read_text(encoding="utf-8"))["images_per_second"])
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path}: damaged ({error}), and the number of images that this model's runs see depends on it; restore "
            "it, or move the store away and do all of its runs anew"
        ) from None
