"""A model's full name: `[timm:|torchvision:]preset[/patch][:key=value,...]`, as in `vit_tiny/16:stride=8,padding=4`.

Owns what such a name means and what each preset accepts. The same string stands in suite files, tables, the command
line and code; `str(spec)` is its canonical form: options sorted, defaults left out. Imports no torch, so that
planning and reporting don't either: whether timm or torchvision has a model of a name shows when it is built.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from models.spec.families import family_of
from models.spec.grammar import format_options, parse_options
from models.spec.model_error import SpecError
from models.spec.options import Choice, Chosen, FilePath, Flag, Option, OptionValue, text_of
from models.spec.presets import FAMILIES, PRESETS, Convolutions, Family, Patch, Preset
from models.spec.rules import check_rules
from models.spec.sizes import EncoderSize, ExternalSize

__all__ = ["ModelSpec", "SpecError", "known_models", "parse_spec"]

Library = Literal["timm", "torchvision"]
LIBRARIES: tuple[Library, ...] = ("timm", "torchvision")

CONVOLUTIONAL_TOKENIZERS = ("conv-stem", "conv-tokenizer")


@dataclass(frozen=True)
class ModelSpec:
    """One model, fully specified. Made by `parse_spec`, which keeps only options that aren't defaults."""

    preset: str
    """Its name; for a model of timm or torchvision with that library before it, `timm:resnet18`."""
    patch: Patch | None
    options: tuple[tuple[str, OptionValue], ...]

    def __str__(self) -> str:
        patch = "" if self.patch is None else f"/{self.patch}"
        options = format_options({key: text_of(value) for key, value in self.options})
        return f"{self.preset}{patch}{options and ':'}{options}"

    @property
    def kind(self) -> Preset:
        """What the preset is: its size, and the options that it takes."""
        return _preset(self.preset)

    @property
    def library(self) -> Library | None:
        """Where the model comes from, if it is not one of ours."""
        library, colon, _ = self.preset.partition(":")
        return cast(Library, library) if colon else None

    @property
    def family(self) -> Family:
        """`vit`, `cnn` or `hybrid`. A ViT whose tokens come from convolutions is a hybrid."""
        if self.library is not None:
            return cast(Family, self.option("family"))
        is_vit = isinstance(self.kind.size, EncoderSize)
        return "hybrid" if is_vit and self.option("tokenizer") in CONVOLUTIONAL_TOKENIZERS else self.kind.family

    @property
    def has_external_weights(self) -> bool:
        """Whether its weights come from outside the suite: published ones, or a file."""
        return self.library is not None and bool(self.option("pretrained") or self.option("weights"))

    def option(self, name: str) -> OptionValue:
        """The option's value, its default included; KeyError where the preset has no such option."""
        given = dict(self.options)
        return given[name] if name in given else self._option(name).default_for(self._chosen(given))

    def number(self, name: str) -> int:
        """The value of an option that is a whole number."""
        value = self.option(name)
        assert isinstance(value, int), f"{name} is no whole number"
        return value

    def fraction(self, name: str) -> float:
        """The value of an option that is a number from 0 to 1."""
        value = self.option(name)
        assert isinstance(value, float), f"{name} is no fraction"
        return value

    def without(self, *names: str) -> "ModelSpec":
        """The same model with these options at their defaults."""
        return ModelSpec(self.preset, self.patch, tuple(item for item in self.options if item[0] not in names))

    def _option(self, name: str) -> Option:
        return {option.name: option for option in self.kind.options}[name]

    def _chosen(self, given: Mapping[str, OptionValue]) -> Chosen:
        return Chosen(self.preset, self.patch, given)


def parse_spec(text: str) -> ModelSpec:
    """The spec that `text` names; raises SpecError, listing what is known, where it names none."""
    library, name, option_text = _split(text.strip())
    preset_name, slash, patch_text = name.partition("/")
    full_name = f"{library}:{preset_name}" if library else preset_name
    if library is None and preset_name not in PRESETS:
        raise SpecError(_unknown("model", text, preset_name, known_models()))
    try:
        if not preset_name:
            raise SpecError(f"a model's name is missing after {library}:, as in {library}:resnet18")
        patch = _parse_patch(preset_name, _preset(full_name), patch_text if slash else None)
        given = {} if option_text is None else parse_options(option_text)
        spec = _with_values(full_name, patch, given)
        check_rules(spec, frozenset(given))
    except SpecError as error:
        raise SpecError(f"model {text!r}: {error}") from None
    return spec


def known_models() -> list[str]:
    """Every preset as a user would write it, with its customary patch."""
    return [name if preset.patch is None else f"{name}/{preset.patch}" for name, preset in PRESETS.items()]


def _split(text: str) -> tuple[Library | None, str, str | None]:
    """The library, if one is named; the preset with its patch; the options' text, if there is a colon before it."""
    for library in LIBRARIES:
        if text.startswith(f"{library}:"):
            name, colon, options = text.removeprefix(f"{library}:").partition(":")
            return library, name, options if colon else None
    name, colon, options = text.partition(":")
    return None, name, options if colon else None


def _preset(name: str) -> Preset:
    """The preset of a name; for a model of another library one that holds what we know of it beforehand."""
    library, colon, outside_name = name.partition(":")
    if not colon:
        return PRESETS[name]
    family = family_of(cast(Library, library), outside_name)
    options = (
        Option("family", family or "", Choice(FAMILIES)),
        Option("pretrained", False, Flag()),
        Option("scaling", "library", Choice(("library", "imagenet", "half"))),
        Option("weights", "", FilePath()),
    )
    return Preset(family or "vit", ExternalSize(), options=options)


def _unknown(kind: str, given: str, name: str, known: Iterable[str]) -> str:
    by_stem = {item.partition("/")[0]: item for item in known}
    close = difflib.get_close_matches(name, by_stem, n=1)
    hint = f"did you mean {by_stem[close[0]]}? " if close else ""
    more = "; timm:NAME and torchvision:NAME take any of theirs" if kind == "model" else ""
    return f"unknown {kind} {given!r}; {hint}known: {', '.join(by_stem.values()) or 'none'}{more}"


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
    found = re.fullmatch(r"([3579])x([1-4])", text or "")
    if found is None:
        raise SpecError(
            f"{name} needs the kernel and the number of its tokenizer's convolutions, as in {name}/{customary}; "
            "kernels may be 3, 5, 7 or 9 pixels, and there may be 1 to 4"
        )
    return Convolutions(int(found[1]), int(found[2]))


def _with_values(name: str, patch: Patch | None, given: Mapping[str, str]) -> ModelSpec:
    """The spec with the values that aren't defaults, sorted by name."""
    options = {option.name: option for option in _preset(name).options}
    for key in given:
        if key not in options:
            raise SpecError(_unknown("option", key, key, options))
    values = {key: options[key].parse(text) for key, text in given.items()}
    chosen = Chosen(name, patch, values)
    kept = sorted((key, value) for key, value in values.items() if value != options[key].default_for(chosen))
    return ModelSpec(name, patch, tuple(kept))
