"""Recipes: everything about training that is not the model, one for all families.

A recipe is a YAML file in `bench/recipes/` (or any path). An exception for a family is an entry with its
reason, which the report prints; there is no other way to train one family differently. Imports no torch.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from bench.errors import InputError, did_you_mean
from bench.validation import explain

RECIPES = Path(__file__).parent.parent / "recipes"
LEFT_OUT_AT_DEFAULT = ("resized_crop", "randaugment", "autoaugment", "erasing", "mixup", "cutmix")
"""Settings that came after runs had been keyed: where one is at its default, no key knows of it."""


def _rising(ends: tuple[float, float]) -> tuple[float, float]:
    """Refuse a range that ends before it starts."""
    if ends[0] > ends[1]:
        raise ValueError("the lower end comes first")
    return ends


Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
PixelShares = Annotated[
    tuple[Annotated[float, Field(gt=0, le=1)], Annotated[float, Field(gt=0, le=1)]], AfterValidator(_rising)
]
Ratios = Annotated[tuple[Positive, Positive], AfterValidator(_rising)]


class ResizedCropSettings(BaseModel):
    """Crops of any size and place, scaled up again; torchvision's `RandomResizedCrop`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: PixelShares = (0.08, 1.0)
    """Of the crop's area, as a share of the image's."""
    ratio: Ratios = (3 / 4, 4 / 3)
    """Of its width by its height."""


class RandAugmentSettings(BaseModel):
    """So many of 14 operations on each image, of one magnitude; torchvision's `RandAugment`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    num_ops: Annotated[int, Field(gt=0)] = 2
    magnitude: Annotated[int, Field(ge=0, le=30)] = 9
    """Of 31 levels."""


class ErasingSettings(BaseModel):
    """A box of an image painted grey; torchvision's `RandomErasing`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    probability: Share = 0.5
    scale: PixelShares = (0.02, 0.33)
    """Of the box's area, as a share of the image's."""
    ratio: Ratios = (0.3, 3.3)
    """Of its height by its width."""


class Settings(BaseModel):
    """What a run trains with, after a recipe's exceptions are applied; part of the run's key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    optimizer: Literal["adamw"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """At the end of the warm-up."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    """On the weights of linear layers and convolutions only: not on biases, norms, positional tables or tokens."""
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    warmup: Fraction = 0.1
    """The share of all steps in which the learning rate rises linearly from zero."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """After the warm-up: down to zero along half a cosine, or constant."""
    clip_norm: Annotated[float, Field(gt=0)] | None = 1.0
    """The largest allowed norm of the whole gradient; null for no clipping."""
    batch_size: Annotated[int, Field(gt=0)] = 32
    label_smoothing: Fraction = 0.0
    shift: Annotated[int, Field(ge=0)] = 0
    """Random shifts of up to so many pixels, both ways."""
    flip: bool = False
    """Random horizontal flips, on data sets whose classes allow them (not for digits)."""
    resized_crop: ResizedCropSettings | None = None
    """Instead of shifts."""
    randaugment: RandAugmentSettings | None = None
    autoaugment: Literal["cifar10"] | None = None
    """The policy found on CIFAR-10; instead of RandAugment."""
    erasing: ErasingSettings | None = None
    mixup: Positive | None = None
    """Alpha of the Beta distribution that the share of an image is drawn from; null for no mixup."""
    cutmix: Positive | None = None
    """The same of CutMix; with both, each image gets one of them."""

    @model_validator(mode="after")
    def _choices_go_together(self) -> "Settings":
        if self.shift and self.resized_crop:
            raise ValueError("shift and resized_crop exclude each other: one of them moves the crop")
        if self.randaugment and self.autoaugment:
            raise ValueError("randaugment and autoaugment exclude each other")
        return self

    @model_serializer(mode="wrap")
    def _as_it_was(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is at its default among the settings that came later."""
        return {
            name: value for name, value in dump(self).items() if value is not None or name not in LEFT_OUT_AT_DEFAULT
        }


class FamilyException(BaseModel):
    """Settings that one family trains with instead, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: Literal["vit", "cnn", "hybrid"]
    set: dict[str, Any]
    reason: Annotated[str, Field(min_length=10)]


class Recipe(BaseModel):
    """A named set of settings with its exceptions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    description: str = ""
    settings: Settings = Settings()
    exceptions: tuple[FamilyException, ...] = ()

    def for_family(self, family: str) -> Settings:
        """The settings that a family trains with."""
        values = self.settings.model_dump()
        for exception in self.exceptions:
            if exception.family == family:
                values |= exception.set
        return Settings.model_validate(values)


def known_recipes() -> list[str]:
    """Names of the shipped recipes."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def load_recipe(name: str) -> Recipe:
    """Read a shipped recipe by name, or any recipe by the path of its YAML file."""
    is_path = name.endswith((".yaml", ".yml"))
    if not is_path and name not in known_recipes():
        raise InputError(
            f"unknown recipe {name!r}{did_you_mean(name, known_recipes())}; known: {', '.join(known_recipes())}, "
            "or the path of a .yaml file"
        )
    path = Path(name) if is_path else RECIPES / f"{name}.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"recipe {name}: cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise InputError(f"recipe {path}: not valid YAML: {error}") from None
    return parse_recipe(content, path)


def parse_recipe(content: Any, path: Path) -> Recipe:
    """Check a recipe file's content, its exceptions included."""
    if not isinstance(content, dict):
        raise InputError(f"recipe {path}: given {type(content).__name__}; a mapping of settings is needed")
    outer = {key: content[key] for key in ("description", "exceptions") if key in content}
    settings = {key: value for key, value in content.items() if key not in outer}
    try:
        recipe = Recipe(name=path.stem, settings=Settings.model_validate(settings), **outer)
        for exception in recipe.exceptions:
            recipe.for_family(exception.family)
    except ValidationError as error:
        raise InputError(explain(error, f"recipe {path}", Settings)) from None
    return recipe
