"""A model's full name: `preset[/patch][:key=value,...]`, as in `vit_tiny/16:stride=8,padding=4`.

Owns what such a name means, what each preset accepts and how many tokens an image becomes. The same string
stands in suite files, tables, the command line and code; `str(spec)` is its canonical form: options sorted,
defaults left out. Imports no torch, so that planning and reporting don't either.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from models.errors import SpecError
from models.grammar import format_options, parse_options
from models.presets import PRESETS, Family, HybridSize, Option, OptionValue, Preset, TrunkSize

__all__ = ["ModelSpec", "SpecError", "check", "known_models", "num_tokens", "parse_spec", "tokens_per_side"]


@dataclass(frozen=True)
class ModelSpec:
    """One model, fully specified. Made by `parse_spec`, which keeps only options that aren't defaults."""

    preset: str
    patch: int | None
    options: tuple[tuple[str, OptionValue], ...]

    def __str__(self) -> str:
        patch = "" if self.patch is None else f"/{self.patch}"
        options = format_options({key: str(value) for key, value in self.options})
        return f"{self.preset}{patch}{options and ':'}{options}"

    @property
    def family(self) -> Family:
        """`vit`, `cnn` or `hybrid`."""
        return PRESETS[self.preset].family

    def option(self, name: str) -> OptionValue:
        """The option's value, its default included; KeyError where the preset has no such option."""
        default = _default(_options(PRESETS[self.preset])[name], self.patch)
        return dict(self.options).get(name, default)

    def number(self, name: str) -> int:
        """The value of an option that is a whole number."""
        value = self.option(name)
        assert isinstance(value, int), f"{name} is no number"
        return value


def parse_spec(text: str) -> ModelSpec:
    """The spec that `text` names; raises SpecError, listing what is known, where it names none."""
    name, colon, option_text = text.strip().partition(":")
    preset_name, slash, patch_text = name.partition("/")
    if preset_name not in PRESETS:
        raise SpecError(_unknown("model", text, preset_name, known_models()))
    preset = PRESETS[preset_name]
    try:
        patch = _parse_patch(preset_name, preset, patch_text if slash else None)
        given = parse_options(option_text) if colon else {}
        spec = ModelSpec(preset_name, patch, _parse_values(preset, patch, given))
        _check_patch(spec)
    except SpecError as error:
        raise SpecError(f"model {text!r}: {error}") from None
    return spec


def known_models() -> list[str]:
    """Every preset as a user would write it, with its customary patch size."""
    return [name if preset.patch is None else f"{name}/{preset.patch}" for name, preset in PRESETS.items()]


def check(spec: ModelSpec, image_size: int) -> None:
    """Raise SpecError where the model can't take square images of `image_size` pixels."""
    checks = {"vit": _check_patches_tile, "cnn": _check_covers_step, "hybrid": _check_steps_tile}
    checks[spec.family](spec, image_size)


def num_tokens(spec: ModelSpec, image_size: int) -> int | None:
    """Patch tokens of one image, [CLS] not counted; None for a CNN, which has none."""
    check(spec, image_size)
    return None if spec.family == "cnn" else tokens_per_side(spec, image_size) ** 2


def tokens_per_side(spec: ModelSpec, image_size: int) -> int:
    """Rows, and columns, of the token grid of a ViT or a hybrid that passes `check`."""
    assert spec.patch is not None, f"{spec} has no tokens"
    if spec.family == "hybrid":
        return image_size // spec.patch
    return (image_size + 2 * spec.number("padding") - spec.patch) // spec.number("stride") + 1


def _options(preset: Preset) -> dict[str, Option]:
    return {option.name: option for option in preset.options}


def _default(option: Option, patch: int | None) -> OptionValue:
    default = patch if option.default is None else option.default
    assert default is not None, f"{option.name} defaults to a patch size that the preset lacks"
    return default


def _unknown(kind: str, given: str, name: str, known: Iterable[str]) -> str:
    by_stem = {item.partition("/")[0]: item for item in known}
    close = difflib.get_close_matches(name, by_stem, n=1)
    hint = f"did you mean {by_stem[close[0]]}? " if close else ""
    return f"unknown {kind} {given!r}; {hint}known: {', '.join(by_stem.values()) or 'none'}"


