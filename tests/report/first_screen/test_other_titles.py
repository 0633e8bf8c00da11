"""Titles of gains, ablations and fronts say only what an interval shows."""

import pandas as pd
import pytest

from bench.analysis.claims.evidence import Evidence
from bench.report.first_screen.naming import MOST_CHARACTERS
from bench.report.first_screen.other_titles import _of_arms_alone, ablation_title, front_title, gain_title
from tests.report.first_screen.planted import CNN, HYBRID, VIT, plant, shown
from tests.report.hand_made import make_cells, make_tables

NO_ARM = "No arm is shown to differ from its reference"
FIRST = {VIT: 0.6, CNN: 0.8, HYBRID: 0.7}


@pytest.mark.parametrize(
    ("second", "title"),
    [
        ({VIT: 0.7, CNN: 0.9, HYBRID: 0.8}, "Pretraining on 1,024 images helps every model"),
        ({VIT: 0.7, CNN: 0.8, HYBRID: 0.6}, "Pretraining on 1,024 images helps the ViT and hurts the hybrid"),
        (FIRST, "Pretraining on 1,024 images is not shown to help any model"),
        ({VIT: 0.5, CNN: 0.8, HYBRID: 0.7}, "Pretraining on 1,024 images hurts the ViT"),
    ],
)
def test_a_gain_is_that_of_the_largest_rung_over_training_from_scratch(second: dict[str, float], title: str) -> None:
    cells = plant({model: [0.9, second[model]] for model in FIRST}, scratch=FIRST, spread=0.5)
    assert gain_title(shown(cells)[0]) == title


def test_without_training_from_scratch_there_is_no_gain() -> None:
    assert gain_title(shown(plant({VIT: [0.6, 0.7], CNN: [0.7, 0.8]}))[0]) == (
        "Nothing was trained from scratch on this target"
    )


@pytest.mark.parametrize(("sign", "verb"), [(1, "helps"), (-1, "hurts")])
def test_a_gain_that_only_its_own_interval_shows_is_said_so_in_both_directions(sign: int, verb: str) -> None:
    """The correction over the models decides between the two forms and no form."""
    scratch = {VIT: 0.6, CNN: 0.8, HYBRID: 0.7}

    def title(gain: float) -> str:
        rung = {VIT: [0.6, 0.6], CNN: [0.8, 0.8], HYBRID: [0.7, 0.7 + sign * gain]}
        return gain_title(shown(plant(rung, scratch=scratch, spread=1))[0])

    assert title(0.006) == "Pretraining on 1,024 images is not shown to help any model"
    assert title(0.009) == f"Pretraining on 1,024 images {verb} the hybrid by its own interval only"
    assert title(0.014) == f"Pretraining on 1,024 images {verb} the hybrid"


@pytest.mark.parametrize(("sign", "where"), [(1, "ahead of"), (-1, "behind")])
def test_an_arm_that_only_its_own_interval_shows_is_said_so_in_both_directions(sign: int, where: str) -> None:
    own = {(sign, 0): f"The arm a is {where} c by its own interval only", (0, 0): NO_ARM}
    assert {signs: _of_arms_alone(["a", "b"], signs, "c") for signs in own} == own
    assert _of_arms_alone(["a", "b"], (sign, sign), "c") == "2 of 2 arms differ by their own intervals only"
    assert _of_arms_alone(["a", "a", "b"], (sign, 0, 0), "c") == "1 of 2 arms differs by its own interval only"


def titles_of_arms(cells: pd.DataFrame) -> dict[str, str]:
    """Return the title of each ablation."""
    tables = make_tables(cells)
    evidence = Evidence(tables)
    return {name: ablation_title(rows, evidence) for name, rows in tables["ablations"].groupby("ablation", sort=False)}


def test_arms_that_differ_from_the_reference_are_named() -> None:
    found = titles_of_arms(make_cells(targets=("digits@100",), seeds=tuple(range(6))))
    assert found == {
        "position": "The arm none is behind sincos-2d",
        "overlap": "The arm /16 is behind /8",
    }


def test_no_arm_is_said_to_differ_if_none_clearly_does() -> None:
    cells = make_cells(targets=("digits@100",), seeds=tuple(range(6)))
    is_arm = cells["ablation"] != ""
    cells.loc[is_arm, "accuracy"] = [0.6 + 0.01 * (number * 7 % 5) for number in range(is_arm.sum())]
    assert set(titles_of_arms(cells).values()) == {NO_ARM}
    assert set(titles_of_arms(make_cells(seeds=(0,))).values()) == {"No arm is shown to differ from its reference"}
    none = make_cells().assign(status="not_run", accuracy=float("nan"))
    assert set(titles_of_arms(none).values()) == {"No arm is finished with its reference"}


def test_an_arm_that_differs_on_some_targets_only_is_said_so() -> None:
    cells = make_cells(targets=("digits@100", "cifar10"), seeds=tuple(range(6)))
    same = cells["arm"].eq("none") & cells["target"].eq("cifar10")
    reference = cells["arm"].eq("sincos-2d") & cells["target"].eq("cifar10")
    cells.loc[same, "accuracy"] = cells.loc[reference, "accuracy"].to_numpy()[[1, 0, 3, 2, 5, 4]]
    assert titles_of_arms(cells)["position"] == "The arm none is behind sincos-2d on 1 of 2 targets"


def test_a_title_of_arms_with_long_names_counts_them() -> None:
    cells = make_cells(targets=("digits@100",), seeds=tuple(range(6)))
    cells["arm"] = cells["arm"].replace({"none": "no encoding of the position of patches, neither learned nor fixed"})
    title = titles_of_arms(cells)["position"]
    assert title == "1 of 2 arms is behind the reference"
    assert len(title) <= MOST_CHARACTERS
    two = cells[~cells["arm"].isin(["/16, stride 8", "sincos-2d"])].replace(
        {"/16": "large patches that do not overlap" * 2}
    )
    assert titles_of_arms(two[two["ablation"] != "position"])["overlap"] == "The arm is behind the reference"


def front(places: list[str], cost: str = "") -> str:
    """Return the title of rows at these places."""
    rows = pd.DataFrame({"place": places, "model": ["bit_resnet_pico"] * len(places), "family": "cnn"})
    return front_title(rows, cost)


def test_a_front_of_one_row_is_alone_only_if_all_others_are_behind() -> None:
    assert front(["front", "behind"]) == "bit_resnet_pico alone is on the front; all others are behind it"
    assert front(["front", "behind", "undecided"]) == "1 row on the front, 1 behind, 1 cannot be told"
    assert front(["front", "front"]) == "2 rows on the front"
    assert front([""]) == "Accuracy and this cost are known of no row"


def test_the_title_of_a_front_names_its_cost() -> None:
    assert front(["front", "front", "behind"], "images/s") == "2 rows on the front by images/s, 1 behind"
    assert front(["front", "behind"], "MACs") == "One CNN alone is on the front by MACs; all others are behind it"
    assert front([""], "images/s") == "Accuracy and images/s are known of no row"
