"""Write the section on what makes the comparison fair: budgets, recipes, tuning, data, and the end of pretraining."""

from collections.abc import Iterator, Mapping
from math import log
from typing import Any

import pandas as pd

from bench.analysis.format import count
from bench.analysis.frames import split
from bench.report.layout import MATCHED
from bench.report.page import Charts, Section, Table, fold, folded, section
from bench.report.sections import design
from bench.report.sections.pretraining import pretraining
from bench.report.sections.recipes import recipes, trained_apart
from bench.report.sections.tuning import tuned_alike, tuning


def fairness(suite: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], charts: Charts) -> Section:
    """Return what is equal for all models in a few sentences, and every setting, hash and trial folded."""
    cells, runs = tables["cells"], tables["runs"]
    return section(
        "Fairness",
        f"Every model has the same {MATCHED[suite.get('match', 'images')]}, data, order of images and seeds.",
        *trained_apart(suite),
        *tuned_alike(suite),
        fold(design.what_was_run(suite, runs)),
        fold(recipes(suite)),
        *map(fold, tuning(suite, tables.get("trials"), charts.get(("tuning",)))),
        folded("Subsets and test images", *_data(cells, tables.get("correctness"))),
        *map(fold, design.left_out(tables.get("left_out"))),
        *map(fold, pretraining(cells, runs, _guessing(suite))),
    )


def _data(cells: pd.DataFrame, correctness: pd.DataFrame | None) -> Iterator[Table]:
    """Yield the hash of every pretraining subset and of every target's test images."""
    subsets = cells[cells["subset_hash"] != ""].drop_duplicates(["corpus", "subset_images", "subset_hash"])
    rows = tuple((row["corpus"], count(row["subset_images"]), row["subset_hash"]) for row in subsets.to_dict("records"))
    yield Table("Pretraining subsets, with the hash of their images.", ("Corpus", "Images", "Hash"), rows, 3)
    if correctness is None:
        return
    of_runs = correctness.drop_duplicates("transfer_key").set_index("transfer_key")[["images", "num_images"]]
    tested = cells.drop_duplicates("transfer_key").join(of_runs, on="transfer_key").dropna(subset=["images"])
    rows = tuple(
        (target, count(of_target["num_images"].iloc[0]), of_target["images"].iloc[0])
        for (target,), of_target in split(tested, ["target"])
    )
    yield Table("Test images, with the hash of their ids.", ("Target", "Images", "Hash"), rows, 3)


def _guessing(suite: Mapping[str, Any]) -> dict[str, float]:
    """Return corpus -> cross-entropy of equal probabilities for its classes, if their number is known."""
    corpora = [ladder["corpus"] for ladder in suite["corpora"]]
    return {corpus["name"]: log(corpus["classes"]) for corpus in corpora if corpus.get("classes")}
