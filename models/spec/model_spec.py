"""Parse a model's full name: `[timm:|torchvision:]preset[/patch][:key=value,...]`, as in `vit_tiny/16:stride=8`.

This module defines the meaning of such a name and what each preset accepts. Suite files, tables, the command line and
code use the same string. `str(spec)` is its canonical form: options sorted, defaults left out. Imports no torch, so
that planning and reporting are fast; whether timm or torchvision has a model of a name is checked when it is built.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from models.spec.families import FAMILIES, Family, Library, family_of
from models.spec.grammar import format_options, parse_options
from models.spec.model_error import SpecError, nearest, shortened
from models.spec.options import CONVOLUTIONAL_TOKENIZERS, Choice, FilePath, Flag, Option, OptionValue, text_of
from models.spec.presets import PRESETS, Convolutions, Patch, Preset
from models.spec.rules import check_rules
from models.spec.sizes import EncoderSize, ExternalSize

__all__ = ["ModelSpec", "SpecError", "known_models", "parse_spec"]

MAX_LENGTH = 5000
"""Characters of a name, which may hold the path of a file."""
_NAME = re.compile(r"(?:(timm|torchvision):)?([^:]*)(?::(.*))?", re.DOTALL)


@dataclass(frozen=True)
class ModelSpec:
    """A fully specified model, from `parse_spec`; `options` holds only values that differ from the defaults."""

    preset: str
    """The preset's name; for a model of timm or torchvision it begins with the library, as in `timm:resnet18`."""
    patch: Patch | None
    options: tuple[tuple[str, OptionValue], ...]

    def __str__(self) -> str:
        patch = "" if self.patch is None else f"/{self.patch}"
        options = format_options({key: text_of(value) for key, value in self.options})
        return f"{self.preset}{patch}{options and ':'}{options}"

    @property
    def kind(self) -> Preset:
        """Return the preset: its size, and the options that it takes."""
        return _preset(self.preset)

    @property
    def library(self) -> Library | None:
        """Return the library that the model comes from, or None if it is one of ours."""
        library, colon, _ = self.preset.partition(":")
        return cast(Library, library) if colon else None

    @property
    def library_name(self) -> str:
        """Return the model's name in its library."""
        return self.preset.partition(":")[2]

    @property
    def family(self) -> Family:
        """Return the family. A ViT whose tokens come from convolutions is a hybrid."""
        if self.library is not None:
            return cast(Family, self.option("family"))
        is_vit = isinstance(self.kind.size, EncoderSize)
        return "hybrid" if is_vit and self.option("tokenizer") in CONVOLUTIONAL_TOKENIZERS else self.kind.family

    @property
    def has_external_weights(self) -> bool:
        """Return whether the model has external weights: published ones, or those of a file."""
        return bool(self.option("weights") or (self.library is not None and self.option("pretrained")))

    def option(self, name: str) -> OptionValue:
        """Return an option's value, or its default.

        Raises:
            KeyError: The preset has no such option.
        """
        given = dict(self.options)
        return given[name] if name in given else _options(self.kind)[name].default_for(self.patch, given)

    def number(self, name: str) -> int:
        """Return the value of an option that is a whole number."""
        value = self.option(name)
        assert isinstance(value, int), f"{name} is not a whole number"
        return value

    def fraction(self, name: str) -> float:
        """Return the value of an option that is a number from 0 to 1."""
        value = self.option(name)
        assert isinstance(value, float), f"{name} is not a fraction"
        return value

    def without(self, *names: str) -> "ModelSpec":
        """Return the same model with these options at their defaults."""
        return ModelSpec(self.preset, self.patch, tuple(item for item in self.options if item[0] not in names))


def parse_spec(text: str) -> ModelSpec:
    """Return the spec that a text names.

    Raises:
        SpecError: The text names no model. The message lists the known names.
    """
    if len(text) > MAX_LENGTH or "\0" in text:
        raise SpecError(f"model {shortened(text)}: a name has at most {MAX_LENGTH:,} characters, none of which is \\0")
    parts = _NAME.fullmatch(text.strip())
    assert parts is not None, "the pattern matches every text"
    library, (name, slash, patch_text) = parts[1], parts[2].partition("/")
    if library is None and name not in PRESETS:
        raise SpecError(_unknown("model", text, name, known_models()))
    try:
        if not name:
            raise SpecError(f"a model's name is missing after {library}:, as in {library}:resnet18")
        full_name = f"{library}:{name}" if library else name
        patch = _parse_patch(name, _preset(full_name), patch_text if slash else None)
        given = {} if parts[3] is None else parse_options(parts[3])
        spec = _with_values(full_name, patch, given)
        check_rules(spec, frozenset(given))
    except SpecError as error:
        raise SpecError(f"model {shortened(text)}: {error}") from None
    return spec


def known_models() -> list[str]:
    """Return the full name of every preset, with its default patch."""
    return [name if preset.patch is None else f"{name}/{preset.patch}" for name, preset in PRESETS.items()]


def _preset(name: str) -> Preset:
    """Return the preset of a name; for a model of another library, it holds only what follows from the name."""
    library, colon, external_name = name.partition(":")
    if not colon:
        return PRESETS[name]
    family = family_of(cast(Library, library), external_name)
    options = (
        Option("family", family or "", Choice(FAMILIES)),
        Option("pretrained", False, Flag()),
        Option("scaling", "library", Choice(("library", "imagenet", "half"))),
    )
    return Preset(family or "vit", ExternalSize(), options=options)


def _options(preset: Preset) -> dict[str, Option]:
    """Return the options of a preset by name, with the weights that every model takes."""
    return {option.name: option for option in (*preset.options, Option("weights", "", FilePath()))}


def _unknown(kind: str, given: str, name: str, known: Iterable[str]) -> str:
    names = {item.partition("/")[0]: item for item in known}
    near = nearest(name, names)
    hint = f"did you mean {names[near]}? " if near else ""
    more = "; timm:NAME and torchvision:NAME take any of their models" if kind == "model" else ""
    return f"unknown {kind} {shortened(given)}; {hint}known: {', '.join(names.values()) or 'none'}{more}"


def _parse_patch(name: str, preset: Preset, text: str | None) -> Patch | None:
    if preset.patch is None:
        if text is not None:
            raise SpecError(f"{name} takes no patch size; write {name}")
        return None
    if isinstance(preset.patch, Convolutions):
        return _parse_convolutions(name, preset.patch, text)
    if text is None or not re.fullmatch(r"[1-9][0-9]{0,4}", text):
        raise SpecError(f"{name} needs a patch size in pixels, as in {name}/{preset.patch}")
    return int(text)


def _parse_convolutions(name: str, customary: Convolutions, text: str | None) -> Convolutions:
    parts = re.fullmatch(r"([3579])x([1-4])", text or "")
    if parts is None:
        raise SpecError(
            f"{name} needs the kernel and the number of its tokenizer's convolutions, as in {name}/{customary}; "
            "kernels may be 3, 5, 7 or 9 pixels, and there may be 1 to 4"
        )
    return Convolutions(int(parts[1]), int(parts[2]))


def _with_values(name: str, patch: Patch | None, given: Mapping[str, str]) -> ModelSpec:
    """Return the spec with the given values that differ from the defaults, sorted by name."""
    options = _options(_preset(name))
    for key in given:
        if key not in options:
            raise SpecError(_unknown("option", key, key, options))
    values = {key: options[key].parse(text) for key, text in given.items()}
    changed = sorted((key, value) for key, value in values.items() if value != options[key].default_for(patch, values))
    return ModelSpec(name, patch, tuple(changed))
