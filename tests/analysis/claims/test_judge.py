"""Judging: the level is corrected over the claims, errors leave a claim open by name, and a suite adds its own."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from bench.analysis.claims.claim import Citation, Claim, Judgement
from bench.analysis.claims.custom import CustomDifference, NamedRow
from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.judge import judge_claims
from bench.analysis.claims.literature import CLAIMS
from bench.analysis.claims.looks import Looks, looks_of
from bench.analysis.claims.quantities import deciding, judged, together
from bench.analysis.claims.rows import Transfer
from bench.analysis.claims.verdict_table import TYPES, as_json, claims_table
from bench.analysis.stats.intervals import Interval
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.power import Limits
from bench.analysis.stats.statistics_errors import (
    ConstantError,
    DifferentImagesError,
    DuplicateRowError,
    IncompleteRowError,
    MissingColumnError,
    MissingRowError,
    SingleSeedError,
    UnpairedError,
)
from tests.analysis.claims.conftest import CELL_TYPES, Study

Judge = Callable[..., Judgement]


def rising(family: str, size: int, target: str) -> float:
    """ViT gains on ResNet."""
    return 0.7 + (0.02 * math.log10(size) if family == "vit" else 0.0)


def custom(
    first: NamedRow, second: NamedRow, limits: Limits, target: str = "cifar10", transfer: str = "fine-tune"
) -> Claim:
    comparison = CustomDifference(first, second, target, Transfer(transfer), limits)
    return Claim("mine", "a sentence of mine", Citation("", "", ""), comparison, "margin", "rows", is_custom=True)


def find(study: Study, claim: str) -> Any:
    """What the library raises where the report says undecided."""
    (one,) = [one for one in CLAIMS if one.id == claim]
    found = one.comparison.find(study.evidence())
    return [quantity.interval(0.95) for quantity in found.quantities]


def test_every_claim_is_declared_with_all_that_a_reader_needs() -> None:
    assert [claim.id for claim in CLAIMS] == [f"C{number}" for number in range(1, 13)]
    for claim in CLAIMS:
        assert claim.sentence.endswith(".")
        assert claim.published.figure
        assert claim.published.source
        assert claim.needs
        assert claim.margin


def test_the_level_is_corrected_over_the_claims_that_have_an_interval(study: Study) -> None:
    """Here C9 and C11 have one: the others lack their rows."""
    found = {one.claim.id: one for one in judge_claims(CLAIMS, study.ladder(rising).evidence())}
    known = {name: one.level for name, one in found.items() if not math.isnan(one.level)}
    assert known == {"C9": corrected_level(2), "C11": corrected_level(2)}
    (alone,) = judge_claims([one for one in CLAIMS if one.id == "C11"], study.evidence())
    assert alone.level == 0.95
    assert found["C11"].interval.high - found["C11"].interval.low > alone.interval.high - alone.interval.low


def looking(study: Study, at: tuple[int, ...], begun: int) -> Judgement:
    """The judgement of C11 at these looks, if so many of ten seeds have begun."""
    cells = [
        cell if cell["seed"] < begun else cell | {"status": "not_run", "accuracy": None, "reason": ""}
        for cell in study.cells
    ]
    evidence = study.evidence()
    table = pd.DataFrame(cells).astype(CELL_TYPES).sort_values("seed", kind="stable", ignore_index=True)
    (found,) = judge_claims(
        [one for one in CLAIMS if one.id == "C11"], Evidence({**evidence.tables, "cells": table}), at
    )
    return found


@pytest.fixture
def ten_seeds(study: Study) -> Study:
    study.seeds = range(10)
    return study.ladder(rising)


def test_claims_are_judged_at_looks_alone(ten_seeds: Study) -> None:
    """Numbers without a verdict between looks; what a look decides stays, at the part of the level that it spends."""
    early = looking(ten_seeds, (), 9)
    assert (early.verdict, early.look, early.interval.n) == ("undecided", 0, 9)
    assert early.reason == "the next look is at 10 seeds, and 9 have begun"
    assert early.would_decide == "the next look, at 10 seeds"
    assert early.looks == "Claims are judged once, at 10 seeds; 9 seeds of the 10 of the next look have begun."
    assert {part.word for part in early.parts} == {"undecided"}
    once = looking(ten_seeds, (), 10)
    assert (once.verdict, once.look, once.level) == ("supported", 10, 0.95)
    for begun in (5, 7, 10):
        first = looking(ten_seeds, (5, 8, 10), begun)
        assert (first.verdict, first.look, first.interval.n) == ("supported", 5, 5)
        assert first.level == pytest.approx(1 - 0.05 / 4)


def test_seeds_beyond_the_last_look_are_in_no_verdict(ten_seeds: Study) -> None:
    found, shorter = looking(ten_seeds, (5,), 10), looking(ten_seeds, (5,), 5)
    assert found.interval == shorter.interval
    assert found.looks == "Claims are judged once, at 5 seeds; 5 further seeds beyond the last look are in no verdict."


def test_an_open_claim_names_the_next_look_or_a_new_suite(study: Study) -> None:
    study.seeds, study.spread = range(10), 0.03
    study.ladder(lambda family, size, target: 0.7 + (0.002 * math.log10(size) if family == "vit" else 0.0))
    assert looking(study, (5, 10), 5).would_decide == "the next look, at 10 seeds"
    between = looking(study, (5, 10), 8)
    assert (between.look, between.interval.n) == (5, 5)
    assert between.reason == "the next look is at 10 seeds, and 8 have begun"
    assert "a new suite" in looking(study, (5, 10), 10).would_decide


def test_a_seed_has_begun_once_every_part_of_the_suite_has(ten_seeds: Study) -> None:
    """Or an ablation that comes last would be judged by nine seeds while the tenth is under way."""
    cells = ten_seeds.evidence().tables["cells"].sort_values("seed", kind="stable", ignore_index=True)
    late, never = (cells.assign(ablation=name, status="not_run") for name in ("position", "overlap"))
    late.loc[late["seed"] < 9, "status"] = "ok"
    assert looks_of(pd.concat([cells, never])).num_begun == 10
    assert looks_of(pd.concat([cells, late, never])).num_begun == 9


def test_looks_spend_the_level() -> None:
    looks = Looks(tuple(range(20)), (6, 10, 20), 0)
    assert sum(1 - looks.level(look) for look in looks.at) == pytest.approx(0.05)
    assert 1 - looks.level(6) == pytest.approx(0.05 * 0.09)


def test_what_is_not_judged_yet_says_so(study: Study) -> None:
    (claim,) = (replace(one, comparison=None) for one in CLAIMS if one.id == "C10")
    (found,) = judge_claims([claim], study.ladder(rising).evidence())
    assert found.verdict == "not judged yet"
    assert "people's answers" in found.reason


def test_a_seed_without_an_outcome_leaves_it_open_and_is_named(study: Study, judge: Judge) -> None:
    study.ladder(rising)
    (cell,) = [
        cell
        for cell in study.cells
        if (cell["model"], cell["subset_images"], cell["target"], cell["seed"]) == ("vit_pico/8", 10_000, "cifar10", 3)
    ]
    cell |= {"status": "failed", "accuracy": None, "reason": "no file"}
    found = judge(study.evidence(), "C11")
    assert found.verdict == "undecided"
    expected = "vit_pico/8 after 10,000 images of fractals, fine-tune on cifar10: seed 3 ended with an error (no file)"
    assert found.reason == expected
    assert found.pairs == "4 of 5"
    assert math.isnan(found.interval.mean)
    assert "bench run" in found.would_decide
    with pytest.raises(IncompleteRowError):
        find(study, "C11")


def test_a_missing_cell_leaves_it_open(study: Study, judge: Judge) -> None:
    study.ladder(rising)
    del study.cells[0]
    assert "seed 0 missing" in judge(study.evidence(), "C11").reason


def test_a_single_seed_leaves_it_open(study: Study, judge: Judge) -> None:
    study.seeds = (0,)
    found = judge(study.ladder(rising).evidence(), "C11")
    assert (found.verdict, found.pairs) == ("undecided", "1 of 1")
    assert "one seed" in found.reason
    assert "two seeds" in found.would_decide
    assert len(found.keys) == 2 * 3 * (1 + 2)
    with pytest.raises(SingleSeedError):
        find(study, "C11")


def test_what_never_differs_leaves_it_open(study: Study, judge: Judge) -> None:
    study.spread = 0.0
    found = judge(study.ladder(lambda family, size, target: 1.0).evidence(), "C11")
    assert (found.verdict, found.pairs) == ("undecided", "5 of 5")
    assert "no interval" in found.reason
    assert "harder" in found.would_decide
    with pytest.raises(ConstantError):
        find(study, "C11")


def test_answers_to_different_images_leave_it_open(study: Study, judge: Judge) -> None:
    study.ladder(rising).answer()
    study.answers = [row | {"images": "other"} if "bit_resnet" in row["transfer_key"] else row for row in study.answers]
    found = judge(study.evidence(), "C11")
    assert "tested on different images" in found.reason
    assert "the same images" in found.would_decide
    with pytest.raises(DifferentImagesError):
        find(study, "C11")


def test_a_run_that_stands_twice_leaves_it_open(study: Study, judge: Judge) -> None:
    evidence = study.ladder(rising).evidence()
    runs = evidence.tables["runs"]
    twice = Evidence({**evidence.tables, "runs": pd.concat([runs, runs.iloc[:1]])})
    assert "occurs twice" in judge(twice, "C11").reason
    cells = evidence.tables["cells"]
    assert "occurs twice" in judge(Evidence({**evidence.tables, "cells": pd.concat([cells, cells])}), "C11").reason
    with pytest.raises(DuplicateRowError):
        _ = twice.runs


def test_a_table_that_lacks_a_column_is_named(study: Study, judge: Judge) -> None:
    evidence = study.ladder(rising).evidence()
    without = Evidence({**evidence.tables, "cells": evidence.tables["cells"].drop(columns="family")})
    assert "family" in judge(without, "C11").reason
    with pytest.raises(MissingColumnError):
        _ = without.cells


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [
        (Limits(0.01, math.inf), "supported"),
        (Limits(-math.inf, -0.0), "refuted"),
        (Limits(-0.01, 0.01), "refuted"),
        (Limits(-0.2, 0.2), "supported"),
        (Limits(0.1, math.inf), "undecided"),
    ],
)
def test_a_claim_of_ones_own(study: Study, limits: Limits, verdict: str) -> None:
    """ViT after 100,000 images is 10 points above ResNet after 1,000."""
    study.ladder(rising)
    claim = custom(NamedRow("vit_pico/8", "fractals", 100_000), NamedRow("bit_resnet_pico", "fractals", 1000), limits)
    (found,) = judge_claims([claim], study.evidence())
    assert found.verdict == verdict
    assert found.interval.mean == pytest.approx(0.1, abs=0.004)
    assert "vit_pico/8 after 100,000 images of fractals, less bit_resnet_pico after 1,000" in found.measured
    assert len(found.keys) == 2 * 2 * 5


def test_it_may_be_about_arms_scratch_and_external_weights(study: Study) -> None:
    study.row("vit_pico/8", "cifar10", 0.6, 0, corpus="none", subset_classes=None)
    study.row("vit_pico/8:pos=none", "cifar10", 0.5, 1000, ablation="position", arm="none")
    study.row("timm:resnet18", "cifar10", 0.9, None, corpus="external:0123", subset_classes=None, family="cnn")
    study.references["position"] = "none"
    sides = [
        NamedRow("vit_pico/8", "none", 0),
        NamedRow("vit_pico/8:pos=none", "fractals", 1000),
        NamedRow("timm:resnet18", "external:0123", None),
    ]
    above = Limits(0, math.inf)
    claims = [custom(sides[0], sides[1], above), custom(sides[2], sides[0], above), custom(sides[1], sides[2], above)]
    found = judge_claims(claims, study.evidence())
    assert [one.verdict for one in found] == ["supported", "supported", "refuted"]
    assert "from scratch, less vit_pico/8:pos=none after 1,000 images of fractals, position: none" in found[0].measured


@pytest.mark.parametrize(
    ("side", "target", "parts"),
    [
        (NamedRow("vit_pico/8", "fractals", 77), "cifar10", ["no row of vit_pico/8", "after 77 images"]),
        (
            NamedRow("vit_pico/8", "fractals", 1000),
            "svhn",
            ["no row vit_pico/8 after 1,000 images", "svhn"],
        ),
    ],
)
def test_rows_that_are_not_there_leave_it_open(study: Study, side: NamedRow, target: str, parts: list[str]) -> None:
    study.ladder(rising)
    claim = custom(side, NamedRow("bit_resnet_pico", "fractals", 1000), Limits(0, 1), target)
    (found,) = judge_claims([claim], study.evidence())
    assert (found.verdict, found.would_decide) == ("undecided", "rows")
    assert all(part in found.reason for part in parts)
    with pytest.raises(MissingRowError):
        claim.comparison.find(study.evidence())


@pytest.mark.parametrize("failing", ["vit_pico/8", "bit_resnet_pico"])
def test_failed_seeds_are_named_and_must_not_object(study: Study, failing: str) -> None:
    """The better model's failure leaves the claim open, the worse one's does not; the estimate is given success."""
    study.ladder(lambda family, size, target: 0.8 if family == "vit" else 0.7)
    for cell in study.cells:
        if (cell["model"], cell["subset_images"], cell["target"], cell["seed"]) == (failing, 1000, "cifar10", 3):
            cell |= {"accuracy": 0.1}
    rows = (NamedRow(model, "fractals", 1000) for model in ("vit_pico/8", "bit_resnet_pico"))
    (found,) = judge_claims([custom(*rows, Limits(0, math.inf))], study.evidence())
    assert found.pairs == "4 of 5"
    assert found.interval.mean == pytest.approx(0.1, abs=0.01)
    assert found.text.endswith(" given success")
    (part,) = found.parts
    assert part.text.endswith(" the others)")
    assert "cifar10: seed 3 failed to train: " in part.failures
    if failing == "vit_pico/8":
        assert found.verdict == "undecided"
        assert "its interval would decide, but it is \N{MINUS SIGN}" in found.reason
        assert found.would_decide == "settings with which no seed fails to train"
    else:
        assert (found.verdict, found.reason) == ("supported", "")


def test_a_row_from_scratch_is_compared_by_the_seeds_that_it_has(study: Study) -> None:
    """The suite trains two seeds from scratch; without one of them the claim is open."""
    study.ladder(rising)
    study.seeds = (0, 1)
    study.row("vit_pico/8", "cifar10", 0.5, 0, corpus="none", subset_classes=None)
    claim = custom(NamedRow("vit_pico/8", "fractals", 100_000), NamedRow("vit_pico/8", "none", 0), Limits(0, math.inf))
    (found,) = judge_claims([claim], study.evidence())
    assert (found.num_seeds, found.pairs, found.verdict) == (2, "2 of 2", "supported")
    assert len(found.keys) == 2 * 2 * 2
    study.cells[-1] |= {"status": "failed", "accuracy": math.nan}
    (found,) = judge_claims([claim], study.evidence())
    assert found.verdict == "undecided"
    assert "vit_pico/8 from scratch, fine-tune on cifar10: seed 1 ended with an error" in found.reason


def test_sides_of_different_seeds_do_not_pair(study: Study) -> None:
    """An ablation whose seeds are not the ladder's."""
    study.ladder(rising)
    study.seeds = (0, 1)
    study.arms("position", {"a": ("vit_pico/8:pos=none", 0.5), "b": ("vit_pico/8:pos=relative", 0.5)})
    arm = NamedRow("vit_pico/8:pos=none", "fractals", 100_000)
    claim = custom(arm, NamedRow("vit_pico/8", "fractals", 1000), Limits(0, 1))
    (found,) = judge_claims([claim], study.evidence())
    assert "seeds [2, 3, 4] are on one side only" in found.reason
    with pytest.raises(UnpairedError):
        _ = claim.comparison.find(study.evidence()).quantities[0].interval(0.95)


