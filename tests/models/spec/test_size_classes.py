"""Size classes: what counts as one size, and that every ViT has partners in the other families."""

import pytest

import models
from models.counts import count_parameters
from models.spec.families import Family
from models.spec.presets import PRESETS
from models.spec.size_classes import Measure, Sized, size_class, unmatched

VITS = {"small": 100, "large": 1000}

PARTNERS: dict[str, tuple[Measure, str, str]] = {
    "vit_pico/8": ("parameters", "bit_resnet_pico", "r_pico+vit_pico/8"),
    "vit_nano/8": ("parameters", "bit_resnet_nano", "r_nano+vit_nano/8"),
    "vit_lite7/4": ("parameters", "convnext_atto", "cct_7/3x1"),
    "vit_tiny/4": ("parameters", "bit_resnet_tiny", "r_tiny+vit_tiny/4"),
    "vit_small/16": ("parameters", "resnet50", "coatnet_0"),
    "vit_base/16": ("parameters", "convnext_base", "r50+vit_base/16"),
    "vit_large/16": ("parameters", "convnext_xlarge", "r50+vit_large/32"),
    "vit_huge/14": ("parameters", "convnextv2_huge", "coatnet_5"),
}


def sized(name: str, measure: Measure, image_size: int, num_classes: int) -> Sized:
    if measure == "macs":
        size = models.count(name, num_classes=num_classes, image_size=image_size).macs
    else:
        size = count_parameters(name, num_classes, image_size)
    return Sized(name, models.parse_spec(name).family, size)


def test_every_vit_has_partners_of_its_size() -> None:
    assert {models.parse_spec(name).preset for name in PARTNERS} == {n for n in PRESETS if n.startswith("vit_")}
    for vit, (measure, cnn, hybrid) in PARTNERS.items():
        image_size, num_classes = (224, 1000) if vit.endswith(("/14", "/16")) else (32, 10)
        members = [sized(name, measure, image_size, num_classes) for name in (vit, cnn, hybrid)]
        assert [member.family for member in members] == ["vit", "cnn", "hybrid"]
        assert unmatched(members) == [], vit


def test_the_bit_and_batchnorm_resnets_match_too() -> None:
    for vit, partners in {
        "vit_small/16": ["bit_resnet50", "botnet50", "cct_14/7x2"],
        "vit_base/16": ["bit_resnet50x2"],
    }.items():
        one = sized(vit, "parameters", 224, 1000)
        for name in partners:
            assert unmatched([one, sized(name, "parameters", 224, 1000)]) == []


@pytest.mark.parametrize(("measure", "difference"), [("parameters", 0.16), ("macs", -0.11)])
def test_the_literature_s_pair_differs_as_published(measure: Measure, difference: float) -> None:
    vit, resnet = (sized(name, measure, 224, 1000) for name in ("vit_small/16", "resnet50"))
    assert resnet.size / vit.size - 1 == pytest.approx(difference, abs=0.005)
    assert unmatched([vit, resnet]) == []


@pytest.mark.parametrize(
    ("size", "expected"), [(100, "small"), (80, "small"), (120, "small"), (79, None), (121, None), (1100, "large")]
)
def test_a_class_is_named_after_the_vit_within_20_percent(size: int, expected: str | None) -> None:
    assert size_class(size, VITS) == expected


def test_the_nearest_vit_names_the_class() -> None:
    assert size_class(110, {"one": 100, "two": 112}) == "two"
    assert size_class(10, {}) is None


def test_unmatched_models_come_with_the_nearest() -> None:
    found = unmatched(named("vit 100", "cnn 130", "cnn 120", "hybrid 80", "hybrid 79"))
    assert [(item.one.model, item.nearest.model) for item in found] == [
        ("cnn 130", "vit 100"),
        ("hybrid 79", "vit 100"),
    ]
    assert [item.difference for item in found] == pytest.approx([-0.3, 0.21])


def test_a_vit_needs_a_partner_in_each_family_that_is_there() -> None:
    assert unmatched(named("vit 100")) == []
    assert unmatched(named("vit 100", "cnn 120")) == []
    alone = unmatched(named("vit 100", "cnn 120", "vit 90"))
    assert [(item.one.model, item.nearest.model) for item in alone] == [("vit 90", "cnn 120")]


def test_without_a_vit_the_smaller_is_what_the_larger_is_held_to() -> None:
    assert unmatched(named("cnn 100", "hybrid 120")) == []
    assert [item.difference for item in unmatched(named("cnn 100", "hybrid 121"))] == pytest.approx([0.21, -0.21])


def named(*models: str) -> list[Sized]:
    """`vit 100` is a ViT of size 100."""
    families: dict[str, Family] = {"vit": "vit", "cnn": "cnn", "hybrid": "hybrid"}
    return [Sized(model, families[model.split()[0]], int(model.split()[1])) for model in models]
