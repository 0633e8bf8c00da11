"""Write the parts on speed: results at equal and at best settings, and where these rank models differently."""

import pandas as pd

from bench.analysis.format import ABSENT, is_known, three_digits
from bench.analysis.speed import ranking_changes, standings
from bench.analysis.speed_columns import OURS
from bench.analysis.stats.ratios import FEWEST_RESTARTS
from bench.report.layout import CONFIDENCE, grouped
from bench.report.machines import Machine
from bench.report.page import Section, Table, TableCell, section, table
from bench.report.sections.speed_tables import latency_table, rate_table, ratio_cell, threads_in_words, untried_table
from bench.store.speed_file import SPEED_PROTOCOL

_VERSIONS = ["python", "torch", "timm", "torchvision"]
_MUST_AGREE = ["protocol", "commit", "threads", *_VERSIONS]
_METHOD = (
    "The networks of a table were measured in turns, round after round, so that a slow moment of the machine affects "
    f"them all. A rate is that of the median round. A ratio is taken round by round, with its {CONFIDENCE} interval in "
    "small print. If one process measured a table, its intervals are of that process: the Hodges-Lehmann estimate with "
    "the interval of Wilcoxon's signed-rank test over rounds. Another process of the same code may differ by some "
    "percent. If several processes did, the ratio is the geometric mean over these restarts, with Student's interval "
    f"over them from {FEWEST_RESTARTS} on. No interval covers differences between machines."
)
_COLUMNS = (
    "MACs are the multiply-accumulates of one image. Peak memory is the most that a GPU holds at once in a step; "
    "activations are the part of it that is neither weights nor images. The share of the matrix rate is the network's "
    "operations per second over those of one large matrix product, measured in the same rounds. The time per million "
    "images is that of the device alone."
)


def equal(machine: Machine) -> Section:
    """Return the speed of every network at the same batch, layout and mode, and the latency of single images."""
    rates = [rate_table(task, precision, rows) for task, _, precision, rows in machine.groups("equal")]
    latencies = [latency_table(precision, rows) for _, _, precision, rows in machine.groups("latency")]
    title = machine.title("Speed at equal settings")
    if not rates and not latencies:
        return section(title, _place(machine), "Not measured.")
    is_measured = machine.rows["joules_per_thousand_images"].notna().any()
    energy = "Energy is what the device itself counts; the rest of the machine is left out."
    notes = (_METHOD, _COLUMNS, energy if is_measured else "Energy was not measured.")
    return section(title, _place(machine), *notes, *rates, *latencies)


def best(machine: Machine) -> Section:
    """Return the speed of every network at the batch, layout and mode that suit it best."""
    groups = machine.groups("best")
    title = machine.title("Speed at best settings")
    if not groups:
        return section(title, "Not measured.")
    how = (
        "Each network is at the batch, memory layout and mode that a search before the measurement found fastest for "
        "it. The reference stays at the equal settings, so that ratios here and above have the same base."
    )
    rates = [rate_table(task, precision, rows) for task, _, precision, rows in groups]
    return section(title, how, *rates, untried_table(pd.concat([rows for *_, rows in groups])))


def ranking(machine: Machine) -> Section:
    """Return the pairs of models of which one is faster at equal settings, and the other at best settings."""
    title = machine.title("Where the ranking changes")
    if not machine.groups("equal") or not machine.groups("best"):
        return section(title, "Only equal and best settings together can tell.")
    changes = ranking_changes(standings(machine.rows))
    how = (
        "Places are by images per second, in the median round, among our own models. Ratios are taken round by round, "
        f"and on a noisy machine may point the other way. Their {CONFIDENCE} intervals are of the process that "
        "measured them, or over its restarts if there are several. They are not corrected for the number of pairs."
    )
    none = "No pair of models changes places: the order is the same at equal and at best settings."
    return section(title, how, none if changes.empty else None, _places(machine), _changes(changes))


def differences(machine: Machine) -> list[str]:
    """Return warnings about facts in which measurements differ, and about rows of another speed protocol."""
    rows = machine.rows
    mixed = [name for name in _MUST_AGREE if rows[name].nunique() > 1]
    warnings = [f"The measurements differ in {name}, so only rows of one table are comparable." for name in mixed]
    others = ", ".join(map(str, sorted(set(rows["protocol"]) - {SPEED_PROTOCOL})))
    if others:
        warnings.append(
            f"Measured under version {others} of the speed protocol; the present version is {SPEED_PROTOCOL}."
        )
    return warnings


def _place(machine: Machine) -> str:
    """Return a sentence with the machine, the date of the measurement, and the software versions."""
    rows = machine.rows
    device = "" if (rows["device"] == "cpu").all() else f"{_all(rows['device_name'])}, "
    versions = ", ".join(f"{name} {_all(rows[name])}" for name in _VERSIONS)
    days = sorted({moment[:10] for moment in rows["measured_at"]})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    where = f"{device}{_all(rows['processor'])}, {threads_in_words(rows)}"
    return f"Measured on {where}, {when} at commit {_all(rows['commit'])}, with {versions}."


def _all(values: pd.Series) -> str:
    return " or ".join(dict.fromkeys(str(value) or ABSENT for value in values))


def _places(machine: Machine) -> Table:
    """Return a row per model and a column per group."""
    groups = machine.groups("equal", "best")
    places = [_ranks(rows) for *_, rows in groups]
    models = dict.fromkeys(model for of_group in places for model in of_group)
    rows = tuple((model, *(of_group.get(model, ABSENT) for of_group in places)) for model in models)
    header = ("Model", *(f"{task.capitalize()} in {precision}, {kind}" for task, kind, precision, _ in groups))
    return Table("Place among our own models, with images per second.", header, rows, 1)


def _ranks(rows: pd.DataFrame) -> dict[str, str | TableCell]:
    ours = rows[rows["implementation"] == OURS]
    ranks = ours["images_per_second"].rank(ascending=False, method="min")
    return {
        model: TableCell(f"{rank:.0f}", f"{three_digits(rate)}/s")
        if is_known(rank)
        else TableCell(ABSENT, "did not run", True)
        for model, rank, rate in zip(ours["model"], ranks, ours["images_per_second"], strict=True)
    }


def _changes(changes: pd.DataFrame) -> Table:
    open_ = TableCell("do not", "one contains 1, or is missing", doubtful=True)
    columns = {
        "Task": lambda row: f"{row['task']} in {row['precision']}",
        "Faster at equal settings": lambda row: row["model"],
        "Faster at best settings": lambda row: row["other"],
        "Both intervals exclude 1": lambda row: "do" if row["both_exclude_1"] else open_,
        "Ratio, equal": lambda row: ratio_cell(row, "equal_ratio"),
        "Ratio, best": lambda row: ratio_cell(row, "best_ratio"),
    }
    caption = "Pairs that change places: images per second of the first model over those of the second."
    in_order = grouped((row for _, row in changes.iterrows()), lambda row: (row["task"], row["precision"]))
    return table(caption, columns, in_order, 4)
