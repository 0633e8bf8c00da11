"""What ladders show stands on pages and in figures as the statistics have it, with the reason where they have none."""

import math
import re
from dataclasses import replace

import pandas as pd
import pytest

from bench.analysis.ladder.crossings import Crossing, Passage
from bench.analysis.ladder.data_ratios import DataRatio
from bench.analysis.ladder.growth import PairGrowth
from bench.analysis.ladder.rungs import AtRung, LadderModel
from bench.analysis.stats.intervals import Interval
from bench.report.figures.crossing import crossing_figure
from bench.report.findings import Findings, findings
from bench.report.page import Charts, FirstScreen, Page, Section, TableCell
from bench.report.rendering import as_html, as_markdown
from bench.report.sections.consistency import consistency
from bench.report.sections.more_data import more_data
from bench.report.sections.scaling import crossing_in_words, is_clear_throughout, ratio_in_words, sides_in_words
from bench.report.sections.targets import across_targets
from tests.report.hand_made import add_probes, break_seed, make_answers, make_ladder_cells, without_scripts

MINUS = "\N{MINUS SIGN}"
Tables = dict[str, pd.DataFrame]


def data_section(found: Findings, charts: Charts) -> Section:
    """Return the section on pretraining size for the ladders of one way of transfer."""
    return more_data([found], charts)


SECTIONS = (data_section, across_targets, consistency)


def find(cells: pd.DataFrame, *, answers: bool = True) -> tuple[Findings, ...]:
    """Return what the ladders of some cells show, with per-image correctness or without."""
    return findings({"cells": cells} | ({"correctness": make_answers(cells)} if answers else {}))


def _pages(sections: list[Section]) -> tuple[str, str]:
    """Both, with notes in brackets and without scripts."""
    page = Page("Hand-made", FirstScreen("", ""), tuple(sections))
    html = re.sub(r"<script>.*?</script>", "", as_html(page), flags=re.DOTALL)
    return re.sub(r"\s*<small>(.*?)</small>", r" (\1)", html), as_markdown(page)


def _cells(section: Section) -> list[list[TableCell]]:
    return [row for table in section.tables for row in table.cells]


def test_real_targets_come_first_and_are_put_together() -> None:
    """Then their mean, then purpose-made and in-domain targets, of which no mean is taken."""
    (found,) = find(make_ladder_cells(targets=("arrangement@500", "digits@100", "cifar10", "fractals-heldout")))
    titles = ["digits@100", "cifar10", "mean of 2 real targets"]
    marked = ["arrangement@500 (purpose-made)", "fractals-heldout (in-domain)"]
    assert [target.title for target in found.targets] == [*titles, *marked]
    assert [targets.title for targets in found.together] == ["mean of 2 real targets"]
    assert [errors.title for errors in found.errors] == [*titles[:2], *marked]
    (alone,) = find(make_ladder_cells(targets=("digits@100", "fractals-heldout")))
    assert [targets.title for targets in alone.together] == ["digits@100"]


def test_transfers_stand_apart() -> None:
    """Fine-tuning first; each number of shots has a ladder, and its averaged draws no errors to compare."""
    found = find(add_probes(make_ladder_cells(num_rungs=3)), answers=False)
    assert [one.transfer for one in found] == ["fine-tune", "linear", "k-shot"]
    assert [one.title for one in found[2].together] == [f"mean of 2 real targets, {n}" for n in ("1 shot", "5 shots")]
    assert found[2].errors == ()
    assert consistency(found[2], {}).title == "Error consistency, k-shot probes"
    assert "averaged over draws" in consistency(found[2], {}).paragraphs[0]


def test_ladders_of_other_classes_are_named() -> None:
    """And rungs that differ in their classes have no trend, which the page says."""
    cells = make_ladder_cells(num_rungs=2, targets=("digits@100",))
    cells.loc[cells["subset_images"] == 1024, "subset_classes"] = 64
    (found,) = find(cells)
    assert [one.title for one in found.targets] == ["digits@100, 32 classes", "digits@100, 64 classes"]
    section = more_data([found], {})
    assert "No ladder has two rungs of equal class count" in section.paragraphs[0]
    assert section.tables == ()


def test_slopes_laws_and_crossings_are_on_the_page() -> None:
    """Each with its interval, as the statistics have it; nothing reads `nan`."""
    (found,) = find(make_ladder_cells())
    html, markdown = _pages([section(found, {}) for section in SECTIONS])
    for one in found.targets:
        for model in one.growth:
            assert model.slope is not None
            assert model.parameters is not None
            slope, exponent = model.slope, model.parameters.exponent
            for shown in (
                f"+{100 * slope.mean:.1f} ({100 * slope.low:.1f} to {100 * slope.high:.1f}) (3 seeds)",
                f"{exponent.mean:.2f} ({exponent.low:.2f} to {exponent.high:.2f})",
                f"{100 * model.parameters.floor.mean:.1f} %",
            ):
                assert shown in html
                assert shown in markdown
        for duel in one.pairs:
            assert duel.crossing is not None
            assert crossing_in_words(duel.crossing) in html
            assert crossing_in_words(duel.crossing) in markdown
    assert not re.search(r"\bnan\b", without_scripts(html) + markdown, re.IGNORECASE)
    assert markdown.count("passes at") > 6
    assert "intervals over seeds and test images" in markdown
    assert "that of the power laws." in markdown


