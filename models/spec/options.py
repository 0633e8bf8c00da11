"""Define the options that presets take after `:`, with their values and defaults. Imports no torch.

A default may depend on the rest of the name: the default stride is the patch size, and each positional encoding has its
own default place.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from models.spec.model_error import SpecError, shortened

OptionValue = str | int | float | bool
Default = Callable[[object, Mapping[str, OptionValue]], OptionValue]
"""Computes a default from the patch and the options in a name."""


@dataclass(frozen=True)
class Choice:
    """One of several words."""

    words: tuple[str, ...]

    @property
    def allowed(self) -> str:
        """Return the words in one line."""
        return " | ".join(self.words)

    def parse(self, text: str) -> OptionValue | None:
        """Return the word, or None if it is not one of them."""
        return text if text in self.words else None


@dataclass(frozen=True)
class Whole:
    """A whole number in a range, both ends included."""

    minimum: int
    maximum: int = 9999

    @property
    def allowed(self) -> str:
        """Return the range in words."""
        return f"a whole number from {self.minimum} to {self.maximum}"

    def parse(self, text: str) -> OptionValue | None:
        """Return the number, or None if it is not a whole number in the range."""
        is_number = re.fullmatch(r"[0-9]{1,9}", text)
        return int(text) if is_number and self.minimum <= int(text) <= self.maximum else None


@dataclass(frozen=True)
class Fraction:
    """A number from 0 to 1; 1 itself only if `with_one`."""

    with_one: bool = False

    @property
    def allowed(self) -> str:
        """Return the range in words."""
        return f"a number from 0 to {'' if self.with_one else 'less than '}1"

    def parse(self, text: str) -> OptionValue | None:
        """Return the number, or None if it is not in the range."""
        # Python's own rules would also take other scripts' digits, blanks and underscores.
        if not re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", text):
            return None
        value = float(text)
        return value if 0 <= value < 1 or (self.with_one and value == 1) else None


@dataclass(frozen=True)
class Flag:
    """True or false."""

    allowed: str = "true | false"

    def parse(self, text: str) -> OptionValue | None:
        """Return the truth value, or None if the text is neither `true` nor `false`."""
        return {"true": True, "false": False}.get(text)


@dataclass(frozen=True)
class FilePath:
    """The path of a file of weights, from which no code is run."""

    suffixes: tuple[str, ...] = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
    allowed: str = "the path of a file of weights, .safetensors, or .pt, .pth, .bin or .ckpt by torch.save"

    def parse(self, text: str) -> OptionValue | None:
        """Return the path, with a leading `~` as the user's folder; None if it has none of the suffixes."""
        return os.path.expanduser(text) if text.endswith(self.suffixes) else None


@dataclass(frozen=True)
class Option:
    """An option `key=value` of a preset; its default is a value, or computed from the rest of the name."""

    name: str
    default: OptionValue | Default
    values: Choice | Whole | Fraction | Flag | FilePath

    def default_for(self, patch: object, given: Mapping[str, OptionValue]) -> OptionValue:
        """Return the default in a name with this patch and these options."""
        return self.default(patch, given) if callable(self.default) else self.default

    def parse(self, text: str) -> OptionValue:
        """Return the value that the text stands for.

        Raises:
            SpecError: The value is not allowed. The message names the allowed values.
        """
        value = self.values.parse(text)
        if value is None:
            raise SpecError(f"{self.name}={shortened(text)} is not allowed; {self.name} may be {self.values.allowed}")
        return value


def text_of(value: OptionValue) -> str:
    """Return a value as it is written in a name."""
    return str(value).lower() if isinstance(value, bool) else str(value)


POSITIONS = ("none", "learned-1d", "learned-2d", "sincos-1d", "sincos-2d", "relative", "rope-2d", "conditional")
TOKENIZERS = ("linear", "conv-stem", "conv-tokenizer", "shifted")
CONVOLUTIONAL_TOKENIZERS = ("conv-stem", "conv-tokenizer")
POOLINGS = ("cls", "gap", "map", "seq")

POSITION_PLACES = ("input", "after-first-layer", "every-layer", "every-layer-shared")
PLACES_OF_POSITION: dict[str, tuple[str, ...]] = {
    "none": (),
    "learned-1d": ("input", "every-layer", "every-layer-shared"),
    "learned-2d": ("input", "every-layer", "every-layer-shared"),
    "sincos-1d": ("input", "every-layer-shared"),
    "sincos-2d": ("input", "every-layer-shared"),
    "relative": ("every-layer", "every-layer-shared"),
    "rope-2d": ("every-layer-shared",),
    "conditional": ("after-first-layer", "input", "every-layer", "every-layer-shared"),
}
"""Encoding -> its allowed places; the first is the default, from the paper that introduced the encoding."""


def _customary_place(patch: object, given: Mapping[str, OptionValue]) -> OptionValue:
    return next(iter(PLACES_OF_POSITION[str(given.get("pos", "learned-1d"))]), "input")


def _patch_size(patch: object, given: Mapping[str, OptionValue]) -> OptionValue:
    assert isinstance(patch, int), "only presets with a patch size have options that default to it"
    return patch


def encoder_options(depth: int, pool: str = "cls") -> tuple[Option, ...]:
    """Return the options that every Transformer encoder takes, whatever makes its tokens."""
    return (
        Option("depth", depth, Whole(minimum=1, maximum=200)),
        Option("drop_path", 0.0, Fraction()),
        Option("layer_scale", 0.0, Fraction(with_one=True)),
        Option("pool", pool, Choice(POOLINGS)),
        Option("pos", "learned-1d", Choice(POSITIONS)),
        Option("pos_at", _customary_place, Choice(POSITION_PLACES)),
        Option("registers", 0, Whole(minimum=0, maximum=999)),
    )


TOKENIZER_OPTIONS = (
    Option("padding", 0, Whole(minimum=0)),
    Option("stride", _patch_size, Whole(minimum=1)),
    Option("tokenizer", "linear", Choice(TOKENIZERS)),
)
STEM = Option("stem", "imagenet", Choice(("imagenet", "cifar")))
