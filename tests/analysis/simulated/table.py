"""The tables of `docs/`: what intervals and tests promise, and what was simulated.

Each module of simulations has a function `rows`, and a slow test that its rows are those of the pages.
`python -m tests.analysis.simulated.table` prints all rows, or those of the modules that it is given, such as `looks`.
"""

import importlib
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "docs" / f"{name}.md" for name in ("statistics", "scaling", "claims")]
MODULES = sorted(path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py"))
HEADER = ["statistic", "data", "assumptions", "seeds", "promised", "simulated, %", "draws", "test"]


@dataclass(frozen=True)
class Row:
    """What one statistic promises, and the shares of simulated draws."""

    of: str
    data: str
    assumptions: str
    """Whether what the method assumes is `right` or `wrong` for these data."""
    promised: str
    draws: int
    shares: Mapping[str, float]
    """Number of seeds, or another setting -> the share of draws, 0 to 1."""

    def cells(self, module: str) -> list[str]:
        """Return the row's cells in the order of `HEADER`."""
        decimals = 1 if self.draws < 10_000 else 2
        shares = ", ".join(f"{100 * share:.{decimals}f}" for share in self.shares.values())
        settings = ", ".join(self.shares)
        return [self.of, self.data, self.assumptions, settings, self.promised, shares, f"{self.draws:,}", module]


def line(cells: Iterable[str]) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def documented(module: str) -> list[list[str]]:
    """Return the cells of the pages' rows that a module's test repeats."""
    tables = [text.strip("| ").split(" | ") for page in PAGES for text in page.read_text("utf-8").splitlines()]
    return [cells for cells in tables if len(cells) == len(HEADER) and cells[-1] == module]


def require_documented(module: str, rows: Iterable[Row]) -> None:
    """Require that the pages have exactly these rows, with shares that differ by no more than chance explains."""
    pages, found = documented(module), list(rows)
    expected = [row.cells(module) for row in found]
    place = HEADER.index("simulated, %")
    agree = [_without(cells, place) for cells in pages] == [_without(cells, place) for cells in expected]
    for cells, row in zip(pages, found, strict=agree):
        written = [float(share) / 100 for share in cells[place].split(", ")]
        # Generators are fixed; only another processor's rounding may turn a few draws.
        agree &= len(written) == len(row.shares) and all(
            abs(one - share) <= 0.0006 + 2 * math.sqrt(max(share * (1 - share), 1 / row.draws) / row.draws)
            for one, share in zip(written, row.shares.values(), strict=False)
        )
    assert agree, "\n".join(["the pages should have these rows:", *map(line, expected)])


def _without(cells: list[str], place: int) -> list[str]:
    return [*cells[:place], *cells[place + 1 :]]


def print_rows(modules: Iterable[str]) -> None:
    """Print the rows of some modules."""
    print(line(HEADER))
    print(line(["---"] * len(HEADER)))
    for module in modules:
        simulations = importlib.import_module(f"tests.analysis.simulated.test_{module}")
        rows: Iterable[Row] = simulations.rows() if hasattr(simulations, "rows") else []
        for row in rows:
            print(line(row.cells(module)), flush=True)


if __name__ == "__main__":
    print_rows(sys.argv[1:] or MODULES)