class Known:
    """A quantity whose interval is `mean` ± a half width that grows with the level."""

    unit = "points"
    equivalence = None

    def __init__(self, mean: float, limits: Limits, question: str = "") -> None:
        self.name, self.mean, self.limits = f"{mean:g}", mean, limits
        self.question = question or self.name

    def interval(self, level: float) -> Interval:
        return Interval(self.mean, self.mean - 1 / (1 - level), self.mean + 1 / (1 - level), 3)

    def needed(self, level: float) -> str:
        return "more of it"


@pytest.mark.parametrize(
    ("means", "word"),
    [
        ((21, 21), "supported"),
        ((-21, -21), "refuted"),
        ((21, -21), "undecided"),
        ((21, 5), "undecided"),
        ((-21, -5), "undecided"),
    ],
)
def test_scales_of_one_question_decide_together(means: tuple[float, ...], word: str) -> None:
    """At 0.95 a half width is 20. Two scales count as one comparison; where their signs differ, no seeds would help."""
    found = judged([Known(mean, Limits(0.0, math.inf), "trend") for mean in means], 0.95)
    assert {one.word for one in found} == {word}
    assert all((one.needed != "") == (word == "undecided") for one in found)
    if means == (21, -21):
        assert {one.needed for one in found} == {"a change that has the same direction on both scales"}
    elif word == "undecided":
        assert abs(deciding(found).interval.mean) == 5