def test_targets_and_errors_are_on_the_page() -> None:
    """Interquartile means, probabilities, ranks and kappas, each with seeds or pairs."""
    (found,) = find(make_ladder_cells())
    _, markdown = _pages([section(found, {}) for section in SECTIONS])
    (together,) = found.together
    ranking = together.across.ranking
    assert ranking is not None
    assert f"{ranking.names[0]} {ranking.mean_ranks[0]:.2f}" in markdown
    assert "3 of 3 pairs" in markdown
    for overall in together.across.models:
        for rung in overall.rungs:
            assert rung.interval is not None
            ends = f"{100 * rung.interval.low:.1f} to {100 * rung.interval.high:.1f}"
            assert f"{100 * rung.mean:.1f} % ({ends}) (3 seeds)" in markdown
    for pair in together.across.improvements:
        for rung in pair.rungs:
            assert rung.interval is not None
            assert f"{100 * rung.mean:.0f} % ({100 * rung.interval.low:.0f} to" in markdown
    for errors in found.errors:
        for one in errors.pairs:
            assert one.consistency is not None
            kappa = one.consistency.kappa.interval()
            assert f"{kappa.mean:.2f} ({kappa.low:.2f} to {kappa.high:.2f}) (3 seeds)" in markdown.replace(MINUS, "-")


def test_a_seed_that_diverged_is_said() -> None:
    """The model and its pairs are undecided, in every section; the others are as they were."""
    broken = {"model": "vit_pico/8", "subset_images": 1024, "target": "digits@100"}
    (found,) = find(break_seed(make_ladder_cells(), **broken))
    why = "at 1,024 images seed 2 failed to train: diverged"
    for section in (more_data([found], {}), consistency(found, {})):
        undecided = [row for row in _cells(section) if any(cell.doubtful for cell in row)]
        assert undecided
        for row in undecided:
            assert "vit_pico/8" in [row[0].text, row[1].text]
            assert any(cell.text.startswith(("digits", "mean")) for cell in row)
            assert all(why in cell.note for cell in row if cell.doubtful)
        assert len(undecided) < len(_cells(section)) / 2
    across = across_targets(found, {})
    assert f"vit_pico/8: on digits@100 {why}" in across.paragraphs[-1]
    assert not re.search(r"\bnan\b", as_markdown(Page("", FirstScreen("", ""), (across,))), re.IGNORECASE)


def test_a_transfer_to_targets_that_are_not_real_alone_has_nothing_across_targets() -> None:
    """Which says nothing of the suite's other transfers."""
    (found,) = find(make_ladder_cells(targets=("fractals-heldout",)))
    assert across_targets(found, {}).paragraphs == ("No real target has this transfer on a ladder.",)


def test_one_seed_has_no_intervals_and_no_verdict() -> None:
    """Every cell that needs a spread is undecided, and says why; the figures are still drawn."""
    (found,) = find(make_ladder_cells(seeds=1, num_rungs=3))
    notes = [cell.note for row in _cells(more_data([found], {})) for cell in row if cell.doubtful]
    assert set(notes) == {"one seed shows no spread; an interval needs two"}
    assert crossing_figure(found.targets[0], "").axes


def test_without_answers_intervals_are_over_seeds() -> None:
    """The page says so, and that errors can't be compared."""
    (found,) = find(make_ladder_cells(num_rungs=3), answers=False)
    _, markdown = _pages([section(found, {}) for section in SECTIONS])
    assert "intervals over seeds, conditional" in markdown
    assert "seeds and test images" not in markdown
    assert "Not known: per-image correctness is not kept, or " in markdown
    assert "interpolated in log n between rungs" in markdown
    assert "3 rungs; a power law needs 5" in markdown


UP = Passage(2047.6, 1381.2, 3055.4, is_upward=True)
DOWN = Passage(123456.0, 100000.5, None, is_upward=False)


@pytest.mark.parametrize(
    ("passages", "low", "high", "is_ahead", "words"),
    [
        ((UP,), 1381.2, 3055.4, True, "passes at 2,050 images (1,380 to 3,060)"),
        ((replace(UP, size=4096.0, low=None),), None, 3055.4, True, "may pass at 4,096 images (up to 3,060)"),
        ((DOWN,), 100000.5, None, False, "may be passed at 123,456 images (from 100 k on)"),
        (
            (UP, DOWN),
            None,
            None,
            True,
            "passes at 2,050 images (1,380 to 3,060) and may be passed at 123,456 images (from 100 k on)",
        ),
        ((), 4096.0, None, False, ""),
    ],
)
def test_crossings_in_words(
    passages: tuple[Passage, ...], low: float | None, high: float | None, is_ahead: bool | None, words: str
) -> None:
    """Sizes of rungs in full, others to three digits; open ends said; two crossings are two."""
    assert crossing_in_words(Crossing(passages, low, high, is_ahead, (256.0, 4096.0), 3, False)) == words


