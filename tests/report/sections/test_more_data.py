"""The section on pretraining size says what the curves say, in one sentence for each pair, and folds the rest."""

import re

import pandas as pd
import pytest

from bench.analysis.format import points
from bench.report.findings import Findings, findings
from bench.report.page import Charts, Folded, Section
from bench.report.sections.more_data import more_data
from bench.report.sections.scaling import images, ratio_in_words
from tests.report.hand_made import add_probes, break_seed, make_answers, make_ladder_cells

NO_CHARTS: Charts = {}
NAMES = {"vit_pico/8": "the ViT", "bit_resnet_pico": "the CNN", "r_pico+vit_pico/8": "the hybrid"}


def found_in(cells: pd.DataFrame, *, answers: bool = True) -> tuple[Findings, ...]:
    """Return what the ladders of some cells show."""
    return findings({"cells": cells} | ({"correctness": make_answers(cells)} if answers else {}))


def open_text(section: Section) -> list[str]:
    """Return the paragraphs that are not folded."""
    return [block for block in section.blocks if isinstance(block, str)]


def folds(section: Section) -> dict[str, Folded]:
    """Return the folded parts by their summaries."""
    return {block.summary: block for block in section.blocks if isinstance(block, Folded)}


@pytest.fixture(scope="module")
def crossing_laws() -> tuple[Findings, ...]:
    """Of three families on two real targets and one that is not."""
    return found_in(make_ladder_cells())


def test_the_mean_over_real_targets_is_told_in_sentences(crossing_laws: tuple[Findings, ...]) -> None:
    """Slope, ratio and crossing of each pair, with the models by their families once these are named."""
    (mean,) = [target for target in crossing_laws[0].targets if len(target.ladder.targets) == 2]
    slopes, ratios, crossings, *_, trust = open_text(more_data(crossing_laws, NO_CHARTS))
    assert slopes.startswith("On the mean of 2 real targets, ten times as many pretraining images add these points: ")
    for model in mean.growth:
        assert model.slope
        family = NAMES[model.model]
        shown = points(model.slope.mean, model.slope.low, model.slope.high)
        assert f"{shown} to {family} {model.model}" in slopes
    for pair in mean.pairs:
        first, second = NAMES[pair.first.model], NAMES[pair.second.model]
        assert pair.crossing
        sentence = ratio_in_words(pair).replace(pair.second.model, second).replace(pair.first.model, first)
        assert sentence[1:] in ratios
        assert f"Against {second}, {first} passes at {images(pair.crossing.size)} (" in crossings
    assert ratios.startswith("For the same accuracy, the ")
    assert not any(model in ratios + crossings for model in NAMES)
    told = [model.prediction for each in crossing_laws[0].trends for model in each.growth]
    held = [found.is_held for found in told if found and found.predicted]
    assert trust.endswith(f"the largest is within the interval of {held.count(True)} of {len(held)} predictions.")


def test_what_few_readers_need_is_folded(crossing_laws: tuple[Findings, ...]) -> None:
    """All tables, what the words mean, and other ways of transfer; at most 220 words stay open."""
    both = found_in(add_probes(make_ladder_cells()), answers=False)
    section = more_data(both, NO_CHARTS)
    assert list(folds(section)) == [
        "More data on other targets",
        "Slopes, ratios and crossings of all targets",
        "More data, linear probes",
        "More data, k-shot probes",
        "Trust in extrapolation",
        "How to read this",
    ]
    assert not any(type(block).__name__ == "Table" for block in section.blocks)
    assert sum(len(text.split()) for text in open_text(more_data(crossing_laws, NO_CHARTS))) < 220
    (predictions,) = folds(section)["Trust in extrapolation"].blocks
    assert {row[1].text.partition(", ")[2] for row in predictions.cells} >= {"", "linear probes"}  # type: ignore[union-attr]


def test_pairs_that_lack_a_ratio_for_one_reason_share_a_sentence() -> None:
    """Without the figures that the table has; curves that do not cross say who is behind, and for how long."""
    cells = make_ladder_cells(targets=("digits@100",), num_rungs=3)
    of_vit = cells["family"] == "vit"
    cells.loc[of_vit, "accuracy"] = 0.3 + 0.001 * cells.loc[of_vit, "seed"]
    section = more_data(found_in(cells), NO_CHARTS)
    _, ratios, crossings = open_text(section)
    reason = "the accuracy of the ViT does not clearly rise from 256 to 4,096 images."
    assert f"There is no ratio of images for the ViT and the hybrid, nor for the ViT and the CNN: {reason}" in ratios
    assert ratios.count(reason) == 1
    assert "There is no ratio of images for any pair: " not in ratios
    few = open_text(more_data(found_in(make_ladder_cells(targets=("digits@100",), num_rungs=2)), NO_CHARTS))
    assert few[1] == "There is no ratio of images for any pair: 2 rungs; a ratio of images needs 3."
    assert "No crossing within the sizes measured: the ViT is behind the hybrid at every size" in crossings
    assert re.search(r"does not clearly rise .* \(.* points per tenfold images\)", section.tables[1].cells[0][0].text)


