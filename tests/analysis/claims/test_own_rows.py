"""Arms beside the ladder's own rows: which arm is ahead of its family, and what is said of it."""

import pandas as pd
import pytest
from scipy import stats

from bench.analysis.claims.own_rows import TYPES, ahead_warnings, own_rows
from tests.analysis.claims.conftest import MODELS, Study

OWN = [0.50, 0.52, 0.51, 0.49, 0.50]
AHEAD = [0.60, 0.63, 0.61, 0.60, 0.59]
ALIKE = [0.51, 0.51, 0.52, 0.48, 0.50]
ARM = {"ablation": "patches", "arm": "/4"}


def study_of(own: list[float], **arms: list[float]) -> Study:
    """A ladder's row of a ViT, and arms `patches` of other models, on a real and on an in-domain target."""
    study = Study(spread=0)
    for target in ("cifar10", "fractals-heldout"):
        add(study, "vit_pico/8", target, own)
        for number, (arm, accuracies) in enumerate(arms.items()):
            add(study, f"vit_pico/{4 * 2 ** (2 * number)}", target, accuracies, ablation="patches", arm=arm)
    return study


def add(study: Study, model: str, target: str, accuracies: list[float], size: int = 1000, **same: object) -> None:
    """A row whose seeds have these accuracies."""
    study.seeds = range(len(accuracies))
    before = len(study.cells)
    study.row(model, target, 0.5, size, **same)
    for cell, accuracy in zip(study.cells[before:], accuracies, strict=True):
        cell["accuracy"] = accuracy


def table_of(study: Study) -> pd.DataFrame:
    return own_rows(study.evidence().tables)


def test_an_arm_is_ahead_if_its_interval_at_the_corrected_level_lies_above_zero() -> None:
    """SciPy's paired interval of each of two arms, at 97.5 %, on the real target alone."""
    study = study_of(OWN, fine=AHEAD, coarse=ALIKE)
    ahead, alike = (row for _, row in table_of(study).iterrows())
    for row, accuracies in ((ahead, AHEAD), (alike, ALIKE)):
        ends = stats.ttest_rel(accuracies, OWN).confidence_interval(0.975)
        assert row[["low", "high"]].tolist() == pytest.approx(list(ends))
        assert row[["level", "num_arms", "num_pairs", "targets"]].tolist() == [0.975, 2, 5, "cifar10"]
    assert ahead["difference"] == pytest.approx(0.102)
    assert alike["difference"] == pytest.approx(0.0)
    assert [bool(ahead["is_ahead"]), bool(alike["is_ahead"])] == [True, False]
    (sentence,) = ahead_warnings(table_of(study))
    assert sentence.startswith(
        "An arm is ahead of the ladder's own vit: vit_pico/4 (ablation patches, arm fine) beats vit_pico/8 by "
        "+10.2 points ("
    )
    assert "on cifar10, in intervals at 97.5 %, corrected over 2 arms" in sentence


def test_a_worse_arm_is_not_ahead() -> None:
    table = table_of(study_of(AHEAD, coarse=OWN))
    assert table["high"].item() < 0
    assert not table["is_ahead"].any()
    assert ahead_warnings(table) == ahead_warnings(None) == ()


def test_an_arm_has_to_beat_all_rows_of_its_family_at_its_rung() -> None:
    """Neither other families nor smaller rungs count; the correction is over arms, not rows."""
    study = study_of(OWN, fine=AHEAD)
    add(study, MODELS["cnn"], "cifar10", [0.9] * 5, family="cnn")
    add(study, "vit_pico/32", "cifar10", [0.8, 0.9, 0.8, 0.9, 0.8], size=10)
    assert table_of(study)["own_model"].tolist() == ["vit_pico/8"]
    assert table_of(study)["is_ahead"].all()
    add(study, "vit_pico/2", "cifar10", [0.61, 0.61, 0.62, 0.60, 0.60])
    table = table_of(study)
    assert table["own_model"].tolist() == ["vit_pico/8", "vit_pico/2"]
    assert table["level"].tolist() == [0.95, 0.95]
    assert table["low"].gt(0).tolist() == [True, False]
    assert not table["is_ahead"].any()


def test_from_scratch_arms_are_compared_with_the_row_from_scratch() -> None:
    """As in a suite that pretrains nothing."""
    study = Study(spread=0)
    scratch = {"corpus": "none", "subset_classes": None}
    add(study, "vit_pico/8", "cifar10", OWN, size=0, **scratch)
    add(study, "vit_pico/4", "cifar10", AHEAD, size=0, **scratch, **ARM)
    assert table_of(study)[["own_model", "is_ahead"]].to_numpy().tolist() == [["vit_pico/8", True]]


def test_arms_whose_model_is_on_the_ladder_and_other_targets_are_left_out() -> None:
    study = study_of(OWN)
    add(study, "vit_pico/8", "cifar10", AHEAD, **ARM)
    add(study, "vit_pico/4", "arrangement", AHEAD, ablation="arranged", arm="/4")
    table = table_of(study)
    assert table.empty
    assert table.dtypes.to_dict() == pd.DataFrame(columns=list(TYPES)).astype(TYPES).dtypes.to_dict()


def test_the_mean_is_over_the_targets_that_both_have() -> None:
    """A target may be the arms' alone; without any in common, the reason says so."""
    study = study_of(OWN, fine=AHEAD)
    add(study, "vit_pico/4", "svhn", [0.1, 0.2, 0.1, 0.2, 0.1], ablation="patches", arm="fine")
    (row,) = table_of(study).to_dict("records")
    assert (row["targets"], row["is_ahead"]) == ("cifar10", True)
    assert row["difference"] == pytest.approx(0.102)
    study.cells = [cell for cell in study.cells if (cell["arm"], cell["target"]) != ("fine", "cifar10")]
    (row,) = table_of(study).to_dict("records")
    assert (row["targets"], row["is_ahead"]) == ("", False)
    assert (
        row["reason"] == "vit_pico/8 after 1,000 images of fractals has no real target, fine-tune, that the arm has too"
    )


def test_a_row_that_is_incomplete_has_a_reason_and_is_not_counted() -> None:
    """The other arm's level is not corrected for it."""
    study = study_of(OWN, fine=AHEAD, coarse=ALIKE)
    for cell in study.cells:
        if cell["arm"] == "coarse" and cell["seed"] == 2:
            cell |= {"status": "failed", "accuracy": None}
    table = table_of(study)
    assert table["level"].iloc[0] == pytest.approx(0.95)
    assert table["is_ahead"].tolist() == [True, False]
    assert "seed 2" in table["reason"].iloc[1]
