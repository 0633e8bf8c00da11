"""Sizes: as published where they are published, and one size class of all three families."""

from itertools import combinations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import models
from models.counts import Counts

SIZE_CLASSES = [
    ("vit_pico/8", "bit_resnet_pico", "r_pico+vit_pico/8"),
    ("vit_nano/8", "bit_resnet_nano", "r_nano+vit_nano/8"),
    ("vit_tiny/4", "bit_resnet_tiny", "r_tiny+vit_tiny/4"),
]


@pytest.mark.parametrize(
    ("name", "parameters_m", "macs_g"),
    [("vit_base/16", 86.57, 17.56), ("vit_small/16", 22.05, 4.60), ("bit_resnet50", 25.55, 4.09)],
)
def test_counts_are_the_published_ones(name: str, parameters_m: float, macs_g: float) -> None:
    counts = models.count(name, num_classes=1000, image_size=224)
    assert counts.parameters / 1e6 == pytest.approx(parameters_m, abs=0.005)
    assert counts.macs / 1e9 == pytest.approx(macs_g, abs=0.01)


@pytest.mark.parametrize("members", SIZE_CLASSES)
def test_a_size_class_is_within_20_percent(members: tuple[str, ...]) -> None:
    parameters = [models.count(name).parameters for name in members]
    assert max(one / other for one, other in combinations(sorted(parameters, reverse=True), 2)) <= 1.2
    assert [models.parse_spec(name).family for name in members] == ["vit", "cnn", "hybrid"]


@pytest.mark.parametrize("name", SIZE_CLASSES[0])
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


def test_counting_takes_a_spec_and_refuses_what_building_refuses() -> None:
    assert models.count(models.parse_spec("vit_pico/8")) == models.count("vit_pico/8")
    assert isinstance(models.count("bit_resnet_pico"), Counts)
    with pytest.raises(models.SpecError, match="33 pixels"):
        models.count("vit_pico/8", image_size=33)
