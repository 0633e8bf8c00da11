"""Define the parts of a page, and render it as one HTML file or as Markdown. All texts are escaped."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class TableCell:
    """A cell of a table: its text, and a note in small print."""

    text: str
    note: str = ""
    doubtful: bool = False
    """Whether results behind the text are missing; the note says which."""


@dataclass(frozen=True)
class Table:
    """Columns and rows of text. Columns of numbers are aligned to the right."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str | TableCell, ...], ...]
    num_text_columns: int = 1

    @property
    def cells(self) -> list[list[TableCell]]:
        """The rows, with each text turned into a cell."""
        return [[cell if isinstance(cell, TableCell) else TableCell(cell) for cell in row] for row in self.rows]


@dataclass(frozen=True)
class Picture:
    """A figure on a page."""

    path: str
    """The path of the files without their suffix, relative to the page."""
    caption: str
    alternative: str
    """The text for readers who cannot see the figure."""


Pictures = Mapping[tuple[str, ...], Picture]
"""Key -> figure; a key is the kind of figure, followed by names that distinguish figures of one kind."""


@dataclass(frozen=True)
class Section:
    """A heading and the contents below it, in the order of the fields."""

    title: str
    paragraphs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    code: str = ""

    @property
    def anchor(self) -> str:
        """The anchor of the heading for links."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


def section(title: str, *parts: str | Picture | Table | None, warnings: Iterable[str] = (), code: str = "") -> Section:
    """Return a section of paragraphs, pictures and tables, without empty parts and tables without rows."""
    return Section(
        title,
        paragraphs=tuple(part for part in parts if isinstance(part, str) and part),
        warnings=tuple(warnings),
        pictures=tuple(part for part in parts if isinstance(part, Picture)),
        tables=tuple(part for part in parts if isinstance(part, Table) and part.rows),
        code=code,
    )


def table(
    caption: str,
    columns: Mapping[str, Callable[[Any], str | TableCell]],
    items: pd.DataFrame | Iterable[Any],
    num_text_columns: int | None = None,
) -> Table:
    """Return a table with a row for each item: the row of a frame, or anything else.

    Args:
        caption: The caption of the table.
        columns: Heading -> a function that returns an item's text in that column.
        items: The items, in the order of the rows.
        num_text_columns: The number of columns from the left that hold text instead of numbers; None for all.
    """
    rows = (row for _, row in items.iterrows()) if isinstance(items, pd.DataFrame) else items
    cells = tuple(tuple(column(item) for column in columns.values()) for item in rows)
    return Table(caption, tuple(columns), cells, len(columns) if num_text_columns is None else num_text_columns)


def undecided(reason: str) -> TableCell:
    """Return the cell of an undecided number, with the reason."""
    return TableCell("undecided", reason, doubtful=True)


@dataclass(frozen=True)
class Page:
    """A report."""

    title: str
    summary: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    sections: tuple[Section, ...] = field(default_factory=tuple)


def as_html(page: Page) -> str:
    """Return the page as one HTML file with its style; the figures are separate files."""
    return _environment(escape_html=True).get_template("page.html.j2").render(page=page)


def as_markdown(page: Page) -> str:
    """Return the same page as Markdown, for reading in a repository."""
    return _environment(escape_html=False).get_template("page.md.j2").render(page=page)


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
    return environment
