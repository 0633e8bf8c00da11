"""Render a page as one HTML file or as Markdown. All texts are escaped."""

import json
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench.report.page import Page

_TEMPLATES = Path(__file__).parent / "templates"
_IN_SCRIPT = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""Characters that could end a script element or a line of a script -> how JSON writes them."""


def as_html(page: Page) -> str:
    """Return the page as one HTML file, with its style, scripts, data and figures."""
    return _environment(escape_html=True).get_template("page.html.j2").render(page=page)


def as_markdown(page: Page) -> str:
    """Return the same page as Markdown, for reading in a repository."""
    return _environment(escape_html=False).get_template("page.md.j2").render(page=page)


def script_json(value: Any) -> Markup:
    """Return a value as JSON for a script element, in which no text can end the element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup("".join(_IN_SCRIPT.get(character, character) for character in text))


def escape_markdown(text: str) -> str:
    """Return a text on one line, escaped so that nothing in it acts as Markdown or HTML."""
    entities = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([\\|`*\[\]])", r"\\\1", " ".join(entities.split()))
    return re.sub(r"^(#|[-+] )", r"\\\1", line)


def fence(code: str) -> str:
    """Return the backticks of a code fence, longer than any run of backticks inside the code."""
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    return "`" * max(3, longest + 1)


def _environment(*, escape_html: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=escape_html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = escape_markdown
    environment.filters["fence"] = fence
    environment.filters["script_json"] = script_json
    environment.tests["paragraph"] = lambda block: isinstance(block, str)
    environment.tests["a"] = lambda block, kind: type(block).__name__ == kind
    return environment
