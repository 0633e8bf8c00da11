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
