"""Sizes: as published where they are published; and what is counted."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import models
from models.counts import Counts
from models.spec.presets import PRESETS


@pytest.mark.parametrize(
    ("name", "parameters_m", "macs_g"),
    [
        ("vit_small/16", 22.05, 4.60),
        ("vit_base/16", 86.57, 17.56),
        ("bit_resnet50", 25.55, 4.09),
        ("resnet18", 11.69, 1.81),
        ("resnet50", 25.56, 4.09),
        ("resnet152", 60.19, 11.51),
        ("convnext_tiny", 28.59, 4.46),
        ("convnext_base", 88.59, 15.36),
    ],
)
def test_counts_are_the_published_ones(name: str, parameters_m: float, macs_g: float) -> None:
    counts = models.count(name, num_classes=1000, image_size=224)
    assert counts.parameters / 1e6 == pytest.approx(parameters_m, abs=0.01)
    assert counts.macs / 1e9 == pytest.approx(macs_g, abs=0.01)


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [
        ("vit_large/16", 304_326_632, 61_554_712_576),
        ("vit_huge/14", 632_045_800, 167_295_109_120),
        ("r26+vit_small/32", 36_431_912, 3_463_851_008),
        ("r50+vit_base/16", 98_659_112, 21_535_358_976),
        ("cct_14/7x2", 22_367_273, None),
        ("botnet50", 20_852_008, 4_024_557_568),
        ("coatnet_0", 25_036_820, 4_546_507_776),
        ("maxvit_tiny", 30_916_528, 5_551_836_656),
    ],
)
def test_counts_stay_what_they_were(name: str, parameters: int, macs: int | None) -> None:
    """Torch's counts, which for these differ from their papers' by what a paper leaves out."""
    counts = models.count(name, num_classes=1000, image_size=224)
    assert counts.parameters == parameters
    assert macs is None or counts.macs == macs


@pytest.mark.parametrize(
    ("name", "parameters_m", "macs_g", "without_products_g"),
    [
        ("vit_lite7/4", 3.717, 0.254, 0.239),
        ("cct_7/3x1", 3.760, 1.182, 0.947),
        ("cct_2/3x2", 0.284, None, 0.033),
        ("cct_4/3x2", 0.482, None, 0.046),
        ("cct_6/3x1", None, None, 0.813),  # published at 3.168 M, which leaves out 256 positions of 256 numbers
    ],
)
def test_compact_transformers_count_as_published_without_the_attention_products(
    name: str, parameters_m: float | None, macs_g: float | None, without_products_g: float
) -> None:
    """Their authors leave out the two products of attention, query by key and weights by values; torch doesn't."""
    counts = models.count(name, num_classes=10, image_size=32)
    spec = models.parse_spec(name)
    width, depth = models.build(name).head.in_features, spec.number("depth")
    length = counts.tokens + (spec.option("pool") == "cls")  # type: ignore[operator]
    products = 2 * depth * width * length**2
    assert (counts.macs - products) / 1e9 == pytest.approx(without_products_g, abs=0.0006)
    if macs_g is not None:
        assert counts.macs / 1e9 == pytest.approx(macs_g, abs=0.0006)
    if parameters_m is not None:
        assert counts.parameters / 1e6 == pytest.approx(parameters_m, abs=0.0006)


def test_cct_6_without_its_positions_has_the_published_parameters() -> None:
    assert models.count("cct_6/3x1:pos=none").parameters / 1e6 == pytest.approx(3.168, abs=0.0006)


@pytest.mark.parametrize("name", ["vit_pico/8", "bit_resnet_pico", "r_pico+vit_pico/8", "cct_2/3x2"])
def test_the_meta_device_counts_as_a_real_one(name: str) -> None:
    model = models.build(name, num_classes=7)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, 32, 32))
    counts = models.count(name, num_classes=7)
    assert counts.macs == counter.get_total_flops() // 2
    assert counts.parameters == sum(p.numel() for p in model.parameters())


def test_the_overlap_arms_differ_as_the_suite_says() -> None:
    plain, overlapped, coarse = (
        models.count(name) for name in ("vit_pico/8", "vit_pico/16:stride=8,padding=4", "vit_pico/16")
    )
    assert (plain.tokens, overlapped.tokens, coarse.tokens) == (16, 16, 4)
    assert overlapped.parameters - plain.parameters == 64 * 3 * (16**2 - 8**2)


@pytest.mark.slow
def test_every_preset_counts_whole_on_the_meta_device() -> None:
    """The large ones too, which no other test builds at their full depth."""
    for name in models.known_models():
        counts = models.count(name, num_classes=1000, image_size=224)
        assert counts.parameters > 100_000, name
        assert (counts.tokens is None) == (PRESETS[models.parse_spec(name).preset].patch is None), name


def test_counting_takes_a_spec_and_refuses_what_building_refuses() -> None:
    assert models.count(models.parse_spec("vit_pico/8")) == models.count("vit_pico/8")
    assert isinstance(models.count("bit_resnet_pico"), Counts)
    with pytest.raises(models.SpecError, match="33 pixels"):
        models.count("vit_pico/8", image_size=33)
