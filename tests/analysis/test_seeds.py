"""A row's seeds are read once for all: accuracies, correctness and what failed; rows stack by seed and image."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.analysis.correctness import by_key, pack
from bench.analysis.seeds import SeedResults, read_seeds, stack
from bench.analysis.stats.statistics_errors import DifferentImagesError, DuplicateRowError, UnpairedError
from tests.analysis.conftest import seed_results

MakeCells = Callable[[list[dict[str, Any]]], pd.DataFrame]


def _packed(**right: list[int]) -> dict[str, Any]:
    """The correctness of some runs, image by image."""
    rows = [pack(key, np.arange(len(of_run)), np.ones(len(of_run)), np.array(of_run)) for key, of_run in right.items()]
    return by_key(pd.DataFrame(rows))


def test_draws_of_a_seed_are_averaged(make_cells: MakeCells) -> None:
    cells = make_cells([{"transfer_key": key, "draw": draw, "accuracy": draw / 2} for draw, key in enumerate("ab")])
    row = read_seeds(cells, [0], _packed(a=[0, 1], b=[1, 1]))
    assert row.accuracy == {0: 0.25}
    assert row.correctness is not None
    assert row.correctness.correct.tolist() == [[0.5, 1]]
    cells.loc[1, ["status", "accuracy"]] = ["diverged", None]
    assert (read_seeds(cells, [0]).accuracy, read_seeds(cells, [0]).status) == ({}, "seed 0 failed to train: diverged")


def test_seeds_that_failed_have_words(make_cells: MakeCells) -> None:
    """The others have correctness if it is kept for all of them."""
    cells = make_cells(
        [
            {"transfer_key": "a", "notes": "resumed"},
            {"seed": 1, "status": "diverged", "reason": "loss is NaN"},
            {"seed": 2, "transfer_key": "b"},
        ]
    )
    row = read_seeds(cells, [0, 1, 2, 3], _packed(a=[1], b=[0]))
    assert (row.status, row.reason, row.notes) == (
        "seed 1 failed to train: diverged; seed 3 missing",
        "loss is NaN",
        "resumed",
    )
    assert row.correctness is not None
    assert row.correctness.seeds == (0, 2)
    assert read_seeds(cells, [0, 1, 2], _packed(a=[1])).correctness is None
    assert read_seeds(cells[1:2], [1], _packed(a=[1])).correctness is None


def test_seeds_with_the_same_predictions_are_named(make_cells: MakeCells) -> None:
    """A copy, or a seed without any effect; the same right and wrong answers may come from other predictions."""
    cells = make_cells([{"seed": seed, "transfer_key": key} for seed, key in enumerate("abc")])
    packed = _packed(a=[1, 0], b=[1, 0], c=[1, 0])
    assert read_seeds(cells, [0, 1, 2], packed).notes == ""
    hashed = {key: {**row, "predictions": "same" if key != "b" else "other"} for key, row in packed.items()}
    note = "seeds 0, 2 gave the same predictions: the seed has no effect, or one is a copy of another"
    assert read_seeds(cells, [0, 1, 2], hashed).notes == note


def _clustered(num_clusters: int) -> dict[str, Any]:
    """The correctness of runs a and b on 20 images that come in clusters."""
    ids = np.arange(20)
    right = {"a": ids % 2, "b": ids % 3 > 0}
    return by_key(pd.DataFrame([pack(key, ids, ids > -1, one, ids % num_clusters) for key, one in right.items()]))


def test_clusters_take_the_place_of_images(make_cells: MakeCells) -> None:
    """When rows are stacked; the mean of each seed stays."""
    cells = make_cells([{"transfer_key": key, "seed": seed} for seed, key in enumerate("ab")])
    row = read_seeds(cells, [0, 1], _clustered(5))
    (part,) = stack({"digits@100": [row, row]})
    assert part.shape == (2, 5, 2)
    assert row.correctness is not None
    assert part.mean(axis=1)[:, 0] == pytest.approx(row.correctness.correct.mean(axis=1))


def test_with_few_clusters_intervals_are_over_seeds(make_cells: MakeCells) -> None:
    """And the notes say why."""
    cells = make_cells([{"transfer_key": key, "seed": seed} for seed, key in enumerate("ab")])
    row = read_seeds(cells, [0, 1], _clustered(4))
    assert row.correctness is None
    assert row.notes.startswith("the test images are of 4 clusters")
    assert row.notes.endswith("intervals are over seeds alone")


def test_wrong_cells_are_named(make_cells: MakeCells) -> None:
    """A seed that occurs twice, and seeds that were tested on different images."""
    with pytest.raises(DuplicateRowError, match="seed 0 occurs twice"):
        read_seeds(make_cells([{"transfer_key": "a"}] * 2), [0])
    cells = make_cells([{"seed": seed, "transfer_key": key} for seed, key in enumerate("ab")])
    row = read_seeds(cells, [0, 1], _packed(a=[1], b=[1, 0]))
    assert row.correctness is None
    assert row.mixed.startswith("cells of one row were tested on different images")
    with pytest.raises(DifferentImagesError, match="cells of one row"):
        stack({"digits": [row]})


def test_slices_share_images_and_targets_do_not(rng: np.random.Generator) -> None:
    """Two slices of one target are averaged; another target has an array of its own."""
    rows = {name: [seed_results(rng, 6), seed_results(rng, 6)] for name in ("digits@100", "digits@500")}
    rows["cifar10"] = [seed_results(rng, 9, "i"), seed_results(rng, 9, "i")]
    digits, cifar = stack(rows)
    for number in (0, 1):
        slices = [stack({name: rows[name]})[0][:, :, number] for name in ("digits@100", "digits@500")]
        assert (digits[:, :, number] == np.mean(slices, axis=0)).all()
    assert cifar.shape == (3, 9, 2)


def test_without_correctness_of_all_rows_accuracies_stack(rng: np.random.Generator) -> None:
    bare = SeedResults(dict.fromkeys(range(3), 0.5), {}, "")
    (part,) = stack({"digits": [seed_results(rng, 6), bare]})
    assert part.shape == (3, 1, 2)
    assert part[:, 0, 1].tolist() == [0.5] * 3


def test_rows_that_do_not_pair_are_named(rng: np.random.Generator) -> None:
    """Other seeds, and other images, also of slices that should share theirs."""
    row = seed_results(rng, 6)
    with pytest.raises(UnpairedError, match=r"seeds \[2\]"):
        stack({"digits": [row, seed_results(rng, 6, seeds=(0, 1))]})
    with pytest.raises(DifferentImagesError):
        stack({"digits": [row, seed_results(rng, 6, "i")]})
    with pytest.raises(DifferentImagesError):
        stack({"digits@1": [row], "digits@2": [seed_results(rng, 6, "i")]})
