"""Turn the options of a model's name, `key=value,...`, into a dict and back.

A value is in double quotes if it is empty, contains `,`, `=` or `"`, or begins or ends with a space. Within quotes, a
backslash escapes the next character. This module does not know which options exist.
"""

import re
from collections.abc import Mapping

from models.spec.model_error import SpecError, shortened

_PLAIN = re.compile(r'[^\s",=](?:[^",=]*[^\s",=])?', re.DOTALL)
_ITEM = re.compile(r'\s*([A-Za-z][\w-]*)\s*=\s*("(?:[^"\\]|\\.)*"|[^",=]*)\s*(,|\Z)', re.DOTALL | re.ASCII)


def parse_options(text: str) -> dict[str, str]:
    """Return keys and unquoted values.

    Raises:
        SpecError: The text is empty, gives a key twice, or does not follow the grammar.
    """
    values: dict[str, str] = {}
    position, more = 0, True
    while more:
        item = _ITEM.match(text, position)
        if item is None:
            raise SpecError(f"expected key=value,... after ':', got {shortened(text[position:])}")
        key, value, comma = item.groups()
        if key in values:
            raise SpecError(f"option {key!r} is given twice")
        values[key] = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL) if value[:1] == '"' else value.strip()
        position, more = item.end(), comma == ","
    return values


def format_options(values: Mapping[str, str]) -> str:
    """Return the text that `parse_options` parses: sorted by key, quoted only if needed."""
    return ",".join(f"{key}={_quoted(value)}" for key, value in sorted(values.items()))


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    return '"' + value.replace("\\", r"\\").replace('"', r"\"") + '"'
