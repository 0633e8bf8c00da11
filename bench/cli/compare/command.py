"""`bench compare OLD NEW`: choose the comparison, print it, and judge it by the limit of `--fail-over`.

A row counts as worse only if its whole interval is beyond the limit. A row without an interval never counts as worse;
it is listed as undecided. Imports no torch.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from bench.analysis.format import share
from bench.cli.compare.accuracy import compare_stores
from bench.cli.compare.comparison import Comparison
from bench.cli.compare.speeds import compare_speeds, is_speeds
from bench.cli.terminal import marked, say
from bench.errors import InputError


@dataclass(frozen=True)
class FailOver:
    """The rows of a comparison, judged by a limit."""

    limit: float
    """The limit as a share: 0.05 is 5 % of the time, or 5 points of accuracy."""
    worse: tuple[str, ...]
    """The rows whose whole interval is beyond the limit."""
    undecided: tuple[str, ...]
    """The rows without an interval."""


def compare_paths(old: str, new: str, *, force: bool) -> Comparison:
    """Compare two stores, or two speed files.

    Raises:
        InputError: the paths are neither, or one of each; or the conditions differ and `force` is false.
    """
    if is_speeds(old) and is_speeds(new):
        return compare_speeds(old, new, force=force)
    if all((Path(path) / "suite.json").is_file() and (Path(path) / "runs").is_dir() for path in (old, new)):
        return compare_stores(Path(old), Path(new), force=force)
    raise InputError(
        f"{old} and {new}: these are neither two speed files (.parquet) nor two stores (folders with suite.json and "
        "runs/)"
    )


def parse_limit(text: str) -> float:
    """Parse a limit: `5%` and `0.05` are both 0.05.

    Raises:
        InputError: the text is anything else; a bare 5 might mean either.
    """
    if re.fullmatch(r"\d+(\.\d+)?%", text):
        return float(text[:-1]) / 100
    if re.fullmatch(r"0?\.\d+|0", text):
        return float(text)
    raise InputError(
        f"--fail-over {text}: not a limit; allowed: a percentage such as 5%, or a share below 1 such as 0.05"
    )


def judge(comparison: Comparison, limit: float) -> FailOver:
    """Find the rows that are worse by more than a limit, and those that cannot be judged."""
    worse = tuple(name for name, change in comparison.changes if change.is_worse_by(limit))
    return FailOver(limit, worse, tuple(name for name, change in comparison.changes if not change.is_known))


def show(console: Console, comparison: Comparison, judged: FailOver | None, *, as_json: bool) -> None:
    """Print a comparison, and its rows judged by a limit."""
    if as_json:
        fail_over = asdict(judged) if judged else None
        say(json.dumps(comparison.as_json() | {"fail_over": fail_over}, indent=1, allow_nan=False))
        return
    for line in _heading(comparison):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(comparison.table)
    for line in (*comparison.lines, *(_judgement(judged) if judged else ())):
        console.print(line, highlight=False, soft_wrap=True)


def _heading(comparison: Comparison) -> Iterator[str | Text]:
    yield f"OLD {comparison.old}, NEW {comparison.new}"
    yield from (marked("not comparable", "red", f", forced: {difference}") for difference in comparison.forced)
    yield from (marked("different", "yellow", f" {warning}") for warning in comparison.warnings)


def _judgement(judged: FailOver) -> Iterator[str | Text]:
    limit = share(judged.limit)
    yield from (marked("undecided", "yellow", f", without an interval: {name}") for name in judged.undecided)
    yield from (marked("worse", "red", f" by more than {limit}: {name}") for name in judged.worse)
    if not judged.worse:
        yield f"no row is worse by more than {limit} with its whole interval"
