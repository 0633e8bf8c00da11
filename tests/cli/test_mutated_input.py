"""Suites, recipes and names of models, changed at random: each is planned, or refused in one message.

A case may take ten seconds of the processor and a gibibyte; beyond that it is a hang or a bomb.
"""

import random

import pytest
import yaml

from bench.config.recipe import RECIPES
from bench.config.suite import SUITES
from models.spec.presets import PRESETS
from tests import in_process
from tests.mutations import ODD, WORDS, change_values, ends_well

SUITE = """
description: Every field that a suite may have.
image_size: 32
corpus: {name: fractals, classes: 4}
subsets: [16, 32]
models: [vit_pico/8, bit_resnet_pico, "r_pico+vit_pico/8:pos=none", "timm:test_vit"]
targets: [digits@20, {target: "folder:nowhere/at/all@5", optional: true}]
seeds: [0, 1]
images: {pretrain: 64, transfer: 32}
transfers: [fine-tune, linear, k-shot]
shots: [1, 2]
draws: 2
recipes: {pretrain: small, transfer: small-finetune}
budgets: {subset: 16, factors: [1, 2]}
ablations:
  - {name: position, reference: with, arms: {with: vit_pico/8, none: "vit_pico/8:pos=none"}}
claims:
  - id: mine
    sentence: One is above the other
    first: {model: vit_pico/8}
    second: {model: bit_resnet_pico, subset: 16}
    target: digits@20
    difference: above
    margin: 0.5
tuning:
  trials: 4
  space: {learning_rate: {low: 1e-4, high: 1e-2, log: true}, warmup: [0.0, 0.1]}
  halvings: [0.5]
  members: {vit: [vit_pico/8, vit_pico/4], cnn: [bit_resnet_pico]}
"""
RECIPE = """
optimizer: adamw
learning_rate: 1e-3
betas: [0.9, 0.99]
resized_crop: {scale: [0.5, 1.0]}
randaugment: {num_ops: 1, magnitude: 5}
exceptions:
  - {family: cnn, set: {weight_decay: 0.0}, reason: batch statistics do not like decay}
"""
TEXTS = {
    "suite": [SUITE, *((SUITES / f"{name}.yaml").read_text(encoding="utf-8") for name in ("smoke", "cpu"))],
    "recipe": [RECIPE, *(path.read_text(encoding="utf-8") for path in sorted(RECIPES.glob("*.yaml")))],
}
NAMES = [
    *(name if preset.patch is None else f"{name}/{preset.patch}" for name, preset in PRESETS.items()),
    "vit_pico/8:pos=rope-2d,registers=4,pool=gap",
    "vit_tiny/16:stride=8,padding=4",
    "r_pico+vit_pico/8:pos=none",
    "resnet18:stem=cifar",
    "timm:resnet18",
    "timm:vit_tiny_patch16_224:pretrained=false",
    "torchvision:resnet18:family=cnn",
    'timm:resnet18:weights="a,b.safetensors",scaling=half',
]
BOMB = "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9 if n else ['vit_pico/8'])}]\n" for n in range(9))


def mutated_text(text: str, chance: random.Random) -> bytes:
    """Change a file's text in one to three places, or its bytes."""
    for _ in range(chance.randint(1, 3)):
        place, lines = chance.randrange(len(text) + 1), text.splitlines(keepends=True)
        line = chance.randrange(len(lines)) if lines else 0
        text = chance.choice(
            [
                text[:place] + chance.choice(WORDS) + text[place:],
                text[:place] + text[place + chance.randint(1, 30) :],
                text[:place],
                "".join([*lines[:line], *lines[line : line + 2] * 2, *lines[line + 2 :]]),
                "".join([*lines[:line], *lines[line + 1 :]]),
                BOMB + text.replace("vit_pico/8", "*x8", 1),
            ]
        )
    content = text.encode(chance.choice(["utf-8"] * 8 + ["utf-16", "utf-8-sig"]), "surrogatepass")
    if chance.random() < 0.1 and content:
        place = chance.randrange(len(content))
        content = content[:place] + bytes([chance.randrange(256)]) + content[place + 1 :]
    return content


def mutated_fields(text: str, chance: random.Random) -> bytes:
    """Give one to three fields or entries another value, whatever their depth."""
    content = yaml.safe_load(text)
    change_values(content, chance)
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False).encode("utf-8", "surrogatepass")


def mutated_name(chance: random.Random) -> str:
    """Change a model's name in one to three places."""
    name = chance.choice(NAMES)
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(name) + 1)
        word = chance.choice(
            [*WORDS, *map(str, ODD), "/", ":", "=", ",", "timm:", "\\", "=true", "99999999999999999999"]
        )
        end = place + chance.choice([0, 0, 1, 3])
        name = chance.choice([name[:place] + word + name[end:], name[:place] + name[end + 1 :], name * 2, name[place:]])
    return name


@pytest.fixture(scope="module", autouse=True)
def _libraries(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Load what a plan may need, which is no case's time or memory."""
    folder = tmp_path_factory.mktemp("first")
    (folder / "suite.yaml").write_text(SUITE, encoding="utf-8")
    ended = in_process.bench("plan", "suite.yaml", folder=folder)
    assert ended.code == 0, ended.errors


@pytest.mark.slow
@pytest.mark.parametrize("number", range(300))
def test_a_mutated_file_is_planned_or_refused_in_one_message(tmp_path, number):
    chance = random.Random(number)
    kind = "suite" if number % 3 else "recipe"
    mutate = chance.choice([mutated_text, mutated_fields])
    (tmp_path / f"{kind}.yaml").write_bytes(mutate(chance.choice(TEXTS[kind]), chance))
    if kind == "recipe":
        suite = SUITE.replace("pretrain: small,", "pretrain: ./recipe.yaml,")
        (tmp_path / "suite.yaml").write_text(suite, encoding="utf-8")
    ends_well("plan", "suite.yaml", folder=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(200))
def test_a_mutated_name_of_a_model_is_planned_or_refused_in_one_message(tmp_path, number):
    name = mutated_name(random.Random(f"model {number}"))
    suite = {"models": [name], "corpus": "fractals", "subsets": [64], "targets": ["digits"], "seeds": [0]}
    (tmp_path / "suite.yaml").write_bytes(yaml.safe_dump(suite).encode("utf-8", "surrogatepass"))
    ends_well("plan", "suite.yaml", folder=tmp_path)
