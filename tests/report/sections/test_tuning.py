"""The section on a tuning: its budget and choices, what they took, and what is said where something lacks."""

import tempfile
from pathlib import Path

import pandas as pd
import pytest

from bench.analysis.tuning import tuning_curves
from bench.report.figures.tuning import tuning_figure
from bench.report.page import Page, as_markdown
from bench.report.sections.tuning import draw_tuning, tuning
from bench.report.write import write_report

CHOSEN = [
    {
        "stage": stage,
        "family": family,
        "model": model,
        "values": {"learning_rate": 0.003, "clip_norm": None},
        "trial": 2,
        "score": 0.75,
    }
    for stage in ("pretrain", "transfer")
    for family, model in (("vit", "vit_pico/8"), ("cnn", "bit_resnet_pico"))
]
TUNING = {
    "trials": 3,
    "space": {"learning_rate": {"low": 0.0005, "high": 0.008, "log": True}, "clip_norm": [1.0, None]},
    "seed": 1000,
    "halvings": [0.25],
    "required": True,
    "chosen": CHOSEN,
}


def trials() -> pd.DataFrame:
    ended = (("diverged", 0.0), ("pruned", 0.5), ("ok", 0.75))
    rows = [
        {
            "stage": one["stage"],
            "family": one["family"],
            "model": one["model"],
            "trial": number,
            "status": status,
            "score": score,
            "images_seen": 1000 if status == "ok" else 200,
            "training_flops": 10**9,
            "train_seconds": 90.0,
        }
        for one in CHOSEN
        for number, (status, score) in enumerate(ended)
    ]
    return pd.DataFrame(rows)


def section(asked: dict | None, table: pd.DataFrame | None) -> str:
    """As it stands in Markdown."""
    suite = {"tuning": asked}
    with tempfile.TemporaryDirectory() as out:
        return as_markdown(Page("", (), sections=tuning(suite, table, draw_tuning(suite, table, Path(out)))))


def test_it_tells_the_budget_the_choices_and_what_they_took():
    said = section(TUNING, trials())
    assert "Every family had 3 trials in every stage" in said
    assert "the better half of those left going on after 25%" in said
    assert "Trials trained with seed 1000" in said
    assert "never read those of a test" in said
    assert "| pretrain | ViT | vit_pico/8 | learning_rate 0.003, clip_norm none (trial 2) | 75.0 % |" in said
    assert "| Stage | Family | Trials | ok | pruned | diverged | Images seen | Training FLOPs |" in said
    assert "| transfer | CNN | 3 | 1 | 1 | 1 | 1,400 | 3 G | 4.5 min |" in said
    assert "| learning_rate | 0.0005 to 0.008, each ratio as likely as another |" in said
    assert "| clip_norm | 1.0 or none |" in said
    assert "![Expected best validation accuracy against the number of trials](figures/tuning.png)" in said


def test_an_untuned_suite_says_so():
    for table in (trials().head(0), trials()):
        said = section(TUNING | {"chosen": []}, table)
        assert "asks for a tuning that is not done: its runs trained with the recipes as written" in said
        assert "figures/tuning" not in said


def test_choices_outlive_the_records_of_their_trials():
    said = section(TUNING, trials().head(0))
    assert "The records of the trials are not there any more" in said
    assert "| transfer | CNN | bit_resnet_pico | learning_rate 0.003, clip_norm none (trial 2) | 75.0 % |" in said
    assert "figures/tuning" not in said


def test_without_a_study_that_is_done_there_is_no_curve():
    """The choices stand, and so does how the trials that are there ended."""
    said = section(TUNING, trials().assign(status="not_run"))
    assert "| transfer | CNN | bit_resnet_pico | learning_rate 0.003, clip_norm none (trial 2) | 75.0 % |" in said
    assert "The curve is" not in said
    assert "figures/tuning" not in said


def test_a_suite_that_asks_for_none_has_no_section():
    assert "Tuning" not in section(None, None)


def test_curves_are_drawn_the_same_from_the_same_trials(tmp_path):
    for folder in ("first", "again"):
        draw_tuning({"tuning": TUNING}, trials(), tmp_path / folder)
    first, again = (
        {path.name: path.read_bytes() for path in (tmp_path / folder / "figures").iterdir()}
        for folder in ("first", "again")
    )
    assert set(first) == {"tuning.svg", "tuning.png", "tuning.pdf"}
    assert first == again
    for asked, table in (
        (TUNING, trials().assign(status="not_run")),
        (TUNING, None),
        (TUNING | {"chosen": []}, trials()),
        (None, trials()),
    ):
        assert draw_tuning({"tuning": asked}, table, tmp_path / "undone") is None
    assert not (tmp_path / "undone").exists()


def test_a_curve_rises_from_the_mean_to_the_best():
    figure = tuning_figure(tuning_curves(trials()))
    assert [ax.get_title() for ax in figure.axes] == ["Pretraining", "Fine-tuning"]
    for ax in figure.axes:
        for line in ax.get_lines():
            assert line.get_xdata().tolist() == [1, 2, 3]
            assert line.get_ydata().tolist() == pytest.approx([100 * 1.25 / 3, 100 * 2 / 3, 75])


def test_the_report_has_the_section_its_picture_and_a_sentence_at_the_top(
    make_suite, make_cells, make_tables, tmp_path
):
    write_report(make_suite(tuning=TUNING), make_tables(make_cells()) | {"trials": trials()}, tmp_path)
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "Tuned alike: 3 trials for each family in each stage (see Tuning)." in page[: page.index("## ")]
    assert "## Tuning" in page
    assert (tmp_path / "figures" / "tuning.png").is_file()
