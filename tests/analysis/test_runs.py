"""What pretraining reached and what runs cost, from a table of runs."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from bench.analysis.runs import costs, pretraining

Row = dict[str, Any]
MakeCells = Callable[[list[Row]], pd.DataFrame]

RUN = {
    "kind": "pretrain",
    "status": "ok",
    "reason": "",
    "notes": "",
    "model": "vit_pico/8",
    "family": "vit",
    "corpus": "fractals",
    "subset_images": 1024,
    "image_size": 32,
    "recipe": "small",
    "images_seen": 4096,
    "train_loss": 0.5,
    "validation_loss": 1.0,
    "validation_accuracy": 0.7,
    "images_per_second": 800.0,
    "train_seconds": 5.0,
    "training_flops": 10**9,
    "peak_memory_bytes": None,
}
NOT_RUN = {"status": "not_run", "reason": "not run yet"} | dict.fromkeys(
    ["images_seen", "train_loss", "validation_loss", "validation_accuracy", "train_seconds", "training_flops"]
)
INTEGERS = ["subset_images", "images_seen", "training_flops", "peak_memory_bytes"]
FLOATS = ["train_loss", "validation_loss", "validation_accuracy", "images_per_second", "train_seconds"]


def make_runs(*rows: Row) -> pd.DataFrame:
    """Runs from what differs in each from an ordinary one; seeds count from 0."""
    table = pd.DataFrame([RUN | {"key": f"p{seed}", "seed": seed} | row for seed, row in enumerate(rows)])
    return table.astype(dict.fromkeys(INTEGERS, "Int64") | dict.fromkeys(FLOATS, "float64"))


def test_means_over_the_seeds_that_finished(make_cells: MakeCells) -> None:
    """With the validation accuracy's interval, and the seed that failed by name."""
    runs = make_runs(
        {"validation_loss": 1.0, "validation_accuracy": 0.70},
        {"validation_loss": 2.0, "validation_accuracy": 0.60},
        NOT_RUN | {"status": "diverged", "reason": "loss is NaN"},
    )
    (row,) = pretraining(make_cells([{"pretrain_key": "p0"}]), runs).to_dict("records")
    assert (row["validation_loss"], row["accuracy"], row["num_seeds"]) == (1.5, pytest.approx(0.65), 2)
    assert (row["status"], row["reason"], row["arm"]) == ("seed 2 failed to train: diverged", "loss is NaN", "")


def test_nothing_ran_is_absent_not_zero(make_cells: MakeCells) -> None:
    """A row with a status and no numbers."""
    (row,) = pretraining(make_cells([{"pretrain_key": "p0"}]), make_runs(NOT_RUN, NOT_RUN)).to_dict("records")
    assert pd.isna([row["images_seen"], row["validation_loss"], row["accuracy"]]).all()
    assert row["status"] == "seeds 0, 1 not run"


def test_arms_of_the_same_model_and_subset_are_apart(make_cells: MakeCells) -> None:
    """As arms of a budget are; the arm that is the ladder's own belongs to the ladder."""
    cells = make_cells(
        [
            {"pretrain_key": "p0", "ablation": "budget", "arm": "1"},
            {"pretrain_key": "p0"},
            {"pretrain_key": "p1", "ablation": "budget", "arm": "4"},
        ]
    )
    runs = make_runs({}, {"seed": 0, "images_seen": 16384})
    assert pretraining(cells, runs)[["arm", "images_seen"]].to_numpy().tolist() == [["", 4096], ["budget: 4", 16384]]


def test_costs_are_of_finished_runs() -> None:
    """The median rate and the sum of times; what was not measured stays absent."""
    runs = make_runs({"images_per_second": 100}, {"images_per_second": 300}, NOT_RUN, {"kind": "transfer"})
    first, second = costs(runs).to_dict("records")
    assert (first["kind"], first["num_runs"], first["images_per_second"], first["train_seconds"]) == (
        "pretrain",
        2,
        200.0,
        10.0,
    )
    assert pd.isna(first["peak_memory_bytes"])
    assert (second["kind"], second["num_runs"]) == ("transfer", 1)
