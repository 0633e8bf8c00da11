"""The ladder's table counts seeds, pairs rows with from scratch, and says what is missing."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from bench.analysis.comparison import comparison
from bench.analysis.stats.statistics_errors import DuplicateRowError, MissingColumnError

Row = dict[str, Any]
MakeCells = Callable[[list[Row]], pd.DataFrame]
MakeSeeds = Callable[..., list[Row]]

PRETRAINED = [0.81, 0.86, 0.80]
FROM_SCRATCH = [0.70, 0.72, 0.61]


def test_a_complete_row(make_cells: MakeCells, make_seeds: MakeSeeds, scratch: Row) -> None:
    """Mean, interval and paired gain are SciPy's; from scratch has no gain over itself."""
    cells = make_cells(make_seeds(PRETRAINED) + make_seeds(FROM_SCRATCH, **scratch))
    below, row = (row for _, row in comparison(cells).iterrows())
    t_test, paired = stats.ttest_1samp(PRETRAINED, 0), stats.ttest_rel(PRETRAINED, FROM_SCRATCH)
    half, share = np.diff(t_test.confidence_interval())[0] / 2, np.mean(PRETRAINED)
    ends = special.expit(special.logit(share) + np.array([-half, half]) / (share * (1 - share)))
    assert row[["low", "high"]].tolist() == pytest.approx(list(ends))
    assert row[["gain_low", "gain_high"]].tolist() == pytest.approx(list(paired.confidence_interval()))
    assert row["gain"] == pytest.approx(0.44 / 3)
    assert row[["num_seeds", "num_pairs", "status", "gain_status"]].tolist() == [3, 3, "complete", "complete"]
    assert (below["corpus"], below["gain_status"]) == ("none", "")
    assert below[["gain", "gain_low", "gain_high", "num_pairs"]].isna().all()


def test_a_seed_without_an_outcome_makes_the_gain_undecided(
    make_cells: MakeCells, make_seeds: MakeSeeds, scratch: Row
) -> None:
    """The cell is shown over the seeds that finished; the gain is not taken from the complete pairs."""
    cells = make_cells(make_seeds([0.81, 0.86, "failed"]) + make_seeds(FROM_SCRATCH, **scratch))
    row = comparison(cells).iloc[1]
    assert row["accuracy"] == pytest.approx(0.835)
    assert row[["num_seeds", "status", "reason"]].tolist() == [2, "seed 2 ended with an error", "because it failed"]
    assert row["num_failed"] == 0
    assert row["gain_status"] == "undecided: seed 2 ended with an error"
    assert row["num_pairs"] == 2
    assert row[["gain", "gain_low", "gain_high"]].isna().all()


def test_a_seed_that_failed_to_train_is_an_outcome(make_cells: MakeCells, make_seeds: MakeSeeds, scratch: Row) -> None:
    """Accuracy and gain are given success and say so; the share of failures has its own, exact interval."""
    from_scratch = [0.50, 0.52, 0.51, 0.53, 0.50, 0.52]
    for broken, seed, why in (("diverged", None, "diverged"), (0.2, 0.2, "62.0 points below the median of the others")):
        cells = make_cells(make_seeds([0.81, 0.83, 0.82, broken, 0.80, 0.84]) + make_seeds(from_scratch, **scratch))
        row = comparison(cells).iloc[1]
        assert row[["num_seeds", "num_failed", "num_pairs"]].tolist() == [5, 1, 5]
        assert row[["accuracy", "gain"]].tolist() == pytest.approx([0.82, 0.82 - 0.51])
        assert json.loads(row["seeds"]) == [0.81, 0.83, 0.82, seed, 0.80, 0.84]
        exact = stats.binomtest(1, 6).proportion_ci(0.95, "exact")
        assert row[["failed", "failed_low", "failed_high"]].tolist() == pytest.approx([1 / 6, exact.low, exact.high])
        assert row["status"] == f"seed 3 failed to train: {why}"
        assert row["gain_status"].startswith("undecided: given success only, since it is +")
        assert row["gain_status"].endswith(
            f"with failed seeds counted as what they scored: seed 3 failed to train: {why}"
        )


def test_failures_of_the_worse_row_do_not_object(make_cells: MakeCells, make_seeds: MakeSeeds, scratch: Row) -> None:
    """They only add to its distance; the status still says that the gain is given success."""
    cells = make_cells(make_seeds([0.81, 0.83, 0.82, 0.80]) + make_seeds([0.50, 0.52, "diverged", 0.51], **scratch))
    row = comparison(cells).iloc[1]
    assert row["gain_status"] == "given success: from scratch seed 2 failed to train: diverged"
    assert row[["num_pairs", "num_failed"]].tolist() == [3, 0]


