"""The search space of a tuning: the accepted settings, how mistakes are refused, and how a choice changes recipes."""

from pathlib import Path

import pytest
import yaml

from bench.config.resolved import ResolvedSuite
from bench.config.search_space import ChosenPoint
from bench.errors import InputError
from bench.plan.expand import expand

ROOT = Path(__file__).parents[2]
RATES = {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}
TUNING = {"trials": 4, "space": RATES | {"weight_decay": [0.0, 0.05]}}
CHOSEN = tuple(
    ChosenPoint(stage=stage, family=family, model=model, values=values, trial=2, score=0.5)
    for stage, family, model, values in (
        ("pretrain", "vit", "vit_pico/8", {"learning_rate": 0.004}),
        ("pretrain", "cnn", "bit_resnet_pico", {"learning_rate": 0.0005}),
        ("transfer", "cnn", "bit_resnet_pico", {"weight_decay": 0.0}),
    )
)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"space": {"learning_rat": [0.1]}},
            "not a setting that can be tuned, did you mean learning_rate?; allowed:",
        ),
        ({"space": {"image_size": [64]}}, "image_size is not a setting that can be tuned"),
        ({"space": {}}, "it needs at least one entry"),
        ({"space": {"learning_rate": []}}, "it needs at least one entry"),
        ({"space": {"weight_decay": [0.1, 0.1]}}, "0.1 is listed twice"),
        ({"space": {"learning_rate": {"low": 0.1, "high": 0.1}}}, "low 0.1 is not below high 0.1"),
        ({"space": {"warmup": {"low": 0.0, "high": 0.1, "log": True}}}, "log: true needs a low above 0"),
        ({"space": {"learning_rate": {"low": 0.1, "high": float("inf")}}}, "has to be finite"),
        ({"trials": 0}, "greater than 0"),
        ({"halvings": [0.5, 0.25]}, "each share has to be larger than the one before it"),
        ({"halvings": [1.0]}, "less than 1"),
        ({"trails": 5}, "did you mean trials?"),
        ({"space": {"momentum": [0.5]}}, "momentum goes with optimizer: sgd only"),
        ({"space": {"batch_size": {"low": 16, "high": 64}}}, "is not valid in recipe small"),
        ({"space": {"batch_size": [16, 0]}}, "tuning.space.batch_size: 0 is not valid in recipe small"),
        ({"seed": 0}, "tuning.seed 0 is one of the suite's seeds"),
        ({"members": {"vitt": ["vit_pico/8"]}}, "input should be 'vit', 'cnn' or 'hybrid'"),
        ({"members": {"vit": []}}, "it needs at least one entry"),
        ({"members": {"vit": ["vit_pico/8", "vit_pico/8"]}}, "vit_pico/8 is listed twice"),
        ({"members": {"vit": ["vit_pico/8", "vit_picco/4"]}}, "did you mean vit_pico/8"),
        (
            {"members": {"vit": ["vit_pico/4", "vit_pico/16"]}},
            "tuning.members.vit: vit_pico/8, the suite's first vit, has to be a member; add it",
        ),
        (
            {"members": {"vit": ["vit_pico/8", "bit_resnet_pico"]}},
            "tuning.members.vit: bit_resnet_pico is of the family cnn",
        ),
        (
            {"members": {"cnn": ["bit_resnet_pico", "timm:test_resnet:pretrained=true"]}},
            "starts from external weights; members start from random weights",
        ),
        ({"members": {"vit": ["vit_pico/8", "vit_pico/5"]}}, "model vit_pico/5: "),
        (
            {"trials": 1, "members": {"vit": ["vit_pico/8", "vit_pico/4"]}},
            "2 members need as many trials at the least; tuning.trials is 1",
        ),
    ],
)
def test_each_mistake_is_named(resolve_suite, changes, said):
    with pytest.raises(InputError) as caught:
        resolve_suite(tuning=TUNING | changes)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"carve": False}, "carve: false leaves no validation images, and trials are judged by them"),
        ({"targets": [{"target": "digits@20", "optional": True}]}, "every target is optional"),
        (
            {
                "recipes": {
                    "exceptions": [{"model": "vit_pico/8", "pretrain": "medium", "reason": "as it was published"}]
                }
            },
            "recipes.exceptions would override what trials choose",
        ),
    ],
)
def test_a_tuning_that_cannot_be_judged_is_refused(resolve_suite, changes, said):
    with pytest.raises(InputError, match=said):
        resolve_suite(tuning=TUNING, **changes)


