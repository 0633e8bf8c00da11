"""A model leads only if it is clearly ahead of each model of another family; nothing else is said to be ahead."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench.analysis.ahead import Placing, placing
from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.rows import RowId, Transfer
from bench.analysis.stats.intervals import LEVEL
from bench.analysis.stats.multiple import holm
from tests.report.first_screen.planted import CNN, HYBRID, VIT, plant, rename
from tests.report.hand_made import break_seed


def place(cells: pd.DataFrame, targets: tuple[str, ...] = ("digits@100",), size: int = 256) -> Placing:
    """Return who is ahead at a rung."""
    rows = cells[cells["subset_images"] == size].drop_duplicates("model")
    ids = [(row["family"], RowId(row["model"], "fractals", size, Transfer("fine-tune"))) for _, row in rows.iterrows()]
    runs = pd.DataFrame({"key": cells["transfer_key"].unique()}).assign(tokens=None, training_flops=None)
    return placing(Evidence({"cells": cells, "runs": runs}), ids, targets)


def test_a_family_that_is_clearly_ahead_of_both_others_leads() -> None:
    found = place(plant({VIT: [0.7], CNN: [0.9], HYBRID: [0.8]}))
    assert (found.lead, found.level_with) == ("cnn", ())
    assert [rival.contestant.family for rival in found.rivals] == ["hybrid", "vit"]
    gap = found.rivals[0].gap
    assert gap
    assert gap.mean == pytest.approx(0.1, abs=0.002)
    assert gap.low > 0


def test_a_tie_has_no_leader_and_says_who_is_behind_both() -> None:
    found = place(plant({VIT: [0.7], CNN: [0.9], HYBRID: [0.899]}, spread=1))
    assert found.lead == ""
    assert [rival.contestant.family for rival in found.level_with] == ["hybrid"]
    assert [rival.contestant.family for rival in found.behind_all] == ["vit"]


def test_behind_the_leader_is_not_behind_those_that_cannot_be_told_from_it() -> None:
    """Here the hybrid's seeds spread so much that neither of the others can be told from it."""
    cells = plant({VIT: [0.8], CNN: [0.9], HYBRID: [0.85]}, spread=0.1)
    is_hybrid = cells["family"] == "hybrid"
    cells.loc[is_hybrid, "accuracy"] = 0.85 + 0.12 * np.tile([1, -1], 3)
    found = place(cells)
    assert [rival.contestant.family for rival in found.behind] == ["vit"]
    assert found.behind_all == ()


def test_holm_corrects_over_the_families_and_the_interval_shown_is_the_one_that_decided() -> None:
    """Each difference has a p-value of 0.04: clear alone, and not clear together."""
    off = np.array([-1, 1, -1, 1, -1, 1]) * 0.01
    scale = stats.t.ppf(1 - 0.04 / 2, 5) * off.std(ddof=1) / np.sqrt(6)
    cells = plant({VIT: [0.8], CNN: [0.8], HYBRID: [0.8]}, spread=0)
    for family in ("vit", "hybrid"):
        cells.loc[cells["family"] == family, "accuracy"] = 0.8 - scale + off
    found = place(cells)
    assert found.lead == ""
    assert len(found.level_with) == 2
    for rival in found.rivals:
        assert rival.level == pytest.approx(1 - (1 - LEVEL) / 2)
        assert rival.gap
        assert rival.gap.low < 0 < rival.gap.high
    assert place(cells[cells["family"] != "hybrid"]).lead == "cnn"


@pytest.mark.parametrize("family", ["cnn", "vit"])
def test_failed_seeds_object_unless_the_worse_model_is_the_one_that_fails(family: str) -> None:
    cells = plant({VIT: [0.75], CNN: [0.9], HYBRID: [0.7]})
    found = place(break_seed(cells, family=family))
    assert found.lead == ("cnn" if family == "vit" else "")
    assert found.is_finished
    if family == "cnn":
        assert "failed" in next(rival.reason for rival in found.rivals if rival.reason)


def test_a_model_that_lacks_a_seed_leaves_no_leader() -> None:
    cells = plant({VIT: [0.7], CNN: [0.9], HYBRID: [0.8]})
    found = place(
        break_seed(cells, family="vit").assign(status=lambda rows: rows["status"].replace("diverged", "not_run"))
    )
    assert (found.lead, dict(found.unfinished)) == ("", {"vit": VIT})
    assert [rival.is_behind for rival in found.rivals] == [True]


def test_the_leader_must_be_ahead_of_each_model_of_another_family_and_of_none_of_its_own() -> None:
    models = {VIT: [0.7], CNN: [0.9], HYBRID: [0.899]}
    second = place(rename(plant(models, spread=1), HYBRID, "other_resnet", "cnn"))
    assert second.lead == "cnn"
    assert [rival.contestant.model for rival in second.rivals] == [VIT]
    third = place(rename(plant(models, spread=1), HYBRID, "other_vit", "vit"))
    assert third.lead == ""
    assert [rival.contestant.model for rival in third.rivals] == ["other_vit"]


def test_one_seed_and_equal_values_give_no_interval() -> None:
    one = place(plant({VIT: [0.7], CNN: [0.9]}, seeds=1))
    assert one.lead == ""
    assert one.rivals[0].gap is None
    assert "one seed" in one.rivals[0].reason
    equal = place(plant({VIT: [0.8], CNN: [0.8]}, spread=0))
    assert equal.lead == ""
    assert "equal values" in equal.rivals[0].reason


def test_several_targets_are_averaged() -> None:
    cells = plant({VIT: [0.8], CNN: [0.82]}, targets=("digits@100", "cifar10"))
    cells.loc[(cells["target"] == "cifar10") & (cells["family"] == "cnn"), "accuracy"] -= 0.1
    assert place(cells, ("digits@100",)).lead == "cnn"
    both = place(cells, ("digits@100", "cifar10"))
    assert both.lead == "vit"
    assert both.rivals[0].gap
    assert both.rivals[0].gap.mean == pytest.approx(0.03, abs=0.002)


@pytest.mark.parametrize("num_rungs", [20, pytest.param(300, marks=pytest.mark.slow)])
def test_leads_are_those_of_paired_t_tests_under_holm(num_rungs: int) -> None:
    """Random rungs: the same decisions as SciPy's paired tests, whose p-values Holm's procedure corrects."""
    noise, leads = np.random.default_rng(3), 0
    for _ in range(num_rungs):
        cells = plant({VIT: [0.8], CNN: [0.8], HYBRID: [0.8]}, spread=0)
        of_family = {family: rows.index for family, rows in cells.groupby("family")}
        drawn = {family: 0.8 + noise.normal(0, 0.01) + noise.normal(0, 0.01, 6) for family in of_family}
        for family, index in of_family.items():
            cells.loc[index, "accuracy"] = drawn[family]
        best = max(drawn, key=lambda family: drawn[family].mean())
        p_values = [stats.ttest_rel(drawn[best], drawn[other]).pvalue for other in drawn if other != best]
        wanted = best if max(p for p in holm(p_values) if p is not None) < 1 - LEVEL else ""
        assert place(cells).lead == wanted
        leads += wanted != ""
    assert num_rungs / 10 < leads < num_rungs * 9 / 10
