"""What a reader must know first stands on the first screen, in few words, with a link to the section that has more."""

import math

import pandas as pd

from bench.analysis.seeds import ALIKE
from bench.report.first_screen.notices import MOST_WORDS, notices, shortened
from bench.report.page import Warned
from tests.report.hand_made import Tables, break_seed, make_cells, make_suite, make_tables

OWN = {
    "ablation": "overlap",
    "model": "vit_pico/16",
    "own_model": "vit_pico/8",
    "family": "vit",
    "targets": "digits@100",
    "difference": 0.12,
    "low": 0.09,
    "high": 0.15,
    "is_ahead": True,
}
LONG = "one two three four five six seven eight nine ten "


def told(tables: Tables, **suite: str) -> tuple[Warned, ...]:
    """Return the notices of a hand-made suite without limits, unless a test gives some."""
    return notices(make_suite(**{"limits": ""} | suite), tables)


def test_a_finished_suite_warns_of_nothing_but_its_limits() -> None:
    tables = make_tables(make_cells())
    assert told(tables) == ()
    assert told(tables, limits="It is small. It shows nothing of ViT-B. Nor of more.") == (
        Warned("It shows nothing of ViT-B.", "limits"),
    )
    assert told(tables, limits="It is small. It ran once.") == (Warned("It is small.", "limits"),)


def test_half_finished_and_failed_runs_are_said() -> None:
    cells = break_seed(make_cells(), model="vit_pico/8", ablation="")
    cells.loc[cells["family"] == "hybrid", ["status", "accuracy"]] = ["not_run", math.nan]
    found = told(make_tables(cells))
    assert all(len(each.text.split()) <= MOST_WORDS for each in found)
    texts = {each.text: each.anchor for each in found}
    assert texts["24 of 108 rows were not run."] == "runs"
    assert texts["8 runs diverged, so their seeds failed to train."] == "runs"
    assert [anchor for text, anchor in texts.items() if text.startswith("Seeds failed to train, so")] == ["compare"]


def test_duplicates_contamination_and_equal_predictions_are_said() -> None:
    cells = make_cells().assign(num_contaminated=3, num_test_images=400)
    tables = make_tables(cells)
    tables["comparison"] = tables["comparison"].assign(notes=f"seeds 0, 1 {ALIKE}: the seed has no effect")
    left_out = pd.DataFrame(
        [{"source": "folder:x", "reason": "images whose pixels also stand under another class", "num": 40}]
    )
    texts = {each.text: each.anchor for each in told(tables | {"left_out": left_out})}
    contaminated = [anchor for text, anchor in texts.items() if text.startswith("Contamination: up to 3 of 400")]
    assert set(contaminated) == {"fairness"}
    assert texts["folder:x has images whose pixels also stand under another class (40)."] == "fairness"
    assert [anchor for text, anchor in texts.items() if "no independent repeats" in text] == ["compare"]


def test_an_arm_that_beats_its_own_family_is_said_with_its_interval() -> None:
    tables = make_tables(make_cells())
    ahead = pd.DataFrame([OWN | {"arm": "/16"}])
    assert told(tables | {"own_rows": ahead}) == (
        Warned(
            "Another ViT here, vit_pico/16, is 12.0 points (9.0 to 15.0) better than the ladder's vit_pico/8 on "
            "digits@100.",
            "ablations",
        ),
    )
    assert told(tables | {"own_rows": ahead.assign(is_ahead=False)}) == ()
    many = pd.DataFrame([OWN | {"arm": str(number), "difference": 0.1 + number / 100} for number in range(3)])
    (found,) = told(tables | {"own_rows": many})
    assert found.text.startswith("3 arms are ahead of the ladder's own rows of their families. Another ViT here")
    assert "is 12.0 points" in found.text


def test_long_texts_lose_what_is_in_brackets_and_are_cut() -> None:
    assert shortened(f"{LONG}{LONG}({LONG.strip()}) end.") == f"{LONG}{LONG}end."
    cut = shortened(LONG * 4)
    assert len(cut.split()) == MOST_WORDS
    assert cut.endswith("nine …")
