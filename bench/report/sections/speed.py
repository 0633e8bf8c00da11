"""The sections on speed: what was measured at equal and at best settings, and where these rank models differently."""

import pandas as pd

from bench.analysis.format import ABSENT, is_known, plural, three_digits
from bench.analysis.frames import split
from bench.analysis.speed import ranking_changes, standings
from bench.analysis.speed_columns import OURS
from bench.analysis.stats.intervals import LEVEL
from bench.report.machines import Machine
from bench.report.page import Cell, Section, Table
from bench.report.sections.speed_tables import interval_in_words, latency_table, rate_table, untried_table
from bench.store.speed_file import SPEED_PROTOCOL

_VERSIONS = ["python", "torch", "timm", "torchvision"]
_MUST_AGREE = ["protocol", "commit", "threads", *_VERSIONS]
_METHOD = (
    "The networks of a table were measured in turns, round after round, so that a slow moment of the machine meets "
    "them all. A rate is that of the median round. A ratio is taken round by round: the Hodges-Lehmann estimate, "
    f"with the {LEVEL:.0%} interval of Wilcoxon's signed-rank test in small. It covers the noise of one measurement, "
    "not what differs from one start of a process, or from one machine, to the next."
)
_COLUMNS = (
    "MACs are the multiply-accumulates of one image. Peak memory is the most that a GPU holds at once in a step; "
    "activations are what it keeps beside weights and images. The share of the matrix rate is the network's "
    "operations a second over those of one large matrix product, measured in the same rounds. A million images take "
    "so long on the device alone."
)


def equal(machine: Machine) -> Section:
    """Every network at the same batch, layout and mode, and the latency of single images."""
    rates = [rate_table(task, precision, rows) for task, _, precision, rows in machine.groups("equal")]
    latencies = [latency_table(precision, rows) for _, _, precision, rows in machine.groups("latency")]
    title = machine.title("Speed at equal settings")
    said = (_place(machine), _METHOD, _COLUMNS, *_energy(machine))
    if not rates and not latencies:
        return Section(title, (_place(machine), "Not measured."))
    return Section(title, said, _differences(machine), tables=(*rates, *latencies))


def best(machine: Machine) -> Section:
    """Every network at the batch, layout and mode that suit it best."""
    groups = machine.groups("best")
    title = machine.title("Speed at best settings")
    if not groups:
        return Section(title, ("Not measured.",))
    said = (
        "Each network at the batch, memory layout and mode that a search before the measurement found fastest for it. "
        "The reference stays at the equal settings, so that ratios here and above are to the same thing."
    )
    rates = [rate_table(task, precision, rows) for task, _, precision, rows in groups]
    rows = pd.concat([rows for *_, rows in groups])
    return Section(title, (said,), tables=(*rates, *untried_table(rows)))


def ranking(machine: Machine) -> Section:
    """Which of two models is faster at equal settings and slower where each has its best."""
    title = machine.title("Where the ranking changes")
    if not machine.groups("equal") or not machine.groups("best"):
        return Section(title, ("It takes both equal and best settings to tell.",))
    changes = ranking_changes(standings(machine.rows))
    said = (
        "Places by images per second, in the median round, among our own models; ratios are taken round by round, and "
        "on a noisy machine may point the other way. A change of places is certain where both "
        f"{LEVEL:.0%} intervals, uncorrected for the number of pairs, exclude 1."
    )
    none = "No pair of models changes places: the order is the same at equal and at best settings."
    tables = (_places(machine), *_changes(changes))
    return Section(title, (said,) if len(changes) else (said, none), tables=tables)


def _place(machine: Machine) -> str:
    """The machine, and with what and when it was measured."""
    rows = machine.rows
    device = "" if (rows["device"] == "cpu").all() else f"{_all(rows['device_name'])}, "
    versions = ", ".join(f"{name} {_all(rows[name])}" for name in _VERSIONS)
    threads = " or ".join(plural(int(number), "thread") for number in sorted(set(rows["threads"])))
    days = sorted({moment[:10] for moment in rows["measured_at"]})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    where = f"{device}{_all(rows['processor'])}, {threads}"
    return f"Measured on {where}, {when} at commit {_all(rows['commit'])}, with {versions}."


def _all(values: pd.Series) -> str:
    return " or ".join(dict.fromkeys(str(value) or ABSENT for value in values))


def _differences(machine: Machine) -> tuple[str, ...]:
    """What the groups do not have in common, and rows of another protocol."""
    rows = machine.rows
    mixed = [name for name in _MUST_AGREE if rows[name].nunique() > 1]
    found = [f"The measurements differ in {name}: compare rows within a table alone." for name in mixed]
    others = sorted(set(rows["protocol"]) - {SPEED_PROTOCOL})
    if others:
        versions = ", ".join(str(version) for version in others)
        found.append(f"Measured by version {versions} of the speed protocol, where this program has {SPEED_PROTOCOL}.")
    return tuple(found)


def _energy(machine: Machine) -> tuple[str, ...]:
    if machine.rows["joules_per_thousand_images"].notna().any():
        return ("Energy is what the device itself counts while it works, the rest of the machine left out.",)
    return ("Energy was not measured.",)


def _places(machine: Machine) -> Table:
    """A row a model, a column a group."""
    groups = machine.groups("equal", "best")
    places = [_ranks(rows) for *_, rows in groups]
    models = dict.fromkeys(model for of_group in places for model in of_group)
    rows = tuple((model, *(of_group.get(model, ABSENT) for of_group in places)) for model in models)
    header = ("Model", *(f"{task.capitalize()} in {precision}, {kind}" for task, kind, precision, _ in groups))
    return Table("Place among our models, with images per second.", header, rows, 1)


def _ranks(rows: pd.DataFrame) -> dict[str, str | Cell]:
    ours = rows[rows["implementation"] == OURS]
    ranks = ours["images_per_second"].rank(ascending=False, method="min")
    return {
        model: Cell(f"{rank:.0f}", f"{three_digits(rate)}/s") if is_known(rank) else Cell(ABSENT, "did not run", True)
        for model, rank, rate in zip(ours["model"], ranks, ours["images_per_second"], strict=True)
    }


def _changes(changes: pd.DataFrame) -> tuple[Table, ...]:
    rows = tuple(
        (
            f"{row['task']} in {row['precision']}",
            row["model"],
            row["other"],
            "certain" if row["certain"] else Cell("not certain", "an interval holds 1, or is missing", doubtful=True),
            Cell(three_digits(row["equal_ratio"]), interval_in_words(row["equal_ratio_low"], row["equal_ratio_high"])),
            Cell(three_digits(row["best_ratio"]), interval_in_words(row["best_ratio_low"], row["best_ratio_high"])),
        )
        for _, found in split(changes, ["task", "precision"])
        for _, row in found.iterrows()
    )
    header = ("Task", "Faster at equal settings", "Faster at best ones", "Change", "Ratio, equal", "Ratio, best")
    caption = "Pairs that change places: images per second of the first model over those of the second."
    return (Table(caption, header, rows, 4),) if rows else ()
