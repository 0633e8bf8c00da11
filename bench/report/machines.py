"""Select the measured speeds for a suite's report, those of its models at its image size, and the costs of its rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis.frames import split
from bench.analysis.pareto import compared_rows, pareto
from bench.analysis.speed_columns import OURS, SCHEMA
from bench.store.speed_file import latest


@dataclass(frozen=True)
class Machine:
    """The speeds and costs of one machine in a report, or the costs that are known without a machine."""

    name: str
    """The machine's name; empty if none was measured."""
    rows: pd.DataFrame
    """The latest groups with the suite's models, their peers and the references, in the order of the suite."""
    costs: pd.DataFrame
    """The table from `bench.analysis.pareto`."""
    precision: str
    """The precision of the speeds among the costs."""
    is_only: bool
    """Whether this is the only machine in the report."""

    def title(self, title: str) -> str:
        """Return a section's title, with the machine's name if the report has several machines."""
        return title if self.is_only else f"{title}: {self.name}"

    def groups(self, *kinds: str) -> list[tuple[str, str, str, pd.DataFrame]]:
        """Return task, kind, precision and rows of each group of these kinds."""
        of_kinds = self.rows[self.rows["kind"].isin(kinds)]
        return [(*group, rows) for group, rows in split(of_kinds, ["task", "kind", "precision"])]


def machines(
    suite: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], files: Mapping[str, pd.DataFrame]
) -> tuple[Machine, ...]:
    """Return the machines on which models of a suite were measured; if there are none, one without a name.

    Args:
        suite: The resolved suite.
        tables: `cells`, `runs`, `comparison` and `ablations`, and `correctness` if it is kept.
        files: Machine -> its records, from `bench.store.speed_file.all_machines`.
    """
    models, compared = list(dict.fromkeys(tables["cells"]["model"])), compared_rows(tables)
    of_suite = {name: _of_suite(records, suite, models) for name, records in sorted(files.items())}
    not_measured = pd.DataFrame(columns=list(SCHEMA)).astype({"is_reference": bool})
    shown = {name: rows for name, rows in of_suite.items() if len(rows)} or {"": not_measured}
    machines_ = []
    for name, rows in shown.items():
        precision = _precision(rows, suite)
        at_precision = rows[rows["precision"] == precision]
        costs = pareto(compared, tables["runs"], at_precision)
        machines_.append(Machine(name, rows, costs, precision, is_only=len(shown) == 1))
    return tuple(machines_)


def speeds_of_suite(
    suite: Mapping[str, Any], cells: pd.DataFrame, files: Mapping[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """Return machine -> the speeds of a suite's models and their references, at the precision that `machines` takes.

    Args:
        suite: The resolved suite.
        cells: The table `cells`.
        files: Machine -> its records, from `bench.store.speed_file.all_machines`.
    """
    models = list(dict.fromkeys(cells["model"]))
    found = {name: _of_suite(records, suite, models) for name, records in sorted(files.items())}
    return {name: rows[rows["precision"] == _precision(rows, suite)] for name, rows in found.items() if len(rows)}


def _of_suite(records: pd.DataFrame, suite: Mapping[str, Any], models: list[str]) -> pd.DataFrame:
    """Return a machine's records to show: those of this suite, or else of the suite with the most common models."""
    at_size = latest(records[records["image_size"] == suite["image_size"]])
    shared = at_size[at_size["model"].isin(models)]
    if shared.empty:
        return shared
    best = max(
        (of_suite["suite"].iloc[0] == suite["name"], of_suite["model"].nunique(), of_suite["measured_at"].max(), name)
        for (name,), of_suite in split(shared, ["suite"])
    )
    chosen = at_size[at_size["suite"] == best[-1]]
    return _in_order(chosen[chosen["model"].isin(models) | chosen["is_reference"]], models)


def _in_order(rows: pd.DataFrame, models: list[str]) -> pd.DataFrame:
    """Return the rows sorted: inference before training; in a group the reference, then models before their peers."""
    orders = {
        "task": ["inference", "training"],
        "precision": None,
        "kind": ["latency", "equal", "best"],
        "is_reference": [True, False],
        "model": models,
        "implementation": [OURS, "timm", "torchvision"],
    }

    def place(column: pd.Series) -> pd.Series:
        order = orders[str(column.name)]
        return column if order is None else column.map({value: number for number, value in enumerate(order)})

    return rows.sort_values(list(orders), key=place, kind="stable", ignore_index=True)


def _precision(rows: pd.DataFrame, suite: Mapping[str, Any]) -> str:
    """Return the precision of the suite's runs if it was measured, or else one that was."""
    measured = list(dict.fromkeys(rows.loc[rows["task"] == "inference", "precision"]))
    asked = str(suite.get("precision"))
    return asked if asked in measured or not measured else str(measured[0])
