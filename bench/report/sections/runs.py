"""Write the section on the runs: what failed, what was not run, and every run with its key."""

from collections.abc import Sequence

import pandas as pd

from bench.analysis.format import count, duration, percent, plural
from bench.report.page import Section, Table, TableCell, TableRow, fold, folded, section
from bench.report.sections import provenance
from bench.report.sections.cells import sort_value


def runs(suite: str, cells: pd.DataFrame, of_store: pd.DataFrame, outside: Sequence[str]) -> Section:
    """Return the section on the runs, failed ones first.

    Args:
        suite: The suite's name.
        cells: The table `cells`.
        of_store: The table `runs`.
        outside: The keys of runs in the store that the suite does not ask for.
    """
    return section(
        "Runs",
        _counts(of_store),
        _failures(of_store),
        provenance.not_run_in_words(suite, cells),
        folded("Rows not run", *provenance.not_run(cells).tables),
        *(block for part in provenance.outside(outside) for block in part.blocks),
        folded(f"All {plural(len(of_store), 'run')}", _all(of_store)),
        *map(fold, provenance.notes(of_store)),
        fold(provenance.cost(of_store)),
        fold(provenance.environment(of_store)),
    )


def _counts(of_store: pd.DataFrame) -> str:
    statuses = of_store["status"].value_counts()
    counted = ", ".join(f"{number:,} {str(name).replace('_', ' ')}" for name, number in statuses.items())
    return f"{plural(len(of_store), 'run')}: {counted}."


def _failures(of_store: pd.DataFrame) -> Table | None:
    return next(iter(provenance.failures(of_store).tables), None)


def _all(of_store: pd.DataFrame) -> Table:
    """Return a row for each run: failed runs, then those that were not run, then those that ended ok."""
    order = {"not_run": 1, "ok": 2}
    named = provenance.named_runs(of_store)
    in_order = named.sort_values("status", key=lambda status: status.map(order).fillna(0), kind="stable")
    rows = tuple(
        TableRow(
            (
                row["kind"],
                row["model"],
                row["pretraining"],
                row["data"],
                str(row["seed"]),
                TableCell(row["status"].replace("_", " "), row["reason"], row["status"] != "ok"),
                TableCell(percent(row["test_accuracy"]), value=sort_value(row["test_accuracy"])),
                TableCell(duration(row["train_seconds"]), value=sort_value(row["train_seconds"])),
                TableCell(count(row["images_seen"]), value=sort_value(row["images_seen"])),
                row["key"],
            ),
            f"run-{row['key']}",
        )
        for row in in_order.to_dict("records")
    )
    header = (
        "Kind",
        "Model",
        "Pretrained on",
        "Target",
        "Seed",
        "Status",
        "Accuracy",
        "Training",
        "Images seen",
        "Key",
    )
    caption = "Failed runs first. `bench verify KEY` repeats a run and compares the bits."
    return Table(caption, header, rows, 6)
