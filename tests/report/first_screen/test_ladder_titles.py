"""Titles of the ladder's chart say who leads at which sizes, by the same rules as the sentences."""

import numpy as np
import pandas as pd
import pytest

from bench.analysis.claims.evidence import Evidence
from bench.report.findings import OnTarget, findings
from bench.report.first_screen.ladder_titles import ERRS_LEAST, difference_title, title_of_target
from bench.report.first_screen.naming import MOST_CHARACTERS
from tests.report.first_screen.planted import CNN, HYBRID, VIT, plant, rename, shown
from tests.report.hand_made import make_tables

UP, DOWN = [0.5, 0.6, 0.7, 0.8], [0.8, 0.7, 0.6, 0.5]
MIDDLE = [0.45] * 4


def titles(cells: pd.DataFrame) -> tuple[str, str]:
    """Return the title of the first target's ladder, and that of its differences."""
    tables = make_tables(cells)
    target, evidence = ladder(cells), Evidence(tables)
    return title_of_target(shown(cells)[0]), difference_title(target, evidence)


def ladder(cells: pd.DataFrame) -> OnTarget:
    """Return the results of the first target's ladder."""
    return findings({"cells": cells})[0].targets[0]


@pytest.mark.parametrize(
    ("vit", "cnn", "spread", "title", "of_pair"),
    [
        (MIDDLE, UP, 0.2, "The CNN is ahead at every size", "The CNN is ahead of the ViT at every size"),
        (
            UP,
            DOWN,
            0.2,
            "The CNN is ahead up to 1,024 images and the ViT from 4,096 images on",
            "The CNN is ahead up to 1,024 images and the ViT from 4,096 images on",
        ),
        (
            [0.5, 0.6, 0.7, 0.8],
            [0.5, 0.6, 0.8, 0.9],
            1,
            "The CNN is ahead from 4,096 images on",
            "The CNN is ahead of the ViT from 4,096 images on",
        ),
        (
            [0.5, 0.6, 0.7, 0.8],
            [0.5, 0.6, 0.7, 0.9],
            1,
            "The CNN is ahead at 16,384 images",
            "The CNN is ahead of the ViT at 16,384 images",
        ),
        (
            UP,
            UP,
            1,
            "ViT and CNN cannot be told apart; the hybrid is behind",
            "ViT and CNN cannot be told apart at any size",
        ),
    ],
)
def test_a_title_says_who_is_ahead_where(
    vit: list[float], cnn: list[float], spread: float, title: str, of_pair: str
) -> None:
    found = titles(plant({VIT: vit, CNN: cnn, HYBRID: [0.3] * 4}, spread=spread))
    assert found == (title, of_pair)


def test_a_lead_that_comes_and_goes_is_counted_where_the_title_would_be_too_long() -> None:
    cells = plant({VIT: [0.5, 0.9, 0.5, 0.9], CNN: [0.7] * 4, HYBRID: MIDDLE})
    assert titles(cells)[0] == "The CNN is ahead at 2 of 4 sizes; the ViT is ahead at 2 of 4 sizes"


def test_without_a_lead_no_family_is_said_to_be_ahead() -> None:
    found = titles(plant(dict.fromkeys((VIT, CNN, HYBRID), UP), spread=1))
    assert found == ("No family is shown to be ahead at any size", "ViT and CNN cannot be told apart at any size")
    one = titles(plant({VIT: UP, CNN: MIDDLE, HYBRID: MIDDLE}, seeds=1))
    assert one == ("Without intervals, no family is shown to be ahead",) * 2


def test_only_finished_sizes_are_spoken_of() -> None:
    cells = plant({VIT: MIDDLE, CNN: UP, HYBRID: MIDDLE})
    lacks = cells["subset_images"].eq(16384) & cells["seed"].eq(2)
    some = cells.assign(status=cells["status"].mask(lacks, "not_run"), accuracy=cells["accuracy"].mask(lacks))
    assert titles(some)[0] == "The CNN is ahead at every finished size"
    assert titles(cells.assign(status="not_run", accuracy=np.nan))[0] == "No size is finished yet"


def test_a_family_alone_has_no_rival() -> None:
    assert titles(plant({VIT: UP})) == ("Only one family is compared: the ViT", "No pair of families is on this ladder")


def test_errors_and_targets_without_a_ladder() -> None:
    cells = plant({VIT: UP, CNN: DOWN, HYBRID: MIDDLE}, scratch={VIT: 0.5, CNN: 0.7, HYBRID: 0.4})
    assert title_of_target(shown(cells)[0], ERRS_LEAST).startswith("The CNN errs least up to 1,024 images")
    alone = cells[cells["subset_images"] == 0].reset_index(drop=True)
    assert title_of_target(shown(alone)[0]) == "The CNN is ahead from scratch"
    equal = plant({VIT: UP, CNN: UP}, spread=1, scratch={VIT: 0.5, CNN: 0.5})
    equal = equal[equal["subset_images"] == 0].reset_index(drop=True)
    assert title_of_target(shown(equal)[0]) == "No family is shown to be ahead from scratch"


def test_titles_are_short_whatever_the_names() -> None:
    long = "a_family_with_a_name_of_many_letters"
    cells = rename(plant({VIT: UP, CNN: DOWN, HYBRID: MIDDLE}), CNN, "x" * 80, long)
    assert all(len(title) <= MOST_CHARACTERS for title in titles(cells))
