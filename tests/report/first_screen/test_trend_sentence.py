"""The trend is that of the claim C11 as it was judged; the ratio of images is of the target shown, or says of which."""

import re

import pandas as pd

from bench.analysis.claims.claim import Judgement
from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.judge import judge_claims
from bench.analysis.claims.literature import CLAIMS
from bench.report.findings import findings
from bench.report.first_screen.claims_strip import claims_strip, verdict_counts
from bench.report.first_screen.trend_sentence import ratio_sentence, trend_sentence
from tests.report.first_screen.planted import CNN, HYBRID, VIT, plant
from tests.report.hand_made import make_tables

UP, FLAT = [0.5, 0.6, 0.7, 0.8], [0.7, 0.7, 0.7, 0.7]


def judge(cells: pd.DataFrame) -> list[Judgement]:
    """Return the judgements of all claims."""
    return judge_claims(CLAIMS, Evidence(make_tables(cells)))


def trend(cells: pd.DataFrame, key: str = "digits@100") -> str:
    """Return the sentence on the target shown."""
    return trend_sentence(key, findings({"cells": cells}), judge(cells))


def test_the_trend_is_what_the_claim_says_on_the_target_that_it_judged() -> None:
    assert re.fullmatch(
        r"With ten times as many pretraining images the ViT gains 16\.6 points on the CNN \([\d.]+ to [\d.]+ at "
        r"[\d.]+ %\)\.",
        trend(plant({VIT: UP, CNN: FLAT})),
    )
    loses = trend(plant({VIT: FLAT, CNN: UP}))
    assert re.search(r"the CNN gains 16\.6 points on the ViT \(16\.\d to 16\.\d at [\d.]+ %\)\.$", loses)
    untold = trend(plant({VIT: UP, CNN: UP}, spread=1))
    assert untold.startswith("Whether more pretraining helps the ViT more than the CNN cannot be told: ")
    low, high = re.search(r"images \((\S+) to (\S+) at", untold).groups()  # type: ignore[union-attr]
    assert low.startswith("\N{MINUS SIGN}")
    assert high.startswith("+")


def test_another_target_has_its_own_trend_at_a_level_that_nothing_corrects() -> None:
    """Where the claim is open and this target is clear, the sentence says what this target shows."""
    cells = plant({VIT: UP, CNN: UP}, spread=1, targets=("digits@100", "fractals-heldout"))
    steeper = cells["target"].eq("fractals-heldout") & cells["family"].eq("cnn")
    cells.loc[steeper, "accuracy"] += 0.03 * (cells.loc[steeper, "subset_images"] // 256).map(
        {1: 0, 4: 1, 16: 2, 64: 3}
    )
    pair = findings({"cells": cells})[0].targets[1].pairs[0]
    assert pair.slope
    assert "cannot be told" in trend(cells)
    low, mean, high = (f"{-100 * end:.1f}" for end in (pair.slope.high, pair.slope.mean, pair.slope.low))
    assert trend(cells, "fractals-heldout") == (
        f"With ten times as many pretraining images the CNN gains {mean} points on the ViT ({low} to {high} at 95 %, "
        "uncorrected)."
    )
    two = plant({VIT: UP, CNN: FLAT}, targets=("digits@100", "cifar10"))
    assert trend(two, "cifar10").endswith("at 95 %, uncorrected).")  # the claim is judged on the mean of both


def test_where_points_and_log_odds_disagree_the_sentence_says_so() -> None:
    """From 50 to 80 % is less in log odds than from 90 to 99 %, and more in points."""
    text = trend(plant({VIT: [0.5, 0.6, 0.7, 0.8], CNN: [0.9, 0.96, 0.984, 0.992]}, spread=0.1))
    assert "cannot be told" in text
    assert "the sign differs between points and log odds" in text


def test_without_the_models_of_the_claim_the_reason_is_given() -> None:
    text = trend(plant({VIT: UP, HYBRID: FLAT}))
    assert text == (
        "Whether more pretraining helps the ViT more than the CNN cannot be told: the suite pretrains no ResNet."
    )
    assert trend_sentence("digits@100", (), ()) == ""
    assert trend(plant({VIT: UP, CNN: FLAT}), "arrangement") == ""


def test_the_ratio_is_that_of_vit_and_cnn_on_the_target_shown() -> None:
    shifted = {VIT: [0.5, 0.6, 0.7, 0.8, 0.85], CNN: [0.6, 0.7, 0.8, 0.85, 0.88], HYBRID: [*FLAT, 0.7]}
    cells = plant(shifted, targets=("digits@100",))
    text = ratio_sentence("digits@100", findings({"cells": cells}))
    assert re.fullmatch(
        r"For the same accuracy, the ViT needs [34]\.\d times as many images as the CNN, [\d.]+ to [\d.]+\.", text
    )


def test_a_refused_ratio_says_why_and_on_which_other_target_there_is_one() -> None:
    cells = plant({VIT: [0.5, 0.6, 0.7, 0.8], CNN: [0.6, 0.7, 0.8, 0.85]}, targets=("digits@100", "fractals-heldout"))
    falls = cells["target"].eq("digits@100") & cells["family"].eq("vit")
    cells.loc[falls, "accuracy"] = 1 - cells.loc[falls, "accuracy"]
    found = findings({"cells": cells})
    refused = "No ratio of images: the accuracy of the ViT falls."
    known = ratio_sentence("fractals-heldout", found).removeprefix("For the same accuracy, ")
    assert ratio_sentence("digits@100", found) == f"{refused} On fractals-heldout (in-domain), {known}"
    nowhere = findings({"cells": cells[cells["target"] == "digits@100"]})
    assert ratio_sentence("digits@100", nowhere) == refused
    assert "the ViT needs" in ratio_sentence("fractals-heldout", found)
    assert ratio_sentence("digits@100", ()) == ""


def test_of_what_several_rungs_lack_the_first_is_said() -> None:
    cells = plant({VIT: UP, CNN: FLAT})
    none = cells.assign(status="not_run", accuracy=float("nan"))
    text = ratio_sentence("digits@100", findings({"cells": none}))
    assert re.fullmatch(
        r"No ratio of images: the ViT: at [\d,]+ images seeds 0 to \d not run, and more is missing\.", text
    )


def test_the_strip_counts_verdicts_and_says_what_decides_each() -> None:
    judgements = judge(plant({VIT: UP, CNN: FLAT}))
    assert verdict_counts(judgements) == "1 supported · 11 undecided"
    by_name = {line.name: line for line in claims_strip(judgements)}
    trend, open_one, people = by_name["C11"], by_name["C1"], by_name["C10"]
    assert (trend.sign, trend.verdict) == ("✓", "supported")
    assert trend.decides.startswith("+16.6 points per decade") or "log odds" in trend.decides
    assert (open_one.sign, open_one.decides) == (
        "?",
        "ViT and ResNet after 1.3 million images, within a tenth, on real targets",
    )
    assert (people.sign, people.verdict) == ("?", "undecided")
    assert people.decides.startswith("the trait cue-conflict of ViT and ResNet")
