"""Recipes: shipped ones are valid, exceptions apply to their family alone, wrong ones are explained."""

from pathlib import Path

import pytest

from bench.config.recipe import RECIPES, Settings, load_recipe, parse_recipe
from bench.config.yaml_file import shipped
from bench.errors import InputError

EXCEPTIONS = {"cifar-a": {"hybrid": {"warmup": 0.05}}}
"""All that the shipped recipes make."""


@pytest.mark.parametrize("name", shipped(RECIPES))
def test_every_shipped_recipe_is_one_for_all_families(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.description
    for family in ("vit", "cnn", "hybrid"):
        others = EXCEPTIONS.get(name, {}).get(family, {})
        assert recipe.for_family(family) == recipe.settings.model_copy(update=others)


EPOCHS = 200
SOURCES = {
    "paper-pretrain": {
        "optimizer": "adamw",
        "betas": (0.9, 0.999),
        "batch_size": 4096,
        "weight_decay": 0.1,
        "schedule": "linear",
        "learning_rate": 8e-4,
        "clip_norm": None,
    },
    "paper-finetune": {
        "optimizer": "sgd",
        "momentum": 0.9,
        "batch_size": 512,
        "weight_decay": 0.0,
        "schedule": "cosine",
        "learning_rate": 0.03,
        "clip_norm": 1.0,
    },
    "modern": {
        "learning_rate": 5e-4 * 512 / 512,
        "batch_size": 512,
        "weight_decay": 0.05,
        "mixup": 0.8,
        "cutmix": 1.0,
        "label_smoothing": 0.1,
        "final_rate": 1e-5 / 5e-4,
    },
    "cifar-a": {
        "optimizer": "adamw",
        "learning_rate": 5e-4,
        "weight_decay": 3e-2,
        "decayed": "all",
        "batch_size": 128,
        "warmup": 5 / EPOCHS,
        "schedule": "cosine",
        "final_rate": 0.0,
        "label_smoothing": 0.1,
        "clip_norm": None,
        "autoaugment": "cifar10",
        "shift": 4,
        "flip": True,
        "mixup": None,
    },
    "cifar-d": {
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "decayed": "all",
        "batch_size": 128,
        "warmup": 0.0,
        "schedule": "step",
        "milestones": (100 / EPOCHS, 150 / EPOCHS),
        "step_factor": 0.1,
        "label_smoothing": 0.0,
        "clip_norm": None,
        "shift": 4,
        "flip": True,
    },
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_published_recipe_has_the_figures_of_its_source(name):
    settings = load_recipe(name).settings
    assert {key: getattr(settings, key) for key in SOURCES[name]} == SOURCES[name]
    assert (settings.on("cpu").compile, settings.on("cuda").compile) == (False, True)


def test_the_published_warm_up_of_the_compact_transformers_is_the_one_exception():
    (exception,) = load_recipe("cifar-a").exceptions
    assert (exception.family, exception.set) == ("hybrid", {"warmup": 10 / EPOCHS})


def test_an_exception_changes_its_family_alone():
    exception = {"family": "cnn", "set": {"weight_decay": 0.0}, "reason": "batch statistics do not like decay"}
    recipe = parse_recipe({"learning_rate": 0.01, "exceptions": [exception]}, Path("mine.yaml"))
    assert recipe.for_family("vit") == Settings(learning_rate=0.01)
    assert recipe.for_family("cnn") == Settings(learning_rate=0.01, weight_decay=0.0)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ({"learning_rat": 0.1}, ["learning_rat", "did you mean learning_rate", "weight_decay"]),
        ({"learning_rate": True}, ["learning_rate: given True: a number is needed"]),
        ({"image_size": [32, 32]}, ["image_size: given [32, 32]: images are square"]),
        ({"learning_rate": float("inf")}, ["learning_rate", "finite"]),
        ({"learning_rate": -1}, ["learning_rate", "-1", "greater than 0"]),
        ({"optimizer": "sgdd"}, ["optimizer", "'sgdd'", "'adamw', 'adam' or 'sgd'"]),
        ({"momentum": 0.8}, ["momentum goes with optimizer: sgd only, not with optimizer: adamw"]),
        ({"milestones": [0.5]}, ["milestones goes with schedule: step only, not with schedule: cosine"]),
        ({"schedule": "linear", "step_factor": 0.5}, ["step_factor goes with schedule: step only"]),
        ({"schedule": "step", "milestones": [0.5], "final_rate": 0.1}, ["schedule: cosine or schedule: linear only"]),
        ({"schedule": "step"}, ["needs milestones", "[0.5, 0.75]"]),
        ({"schedule": "step", "milestones": [0.75, 0.5]}, ["milestones", "later than the one before"]),
        ({"schedule": "step", "milestones": [0.5, 0.5]}, ["milestones", "later than the one before"]),
        ({"schedule": "step", "milestones": [1.0]}, ["milestones", "less than 1"]),
        ({"schedule": "step", "milestones": [0.1], "warmup": 0.2}, ["0.1 is within the warm-up", "0.2"]),
        ({"batch_size": 32, "micro_batch": 33}, ["micro_batch: 33 images are more than a batch_size of 32"]),
        ({"layer_decay": 0}, ["layer_decay", "greater than 0"]),
        ({"ema": 1}, ["ema", "less than 1"]),
        ({"decayed": "norms"}, ["decayed", "'weights' or 'all'"]),
        ({"compile": "cpu"}, ["compile"]),
        ({"exceptions": [{"family": "cnn", "set": {"momentum": 0.5}, "reason": "a heavier ball"}]}, ["momentum goes"]),
        ({"exceptions": [{"family": "cnn", "set": {"clip": 1}, "reason": "for no reason"}]}, ["clip", "clip_norm"]),
        ({"exceptions": [{"family": "cnn", "set": {"clip_norm": 2}, "reason": ""}]}, ["reason"]),
        ({"shift": 1, "resized_crop": {}}, ["shift and resized_crop exclude each other"]),
        ({"randaugment": {}, "autoaugment": "cifar10"}, ["exclude each other"]),
        ({"randaugment": {"magnitud": 3}}, ["magnitud", "magnitude", "num_ops"]),
        ({"randaugment": {"magnitude": 31}}, ["magnitude", "31", "less than or equal to 30"]),
        ({"erasing": {"scale": [0.3, 0.1]}}, ["erasing.scale", "the lower end has to come first"]),
        ({"mixup": 0}, ["mixup", "greater than 0"]),
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


def test_augmentation_is_dumped_only_if_set():
    """A run's key hashes the dump: runs from before there was such a setting keep theirs."""
    assert not set(Settings().model_dump()) & {*AUGMENTED, "autoaugment"}
    recipe = parse_recipe(AUGMENTED, Path("mine.yaml"))
    assert set(AUGMENTED) < set(recipe.settings.model_dump(mode="json"))
    assert recipe.settings.model_dump()["resized_crop"]["scale"] == (0.5, 1.0)
    assert recipe.for_family("vit") == recipe.settings == Settings.model_validate(recipe.settings.model_dump())


OPTIMISED = {
    "optimizer": "sgd",
    "fused": False,
    "momentum": 0.5,
    "schedule": "step",
    "milestones": [0.5, 0.75],
    "step_factor": 0.2,
    "decayed": "all",
    "layer_decay": 0.75,
    "ema": 0.99,
    "compile": True,
    "channels_last": True,
    "micro_batch": 8,
    "image_size": 64,
}


def test_newer_settings_are_dumped_only_if_set():
    first = set(Settings().model_dump())
    assert len(first) == 11
    assert not set(OPTIMISED) & first - {"optimizer", "schedule"}
    recipe = parse_recipe(OPTIMISED, Path("mine.yaml"))
    assert set(recipe.settings.model_dump(mode="json")) == first | set(OPTIMISED)
    assert recipe.for_family("vit") == recipe.settings


@pytest.mark.parametrize("setting", ["compile", "channels_last"])
def test_settings_for_cuda_alone_are_off_on_a_cpu(setting):
    """So that a recipe's runs on a CPU have the key that they would have without it."""
    settings = Settings.model_validate({setting: "cuda"})
    assert settings.on("cpu") == Settings()
    assert settings.on("cpu").model_dump() == Settings().model_dump()
    assert settings.on("cuda") == Settings.model_validate({setting: True})
    for asked in (True, False):
        always = Settings.model_validate({setting: asked})
        assert always.on("cpu") == always.on("cuda") == always


def test_an_exception_may_turn_an_augmentation_off():
    exception = {"family": "cnn", "set": {"mixup": None}, "reason": "mixed images do not suit it"}
    recipe = parse_recipe({"mixup": 0.8, "exceptions": [exception]}, Path("mine.yaml"))
    assert recipe.for_family("vit").mixup == 0.8
    assert recipe.for_family("cnn") == Settings()