def test_the_trials_seed_stays_apart_from_seeds_that_are_moved(resolve_suite):
    resolve_suite(tuning=TUNING)
    with pytest.raises(InputError, match=r"tuning\.seed 1000 is one of the suite's seeds.*or another --seed-offset"):
        resolve_suite(tuning=TUNING, seed_offset=1000)


def test_members_of_a_family_that_the_suite_lacks_are_refused(resolve_suite):
    with pytest.raises(InputError, match=r"tuning\.members\.cnn: no cnn of this suite starts from random weights"):
        resolve_suite(models=["vit_pico/8"], tuning=TUNING | {"members": {"cnn": ["bit_resnet_pico"]}})


def test_an_unfinished_tuning_changes_no_key(plan_suite):
    plain, asked = plan_suite(), plan_suite(tuning=TUNING)
    assert [run.key for run in plain.runs] == [run.key for run in asked.runs]


def test_a_choice_is_an_exception_of_its_family_with_its_reason_and_in_the_keys(resolve_suite):
    written = resolve_suite(tuning=TUNING)
    suite = written.tuned(CHOSEN)
    assert suite.recipe_of("vit_pico/8", "pretrain").for_family("vit").learning_rate == 0.004
    assert suite.recipe_of("bit_resnet_pico", "pretrain").for_family("cnn").learning_rate == 0.0005
    assert suite.recipe_of("bit_resnet_pico", "transfer").for_family("cnn").weight_decay == 0.0
    assert suite.recipe_of("vit_pico/8", "transfer") == suite.recipe_of("bit_resnet_pico", "transfer")
    reasons = {one.reason for recipe in suite.recipes.values() for one in recipe.exceptions}
    assert reasons == {"tuned: best of 4 trials on validation, equal for all families"}
    changed = {run.key for run in expand(suite).runs} ^ {run.key for run in expand(written).runs}
    changed_models = {run.model for plan in (expand(suite), expand(written)) for run in plan.runs if run.key in changed}
    assert changed_models == {"vit_pico/8", "bit_resnet_pico"}


def test_a_choice_overrides_an_exception_of_the_recipe_and_can_be_removed(resolve_suite, tmp_path):
    recipe = tmp_path / "own.yaml"
    recipe.write_text(
        "exceptions: [{family: vit, set: {learning_rate: 0.1, warmup: 0.5}, reason: as it was published}]",
        encoding="utf-8",
    )
    written = resolve_suite(tuning=TUNING, recipes={"pretrain": str(recipe), "transfer": "small"})
    suite = written.tuned(CHOSEN)
    settings = suite.recipe_of("vit_pico/8", "pretrain").for_family("vit")
    assert (settings.learning_rate, settings.warmup) == (0.004, 0.5)
    assert suite.untuned() == written
    assert suite.tuned(CHOSEN) == suite
    again = ResolvedSuite.model_validate_json(suite.model_dump_json())
    assert again == suite
    assert again.untuned() == written


@pytest.mark.parametrize(
    ("recipe", "tuning", "said"),
    [
        ({"batch_size": 1}, None, "recipe own: batch_size: 1: BatchNorm needs"),
        ({"micro_batch": 1}, None, "recipe own: micro_batch: 1: BatchNorm needs"),
        ({}, TUNING | {"space": {"batch_size": [1, 8]}}, "tuning.space.batch_size: 1: BatchNorm needs"),
    ],
)
def test_batchnorm_is_refused_batches_of_one_image(resolve_suite, tmp_path, recipe, tuning, said):
    """The other models of the suite may have them."""
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"batch_size": 8} | recipe), encoding="utf-8")
    options = {"recipes": {"transfer": str(tmp_path / "own.yaml")}} | ({"tuning": tuning} if tuning else {})
    models = ["vit_pico/8", "bit_resnet_pico"]
    resolve_suite(models=models, **options)
    with pytest.raises(InputError) as caught:
        resolve_suite(models=[*models, "resnet18", "vit_pico/8:tokenizer=conv-stem", "timm:test_resnet"], **options)
    assert said in str(caught.value)
    assert str(caught.value).endswith("it is part of resnet18, vit_pico/8:tokenizer=conv-stem, timm:test_resnet")
