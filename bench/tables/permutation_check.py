"""Check on the target `arrangement` whether a run gives one answer to all arrangements of the same patches.

The test images of an instance, one per class, contain the same patches. A model that does not see the positions of
patches gives all of them the same distribution over the classes. Each image's row has one value of it: the probability
of its label. These probabilities therefore add up to 1 over an instance, all its images have the same confidence, and
the confidence is the probability of the predicted class. This is true up to the rounding of the run's precision, since
sums over tokens are in another order.
"""

import math
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from bench.data.fractals.arrangement import NUM_CLASSES
from bench.plan.run import Run
from bench.store.store import Record, Store
from bench.tables.cached import CachedTable

ROUNDING = {"fp32": 1e-5, "bf16": 1e-2}
"""The largest difference between equal probabilities that is due to rounding."""
COLUMNS = ("transfer_key", "num_groups", "same_answers", "same_predictions", "largest_confidence_difference")
TYPES = {"transfer_key": "str", "num_groups": "Int64"} | dict.fromkeys(COLUMNS[2:], "float64")


def permutation_table(store: Store, runs: Iterable[Run], records: Mapping[str, Record | None]) -> pd.DataFrame:
    """Return the check of all finished runs on the target, in the order of the runs.

    A run has no row if its predictions are missing or altered and its row is not cached either.

    Args:
        store: store with the predictions and the cached table.
        runs: runs on the target `arrangement`.
        records: key -> record.
    """
    precisions = {run.key: run.precision for run in runs}
    finished = [record for key in precisions if (record := records[key]) is not None and record["status"] == "ok"]
    table = CachedTable("permutation_check", TYPES, lambda key, frame: check_permutations(key, frame, precisions[key]))
    return table.read(store, finished)


def check_permutations(transfer_key: str, predictions: pd.DataFrame, precision: str) -> dict[str, object]:
    """Return a run's row of the table `permutation_check`.

    Args:
        transfer_key: the run's key.
        predictions: one row per test image of the target `arrangement`, as in a store.
        precision: the run's precision, which decides the tolerance for rounding.

    Returns:
        `num_groups`: the number of instances with all their images; `same_answers`: the share of them whose images get
        one answer up to rounding; `same_predictions`: the share whose images all have the same predicted class;
        `largest_confidence_difference`: the largest difference in confidence between images of an instance.
    """
    numbers = predictions["id"] // NUM_CLASSES
    whole = predictions[numbers.map(numbers.value_counts()) == NUM_CLASSES].sort_values("id")
    shape = (-1, NUM_CLASSES)
    labels, predicted = (whole[name].to_numpy().reshape(shape) for name in ("label", "prediction"))
    confidence, loss = (whole[name].to_numpy(np.float64).reshape(shape) for name in ("confidence", "loss"))
    of_label = np.exp(-loss)
    spread = np.ptp(confidence, axis=1)
    distribution = np.take_along_axis(of_label, np.argsort(labels, axis=1), axis=1)
    of_predicted = np.take_along_axis(distribution, predicted, axis=1)
    errors = [spread, np.abs(of_predicted - confidence).max(axis=1), np.abs(of_label.sum(axis=1) - 1)]
    rounding = ROUNDING[precision]
    alike = (errors[0] <= rounding) & (errors[1] <= rounding) & (errors[2] <= NUM_CLASSES * rounding)
    same = np.ptp(predicted, axis=1) == 0
    shares = [float(each.mean()) if len(each) else math.nan for each in (alike, same)]
    values = (transfer_key, len(alike), *shares, spread.max(initial=0.0))
    return dict(zip(COLUMNS, values, strict=True))