def test_what_is_clear_on_other_targets_is_open_and_their_sentences_are_folded() -> None:
    """In two sentences; no other target is named of which nothing is clear."""
    cells = make_ladder_cells(targets=("digits@100", "fractals-heldout"))
    is_first, noise = cells["target"] == "digits@100", 0.001 * cells["seed"]
    cells.loc[is_first, "accuracy"] = 0.5 + (noise * cells["family"].map({"vit": 1, "cnn": -1, "hybrid": 0}))[is_first]
    found = found_in(cells)
    (other,) = [target for target in found[0].trends if target.title.startswith("fractals")]
    pair = next(pair for pair in other.pairs if (pair.first.family, pair.second.family) == ("vit", "cnn"))
    assert pair.slope
    section = more_data(found, NO_CHARTS)
    slopes, *_, gain, ratio, trust = open_text(section)
    assert slopes.startswith("On digits@100, ")
    mean, low, high = (f"{100 * end:.1f}" for end in (pair.slope.mean, pair.slope.low, pair.slope.high))
    assert gain == (
        "With ten times as many images, by uncorrected 95 % intervals, the ViT gains "
        f"{mean} points ({low} to {high}) on the CNN on fractals-heldout (in-domain)."
    )
    assert re.fullmatch(
        r"For the same accuracy, the \w+ needs [\d.]+ times as many images as the \w+, [\d.]+ to [\d.]+, "
        r"on fractals-heldout \(in-domain\)\.",
        ratio,
    )
    assert trust.startswith("How far")
    assert folds(section)["More data on other targets"].blocks[0].startswith("On fractals-heldout (in-domain), ten")
    swapped = cells.assign(
        target=cells["target"].map({"digits@100": "fractals-heldout", "fractals-heldout": "digits@100"})
    )
    assert not any("uncorrected" in text for text in open_text(more_data(found_in(swapped), NO_CHARTS)))


def test_an_accuracy_whose_slope_lies_below_zero_falls() -> None:
    cells = make_ladder_cells(targets=("digits@100",), num_rungs=3)
    of_vit = cells["family"] == "vit"
    sizes = cells.loc[of_vit, "subset_images"].map({256: 0.0, 1024: 0.1, 4096: 0.2})
    cells.loc[of_vit, "accuracy"] = 0.6 - sizes + 0.001 * cells.loc[of_vit, "seed"]
    _, ratios, _ = open_text(more_data(found_in(cells), NO_CHARTS))
    assert "the accuracy of the ViT falls from 256 to 4,096 images" in ratios


def test_what_is_undecided_has_one_reason() -> None:
    """Of a single seed, of a failed seed, and of a store in which nothing is finished."""
    one = more_data(found_in(make_ladder_cells(num_rungs=3, targets=("digits@100",), seeds=1)), NO_CHARTS)
    why = "one seed shows no spread; an interval needs two"
    assert open_text(one) == [f"On digits@100, the effect of more data is undecided: {why}."]
    broken = break_seed(make_ladder_cells(num_rungs=3, targets=("digits@100",)), family="vit", subset_images=1024)
    _, ratios, crossings = open_text(more_data(found_in(broken), NO_CHARTS))
    assert ratios.count("seed 2 failed to train") == crossings.count("seed 2 failed to train") == 1
    cells = make_ladder_cells(num_rungs=3)
    cells.loc[cells["subset_images"] == 4096, ["status", "reason", "accuracy"]] = ["not_run", "no data", float("nan")]
    nothing = more_data(found_in(cells, answers=False), NO_CHARTS)
    assert nothing.blocks == ("No ladder is finished: at 4,096 images seeds 0 to 2 not run.",)


def test_one_family_has_slopes_alone() -> None:
    """And of several models of a family the first is told; a model that is not alone keeps its name."""
    cells = make_ladder_cells(num_rungs=3, targets=("digits@100",))
    section = more_data(found_in(cells[cells["family"] == "vit"]), NO_CHARTS)
    assert open_text(section)[1] == "All models are of one family."
    assert len(section.tables) == 1
    twin = cells[cells["family"] == "vit"].assign(model="vit_pico/16")
    _, ratios, _ = open_text(more_data(found_in(pd.concat([cells, twin])), NO_CHARTS))
    assert "vit_pico/8" in ratios
    assert "vit_pico/16" not in ratios


def test_without_a_ladder_there_is_one_line() -> None:
    assert len(more_data((), NO_CHARTS).blocks) == 1
