"""Define the error for a wrong request for a model, and the hint with the nearest known name."""

import difflib
from collections.abc import Iterable


class SpecError(ValueError):
    """A request for a model is wrong. The message gives the value and what is allowed."""


def shortened(given: str, most: int = 300) -> str:
    """Return what was given in quotes, for a message; of a long text its beginning."""
    return repr(given if len(given) <= most else f"{given[:most]}…")


def nearest(given: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known name most similar to the given one, or None if no name reaches the cutoff, from 0 to 1."""
    return next(iter(difflib.get_close_matches(given, list(known), n=1, cutoff=cutoff)), None)


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return a hint such as `, did you mean resnet18?`, or nothing if no known name is near."""
    name = nearest(given, known)
    return f", did you mean {name}?" if name else ""
