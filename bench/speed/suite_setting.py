"""How the speed of a suite's models is measured: as its runs are, in a setting that all of them have in common.

`pytest --benchmark` goes by this. Imports no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.config.external_weights import SOURCES
from bench.config.recipe import load_recipe
from bench.config.suite import Suite
from models.spec.model_spec import parse_spec


@dataclass(frozen=True)
class RunSetting:
    """What the speed of a run depends on, beside its model and the machine."""

    precision: Literal["fp32", "bf16"]
    image_size: int
    batch_size: int
    layout: Literal["contiguous", "channels_last"]
    mode: Literal["eager", "compiled"]


def setting_of_runs(suite: Suite, device: Literal["cpu", "cuda"]) -> RunSetting:
    """The suite's precision and image size, and batch, layout and mode of its pretraining recipe, on a device.

    Raises:
        InputError: there is no such recipe.
    """
    recipe = load_recipe(suite.recipes.pretrain).settings.on(device)
    return RunSetting(
        suite.precision_on(device),
        suite.image_size,
        recipe.batch_size,
        layout="channels_last" if recipe.channels_last else "contiguous",
        mode="compiled" if recipe.compile else "eager",
    )


def without_weights(models: Sequence[str]) -> list[str]:
    """Specs in their canonical form, each once, without weights from outside: these take no part in the speed.

    Raises:
        SpecError: a spec names no model.
    """
    return list(dict.fromkeys(str(parse_spec(model).without(*SOURCES)) for model in models))
