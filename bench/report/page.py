"""Define the parts of a page: sections of texts, tables, charts and folded parts, below a first screen."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2s
from math import floor
from typing import Any, TypeVar

import pandas as pd

_Block = TypeVar("_Block")


@dataclass(frozen=True)
class TableCell:
    """A cell of a table: its text, and a note in small print."""

    text: str
    note: str = ""
    doubtful: bool = False
    """Whether results behind the text are missing; the note says which."""
    value: float | None = None
    """The number by which the column is sorted; by default the text is compared."""
    best: bool = False
    """Whether the number is marked as one of the best."""
    link: str = ""
    """The id of the part of the page that the text links to."""


@dataclass(frozen=True)
class Command:
    """A command, or a line of Python, that a reader can copy."""

    label: str
    text: str


@dataclass(frozen=True)
class Details:
    """What is behind a row of a table; folded."""

    commands: tuple[Command, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    """Name and value of each fact."""
    seeds: tuple[tuple[str, float | None, str], ...] = ()
    """Seed, accuracy in percent and keys of the runs of each, separated by spaces; None if it has no accuracy."""

    @property
    def axis(self) -> tuple[int, int] | None:
        """Return the whole percents between which the accuracies of the seeds lie; None if there is none."""
        known = [accuracy for _, accuracy, _ in self.seeds if accuracy is not None]
        return (floor(min(known)), floor(max(known)) + 1) if known else None


@dataclass(frozen=True)
class TableRow:
    """A row of a table that a reader can filter, link to and unfold."""

    cells: tuple[str | TableCell, ...]
    id: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    """The values by which the page filters: `family`, `model`, `target` and `arm`."""
    details: Details | None = None


@dataclass(frozen=True)
class Table:
    """Columns and rows. Columns of numbers are aligned to the right."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[TableRow | tuple[str | TableCell, ...], ...]
    num_text_columns: int = 1

    @property
    def all_rows(self) -> list[TableRow]:
        """The rows, with each tuple turned into a row, and each text into a cell."""
        rows = [row if isinstance(row, TableRow) else TableRow(row) for row in self.rows]
        return [TableRow(tuple(map(_as_cell, row.cells)), row.id, row.facts, row.details) for row in rows]

    @property
    def cells(self) -> list[list[TableCell]]:
        """The cells of each row."""
        return [[_as_cell(cell) for cell in row.cells] for row in self.all_rows]

    @property
    def is_filtered(self) -> bool:
        """Return whether the page's filters act on the rows."""
        return any(row.facts for row in self.all_rows)

    @property
    def has_details(self) -> bool:
        """Return whether a row can be unfolded."""
        return any(row.details for row in self.all_rows)


@dataclass(frozen=True)
class Chart:
    """A chart: static figures for readers without scripts and for print, and a specification for the others."""

    name: str
    titles: Mapping[str, str]
    """Target -> what is seen on it. The key '' holds for every other target."""
    alternative: str
    """The text for readers who cannot see the chart."""
    caption: str = ""
    """How to read the static figures."""
    figures: tuple[str, ...] = ()
    """Inline SVG."""
    files: tuple[str, ...] = ()
    """The paths of the printed figures without their suffix, relative to the page."""
    spec: Mapping[str, Any] | None = None
    """The Vega-Lite specification; None without the extra `report`."""
    titles_of_views: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """View -> the titles that replace `titles` if a reader chooses it."""
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Name of a state of the page -> its values and their labels: what a reader can choose to see."""
    height: int = 300
    """The height of the interactive chart in pixels."""
    targets: tuple[str, ...] = ()
    """The target of each figure; by default the titles' targets if there are as many, or else every figure is shown."""

    @property
    def title(self) -> str:
        """The heading that stands before a target is chosen."""
        return next(iter(self.titles.values()), "")

    @property
    def pictures(self) -> list[tuple[str, str]]:
        """The figures with their targets; a figure without a target is always shown."""
        number = len(self.figures)
        targets = self.targets or (tuple(self.titles) if len(self.titles) == number > 1 else ("",) * number)
        return list(zip(targets, self.figures, strict=True))


