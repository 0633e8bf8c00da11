"""The options of a model's name, `key=value,...`, to a dict and back.

A value that is empty, holds `,`, `=` or `"`, or begins or ends with a blank stands in double quotes, where a
backslash takes the next character as it is. Knows nothing of which options there are.
"""

import re
from collections.abc import Mapping

from models.spec.model_error import SpecError

_PLAIN = re.compile(r'[^\s",=](?:[^",=]*[^\s",=])?', re.DOTALL)
_ITEM = re.compile(r'\s*([A-Za-z][\w-]*)\s*=\s*("(?:[^"\\]|\\.)*"|[^",=]*)\s*(,|\Z)', re.DOTALL | re.ASCII)


def parse_options(text: str) -> dict[str, str]:
    """Keys and unquoted values; raises SpecError for an empty text, a key given twice or anything else."""
    values: dict[str, str] = {}
    position, more = 0, True
    while more:
        item = _ITEM.match(text, position)
        if item is None:
            raise SpecError(f"expected key=value,... after ':', got {text[position:]!r}")
        key, value, comma = item.groups()
        if key in values:
            raise SpecError(f"option {key!r} is given twice")
        values[key] = _unquoted(value)
        position, more = item.end(), comma == ","
    return values


def format_options(values: Mapping[str, str]) -> str:
    """The inverse of `parse_options`: sorted by key, quoted only where needed."""
    return ",".join(f"{key}={_quoted(value)}" for key, value in sorted(values.items()))


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value.strip()
    return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    return '"' + value.replace("\\", r"\\").replace('"', r"\"") + '"'
