"""Check suites and recipes, and turn pydantic's errors into sentences.

Each sentence names the file, the field, the given value and the allowed values.
"""

from itertools import islice
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from models.spec.model_error import did_you_mean
from models.spec.model_spec import SpecError, parse_spec

MAX_LINES = 10
"""Mistakes of one file that are printed."""
MAX_GIVEN = 200
"""Characters of a wrong value that are printed."""
_NUMBER, _WHOLE = "a number is needed", "a whole number is needed"
_LIST, _FIELDS = "a list is needed, as in [1, 2]", "fields are needed, as in {field: value}"
WORDS = {
    "tuple_type": _LIST,
    "list_type": _LIST,
    "dict_type": _FIELDS,
    "model_type": _FIELDS,
    "model_attributes_type": _FIELDS,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "bool_type": "true or false is needed",
    "bool_parsing": "true or false is needed",
    "string_type": "text is needed; quotes turn a number into text",
}
"""What pydantic says in terms of Python, in those of YAML."""


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


def explain(error: ValidationError, source: str, model: type[BaseModel]) -> str:
    """Return one line per mistake, the first ten, with file, field, given value and allowed values."""
    lines = [_explain_one(mistake, source, model) for mistake in islice(error.errors(), MAX_LINES)]
    more = error.error_count() - len(lines)
    return "\n".join([*lines, *([f"{source}: {more} more mistakes"] if more else [])])


def distinct(values: tuple[Any, ...], *, may_be_empty: bool = False) -> tuple[Any, ...]:
    """Return the values; refuse duplicates and, unless `may_be_empty`, an empty list.

    Raises:
        ValueError: a value is listed twice, or there are no values.
    """
    if not values and not may_be_empty:
        raise ValueError("the list is empty; it needs at least one entry")
    seen: set[Any] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{value} is listed twice; list each entry once")
        seen.add(value)
    return values


def _explain_one(mistake: Any, source: str, model: type[BaseModel]) -> str:
    field = ".".join(str(part) for part in mistake["loc"]) or "(the whole file)"
    if mistake["type"] == "extra_forbidden":
        known = _fields_at(model, mistake["loc"][:-1])
        hint = did_you_mean(str(mistake["loc"][-1]), known)
        return f"{source}: {field}: unknown field{hint}; allowed: {', '.join(known)}"
    if mistake["type"] == "missing":
        return f"{source}: {field}: missing; this field is required"
    message = WORDS.get(mistake["type"]) or mistake["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if mistake["type"] == "value_error" and isinstance(mistake["input"], dict):
        # The message names the fields that do not go together; a dict would repeat the whole part of the file.
        return f"{source}: {message}" if not mistake["loc"] else f"{source}: {field}: {message}"
    return f"{source}: {field}: given {_clipped(mistake['input'])}: {message}"


def _clipped(value: object) -> str:
    text = repr(value)
    return text if len(text) <= MAX_GIVEN else f"{text[:MAX_GIVEN]}…"


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
