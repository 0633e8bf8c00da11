"""The common parts of comparing two stores and comparing two speed files. Imports no torch.

OLD and NEW are compared only if they were measured under the same conditions, unless the user forces it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from bench.analysis.format import first_few
from bench.analysis.speed_changes import AccuracyChange, SpeedChange
from bench.errors import InputError

Conditions = Mapping[str, frozenset[str]]
"""All values of each condition on one side, such as the devices of a store's runs."""
SIDES: tuple[str, str] = ("OLD", "NEW")


@dataclass(frozen=True)
class Comparison:
    """The comparison of OLD and NEW."""

    old: str
    new: str
    forced: tuple[str, ...]
    """The differences in conditions that should be equal; not empty only if the comparison was forced."""
    warnings: tuple[str, ...]
    """Other differences that may explain a change."""
    changes: tuple[tuple[str, SpeedChange | AccuracyChange], ...]
    """The name and the change of each row that both sides have."""
    table: Table
    lines: tuple[str | Text, ...]
    """The lines to print below the table."""
    facts: Mapping[str, Any]
    """The JSON values besides the fields above."""

    def as_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {name: getattr(self, name) for name in ("old", "new", "forced", "warnings")} | dict(self.facts)


def differences(old: Conditions, new: Conditions, sides: tuple[str, str] = SIDES) -> tuple[str, ...]:
    """Return a text for each condition that does not have exactly one value, equal on both sides."""
    return tuple(
        f"{name}: {sides[0]} {' and '.join(sorted(old[name]))}, {sides[1]} {' and '.join(sorted(new[name]))}"
        for name in old
        if old[name] and new[name] and (old[name] != new[name] or len(old[name]) > 1)
    )


def refuse(differing: Iterable[str], *, force: bool) -> None:
    """Refuse to compare under different conditions, unless the user forces it.

    Raises:
        InputError: the conditions differ; the message gives those of both sides.
    """
    if (listed := "; ".join(differing)) and not force:
        raise InputError(f"OLD and NEW are not comparable: {listed}. --force compares them anyway, with a warning")


def only_lines(only_old: list[str], only_new: list[str]) -> list[str]:
    """Return a line for each side that has rows or runs missing on the other side."""
    names = zip(SIDES, (only_old, only_new), strict=True)
    return [f"only in {side}: {first_few(only)}" for side, only in names if only]
