"""The lead sentence says who leads, by the rules, and in each plain case what it is that cannot be told."""

import re

import numpy as np
import pandas as pd
import pytest

from bench.report.first_screen.lead_sentence import lead_sentence
from bench.report.first_screen.rungs_of_targets import targets_of
from tests.report.first_screen.planted import CNN, HYBRID, VIT, plant, rename, shown
from tests.report.hand_made import add_probes, break_seed, make_tables

THREE = {VIT: [0.6, 0.7], CNN: [0.8, 0.9], HYBRID: [0.7, 0.8]}
SPAN = r"\([\d.]+ to [\d.]+\)"


def said(cells: pd.DataFrame) -> str:
    """Return the sentence on the first target."""
    target, tables = shown(cells)
    return lead_sentence(target, tables["runs"])


def test_a_leader_is_named_with_its_size_the_target_the_images_and_the_smallest_gap() -> None:
    assert re.fullmatch(
        rf"The CNN bit_resnet_pico \(0\.21 M parameters\) leads on digits \(100 training images\) after 1,024 "
        rf"pretraining images: 90\.0 % {SPAN} against hybrid r_pico\+vit_pico/8 \(0\.20 M\) 80\.0 % and ViT "
        rf"vit_pico/8 \(0\.21 M\) 70\.0 %; 10\.0 points {SPAN} over the hybrid\.",
        said(plant(THREE)),
    )


def test_a_tie_names_both_and_who_is_behind_them() -> None:
    text = said(plant(THREE | {HYBRID: [0.7, 0.899]}, spread=1))
    assert text.startswith(
        "The CNN bit_resnet_pico (0.21 M parameters) and the hybrid r_pico+vit_pico/8 (0.20 M) cannot"
    )
    assert re.search(r"CNN less hybrid is 0\.1 points \(\N{MINUS SIGN}[\d.]+ to [\d.]+\)", text)
    assert re.search(rf"; the ViT vit_pico/8 \(0\.21 M\), 70\.0 % {SPAN}, is behind both\.$", text)


def test_of_three_that_cannot_be_told_apart_all_differences_are_given() -> None:
    text = said(plant({VIT: [0.8], CNN: [0.8], HYBRID: [0.8]}, spread=1))
    assert "cannot be told apart" in text
    assert "leads" not in text
    assert len(re.findall(r"[A-Za-z]+ less [A-Za-z]+ is ", text)) == 2


@pytest.mark.parametrize("family", ["cnn", "vit"])
def test_a_family_alone_is_compared_with_nobody(family: str) -> None:
    model = {"cnn": CNN, "vit": VIT}[family]
    text = said(plant({model: [0.6, 0.8]}))
    assert text.endswith("after 1,024 pretraining images; there is no other model to compare it with.")
    text = said(rename(plant({model: [0.6, 0.8], HYBRID: [0.6, 0.7]}), HYBRID, "another", family))
    assert text.endswith("the highest mean of 2 models; all are of one family, so none is compared.")
    assert model in text
    assert "leads" not in text


def test_one_seed_has_no_interval_and_no_leader() -> None:
    text = said(plant(THREE, seeds=1))
    assert text.startswith(
        "No family is shown to lead on digits (100 training images) after 1,024 pretraining images: CNN"
    )
    assert text.endswith("; one seed shows no spread; an interval needs two.")


def test_equal_values_have_no_leader() -> None:
    text = said(plant({key: [0.8] for key in THREE}, spread=0))
    assert text.startswith("No family is shown to lead")
    assert "equal values have no interval" in text


def test_without_a_finished_run_the_accuracies_so_far_are_given_if_there_are_any() -> None:
    cells = plant(THREE)
    none = cells.assign(status="not_run", accuracy=np.nan)
    assert said(none) == (
        "No family leads on digits (100 training images) after 1,024 pretraining images yet: no run has a result."
    )
    assert said(cells.assign(status="failed", accuracy=np.nan)) == said(none)  # these runs did end
    lacks = cells["seed"].eq(1) & ~(cells["family"].eq("vit") & cells["subset_images"].eq(256))
    begun = cells.assign(status=cells["status"].mask(lacks, "not_run"), accuracy=cells["accuracy"].mask(lacks))
    text = said(begun)
    assert text.startswith(
        "No family leads on digits (100 training images) after 1,024 pretraining images yet: rows lack"
    )
    assert "so far ViT vit_pico/8 (0.21 M) 70.0 % (" in text


