"""Size classes: what counts as one size. `tests/models/test_models_page.py` holds every ViT's partners to it."""

import pytest

import models
from models.counts import count_parameters
from models.spec.families import Family
from models.spec.size_classes import Measure, Sized, size_class, unmatched

VITS = {"small": 100, "large": 1000}


def sized(name: str, measure: Measure, image_size: int, num_classes: int) -> Sized:
    if measure == "macs":
        size = models.count(name, num_classes=num_classes, image_size=image_size).macs
    else:
        size = count_parameters(name, num_classes, image_size)
    return Sized(name, models.parse_spec(name).family, size)


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
    assert [(item.unpaired.model, item.nearest.model) for item in found] == [
        ("cnn 130", "vit 100"),
        ("hybrid 79", "vit 100"),
    ]
    assert [item.difference for item in found] == pytest.approx([-0.3, 0.21])


def test_a_vit_needs_a_partner_in_each_family_that_is_there() -> None:
    assert unmatched(named("vit 100")) == []
    assert unmatched(named("vit 100", "cnn 120")) == []
    alone = unmatched(named("vit 100", "cnn 120", "vit 90"))
    assert [(item.unpaired.model, item.nearest.model) for item in alone] == [("vit 90", "cnn 120")]


def test_without_a_vit_the_smaller_is_what_the_larger_is_held_to() -> None:
    assert unmatched(named("cnn 100", "hybrid 120")) == []
    assert [item.difference for item in unmatched(named("cnn 100", "hybrid 121"))] == pytest.approx([0.21, -0.21])


def named(*models: str) -> list[Sized]:
    """`vit 100` is a ViT of size 100."""
    families: dict[str, Family] = {"vit": "vit", "cnn": "cnn", "hybrid": "hybrid"}
    return [Sized(model, families[model.split()[0]], int(model.split()[1])) for model in models]