def _parse_patch(name: str, preset: Preset, text: str | None) -> int | None:
    if preset.patch is None:
        if text is not None:
            raise SpecError(f"{name} takes no patch size; write {name}")
        return None
    if text is None or not re.fullmatch(r"[1-9][0-9]{0,4}", text):
        raise SpecError(f"{name} needs a patch size in pixels, as in {name}/{preset.patch}")
    return int(text)


def _parse_values(preset: Preset, patch: int | None, given: dict[str, str]) -> tuple[tuple[str, OptionValue], ...]:
    """The values that aren't defaults, sorted by name."""
    options = _options(preset)
    for key in given:
        if key not in options:
            raise SpecError(_unknown("option", key, key, options))
    values = {key: _parse_value(options[key], text) for key, text in given.items()}
    return tuple(sorted((key, v) for key, v in values.items() if v != _default(options[key], patch)))


def _parse_value(option: Option, text: str) -> OptionValue:
    if option.choices and text in option.choices:
        return text
    if not option.choices and re.fullmatch(r"[0-9]{1,5}", text) and int(text) >= option.minimum:
        return int(text)
    raise SpecError(f"{option.name}={text!r} is not allowed; {option.name} may be {option.allowed()}")


def _check_patch(spec: ModelSpec) -> None:
    """Refuse what is wrong for any image: pixels skipped, patches of padding alone, a trunk too coarse."""
    if spec.patch is None:
        return
    size = PRESETS[spec.preset].size
    if isinstance(size, HybridSize):
        step = size.trunk.stride
        if spec.patch % step:
            raise SpecError(f"the trunk has a feature every {step} pixels; use a patch size that {step} divides")
        return
    if spec.number("stride") > spec.patch:
        raise SpecError(
            f"stride={spec.number('stride')} is larger than the patch, so the pixels between patches would "
            f"never be seen; stride may be 1 to {spec.patch}"
        )
    if spec.number("padding") >= spec.patch:
        raise SpecError(
            f"padding={spec.number('padding')} makes patches of padding alone; padding may be 0 to {spec.patch - 1}"
        )


def _check_patches_tile(spec: ModelSpec, image_size: int) -> None:
    assert spec.patch is not None
    patch, stride, padding = spec.patch, spec.number("stride"), spec.number("padding")
    if _tiles(image_size, patch, stride, padding):
        return
    paddings = [f"set padding={p}" for p in range(patch) if _tiles(image_size, patch, stride, p)]
    below = max((s for s in range(1, image_size) if _tiles(s, patch, stride, padding)), default=None)
    above = next(s for s in range(image_size + 1, image_size + patch + stride) if _tiles(s, patch, stride, padding))
    sizes = " or ".join(str(s) for s in (below, above) if s)
    raise SpecError(
        f"model '{spec}': patches of {patch} pixels, one every {stride}, don't tile an image of {image_size} "
        f"pixels with padding={padding}; {' or '.join([*paddings[:1], f'use images of {sizes} pixels'])}"
    )


def _tiles(image_size: int, patch: int, stride: int, padding: int) -> bool:
    rest = image_size + 2 * padding - patch
    return rest >= 0 and rest % stride == 0


def _check_covers_step(spec: ModelSpec, image_size: int) -> None:
    size = PRESETS[spec.preset].size
    assert isinstance(size, TrunkSize)
    if image_size < size.stride:
        raise SpecError(f"model '{spec}' needs images of at least {size.stride} pixels, not {image_size}")


def _check_steps_tile(spec: ModelSpec, image_size: int) -> None:
    assert spec.patch is not None
    below, rest = divmod(image_size, spec.patch)
    if below and not rest:
        return
    sizes = " or ".join(str(n * spec.patch) for n in (below, below + 1) if n)
    raise SpecError(
        f"model '{spec}' makes a token of every {spec.patch} pixels, which don't tile an image of "
        f"{image_size} pixels; use images of {sizes} pixels, or pad them to that"
    )
