"""C10's first part, on answers with a planted shape bias; its second part needs people's answers."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.judge import find_quantities, judge_claims
from bench.analysis.claims.literature import CLAIMS
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.traits.packed_hits import COLUMNS, pack_hits
from bench.cli.planned_power import _spreads

TARGET, NUM_IMAGES, NEITHER = "shapes-heldout@1000", 500, 0.2
PEOPLE = "people's answers to images that the models answer, too, which this suite lacks"


def with_traits(study, bias: Mapping[str, float], *, left_out: tuple[int, ...] = ()) -> Evidence:
    """The evidence of a study whose families name the outline in this share of the answers that name a cue."""
    generator, rows, answers = np.random.default_rng(1), [], []
    evidence = study.evidence()
    for cell in evidence.tables["cells"].to_dict("records"):
        if cell["target"] != TARGET or cell["seed"] in left_out:
            continue
        key = f"trait of {cell['transfer_key']}"
        names_a_cue = generator.random(NUM_IMAGES) >= NEITHER
        is_outline = generator.random(NUM_IMAGES) < bias[cell["family"]] + generator.normal(0, 0.02)
        for measure, hit, counted in (
            ("shape_bias", is_outline & names_a_cue, names_a_cue),
            ("neither_share", ~names_a_cue, None),
        ):
            answers.append(pack_hits(key, "", measure, np.arange(NUM_IMAGES), hit, counted))
            value = hit.sum() / (NUM_IMAGES if counted is None else counted.sum())
            of_run = {"trait": "cue-conflict", "setting": "", "measure": measure, "trait_key": key, "value": value}
            rows.append({**cell, **of_run, "num_images": NUM_IMAGES})
    tables = {"traits": pd.DataFrame(rows), "trait_answers": pd.DataFrame(answers, columns=list(COLUMNS))}
    return replace(evidence, tables={**evidence.tables, **tables})


@pytest.fixture
def ladder(study) -> Callable:
    """A study with a ladder of two rungs, and rows from scratch."""
    study.ladder(lambda family, size, target: 0.8, (1000, 10_000), ("vit", "cnn"), (TARGET,), corpus="shapes")
    return study.ladder(
        lambda family, size, target: 0.8, (0,), ("vit", "cnn"), (TARGET,), corpus="none", subset_classes=None
    )


def test_a_vit_that_sees_more_shape_supports_the_first_part_alone(ladder, judge):
    found = judge(with_traits(ladder, {"vit": 0.7, "cnn": 0.4}), "C10")
    first, second = found.parts
    assert (first.word, first.unit, second.word, second.unit) == (
        "supported",
        "points of shape bias",
        "undecided",
        "kappa",
    )
    assert first.interval.mean == pytest.approx(0.3, abs=0.05)
    assert first.name == f"shape bias, ViT less ResNet after 10,000 images of shapes, on {TARGET}"
    assert first.text.endswith(")")
    assert "points of shape bias (" in first.text
    assert (found.verdict, found.would_decide) == ("undecided", PEOPLE)
    assert found.reason == "errors as people's, ViT less ResNet: there is no such value within what was measured"
    assert len(found.keys) == 2 * 5 * 2


def test_a_vit_that_sees_less_shape_refutes_the_claim(ladder, judge):
    found = judge(with_traits(ladder, {"vit": 0.4, "cnn": 0.6}), "C10")
    assert (found.verdict, found.unit) == ("refuted", "points of shape bias")
    assert found.interval.high < 0


def test_equal_families_leave_both_parts_open_and_say_what_each_needs(ladder, judge):
    found = judge(with_traits(ladder, {"vit": 0.5, "cnn": 0.5}), "C10")
    assert [part.word for part in found.parts] == ["undecided", "undecided"]
    assert found.would_decide.startswith(f"{PEOPLE}; and ")
    assert "the interval reaches zero" in found.reason


def test_from_scratch_and_what_each_family_answers_stand_beside(ladder, judge):
    found = judge(with_traits(ladder, {"vit": 0.7, "cnn": 0.4}), "C10")
    assert len(found.beside) == 5
    assert found.beside[0].startswith(f"shape bias, ViT less ResNet from scratch, on {TARGET}: +")
    assert "5 pairs, 95 %" in found.beside[0]
    by_name = {line.partition(":")[0]: line for line in found.beside[1:]}
    scratch = by_name[f"ResNet from scratch, on {TARGET}"]
    assert float(scratch.partition("shape bias ")[2].split(" ")[0]) == pytest.approx(40, abs=5)
    assert float(scratch.rpartition("in ")[2].removesuffix(" %")) == pytest.approx(20, abs=3)


def test_a_suite_without_the_trait_is_open_and_says_what_it_needs(ladder, judge):
    found = judge(ladder.evidence(), "C10")
    assert found.verdict == "undecided"
    assert "the trait cue-conflict of ViT vit_pico/8 and ResNet bit_resnet_pico is not measured" in found.reason
    assert "target shapes-heldout" in found.would_decide


def test_the_claim_counts_in_the_correction_once_the_trait_is_measured(ladder):
    ladder.ladder(lambda family, size, target: 0.8, (1000, 10_000), ("vit", "cnn"), ("cifar10",), corpus="shapes")
    levels = {}
    for name, evidence in (("without", ladder.evidence()), ("with", with_traits(ladder, {"vit": 0.7, "cnn": 0.4}))):
        found = judge_claims(CLAIMS, evidence)
        levels[name] = {one.claim.id: one.level for one in found if not math.isnan(one.level)}
    assert levels == {"without": {"C11": 0.95}, "with": {"C10": corrected_level(2), "C11": corrected_level(2)}}


def test_a_seed_whose_trait_is_not_measured_leaves_it_open(ladder, judge):
    found = judge(with_traits(ladder, {"vit": 0.7, "cnn": 0.4}, left_out=(3,)), "C10")
    assert found.verdict == "undecided"
    assert "the trait cue-conflict of seeds 3 is not measured (`bench traits` does it)" in found.reason
    assert (found.interval.n, found.num_seeds) == (4, 5)


def test_a_seed_that_failed_to_train_leaves_it_open(ladder, judge):
    for cell in ladder.cells:
        if (cell["model"], cell["subset_images"], cell["seed"]) == ("vit_pico/8", 10_000, 2):
            cell |= {"status": "diverged", "accuracy": None}
    found = judge(with_traits(ladder, {"vit": 0.7, "cnn": 0.4}), "C10")
    assert found.verdict == "undecided"
    assert "seed 2 failed to train: diverged, and has no shape bias then" in found.reason


def test_the_shape_bias_can_be_planned_from_pilot_seeds(ladder):
    (claim,) = (one for one in CLAIMS if one.id == "C10")
    evidence = with_traits(ladder, {"vit": 0.7, "cnn": 0.4})
    finding, error = find_quantities(claim, evidence)
    assert error is None
    (planned,) = _spreads(claim, finding)
    assert (planned.unit, planned.low, planned.num_questions) == ("points of shape bias", 0, 2)
    assert (planned.num_seeds, planned.num_images) == (5, NUM_IMAGES)
    assert planned.seeds_variance > 0
