"""Read YAML files, and turn pydantic's errors into sentences.

Each sentence names the file, the field, the given value and the allowed values.
"""

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from bench.errors import InputError
from models.spec.model_error import did_you_mean
from models.spec.model_spec import SpecError, parse_spec


class Strict(BaseModel):
    """A part of a suite or recipe file; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _canonical_model(text: str) -> str:
    try:
        return str(parse_spec(text))
    except SpecError as error:
        raise ValueError(str(error)) from None


ModelName = Annotated[str, AfterValidator(_canonical_model)]
"""A model's spec in its canonical form."""


def shipped(folder: Path) -> list[str]:
    """Return the names of the YAML files in a folder, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def read_yaml(kind: str, name: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    """Read a YAML file with fields: a shipped file by its name, any other file by its path.

    Args:
        kind: kind of file for messages: `suite` or `recipe`.
        name: the shipped file's name, or a path.
        folder: the folder of the shipped files.

    Returns:
        The file's path and its content.

    Raises:
        InputError: there is no such file, or it is unreadable, not YAML, or not a mapping.
    """
    is_path = name.endswith((".yaml", ".yml")) or "/" in name
    if not is_path and name not in (known := shipped(folder)):
        raise InputError(
            f"unknown {kind} {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}, "
            "or the path of a .yaml file"
        )
    path = Path(name) if is_path else folder / f"{name}.yaml"
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{kind} {path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{kind} {path}: not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"{kind} {path}: given {type(content).__name__}; it must be a mapping of fields")
    return path, content


def explain(error: ValidationError, source: str, model: type[BaseModel]) -> str:
    """Return one line per mistake with file, field, given value and allowed values."""
    return "\n".join(_explain_one(mistake, source, model) for mistake in error.errors())


def distinct(values: tuple[Any, ...], *, may_be_empty: bool = False) -> tuple[Any, ...]:
    """Return the values; refuse duplicates and, unless `may_be_empty`, an empty list.

    Raises:
        ValueError: a value is listed twice, or there are no values.
    """
    if not values and not may_be_empty:
        raise ValueError("the list is empty; it needs at least one entry")
    duplicate = next((value for number, value in enumerate(values) if value in values[:number]), None)
    if duplicate is not None:
        raise ValueError(f"{duplicate} is listed twice; list each entry once")
    return values


def _explain_one(mistake: Any, source: str, model: type[BaseModel]) -> str:
    field = ".".join(str(part) for part in mistake["loc"]) or "(the whole file)"
    if mistake["type"] == "extra_forbidden":
        known = _fields_at(model, mistake["loc"][:-1])
        hint = did_you_mean(str(mistake["loc"][-1]), known)
        return f"{source}: {field}: unknown field{hint}; allowed: {', '.join(known)}"
    if mistake["type"] == "missing":
        return f"{source}: {field}: missing; this field is required"
    message = mistake["msg"].removeprefix("Value error, ")
    return f"{source}: {field}: given {mistake['input']!r}: {message[0].lower() + message[1:]}"


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the names of the fields that are allowed at a location inside a model."""
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            model = _inner_model(model.model_fields[part].annotation) or model
    return list(model.model_fields)


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    """Return the first pydantic model inside an annotation such as `tuple[Ablation, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_inner_model(part) for part in getattr(annotation, "__args__", ()))
    return next((model for model in inner if model is not None), None)


class _UniqueKeys(yaml.SafeLoader):
    """A YAML loader that refuses duplicate keys; YAML's own loader would silently use the last one."""


def _mapping(loader: _UniqueKeys, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    duplicate = next((key for number, key in enumerate(keys) if key in keys[:number]), None)
    if duplicate is not None:
        raise yaml.constructor.ConstructorError(None, None, f"field {duplicate!r} is given twice", node.start_mark)
    return loader.construct_mapping(node, deep=True)


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
