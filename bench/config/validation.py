"""Turns pydantic's complaints into sentences that name the file, the field, what was given and what is allowed."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from bench.errors import did_you_mean
from models.spec.model_spec import SpecError, parse_spec


class Strict(BaseModel):
    """A part of a file that people write: an unknown field is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _canonical_model(text: str) -> str:
    try:
        return str(parse_spec(text))
    except SpecError as error:
        raise ValueError(str(error)) from None


ModelName = Annotated[str, AfterValidator(_canonical_model)]
"""A model's spec in its canonical form."""


def explain(error: ValidationError, source: str, model: type[BaseModel]) -> str:
    """One line a mistake: file, field, what was given, what is allowed."""
    return "\n".join(_explain_one(mistake, source, model) for mistake in error.errors())


def distinct(values: tuple[Any, ...], *, may_be_empty: bool = False) -> tuple[Any, ...]:
    """The values, if there are any and none stands twice."""
    if not values and not may_be_empty:
        raise ValueError("an empty list compares nothing; at least one entry is needed")
    twice = next((value for number, value in enumerate(values) if value in values[:number]), None)
    if twice is not None:
        raise ValueError(f"{twice} stands twice; each entry may stand once")
    return values


def _explain_one(mistake: Any, source: str, model: type[BaseModel]) -> str:
    field = ".".join(str(part) for part in mistake["loc"]) or "(the whole file)"
    if mistake["type"] == "extra_forbidden":
        known = _fields_at(model, mistake["loc"][:-1])
        hint = did_you_mean(str(mistake["loc"][-1]), known)
        return f"{source}: {field}: unknown field{hint}; allowed: {', '.join(known)}"
    if mistake["type"] == "missing":
        return f"{source}: {field}: missing; it has to be given"
    message = mistake["msg"].removeprefix("Value error, ")
    return f"{source}: {field}: given {mistake['input']!r}: {message[0].lower() + message[1:]}"


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The field names allowed at a place inside a model."""
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            inner = _inner_model(model.model_fields[part].annotation)
            model = inner or model
    return list(model.model_fields)


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    """The first pydantic model inside an annotation such as `tuple[Ablation, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_inner_model(part) for part in getattr(annotation, "__args__", ()))
    return next((model for model in found if model is not None), None)