VIT, RESNET = LadderModel("vit", "vit"), LadderModel("resnet", "cnn")


@pytest.mark.parametrize(
    ("signs", "words", "is_clear"),
    [
        ("---", "is behind at every size", True),
        ("+++", "is ahead of it at every size", True),
        ("000", "cannot be told from it at any size", False),
        ("-00", "is behind it at 100 images and cannot be told from it from 200 images on", False),
        ("00+", "cannot be told from it up to 200 images and is ahead of it at 300 images", False),
        ("-0-", "is behind it at 2 of 3 sizes and cannot be told from it at 1 of 3 sizes", False),
    ],
)
def test_sides_are_those_of_the_intervals_at_the_rungs(signs: str, words: str, is_clear: bool) -> None:
    """A size is said to be clear only if its own interval excludes zero."""
    ends = {"-": (-0.2, -0.1), "0": (-0.1, 0.1), "+": (0.1, 0.2)}
    rungs = tuple(
        AtRung(100 * number, sum(ends[sign]) / 2, Interval(sum(ends[sign]) / 2, *ends[sign], 3))
        for number, sign in enumerate(signs, start=1)
    )
    pair = PairGrowth(VIT, RESNET, rungs)
    assert sides_in_words(pair) == words.replace(" of it", "").replace(" from it", "").replace("behind it", "behind")
    assert is_clear_throughout(pair) == is_clear
    assert sides_in_words(pair, "the CNN", "it").count("the CNN") == 1


SAME = "for the same accuracy on digits"
UNTOLD = "; which of both needs more cannot be told"


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((7.4, 4.1, 15.2), f"vit needs 7.4 times as many images as resnet, 4.1 to 15.2, {SAME}"),
        ((0.2, 0.1, 0.4), f"resnet needs 5.0 times as many images as vit, 2.5 to 10, {SAME}"),
        ((math.nan, 27, math.inf), f"vit needs more than 27 times as many images as resnet {SAME}"),
        ((math.nan, 0, 1 / 27), f"resnet needs more than 27 times as many images as vit {SAME}"),
        ((128, 64, 1024), f"vit needs 128 times as many images as resnet, 64 to 1,020, {SAME}"),
        ((9, 3, math.inf), f"vit needs 9.0 times as many images as resnet, at least 3.0, {SAME}"),
        ((1.5, 0, 3), f"vit needs 1.5 times as many images as resnet, at most 3.0, {SAME}{UNTOLD}"),
        ((1.5, 0, math.inf), "vit and resnet on digits: the rungs bound the ratio of images at neither end"),
        ((math.nan, 0.5, math.inf), f"vit needs at least 0.50 times as many images as resnet {SAME}{UNTOLD}"),
        (None, "vit and resnet on digits: no ratio of images; the accuracy of vit falls"),
    ],
)
def test_ratios_in_words(numbers: tuple[float, float, float] | None, words: str) -> None:
    """The model that needs more stands first; a bound is said to be one, and a refusal has its reason."""
    found = DataRatio(Interval(*numbers, 6) if numbers else None, reason="" if numbers else "the accuracy of vit falls")
    assert ratio_in_words(PairGrowth(VIT, RESNET, ratio=found), "digits") == words


def test_ratios_and_predictions_are_on_the_page() -> None:
    """A sentence per pair and target, and each prediction beside what came."""
    (found,) = find(make_ladder_cells())
    section = more_data([found], {})
    _, ratios, _, predicted = section.tables
    sentences = [row[0].text for row in ratios.cells]
    assert len(sentences) == sum(len(one.pairs) for one in found.targets)
    assert sum("times as many images" in sentence for sentence in sentences) > 6
    assert any(sentence.endswith("on the mean of 2 real targets") for sentence in sentences)
    predictions = [model.prediction for one in found.targets for model in one.growth]
    assert len(predicted.cells) == len(predictions)
    held = sum(one.is_held is True for one in predictions if one)
    told = sum(one.is_held is not None for one in predictions if one)
    open_text = [block for block in section.blocks if isinstance(block, str)]
    assert open_text[-1].endswith(f"is within the interval of {held} of {told} predictions.")
    assert told > 6


def test_extrapolations_are_marked() -> None:
    """In words, for each pair that crosses beyond the rungs."""
    cells = make_ladder_cells(targets=("digits@100",))
    cells.loc[cells["family"] == "vit", "accuracy"] -= 0.075
    (found,) = find(cells)
    beyond = [duel for duel in found.targets[0].pairs if duel.beyond]
    assert beyond
    _, markdown = _pages([more_data([found], {})])
    assert markdown.count("extrapolated: passes at") == len(beyond)
