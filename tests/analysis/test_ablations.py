"""The ablations' table pairs arms with their reference and reads what each arm costs from its runs."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from scipy import stats

from bench.analysis.ablations import ablations
from bench.analysis.stats.statistics_errors import DuplicateRowError, MissingColumnError, UnknownReferenceError

Row = dict[str, Any]
MakeCells = Callable[[list[Row]], pd.DataFrame]
MakeSeeds = Callable[..., list[Row]]

SINCOS = {"ablation": "position", "arm": "sincos-2d", "transfer_key": "t-sincos"}
NONE = {"ablation": "position", "arm": "none", "model": "vit_pico/8:pos=none", "transfer_key": "t-none"}
REFERENCES = {"position": "sincos-2d"}


@pytest.fixture
def runs() -> pd.DataFrame:
    """One run an arm; that of `none` failed before its model was counted."""
    rows = [("t-sincos", 207_000, 3_300_000, 16), ("t-none", None, None, None)]
    table = pd.DataFrame(rows, columns=["key", "parameters", "macs", "tokens"])
    return table.astype(dict.fromkeys(["parameters", "macs", "tokens"], "Int64"))


def test_arms_are_paired_with_the_reference(make_cells: MakeCells, make_seeds: MakeSeeds, runs: pd.DataFrame) -> None:
    """The difference is SciPy's paired one; the reference has none to itself."""
    with_position, without = [0.81, 0.86, 0.80], [0.75, 0.79, 0.78]
    table = ablations(make_cells(make_seeds(with_position, **SINCOS) + make_seeds(without, **NONE)), runs, REFERENCES)
    base, arm = (row for _, row in table.iterrows())
    theirs = stats.ttest_rel(without, with_position).confidence_interval()
    assert arm[["difference_low", "difference_high"]].tolist() == pytest.approx(list(theirs))
    assert arm["difference"] == pytest.approx(-0.05)
    assert arm[["num_pairs", "difference_status", "is_reference"]].tolist() == [3, "complete", False]
    assert base[["difference_status", "is_reference"]].tolist() == ["", True]
    assert pd.isna(base["difference"])


def test_arms_of_other_image_sizes_have_the_same_reference(
    make_cells: MakeCells, make_seeds: MakeSeeds, runs: pd.DataFrame
) -> None:
    """A recipe may fine-tune one family at a size of its own."""
    arms = make_seeds([0.8, 0.9], **SINCOS) + make_seeds([0.7, 0.7], **NONE, family="hybrid", image_size=40)
    table = ablations(make_cells(arms), runs, REFERENCES)
    assert table["image_size"].tolist() == [32, 40]
    assert table["difference"].iloc[1] == pytest.approx(-0.15)


def test_sizes_come_from_the_arms_runs(make_cells: MakeCells, make_seeds: MakeSeeds, runs: pd.DataFrame) -> None:
    """What was not counted is absent, never zero."""
    table = ablations(make_cells(make_seeds([0.8], **SINCOS) + make_seeds([0.7], **NONE)), runs, REFERENCES)
    assert table[["parameters", "macs", "tokens"]].iloc[0].tolist() == [207_000, 3_300_000, 16]
    assert table[["parameters", "macs", "tokens"]].iloc[1].isna().all()


def test_a_failed_reference_undecides_the_arms(
    make_cells: MakeCells, make_seeds: MakeSeeds, runs: pd.DataFrame
) -> None:
    """The status names the arm whose seed is missing."""
    cells = make_cells(make_seeds([0.8, "out_of_memory"], **SINCOS) + make_seeds([0.7, 0.6], **NONE))
    arm = ablations(cells, runs, REFERENCES).iloc[1]
    assert arm["difference_status"] == "undecided: sincos-2d seed 1 ran out of memory"
    assert arm["accuracy"] == pytest.approx(0.65)
    assert pd.isna(arm["difference"])


def test_draws_of_a_seed_are_averaged_and_shots_are_apart(make_cells: MakeCells, runs: pd.DataFrame) -> None:
    """Two draws of two seeds are two pairs, for each number of shots and beside fine-tuning."""
    cells = [
        arm | {"transfer": "k-shot", "shots": shots, "seed": seed, "draw": draw, "accuracy": base + (draw + seed) / 10}
        for shots, lead in ((1, 0.1), (5, 0.2))
        for arm, base in ((SINCOS, 0.3 + lead), (NONE, 0.3))
        for seed in (0, 1)
        for draw in (0, 1)
    ]
    cells.append(NONE | {"transfer": "k-shot", "shots": 5, "seed": 1, "draw": 2, "accuracy": 0.55})
    fine_tuned = [arm | {"seed": seed, "accuracy": 0.9} for arm in (SINCOS, NONE) for seed in (0, 1)]
    table = ablations(make_cells(cells + fine_tuned), runs, REFERENCES)
    assert table["shots"].fillna(0).tolist() == [1, 1, 5, 5, 0, 0]
    assert table["num_seeds"].tolist() == [2] * 6
    by_seed = (0.35 + (0.4 + 0.5 + 0.55) / 3) / 2
    assert table["accuracy"].tolist() == pytest.approx([0.5, 0.4, 0.6, by_seed, 0.9, 0.9])
    assert table["num_pairs"].dropna().tolist() == [2, 2, 2]
    assert table["difference"].dropna().tolist() == pytest.approx([-0.1, by_seed - 0.6, 0])


def test_targets_are_apart(make_cells: MakeCells, make_seeds: MakeSeeds, runs: pd.DataFrame) -> None:
    """Each target pairs with its own reference; the ladder's rows are not arms."""
    cells = make_cells(
        make_seeds([0.8, 0.9], **SINCOS)
        + make_seeds([0.7, 0.85], **NONE)
        + make_seeds([0.4, 0.45], **SINCOS, target="cifar10")
        + make_seeds([0.5, 0.6], **NONE, target="cifar10")
        + make_seeds([0.1, 0.2])
    )
    table = ablations(cells, runs, REFERENCES)
    assert table["target"].tolist() == ["digits@100", "digits@100", "cifar10", "cifar10"]
    assert table["difference"].fillna(0).tolist() == pytest.approx([0, -0.075, 0, 0.125])


def test_no_ablations_is_an_empty_table(make_cells: MakeCells, make_seeds: MakeSeeds, runs: pd.DataFrame) -> None:
    """With the columns and types of a full one."""
    full = ablations(make_cells(make_seeds([0.8], **SINCOS) + make_seeds([0.7], **NONE)), runs, REFERENCES)
    empty = ablations(make_cells(make_seeds([0.8])), runs, {})
    assert empty.empty
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()


def test_wrong_input_is_named(make_cells: MakeCells, make_seeds: MakeSeeds, runs: pd.DataFrame) -> None:
    """A reference that is no arm, none at all, a run that occurs twice, a table of something else."""
    cells = make_cells(make_seeds([0.8], **SINCOS) + make_seeds([0.7], **NONE))
    with pytest.raises(UnknownReferenceError, match=r"'cosine' is not one of its arms: sincos-2d, none"):
        ablations(cells, runs, {"position": "cosine"})
    with pytest.raises(UnknownReferenceError):
        ablations(cells, runs, {})
    with pytest.raises(DuplicateRowError, match="run t-sincos occurs twice"):
        ablations(cells, pd.concat([runs, runs.iloc[:1]]), REFERENCES)
    with pytest.raises(MissingColumnError, match="'runs' lacks columns: tokens"):
        ablations(cells, runs.drop(columns="tokens"), REFERENCES)
