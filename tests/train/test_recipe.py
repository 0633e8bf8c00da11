"""Recipes: shipped ones are valid, exceptions apply to their family alone, wrong ones are explained."""

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.train.recipe import Settings, known_recipes, load_recipe, parse_recipe


@pytest.mark.parametrize("name", known_recipes())
def test_every_shipped_recipe_is_one_for_all_families(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.description
    assert {recipe.for_family(family) for family in ("vit", "cnn", "hybrid")} == {recipe.settings}


def test_an_exception_changes_its_family_alone():
    exception = {"family": "cnn", "set": {"weight_decay": 0.0}, "reason": "batch statistics do not like decay"}
    recipe = parse_recipe({"learning_rate": 0.01, "exceptions": [exception]}, Path("mine.yaml"))
    assert recipe.for_family("vit") == Settings(learning_rate=0.01)
    assert recipe.for_family("cnn") == Settings(learning_rate=0.01, weight_decay=0.0)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ({"learning_rat": 0.1}, ["learning_rat", 'did you mean "learning_rate"', "weight_decay"]),
        ({"learning_rate": -1}, ["learning_rate", "-1", "greater than 0"]),
        ({"optimizer": "sgdd"}, ["optimizer", "'sgdd'", "adamw"]),
        ({"exceptions": [{"family": "cnn", "set": {"clip": 1}, "reason": "for no reason"}]}, ["clip", "clip_norm"]),
        ({"exceptions": [{"family": "cnn", "set": {"clip_norm": 2}, "reason": ""}]}, ["reason"]),
        ({"shift": 1, "resized_crop": {}}, ["shift and resized_crop exclude each other"]),
        ({"randaugment": {}, "autoaugment": "cifar10"}, ["exclude each other"]),
        ({"randaugment": {"magnitud": 3}}, ["magnitud", "magnitude", "num_ops"]),
        ({"randaugment": {"magnitude": 31}}, ["magnitude", "31", "less than or equal to 30"]),
        ({"erasing": {"scale": [0.3, 0.1]}}, ["erasing.scale", "the lower end comes first"]),
        ({"mixup": 0}, ["mixup", "greater than 0"]),
        ([1], ["a mapping of settings"]),
    ],
)
def test_a_wrong_recipe_is_explained(content, parts):
    with pytest.raises(InputError) as caught:
        parse_recipe(content, Path("mine.yaml"))
    assert str(caught.value).startswith("recipe mine.yaml: ")
    for part in parts:
        assert part in str(caught.value)


def test_a_missing_recipe_file_is_named():
    with pytest.raises(InputError, match=r"recipe nowhere/mine.yaml: cannot be read"):
        load_recipe("nowhere/mine.yaml")


AUGMENTED = {
    "resized_crop": {"scale": [0.5, 1.0]},
    "randaugment": {"magnitude": 5},
    "erasing": {"probability": 0.25},
    "mixup": 0.8,
    "cutmix": 1.0,
}


def test_augmentation_stands_in_a_dump_only_where_it_is_asked_for():
    """A run's key hashes the dump: runs from before there was such a setting keep theirs."""
    assert not set(Settings().model_dump()) & {*AUGMENTED, "autoaugment"}
    recipe = parse_recipe(AUGMENTED, Path("mine.yaml"))
    assert set(AUGMENTED) < set(recipe.settings.model_dump(mode="json"))
    assert recipe.settings.model_dump()["resized_crop"]["scale"] == (0.5, 1.0)
    assert recipe.for_family("vit") == recipe.settings == Settings.model_validate(recipe.settings.model_dump())


def test_an_exception_may_turn_an_augmentation_off():
    exception = {"family": "cnn", "set": {"mixup": None}, "reason": "mixed images do not suit it"}
    recipe = parse_recipe({"mixup": 0.8, "exceptions": [exception]}, Path("mine.yaml"))
    assert recipe.for_family("vit").mixup == 0.8
    assert recipe.for_family("cnn") == Settings()
