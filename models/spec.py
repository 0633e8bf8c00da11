"""A model's full name: `preset[/patch][:key=value,...]`, as in `vit_tiny/16:stride=8,padding=4`.

Owns the grammar, what each preset accepts and how many tokens an image becomes. The same string stands
in suite files, tables, the command line and code; `str(spec)` is its canonical form: options sorted,
defaults left out, a value with `,`, `=`, `"` or a blank at its ends in double quotes. Imports no torch, so
that planning and reporting don't either.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from models.presets import PRESETS, Family, HybridSize, Option, OptionValue, Preset, TrunkSize


class SpecError(ValueError):
    """What the user asked of a model is wrong; the message says what was given and what is allowed."""


@dataclass(frozen=True)
class ModelSpec:
    """One model, fully specified. Made by `parse_spec`, which leaves only options that aren't defaults."""

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
        option = {option.name: option for option in PRESETS[self.preset].options}[name]
        return dict(self.options).get(name, _default(option, self.patch))

    def number(self, name: str) -> int:
        """The value of an option that is a whole number."""
        value = self.option(name)
        assert isinstance(value, int), f"{name} is not a number"
        return value


def parse_spec(text: str) -> ModelSpec:
    """The spec that `text` names; raises SpecError, listing what is known, where it names none."""
    name, colon, option_text = text.strip().partition(":")
    preset_name, slash, patch_text = name.partition("/")
    if preset_name not in PRESETS:
        raise SpecError(_unknown("model", text, preset_name, known_models()))
    preset = PRESETS[preset_name]
    patch = _parse_patch(preset_name, preset, patch_text if slash else None)
    given = parse_options(option_text, text) if colon else {}
    values = {key: _parse_value(text, preset, key, value) for key, value in given.items()}
    defaults = {option.name: _default(option, patch) for option in preset.options}
    kept = tuple(sorted((key, value) for key, value in values.items() if value != defaults[key]))
    spec = ModelSpec(preset_name, patch, kept)
    _check_patches(spec)
    return spec


def known_models() -> list[str]:
    """Every preset as a user would write it, its customary patch size included."""
    return [name if preset.patch is None else f"{name}/{preset.patch}" for name, preset in PRESETS.items()]


def check(spec: ModelSpec, image_size: int) -> None:
    """Raise SpecError where the model can't take square images of `image_size` pixels."""
    if spec.family == "cnn":
        _check_covers(spec, image_size)
    elif spec.family == "hybrid":
        _check_trunk_tiles(spec, image_size)
    else:
        _check_patches_tile(spec, image_size)


def num_tokens(spec: ModelSpec, image_size: int) -> int | None:
    """Patch tokens of one image, [CLS] not counted; None for a CNN, which has none."""
    check(spec, image_size)
    return None if spec.family == "cnn" else tokens_per_side(spec, image_size) ** 2


def tokens_per_side(spec: ModelSpec, image_size: int) -> int:
    """Rows, and columns, of the token grid of a ViT or a hybrid."""
    assert spec.patch is not None, f"{spec} has no tokens"
    if spec.family == "hybrid":
        return image_size // spec.patch
    return (image_size + 2 * spec.number("padding") - spec.patch) // spec.number("stride") + 1


_PLAIN_VALUE = re.compile(r'[^\s",=](?:[^",=]*[^\s",=])?')
_ITEM = re.compile(r'\s*([A-Za-z][\w-]*)\s*=\s*("(?:[^"\\]|\\.)*"|[^",=]*)\s*(?:,|$)', re.DOTALL)


def parse_options(text: str, where: str) -> dict[str, str]:
    """Keys and unquoted values of `key=value,...`; SpecError names `where` for anything else."""
    values: dict[str, str] = {}
    position = 0
    while position < len(text) or not values or text.endswith(",", 0, position):
        item = _ITEM.match(text, position)
        if item is None:
            raise SpecError(f"model {where!r}: expected key=value,... after ':', got {text[position:]!r}")
        key, value = item[1], item[2].strip()
        if key in values:
            raise SpecError(f"model {where!r}: option {key!r} is given twice")
        values[key] = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL) if value[:1] == '"' else value
        position = item.end()
    return values


def format_options(values: Mapping[str, str]) -> str:
    """The inverse of `parse_options`: sorted, quoted only where needed."""
    return ",".join(f"{key}={_quoted(value)}" for key, value in sorted(values.items()))


