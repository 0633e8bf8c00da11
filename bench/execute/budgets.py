"""From a run's budget to the images that it sees.

Seconds become images once for all seeds of a model, by timing it on this machine before the first of them trains. The
store keeps what was found, so that a run that is resumed or repeated is the same run.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from bench.plan import Budget, Run, canonical_json
from bench.store import Store
from bench.writing import write_new

FLOPS_PER_MAC = 6
"""Of training: forward once, backward twice, two operations each."""


def images_of(run: Run, macs: int, store: Store, images_per_second: Callable[[], float]) -> int:
    """How many images a run sees; `images_per_second` times its model, and is called only where nobody has yet."""
    budget = run.budget
    if budget.match == "seconds":
        return _at_least_one(budget, calibrated(run, store, images_per_second) * budget.amount)
    return images_without_timing(budget, macs)


def images_without_timing(budget: Budget, macs: int) -> int:
    """The same for a budget of images or of training FLOPs."""
    assert budget.match != "seconds", "seconds have to be calibrated"
    if budget.match == "images":
        return int(budget.amount)
    return _at_least_one(budget, budget.amount / (FLOPS_PER_MAC * macs))


def calibrated(run: Run, store: Store, images_per_second: Callable[[], float]) -> float:
    """The rate that seconds are turned into images by: the store's, or a new one, which the store keeps."""
    path = calibration_path(run, store)
    kept = _read(path)
    if kept is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_new(path, json.dumps({"model": run.model, "images_per_second": images_per_second()}).encode())
        kept = _read(path)  # that of whoever came first, since another process may time the same model
        assert kept is not None, f"{path} was written, and cannot be read"
    return kept


def calibration_path(run: Run, store: Store) -> Path:
    """Where the rate of a run's model lies, or will: one for all its seeds, data sets and subsets."""
    parts = {
        name: run.resolved()[name] for name in ("model", "image_size", "settings", "precision", "device", "threads")
    }
    return store.root / "calibrations" / f"{hashlib.sha256(canonical_json(parts).encode()).hexdigest()[:16]}.json"


def _at_least_one(budget: Budget, images: float) -> int:
    """A budget that is too small for an image is a mistake that would pass as a result."""
    if images < 1:
        raise ValueError(f"a budget of {budget.amount:g} {budget.match} is not enough for one image")
    return round(images)


def _read(path: Path) -> float | None:
    try:
        return float(json.loads(path.read_text(encoding="utf-8"))["images_per_second"])
    except FileNotFoundError:
        return None