def test_the_largest_size_that_is_finished_is_taken_and_said() -> None:
    cells = plant(THREE)
    lacks = cells["family"].eq("vit") & cells["subset_images"].eq(1024) & cells["seed"].eq(2)
    text = said(cells.assign(status=cells["status"].mask(lacks, "not_run"), accuracy=cells["accuracy"].mask(lacks)))
    assert "leads on digits (100 training images) after 256 pretraining images" in text
    assert text.endswith(" Larger sizes are not finished.")


def test_a_family_that_is_not_finished_at_any_size_leaves_no_leader() -> None:
    cells = plant(THREE)
    lacks = cells["family"].eq("vit") & cells["seed"].eq(2)
    text = said(cells.assign(status=cells["status"].mask(lacks, "not_run"), accuracy=cells["accuracy"].mask(lacks)))
    assert "leads on" not in text
    assert "is ahead on digits" in text
    assert text.endswith("over the hybrid; the ViT vit_pico/8 (0.21 M) is not finished; so no family leads yet.")


def test_failed_seeds_are_labelled_and_may_object() -> None:
    text = said(break_seed(plant(THREE), family="vit", subset_images=1024))
    assert "leads" in text
    assert "given success; 10.0 points" in text
    text = said(break_seed(plant(THREE | {HYBRID: [0.6, 0.7]}), family="cnn", subset_images=1024))
    assert "leads" not in text
    assert "; not clear with failed seeds counted" in text


def test_from_scratch_alone_and_external_weights_alone() -> None:
    cells = plant({VIT: [0.7], CNN: [0.9]}, scratch={VIT: 0.5, CNN: 0.6})
    scratch = said(cells[cells["subset_images"] == 0].reset_index(drop=True))
    assert "leads on digits (100 training images) from scratch: 60.0 %" in scratch
    pretrained = cells[cells["subset_images"] > 0].reset_index(drop=True)
    external = said(pretrained.assign(subset_images=pd.array([None] * len(pretrained), "Int64"), corpus="external:x"))
    assert "leads on digits (100 training images) with external weights, of unknown pretraining: 90.0 %" in external


def test_several_models_of_a_family_are_named_by_their_models() -> None:
    text = said(rename(plant(THREE), HYBRID, "other_vit", "vit"))
    assert re.search(r"against ViT other_vit \(0\.10 M\) 80\.0 %; 10\.0 points .* over the other_vit\.$", text)


def test_targets_that_are_not_real_and_probes_are_marked() -> None:
    cells = plant(THREE, targets=("fractals-heldout", "digits@100"))
    tables = make_tables(add_probes(cells))
    told = {target.key: lead_sentence(target, tables["runs"]) for target in targets_of(tables)}
    assert list(told)[:2] == ["digits@100", "fractals-heldout"]
    assert "on fractals-heldout (in-domain) after" in told["fractals-heldout"]
    assert "on digits (100 training images, linear probe) after" in told["digits@100, linear"]
    assert "on digits (5-shot probe) after" in told["digits, k-shot, 5 shots"]


@pytest.mark.parametrize("num_ladders", [12, pytest.param(300, marks=pytest.mark.slow)])
def test_no_sentence_contradicts_the_interval_that_it_prints(num_ladders: int) -> None:
    """Random ladders: `leads` stands with an interval above zero, and what cannot be told with one around zero."""
    noise, seen = np.random.default_rng(5), []
    for _ in range(num_ladders):
        means = 0.8 + noise.normal(0, 0.01, 3)
        cells = plant({VIT: [means[0]], CNN: [means[1]], HYBRID: [means[2]]}, spread=0)
        cells["accuracy"] += noise.normal(0, 0.01, len(cells))
        text = said(cells)
        seen.append(" leads " in text)
        if " leads " in text:
            low = re.search(r"points \((\S+) to", text)
            assert low
            assert float(low[1].replace("\N{MINUS SIGN}", "-")) >= 0
            continue
        untold = re.findall(r" less \w+ is \S+ points \((\S+) to ([^\s;)]+)", text)
        assert untold
        for ends in untold:
            low_end, high_end = (float(end.replace("\N{MINUS SIGN}", "-")) for end in ends)
            assert low_end <= 0 <= high_end
    assert {*seen} == {True, False}