def test_a_failed_seed_from_scratch_undecides_every_rung(
    make_cells: MakeCells, make_seeds: MakeSeeds, scratch: Row
) -> None:
    """The status says that it was the from-scratch row that failed."""
    cells = make_cells(
        make_seeds(PRETRAINED, subset_images=256)
        + make_seeds(PRETRAINED, subset_images=1024)
        + make_seeds([0.7, "out_of_memory", "out_of_memory"], **scratch)
    )
    table = comparison(cells)
    assert table["status"].tolist() == ["seeds 1, 2 ran out of memory", "complete", "complete"]
    assert set(table["gain_status"][1:]) == {"undecided: from scratch seeds 1, 2 ran out of memory"}


def test_a_missing_row_is_a_missing_seed(make_cells: MakeCells, make_seeds: MakeSeeds, scratch: Row) -> None:
    """A seed that other rows have and this one lacks is missing, as is an `ok` without an accuracy."""
    lacking = [*make_seeds([0.8, 0.9]), {"seed": 2, "accuracy": None}]
    other = make_seeds(FROM_SCRATCH, model="other", **scratch)
    table = comparison(make_cells(lacking + make_seeds(FROM_SCRATCH[:2], **scratch) + other))
    assert table["status"].tolist() == ["seed 2 missing", "seed 2 has no accuracy", "complete"]
    assert table["num_seeds"].tolist() == [2, 2, 3]


def test_a_gain_is_paired_by_the_seeds_that_train_from_scratch(
    make_cells: MakeCells, make_seeds: MakeSeeds, scratch: Row
) -> None:
    """Fewer seeds from scratch are no seeds that are missing; one of them that is missing leaves the gain undecided."""
    pretrained = make_seeds([0.7, 0.9, 0.1, 0.2])
    table = comparison(make_cells(make_seeds([0.5, 0.6], **scratch) + pretrained))
    assert table["status"].tolist() == ["complete", "complete"]
    assert table["num_seeds"].tolist() == [2, 4]
    assert table.iloc[1][["gain_status", "num_pairs"]].tolist() == ["complete", 2]
    assert table["gain"].iloc[1] == pytest.approx((0.2 + 0.3) / 2)
    cells = make_cells(make_seeds([0.5, 0.6, "not_run"], **scratch) + pretrained)
    assert comparison(cells)["gain_status"].iloc[1] == "undecided: from scratch seed 2 not run"
    cells = make_cells(make_seeds([0.5, 0.6, 0.6], **scratch) + make_seeds([0.7, "not_run", 0.8, 0.9]))
    assert comparison(cells)["gain_status"].iloc[1] == "undecided: seed 1 not run"


def test_a_seed_that_nothing_has_begun_is_not_held_against_any_row(
    make_cells: MakeCells, make_seeds: MakeSeeds, scratch: Row
) -> None:
    """Seeds run outermost: what was done when time ran out is balanced."""
    cells = make_cells(make_seeds([0.8, 0.9, "not_run"]) + make_seeds([0.5, 0.7, "not_run"], **scratch))
    row = comparison(cells).iloc[1]
    assert row[["status", "gain_status", "num_pairs"]].tolist() == ["complete", "complete", 2]


def test_a_row_that_never_ran_is_shown(make_cells: MakeCells, make_seeds: MakeSeeds) -> None:
    """Nothing measured is NaN and a reason, not zero and not a vanished row."""
    row = comparison(make_cells(make_seeds(["not_run", "not_run"]))).iloc[0]
    assert row[["num_seeds", "status", "reason"]].tolist() == [0, "seeds 0, 1 not run", "because it not_run"]
    assert row[["accuracy", "low", "high"]].isna().all()


def test_without_from_scratch_the_gain_is_undecided(make_cells: MakeCells, make_seeds: MakeSeeds) -> None:
    """Also when another target has the row."""
    assert comparison(make_cells(make_seeds(PRETRAINED)))["gain_status"].tolist() == ["undecided: no from-scratch row"]


