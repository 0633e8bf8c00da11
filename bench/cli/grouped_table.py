"""A table for the terminal whose rows stand in groups, each below its heading."""

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Column, Table

from bench.cli.terminal import marked


def grouped_table(names: str, figures: Sequence[str], rows: Iterable[tuple[str, str, Sequence[str]]]) -> Table:
    """Return a table with one column of names and some columns of figures.

    Args:
        names: the heading of the names.
        figures: the headings of the figures.
        rows: the group, the name and the figures of each row; rows of one group need not follow each other. An empty
            group has no heading.
    """
    columns = (Column(heading, justify="right") for heading in figures)
    table = Table(Column(names, overflow="fold"), *columns, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    groups: dict[str, list[tuple[str, Sequence[str]]]] = {}
    for group, name, of_row in rows:
        groups.setdefault(group, []).append((name, of_row))
    for group, of_group in groups.items():
        if group:
            table.add_row(marked(group, "bold"))
        for name, of_row in of_group:
            table.add_row(f"{'  ' if group else ''}{name}", *of_row)
        table.add_section()
    return table