Charts = Mapping[tuple[str, ...], Chart]
"""Key -> chart; a key is the kind of chart, followed by names that distinguish charts of one kind."""


@dataclass(frozen=True)
class Warned:
    """A warning."""

    text: str
    anchor: str = ""
    """The section that has the details."""


@dataclass(frozen=True)
class Code:
    """Text that is shown as it is."""

    text: str


@dataclass(frozen=True)
class Folded:
    """Parts that are shown when their summary is clicked."""

    summary: str
    blocks: "tuple[Block, ...]"


Block = str | Warned | Table | Chart | Code | Folded
"""A part of a section; a string is a paragraph."""


@dataclass(frozen=True)
class Section:
    """A heading and the parts below it, in their order."""

    title: str
    blocks: tuple[Block, ...] = ()
    anchor: str = ""

    def all_blocks(self, kind: type[_Block]) -> tuple[_Block, ...]:
        """Return the parts of one kind, folded ones included."""
        return tuple(block for block in _walk(self.blocks) if isinstance(block, kind))

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """All paragraphs, folded ones included."""
        return self.all_blocks(str)

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables, folded ones included."""
        return self.all_blocks(Table)

    @property
    def warnings(self) -> tuple[str, ...]:
        """All warnings, folded ones included."""
        return tuple(block.text for block in self.all_blocks(Warned))


@dataclass(frozen=True)
class Claimed:
    """A claim in the strip of the first screen."""

    name: str
    sign: str
    verdict: str
    sentence: str
    decides: str = ""
    """The estimate that decides the claim, or what would decide it."""


@dataclass(frozen=True)
class FirstScreen:
    """What a reader sees first: the question, the answer, its warnings, the ladder, and the claims."""

    question: str
    facts: str
    sentences: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Target -> the answer on it. The key '' holds for every other target."""
    warnings: tuple[Warned, ...] = ()
    chart: Chart | None = None
    recommender: Mapping[str, Any] | None = None
    """What `bench.report.recommender` gives; None if nothing can be recommended."""
    counts: str = ""
    claims: tuple[Claimed, ...] = ()


@dataclass(frozen=True)
class Filters:
    """What a reader can choose in the whole page."""

    targets: tuple[tuple[str, str], ...] = ()
    """Key and name of each target; the first is shown at the start."""
    families: tuple[tuple[str, str], ...] = ()
    has_arms: bool = False


@dataclass(frozen=True)
class Page:
    """A report."""

    title: str
    first: FirstScreen
    sections: tuple[Section, ...] = ()
    filters: Filters = Filters()
    citation: str = ""
    """BibTeX."""
    downloads: tuple[str, ...] = ()
    """The paths of tables and figures, relative to the page."""
    bundle: str = ""
    """The script that draws the interactive charts; empty without the extra `report`."""
    note: str = ""
    """How to get interactive charts, if there are none."""


def section(title: str, *parts: Block | None, warnings: Iterable[str] = (), anchor: str = "") -> Section:
    """Return a section without its empty parts; warnings come first."""
    return Section(title, (*map(Warned, warnings), *_kept(parts)), anchor or slug(title))


def folded(summary: str, *parts: Block | None) -> Folded | None:
    """Return a folded part without its empty parts; None if all are empty."""
    kept = _kept(parts)
    return Folded(summary, kept) if kept else None


def fold(part: Section) -> Folded | None:
    """Return a section as a folded part of another one."""
    return folded(part.title, *part.blocks)


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


def slug(text: str) -> str:
    """Return a text as a part of an address: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def row_id(*names: object) -> str:
    """Return the id of a row on the page, made of everything that identifies it."""
    return f"row-{blake2s(repr(tuple(map(str, names))).encode(), digest_size=6).hexdigest()}"


def _as_cell(cell: str | TableCell) -> TableCell:
    return cell if isinstance(cell, TableCell) else TableCell(cell)


def _kept(parts: Iterable[Block | None]) -> tuple[Block, ...]:
    """Return the parts that have a content."""
    return tuple(part for part in parts if part and not (isinstance(part, Table) and not part.rows))


def _walk(blocks: Iterable[Block]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, Folded):
            yield from _walk(block.blocks)