def _quoted(value: str) -> str:
    if _PLAIN_VALUE.fullmatch(value):
        return value
    return '"' + value.replace("\\", r"\\").replace('"', r"\"") + '"'


def _default(option: Option, patch: int | None) -> OptionValue:
    default = patch if option.default is None else option.default
    assert default is not None, f"{option.name} defaults to a patch size that the preset lacks"
    return default


def _parse_patch(name: str, preset: Preset, text: str | None) -> int | None:
    if preset.patch is None:
        if text is not None:
            raise SpecError(f"model '{name}/{text}': {name} takes no patch size; write {name}")
        return None
    if text is None or not re.fullmatch(r"[1-9][0-9]{0,4}", text):
        given = name if text is None else f"{name}/{text}"
        raise SpecError(f"model {given!r}: a patch size in pixels must follow, as in {name}/{preset.patch}")
    return int(text)


def _parse_value(where: str, preset: Preset, key: str, text: str) -> OptionValue:
    options = {option.name: option for option in preset.options}
    if key not in options:
        raise SpecError(f"model {where!r}: " + _unknown("option", key, key, list(options)))
    option = options[key]
    if option.choices and text in option.choices:
        return text
    if not option.choices and re.fullmatch(r"[0-9]{1,5}", text) and int(text) >= option.minimum:
        return int(text)
    raise SpecError(f"model {where!r}: {key}={text!r} is not allowed; {key} is {option.allowed()}")


def _unknown(kind: str, given: str, name: str, known: list[str]) -> str:
    bare = {item.partition("/")[0]: item for item in known}
    close = difflib.get_close_matches(name, bare, n=1)
    hint = f"; did you mean {bare[close[0]]}?" if close else ""
    return f"unknown {kind} {given!r}{hint} (known: {', '.join(known) or 'none'})"


def _check_patches(spec: ModelSpec) -> None:
    """What is wrong whatever the image: pixels skipped, patches of padding alone, a trunk too coarse."""
    assert spec.patch is not None or spec.family == "cnn"
    size = PRESETS[spec.preset].size
    if isinstance(size, HybridSize) and spec.patch and spec.patch % size.trunk.stride:
        raise SpecError(
            f"model '{spec}': the trunk has one feature every {size.trunk.stride} pixels, so the "
            f"patch size must be a multiple of {size.trunk.stride}, not {spec.patch}"
        )
    if spec.family != "vit" or spec.patch is None:
        return
    if spec.number("stride") > spec.patch:
        raise SpecError(
            f"model '{spec}': stride={spec.number('stride')} is larger than the patch, so pixels "
            f"between patches would never be seen; stride may be 1 to {spec.patch}"
        )
    if spec.number("padding") >= spec.patch:
        raise SpecError(
            f"model '{spec}': padding={spec.number('padding')} makes patches of padding alone; "
            f"padding may be 0 to {spec.patch - 1}"
        )


def _check_covers(spec: ModelSpec, image_size: int) -> None:
    size = PRESETS[spec.preset].size
    assert isinstance(size, TrunkSize)
    if image_size < size.stride:
        raise SpecError(f"model '{spec}' needs images of at least {size.stride} pixels, not {image_size}")


def _check_trunk_tiles(spec: ModelSpec, image_size: int) -> None:
    assert spec.patch is not None
    if image_size < spec.patch or image_size % spec.patch:
        below, above = image_size // spec.patch * spec.patch, -(-image_size // spec.patch) * spec.patch
        fitting = f"{below} or {above}" if below else f"{above}"
        raise SpecError(
            f"model '{spec}': an image of {image_size} pixels is no whole number of "
            f"{spec.patch}-pixel steps; pad or resize it to {fitting}"
        )


def _check_patches_tile(spec: ModelSpec, image_size: int) -> None:
    assert spec.patch is not None
    patch, stride, padding = spec.patch, spec.number("stride"), spec.number("padding")
    span = image_size + 2 * padding - patch
    if span >= 0 and span % stride == 0:
        return
    fitting = [p for p in range(patch) if (s := image_size + 2 * p - patch) >= 0 and s % stride == 0]
    steps = max(-(-span // stride), 0)
    sizes = [patch + n * stride - 2 * padding for n in (steps - 1, steps) if n >= 0]
    advice = [f"set padding={p}" for p in fitting[:1]] + [f"use images of {s} pixels" for s in sizes if s > 0]
    raise SpecError(
        f"model '{spec}': patches of {patch} pixels every {stride} don't tile an image of "
        f"{image_size} pixels with padding={padding}; {' or '.join(advice)}"
    )