def test_refutation_is_stepped_down_by_holm() -> None:
    """At 0.95 a half width is 20; for the first of three 60, for the second of two 40, for the last 20."""
    above = Limits(0.0, math.inf)

    def words(*means: float) -> list[str]:
        return [one.word for one in judged([Known(mean, above) for mean in means], 0.95)]

    assert words(-61, -41, -21) == ["refuted", "refuted", "refuted"]
    assert words(-59, -41, -21) == ["undecided", "undecided", "undecided"]
    assert words(-61, -39, -21) == ["refuted", "undecided", "undecided"]
    assert words(-21) == ["refuted"]
    assert words(21, 21, 21) == ["supported"] * 3
    assert words(21, 19, -61) == ["supported", "undecided", "refuted"]


def test_all_have_to_be_supported_and_one_refutes() -> None:
    assert together(["supported", "supported"]) == "supported"
    assert together(["supported", "undecided"]) == "undecided"
    assert together(["undecided", "refuted", "supported"]) == "refuted"


def test_the_table_and_the_json_hold_figures_in_their_units(study: Study) -> None:
    found = judge_claims(CLAIMS, study.ladder(rising).evidence())
    table = claims_table(found)
    assert list(table.columns) == list(TYPES)
    row = table.set_index("claim").loc["C11"]
    assert row["estimate"] == pytest.approx(2.0, abs=0.4)
    assert row["unit"] == "points per decade"
    assert (row["num_pairs"], row["num_seeds"], row["verdict"]) == (5, 5, "supported")
    assert len(row["keys"].split()) == 2 * 5 * 3 * 3
    text = json.dumps([as_json(one) for one in found], allow_nan=False)
    by_id = {one["claim"]: one for one in json.loads(text)}
    assert by_id["C1"]["estimate"] is None
    assert by_id["C11"]["parts"][0]["estimate"] == by_id["C11"]["estimate"] == row["estimate"]
    assert by_id["C11"]["keys"] == row["keys"].split()