def test_a_gain_is_over_training_from_scratch_at_another_image_size(
    make_cells: MakeCells, make_seeds: MakeSeeds, scratch: Row
) -> None:
    """A transfer recipe may fine-tune at a higher resolution; nothing is trained from scratch at that size."""
    finer = make_seeds([0.8, 0.9], image_size=40)
    table = comparison(make_cells(make_seeds([0.5, 0.7], **scratch) + finer))
    assert table["image_size"].tolist() == [32, 40]
    assert table["gain"].iloc[1] == pytest.approx(0.25)
    assert table["gain_status"].iloc[1] == "complete"


@pytest.mark.parametrize("probe", [{"transfer": "linear"}, {"transfer": "k-shot", "shots": 5}])
def test_a_probe_has_no_gain_and_says_why(
    make_cells: MakeCells, make_seeds: MakeSeeds, scratch: Row, probe: Row
) -> None:
    """Although the same model was trained from scratch and tested on the same target."""
    cells = make_cells(make_seeds(FROM_SCRATCH, **scratch) + make_seeds(PRETRAINED) + make_seeds(PRETRAINED, **probe))
    table = comparison(cells).set_index(["corpus", "transfer"])
    assert table.loc[("fractals", "fine-tune"), "gain_status"] == "complete"
    row = table.loc[("fractals", probe["transfer"])]
    assert row["gain_status"] == "no baseline: a probe trains no network, so there is none from scratch"
    assert row[["gain", "gain_low", "gain_high", "num_pairs"]].isna().all()
    assert row["num_seeds"] == 3


def test_order_is_the_suites(make_cells: MakeCells, make_seeds: MakeSeeds, scratch: Row) -> None:
    """Models and targets as they come, from scratch first, subsets by size whatever their order; no arms."""
    cells = make_cells(
        make_seeds([0.5, 0.6], model="z", target="digits")
        + make_seeds([0.5, 0.6], model="z", target="digits", subset_images=256)
        + make_seeds([0.5, 0.6], model="z", target="cifar10", **scratch)
        + make_seeds([0.5, 0.6], model="a", target="cifar10", corpus="external:1", subset_images=None)
        + make_seeds([0.5, 0.6], model="a", target="cifar10")
        + make_seeds([0.9, 0.9], model="a", ablation="position", arm="none")
    )
    table = comparison(cells)
    assert table["model"].tolist() == ["z", "z", "z", "a", "a"]
    assert table["subset_images"].fillna(-1).tolist() == [0, 256, 1024, 1024, -1]


def test_row_order_of_the_cells_does_not_change_the_numbers(
    make_cells: MakeCells, make_seeds: MakeSeeds, scratch: Row
) -> None:
    """The same bits: sums run in the order of the seeds."""
    cells = make_cells(make_seeds([0.1, 0.7, 0.3]) + make_seeds([0.2, 0.3, 0.1], **scratch))
    pd.testing.assert_frame_equal(comparison(cells), comparison(cells.iloc[::-1]), check_exact=True)


def test_types_do_not_depend_on_what_is_missing(make_cells: MakeCells, make_seeds: MakeSeeds, scratch: Row) -> None:
    """The same columns and types for a full table, one that never ran, and an empty one."""
    full = comparison(make_cells(make_seeds([0.5, 0.6]) + make_seeds([0.4, 0.7], **scratch)))
    nothing = comparison(make_cells(make_seeds(["not_run"])))
    empty = comparison(make_cells([]))
    assert full.dtypes.to_dict() == nothing.dtypes.to_dict() == empty.dtypes.to_dict()
    assert empty.empty


def test_wrong_tables_are_named(make_cells: MakeCells, make_seeds: MakeSeeds) -> None:
    """A seed that occurs twice, and a table that is none of cells."""
    with pytest.raises(DuplicateRowError, match="vit_pico/8 on digits@100: seed 0 occurs twice"):
        comparison(make_cells(make_seeds([0.5]) * 2))
    with pytest.raises(MissingColumnError, match="'cells' lacks columns: seed, accuracy"):
        comparison(make_cells(make_seeds([0.5])).drop(columns=["seed", "accuracy"]))


@pytest.mark.parametrize(
    ("failed", "said"),
    [((1,), "seed 1"), ((0, 1), "seeds 0, 1"), ((0, 1, 2, 4, 6, 7), "seeds 0 to 2, 4, 6, 7")],
)
def test_seeds_are_named_in_stretches(make_cells: MakeCells, failed: tuple[int, ...], said: str) -> None:
    """So that nine of them read well."""
    rows = [{"seed": seed, "status": "diverged" if seed in failed else "ok"} for seed in range(9)]
    assert comparison(make_cells(rows))["status"].tolist() == [f"{said} failed to train: diverged"]
