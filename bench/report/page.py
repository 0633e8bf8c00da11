"""What a page is made of, and its two forms: HTML that stands alone, and Markdown. Escapes whatever it is given."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Cell:
    """A table's cell: its text, and in small what qualifies it."""

    text: str
    note: str = ""
    doubtful: bool = False
    """Something is missing behind the text; the note says what."""


@dataclass(frozen=True)
class Table:
    """Columns and rows of text. Columns of numbers are set to the right."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str | Cell, ...], ...]
    num_text_columns: int = 1

    @property
    def cells(self) -> list[list[Cell]]:
        """The rows with every text as a cell."""
        return [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in self.rows]


@dataclass(frozen=True)
class Picture:
    """A figure's files, relative to the page and without their endings, and what it shows."""

    path: str
    caption: str
    alternative: str


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it, in this order."""

    title: str
    paragraphs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    code: str = ""

    @property
    def anchor(self) -> str:
        """The heading as the target of a link."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True)
class Page:
    """A report."""

    title: str
    summary: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    sections: tuple[Section, ...] = field(default_factory=tuple)


def as_html(page: Page) -> str:
    """One file with its style; the figures lie beside it."""
    return _environment(escape_html=True).get_template("page.html.j2").render(page=page)


def as_markdown(page: Page) -> str:
    """The same page for reading in a repository."""
    return _environment(escape_html=False).get_template("page.md.j2").render(page=page)


def escape_markdown(text: str) -> str:
    """Text that Markdown and the HTML within it leave as it is, on one line."""
    entities = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([\\|`*\[\]])", r"\\\1", " ".join(entities.split()))
    return re.sub(r"^(#|[-+] )", r"\\\1", line)


def fence(code: str) -> str:
    """Backticks that no run of them inside the code closes."""
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
    return environment
