"""`bench compare OLD NEW`: which comparison two paths ask for, how it is shown, and the limit of `--fail-over`.

Every change is shown with its interval. `--fail-over` trips only where a whole interval lies beyond the limit; what has
no interval never trips, and is named. Imports no torch.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console, RenderableType
from rich.markup import escape

from bench.cli.compare.accuracy import compare_stores
from bench.cli.compare.speeds import compare_speeds, is_speeds
from bench.errors import InputError


class Change(Protocol):
    """What became of one row."""

    @property
    def name(self) -> str:
        """The row, in a few words."""

    @property
    def is_known(self) -> bool:
        """Whether there is an interval."""

    def is_worse_by(self, limit: float) -> bool:
        """Whether the whole interval lies beyond the limit, on the worse side."""


class Comparison(Protocol):
    """Two sides compared."""

    @property
    def old(self) -> str:
        """The one side."""

    @property
    def new(self) -> str:
        """The other, which is judged."""

    @property
    def forced(self) -> tuple[str, ...]:
        """Conditions that differ, in spite of which it was compared."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What else differs, and may be why."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """Each row of both sides."""

    def tables(self) -> Iterable[RenderableType]:
        """For the terminal."""

    def lines(self) -> Iterable[str]:
        """What is said below the tables, with Rich's markup."""

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""


@dataclass(frozen=True)
class Verdict:
    """What a limit makes of a comparison."""

    limit: float
    """A share: 0.05 is 5 % of the time, or 5 points of accuracy."""
    worse: tuple[str, ...]
    """The rows whose whole interval lies beyond it."""
    undecided: tuple[str, ...]
    """The rows without an interval, which never trip."""


def compare_paths(old: str, new: str, *, force: bool) -> Comparison:
    """Compare two stores, or two files of speeds.

    Raises:
        InputError: neither, one of each, or measured under conditions that are not comparable, unless forced.
    """
    if is_speeds(old) and is_speeds(new):
        return compare_speeds(old, new, force=force)
    if is_store(old) and is_store(new):
        return compare_stores(Path(old), Path(new), force=force)
    raise InputError(
        f"{old} and {new}: neither two files of speeds (.parquet) nor two stores, folders with suite.json and runs/"
    )


def is_store(path: str) -> bool:
    """Whether a path is a folder that holds a suite's accuracies."""
    return (Path(path) / "suite.json").is_file() and (Path(path) / "runs").is_dir()


def parse_limit(text: str) -> float:
    """`5%` and `0.05` are 0.05.

    Raises:
        InputError: anything else; a bare 5 might be either.
    """
    if re.fullmatch(r"\d+(\.\d+)?%", text):
        return float(text[:-1]) / 100
    if re.fullmatch(r"0?\.\d+|0", text):
        return float(text)
    raise InputError(f"--fail-over {text}: no limit; allowed: a percentage such as 5%, or a share below 1 such as 0.05")


def judge(comparison: Comparison, limit: float) -> Verdict:
    """Which rows got worse by more than a limit, and of which that cannot be said."""
    worse = tuple(change.name for change in comparison.changes if change.is_worse_by(limit))
    return Verdict(limit, worse, tuple(change.name for change in comparison.changes if not change.is_known))


def show(console: Console, comparison: Comparison, verdict: Verdict | None, *, as_json: bool) -> None:
    """Print a comparison, and what a limit makes of it."""
    if as_json:
        judged = asdict(verdict) if verdict else None
        print(json.dumps(comparison.as_dict() | {"fail_over": judged}, indent=1, allow_nan=False))
        return
    for line in _heading(comparison):
        console.print(line, highlight=False, soft_wrap=True)
    for table in comparison.tables():
        console.print(table)
    for line in (*comparison.lines(), *(_verdict(verdict) if verdict else ())):
        console.print(line, highlight=False, soft_wrap=True)


def _heading(comparison: Comparison) -> list[str]:
    sides = f"OLD {escape(comparison.old)}, NEW {escape(comparison.new)}"
    forced = [f"[red]not comparable[/], forced: {escape(difference)}" for difference in comparison.forced]
    return [sides, *forced, *(f"[yellow]different[/] {escape(warning)}" for warning in comparison.warnings)]


def _verdict(verdict: Verdict) -> list[str]:
    limit = f"{100 * verdict.limit:g} %"
    undecided = [f"[yellow]undecided[/], for want of an interval: {escape(name)}" for name in verdict.undecided]
    worse = [f"[red]worse[/] by more than {limit}: {escape(name)}" for name in verdict.worse]
    return [*undecided, *(worse or [f"nothing is worse by more than {limit}, as far as intervals tell"])]
