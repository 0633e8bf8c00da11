"""Write the cells that several tables have: accuracies, the accuracies of seeds, and paired differences."""

import math

import pandas as pd

from bench.analysis.format import is_known, pairs_and_p, percent, plural, points, steady
from bench.analysis.seeds import COMPLETE, GIVEN_SUCCESS
from bench.report.layout import balanced, doubts
from bench.report.page import TableCell, undecided


def accuracy_cell(row: pd.Series, usual_seeds: int = 0) -> TableCell:
    """Return an accuracy with its number of seeds, its balanced accuracy, its doubts, and whether it has notes.

    An accuracy without the seeds that failed to train is labelled, with the share of failed seeds beside it.

    Args:
        row: A row of the table `comparison` or `ablations`.
        usual_seeds: The number of seeds that is said elsewhere; 0 if none is.
    """
    num_seeds, num_failed = int(row["num_seeds"]), int(row["num_failed"])
    seeds = f"{num_seeds} of {plural(num_seeds + num_failed, 'seed')}" if num_failed else plural(num_seeds, "seed")
    share = f"share of failed seeds {percent(row['failed'], row['failed_low'], row['failed_high'])}"
    is_usual = num_seeds == usual_seeds and not num_failed
    notes = [
        seeds if (num_seeds or num_failed) and not is_usual else "",
        "no interval" if num_seeds and not is_known(row["low"]) else "",
        balanced(row),
        *doubts(row),
        share if num_failed else "",
        "see notes" if is_known(row["notes"]) else "",
    ]
    shown = percent(row["accuracy"], row["low"], row["high"])
    shown = f"{shown} {GIVEN_SUCCESS}" if num_failed and num_seeds else shown
    return TableCell(shown, "; ".join(filter(None, notes)), bool(doubts(row)), sort_value(row["accuracy"]))


def paired_cell(row: pd.Series, name: str) -> TableCell:
    """Return a paired difference, such as `+2.9 (1.8 to 4.0)`, with its number of pairs, or why it is undecided.

    Args:
        row: A row of a table with the columns of the difference.
        name: The name of the difference: `gain` or `difference`.
    """
    why = row[f"{name}_status"].removeprefix("undecided: ")
    if not is_known(row[name]):
        return undecided(why)
    difference, value = points(row[name], row[f"{name}_low"], row[f"{name}_high"]), sort_value(row[name])
    tested = pairs_and_p(int(row["num_pairs"]), int(row["pairs_needed"]), row[f"{name}_p"])
    if GIVEN_SUCCESS not in why:
        return TableCell(difference, tested if why == COMPLETE else f"undecided: {why}", why != COMPLETE, value)
    failures = why.removeprefix(f"{GIVEN_SUCCESS}: ")
    note = f"{tested}; {failures}" if failures != why else f"undecided: {why}"
    return TableCell(f"{difference} {GIVEN_SUCCESS}", note, True, value)


def sort_value(number: float) -> float | None:
    """Return a number by which a column is sorted, without the last bits, in which processors differ."""
    return steady(float(number)) if is_known(number) and math.isfinite(number) else None
