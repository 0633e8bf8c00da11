"""The tables of ladders hold what the statistics say, for each target and for the mean of the real ones."""

import pandas as pd
import pytest

from bench.analysis.ladder.data_ratios import data_ratio
from bench.analysis.ladder.extrapolation import predict_largest
from bench.analysis.ladder.ladder_tables import DATA_RATIO_TYPES, EXTRAPOLATION_TYPES, ladder_tables
from bench.analysis.ladder.rungs import ladders, with_means
from tests.report.hand_made import break_seed, make_ladder_cells

TARGETS = ["digits@100", "cifar10", "digits@100, cifar10", "fractals-heldout"]


def test_rows_are_those_of_the_statistics() -> None:
    cells = make_ladder_cells()
    tables = ladder_tables(cells)
    found = with_means(ladders(cells))
    ratios, predictions = tables["data_ratios"], tables["extrapolations"]
    assert ratios["targets"].unique().tolist() == predictions["targets"].unique().tolist() == TARGETS
    pairs = [(ladder, pair) for ladder in found for pair in ladder.rivals]
    for row, (ladder, (first, second)) in zip(ratios.to_dict("records"), pairs, strict=True):
        expected = data_ratio(ladder.sizes, first, second)
        assert (row["first"], row["second"], row["method"]) == (first.model, second.model, "seeds")
        assert (row["smallest_images"], row["largest_images"]) == (256, 65536)
        assert expected.ratio is not None
        assert row["ratio"] == pytest.approx(expected.ratio.mean, nan_ok=True)
        assert (row["low"], row["high"]) == (expected.ratio.low, expected.ratio.high)
        assert (row["num_pairs"], row["reach"], row["reason"]) == (3, pytest.approx(64), "")
    models = [(ladder, model) for ladder in found for model in ladder.models]
    for row, (ladder, model) in zip(predictions.to_dict("records"), models, strict=True):
        told = predict_largest(ladder.sizes, model.parts)
        assert told is not None
        assert (row["model"], row["fitted_images"], row["images"]) == (model.model, 16384, 65536)
        assert (row["measured"], row["reason"]) == (told.measured, told.reason)
        if told.predicted:
            assert (row["predicted"], row["low"], row["high"]) == (
                told.predicted.mean,
                told.predicted.low,
                told.predicted.high,
            )
            assert row["is_held"] is told.is_held


def test_what_is_not_told_has_a_reason() -> None:
    """Columns keep their types though a column is empty."""
    cells = break_seed(make_ladder_cells(targets=("digits@100",)), subset_images=1024)
    tables = ladder_tables(cells)
    for name, types in (("data_ratios", DATA_RATIO_TYPES), ("extrapolations", EXTRAPOLATION_TYPES)):
        assert tables[name].dtypes.astype(str).to_dict() == types
        assert tables[name]["reason"].str.contains("at 1,024 images seed 2 failed to train").all()
        assert tables[name]["low"].isna().all()


def test_there_are_no_tables_without_rows() -> None:
    """Ladders of four rungs have no extrapolation, and one rung or one family has no ratio."""
    cells = make_ladder_cells(num_rungs=4)
    assert set(ladder_tables(cells)) == {"data_ratios"}
    assert ladder_tables(make_ladder_cells(num_rungs=1)) == {}
    assert set(ladder_tables(make_ladder_cells(num_rungs=2))["data_ratios"]["reason"]) == {
        "2 rungs; a ratio of images needs 3"
    }
    alone: pd.DataFrame = cells[cells["family"] == "vit"]
    assert ladder_tables(alone) == {}
