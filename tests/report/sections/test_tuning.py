"""The section on a tuning: its budget and choices, what they took, and what it says if something is missing."""

import pandas as pd
import pytest

from bench.analysis.format import ABSENT
from bench.analysis.tuning import tuning_curves
from bench.report.figures.tuning import tuning_figure
from bench.report.page import Chart, FirstScreen, Page
from bench.report.rendering import as_markdown
from bench.report.sections.tuning import tuning
from bench.report.write import write_report
from tests.report.hand_made import make_cells, make_suite, make_tables

PICTURE = Chart("tuning", {"": "Expected best"}, "Expected best", "a line per family.", files=("figures/tuning",))
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
    ended = (("diverged", 0.0, 1.0), ("pruned", 0.5, 0.25), ("ok", 0.75, 1.0))
    rows = [
        {
            "stage": one["stage"],
            "family": one["family"],
            "model": one["model"],
            "trial": number,
            "status": status,
            "score": score,
            "share": share,
            "unpruned": "",
            "images_seen": 1000 if status == "ok" else 200,
            "training_flops": 10**9,
            "train_seconds": 90.0,
        }
        for one in CHOSEN
        for number, (status, score, share) in enumerate(ended)
    ]
    return pd.DataFrame(rows)


def page(asked: dict | None, table: pd.DataFrame | None, picture: Chart | None = None) -> str:
    return as_markdown(Page("", FirstScreen("", ""), sections=tuning({"tuning": asked}, table, picture)))


def test_it_tells_the_budget_the_choices_and_their_cost():
    shown = page(TUNING, trials(), PICTURE)
    for part in (
        "Every family had 3 trials in every stage",
        "after 25 % the half with the higher scores went on",
        "Trials trained with seed 1000",
        "never read test images",
        "| pretrain | ViT | vit_pico/8 | learning_rate 0.003, clip_norm none (trial 2) | 75.0 % |",
        "| Stage | Family | Trials | ok | pruned | diverged | Images seen | Training FLOPs |",
        "| transfer | CNN | 3 | 1 | 1 | 1 | 1,400 | 3 G | 4.5 min |",
        "| learning_rate | 0.0005 to 0.008, uniform in the logarithm |",
        "| clip_norm | 1.0 or none |",
        "The curve is",
        "![Expected best](figures/tuning.png)",
    ):
        assert part in shown


def test_it_tells_what_trials_each_member_had_and_which_was_chosen():
    table = trials()
    of_vit = (table["stage"] == "pretrain") & (table["family"] == "vit")
    table.loc[of_vit & (table["trial"] == 1), "model"] = "vit_pico/4"
    shown = page(TUNING | {"members": {"vit": ["vit_pico/8", "vit_pico/4"]}}, table)
    for part in (
        "chose the model among members of one size class, for ViT. The members took turns",
        "the more members, the fewer trials of each. Trials of fine-tuning trained the chosen member.",
        "| ViT | vit_pico/8 (chosen) | 2 | 1 | 75.0 % |",
        f"| ViT | vit_pico/4 | 1 | 0 | {ABSENT} |",
        "| pretrain | ViT | 3 | 1 | 1 | 1 | 1,400 | 3 G | 4.5 min |",
    ):
        assert part in shown
    assert "took turns" not in page(TUNING, trials())


def test_a_share_after_which_nothing_was_pruned_is_said_once_with_its_reason():
    why = "nothing was pruned after 25 % of the budget, since the median trial of vit pretrain was at chance"
    table = trials()
    table.loc[table["stage"] == "pretrain", "unpruned"] = why
    assert page(TUNING, table).count(f"pretrain: {why}.") == 1


def test_an_untuned_suite_says_so():
    shown = page(TUNING | {"chosen": []}, trials())
    assert "asks for a tuning that is not done: its runs trained with the recipes as written" in shown
    assert page(None, None) == page(None, trials())
    assert "Tuning" not in page(None, trials())


@pytest.mark.parametrize(
    ("table", "why"),
    [(trials().head(0), "The records of the trials are gone"), (trials().assign(status="not_run"), "")],
)
def test_choices_outlive_the_records_of_their_trials(table, why):
    """Without trials that ended there is no curve."""
    shown = page(TUNING, table)
    assert "| transfer | CNN | bit_resnet_pico | learning_rate 0.003, clip_norm none (trial 2) | 75.0 % |" in shown
    assert why in shown
    assert "The curve is" not in shown


def test_a_curve_rises_from_the_mean_to_the_best():
    figure = tuning_figure(tuning_curves(trials()), "What is seen")
    assert [ax.get_title() for ax in figure.axes] == ["Pretraining", "Fine-tuning"]
    for ax in figure.axes:
        for line in ax.get_lines():
            assert line.get_xdata().tolist() == [1, 2]
            assert line.get_ydata().tolist() == pytest.approx([100 * 0.75 / 2, 75])


def test_the_report_has_the_section_its_picture_and_a_sentence_on_fairness(tmp_path):
    tables = make_tables(make_cells(targets=("digits@100",), arms=False))
    write_report(make_suite(tuning=TUNING), tables | {"trials": trials()}, tmp_path)
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "Tuned alike: 3 trials for each family in each stage (see Tuning)." in report[report.index("## Fairness") :]
    assert "## Tuning" in report
    assert "(figures/tuning.png)" in report
    assert (tmp_path / "figures" / "tuning.png").is_file()
