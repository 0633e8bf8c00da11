"""The first screen holds all words, for each target, and a chart's titles for each view."""

import pandas as pd
import pytest

from bench.report.findings import findings
from bench.report.first_screen.headline import facts, question
from bench.report.first_screen.screen_words import first_screen, view_titles
from tests.report.first_screen.planted import CNN, HYBRID, VIT, plant, rename
from tests.report.hand_made import make_cells, make_suite, make_tables

THREE = {VIT: [0.6, 0.7, 0.8], CNN: [0.8, 0.85, 0.9], HYBRID: [0.7, 0.75, 0.85]}


def test_the_question_names_the_families_and_the_facts_what_was_compared() -> None:
    cells = plant(THREE)
    tables = make_tables(cells)
    assert question(cells) == "ViT, CNN or hybrid?"
    assert facts(make_suite(), cells, tables["runs"]) == ("suite hand-made", "0.2 M parameters", "32 px", "6 seeds")
    begun = cells.assign(status=cells["status"].mask(cells["seed"] > 1, "not_run"))
    assert facts(make_suite(), begun, tables["runs"])[3] == "2 of 6 seeds"
    assert question(plant({VIT: [0.6], HYBRID: [0.7]})) == "ViT or hybrid?"
    assert question(plant({VIT: [0.6]})) == "Which ViT?"


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ((200_000, 240_000), "0.2 M parameters"),
        ((200_000, 260_000), "0.20 to 0.26 M parameters"),
        ((86_000_000, 86_400_000), "86 M parameters"),
        ((23_500_000, 86_400_000), "24 to 86 M parameters"),
    ],
)
def test_sizes_are_rounded_to_what_they_share(parameters: tuple[int, int], text: str) -> None:
    cells = plant({VIT: [0.6], CNN: [0.7]})
    runs = make_tables(cells)["runs"]
    runs["parameters"] = runs["model"].map(dict(zip((VIT, CNN), parameters, strict=True))).astype("Int64")
    assert facts(make_suite(), cells, runs)[1] == text


def test_each_target_has_its_sentences_and_its_titles() -> None:
    cells = plant(THREE, targets=("fractals-heldout", "digits@100"), scratch={VIT: 0.6, CNN: 0.8, HYBRID: 0.7})
    tables, found = make_tables(cells), findings({"cells": cells})
    screen = first_screen(make_suite(), tables, found)
    assert list(screen.sentences) == ["digits@100", "fractals-heldout", ""]
    lead, trend, ratio = screen.sentences["fractals-heldout"]
    assert lead.startswith("The CNN")
    assert "on fractals-heldout (in-domain) after 4,096" in lead
    assert "95 %, uncorrected" in trend
    assert ratio.startswith(("For the same accuracy, the ", "No ratio of images: "))
    assert (screen.claims, screen.counts) == ((), "")
    assert [each.anchor for each in screen.warnings] == ["limits"]
    assert view_titles(tables, found) == {
        "accuracy": dict.fromkeys(("digits@100", "fractals-heldout"), "The CNN is ahead at every size"),
        "error": dict.fromkeys(("digits@100", "fractals-heldout"), "The CNN errs least at every size"),
        "gain": dict.fromkeys(("digits@100", "fractals-heldout"), "Pretraining on 4,096 images helps every model"),
        "difference": dict.fromkeys(("digits@100", "fractals-heldout"), "The CNN is ahead of the ViT at every size"),
    }


def test_several_corpora_are_named() -> None:
    cells = plant(THREE)
    other = cells.assign(corpus="strokes", transfer_key="o-" + cells["transfer_key"])
    tables = make_tables(pd.concat([cells, other], ignore_index=True))
    (lead, *_), _ = first_screen(make_suite(), tables, findings(tables)).sentences.values()
    assert "leads on digits (100 training images) after 4,096 pretraining images of fractals: 90.0 %" in lead


def test_a_family_that_nobody_knows_is_called_by_its_name() -> None:
    cells = rename(plant(THREE), VIT, "mixer", "mlp")
    assert question(cells) == "CNN, hybrid or mlp?"
    tables = make_tables(cells)
    lead = first_screen(make_suite(), tables, findings(tables)).sentences["digits@100"][0]
    assert "and mlp mixer (0.10 M) 80.0 %" in lead


def test_a_suite_of_arms_alone_has_no_answer() -> None:
    cells = make_cells()
    tables = make_tables(cells[cells["ablation"] != ""].reset_index(drop=True))
    screen = first_screen(make_suite(), tables, ())
    assert (screen.question, screen.facts) == ("Which family?", "suite hand-made · 3 seeds")
    assert screen.sentences == {"": ("No model of the ladder is tested on this target.",)}
    assert not any(view_titles(tables, ()).values())


def test_networks_that_are_not_trained_have_no_leader() -> None:
    cells = plant(THREE)
    tables = make_tables(cells[cells["seed"] == 0].assign(transfer="none"))
    (lead,) = first_screen(make_suite(), tables, ()).sentences["digits@100, without training"]
    assert lead.startswith("Each model is evaluated once, so no family leads on digits (100 training images, without")
