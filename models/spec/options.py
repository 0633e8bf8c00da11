"""The options that presets take after `:`, their values and their defaults; plain data, without torch.

A default may depend on the rest of the name: the stride is the patch size where none is given, and each positional
encoding has a customary place.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from models.spec.model_error import SpecError

OptionValue = str | int | float | bool


@dataclass(frozen=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]

    def parse(self, text: str) -> OptionValue | None:
        return text if text in self.words else None

    def allowed(self) -> str:
        return " | ".join(self.words)


@dataclass(frozen=True)
class Whole:
    """A whole number in a range, both ends included."""

    minimum: int
    maximum: int = 9999

    def parse(self, text: str) -> OptionValue | None:
        is_number = re.fullmatch(r"[0-9]{1,9}", text)
        return int(text) if is_number and self.minimum <= int(text) <= self.maximum else None

    def allowed(self) -> str:
        return f"a whole number from {self.minimum} to {self.maximum}"


@dataclass(frozen=True)
class Fraction:
    """A number from 0 to less than 1."""

    def parse(self, text: str) -> OptionValue | None:
        try:
            value = float(text)
        except ValueError:
            return None
        return value if math.isfinite(value) and 0 <= value < 1 else None

    def allowed(self) -> str:
        return "a number from 0 to less than 1"


@dataclass(frozen=True)
class Factor:
    """A number from 0 to 1."""

    def parse(self, text: str) -> OptionValue | None:
        value = Fraction().parse(text)
        return 1.0 if value is None and re.fullmatch(r"1(\.0*)?", text) else value

    def allowed(self) -> str:
        return "a number from 0 to 1"


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def parse(self, text: str) -> OptionValue | None:
        return {"true": True, "false": False}.get(text)

    def allowed(self) -> str:
        return "true | false"


@dataclass(frozen=True)
class FilePath:
    """A file of weights."""

    def parse(self, text: str) -> OptionValue | None:
        return text if text.endswith(".safetensors") else None

    def allowed(self) -> str:
        return "the path of a .safetensors file, which holds weights and no code"


@dataclass(frozen=True)
class Chosen:
    """What a name says before defaults are filled in: what a default may depend on."""

    preset: str
    patch: object
    options: Mapping[str, OptionValue]


@dataclass(frozen=True)
class Option:
    """One `key=value` that a preset takes; its default is a value, or follows from the rest of the name."""

    name: str
    default: OptionValue | Callable[[Chosen], OptionValue]
    values: Choice | Whole | Fraction | Factor | Flag | FilePath

    def default_for(self, chosen: Chosen) -> OptionValue:
        """The value where none is given."""
        return self.default(chosen) if callable(self.default) else self.default

    def parse(self, text: str) -> OptionValue:
        """The value that `text` stands for; raises SpecError, saying what is allowed."""
        value = self.values.parse(text)
        if value is None:
            raise SpecError(f"{self.name}={text!r} is not allowed; {self.name} may be {self.values.allowed()}")
        return value


def text_of(value: OptionValue) -> str:
    """The value as it stands in a name."""
    return str(value).lower() if isinstance(value, bool) else str(value)


POSITIONS = (
    "none",
    "learned-1d",
    "learned-2d",
    "sincos-1d",
    "sincos-2d",
    "relative",
    "rope-2d",
    "conditional",
)
PLACES = ("input", "after-first-layer", "every-layer", "every-layer-shared")
TOKENIZERS = ("linear", "conv-stem", "conv-tokenizer", "shifted")
POOLINGS = ("cls", "gap", "map", "seq")

CUSTOMARY_PLACE = {"relative": "every-layer", "rope-2d": "every-layer-shared", "conditional": "after-first-layer"}
"""Where an encoding stands in the paper that introduced it; the others are added to the input."""


def _patch_size(chosen: Chosen) -> OptionValue:
    assert isinstance(chosen.patch, int), "only presets with a patch size have options that default to it"
    return chosen.patch


def _customary_place(chosen: Chosen) -> OptionValue:
    return CUSTOMARY_PLACE.get(str(chosen.options.get("pos", "learned-1d")), "input")


def encoder_options(depth: int, pool: str = "cls") -> tuple[Option, ...]:
    """What every Transformer encoder takes, whatever makes its tokens."""
    return (
        Option("depth", depth, Whole(minimum=1, maximum=200)),
        Option("drop_path", 0.0, Fraction()),
        Option("layer_scale", 0.0, Factor()),
        Option("pool", pool, Choice(POOLINGS)),
        Option("pos", "learned-1d", Choice(POSITIONS)),
        Option("pos_at", _customary_place, Choice(PLACES)),
        Option("registers", 0, Whole(minimum=0, maximum=999)),
    )


TOKENIZER_OPTIONS = (
    Option("padding", 0, Whole(minimum=0)),
    Option("stride", _patch_size, Whole(minimum=1)),
    Option("tokenizer", "linear", Choice(TOKENIZERS)),
)
STEM = Option("stem", "imagenet", Choice(("imagenet", "cifar")))
