"""Convert the budget of a run to a number of images.

A budget in seconds needs the model's training rate on this machine. It is measured once, before the first seed of the
model trains, and kept in the store, so that resumed and repeated runs see the same number of images.
"""

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path

from bench.errors import InputError
from bench.files.atomic import clear_errors, write_new
from bench.files.plain import read_json
from bench.plan.run import MIN_IMAGES, Budget, Run, canonical_json
from bench.store.store import Store
from models.spec.flops import TRAINING_FLOPS_PER_MAC


def images_of(run: Run, macs: int, store: Store, images_per_second: Callable[[], float]) -> int:
    """Return the number of images that a run sees.

    Args:
        run: the run.
        macs: the multiply-accumulates of its model per image.
        store: the store that keeps the training rates of models.
        images_per_second: measures the model's training rate; called if the store does not have it yet.

    Raises:
        ValueError: the budget is not enough for `MIN_IMAGES`.
    """
    budget = run.budget
    rate = calibrated(run, store, images_per_second) if budget.match == "seconds" else 0.0
    images = images_in(budget, macs, rate)
    if (rounded := round(images)) < MIN_IMAGES:
        raise ValueError(
            f"a budget of {budget.amount:g} {budget.match} is not enough for {MIN_IMAGES} images, which every training "
            "needs"
        )
    return rounded


def images_in(budget: Budget, macs: int, images_per_second: float) -> float:
    """Return the number of images in a budget, for a model with `macs` multiply-accumulates per image."""
    match budget.match:
        case "images":
            return budget.amount
        case "flops":
            return budget.amount / (TRAINING_FLOPS_PER_MAC * macs)
    return budget.amount * images_per_second


def calibrated(run: Run, store: Store, images_per_second: Callable[[], float]) -> float:
    """Return the training rate of a run's model from the store, or measure it and keep it there.

    Raises:
        InputError: the file of the rate is damaged. It is not measured again, since other seeds have used it.
    """
    path = calibration_path(run, store)
    rate = _read(path)
    if rate is None:
        with clear_errors(store.root):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_new(path, json.dumps({"model": run.model, "images_per_second": images_per_second()}).encode())
        rate = _read(path)  # another process may have written its rate first, which then counts
        assert rate is not None, f"{path} was written but cannot be read"
    return rate


def calibration_path(run: Run, store: Store) -> Path:
    """Return the file with the training rate of a run's model; all its seeds, data sets and subsets share it."""
    parts = {
        name: run.resolved()[name] for name in ("model", "image_size", "settings", "precision", "device", "threads")
    }
    return store.root / "calibrations" / f"{hashlib.sha256(canonical_json(parts).encode()).hexdigest()[:16]}.json"


def _read(path: Path) -> float | None:
    try:
        rate = float(read_json(path)["images_per_second"])
        if not 0 < rate < math.inf:
            raise ValueError(f"images_per_second is {rate:g}")
        return rate
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise InputError(
            f"{path}: damaged ({error}), and the number of images that this model's runs see depends on it; restore "
            "it, or move the store away and repeat all of its runs"
        ) from None
