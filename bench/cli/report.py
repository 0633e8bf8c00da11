"""`bench report`: rebuild the tables, figures and pages of a store."""

from pathlib import Path

from rich.console import Console

from bench.analysis.claims.own_rows import ahead_warnings
from bench.analysis.duplicates import duplicate_warnings
from bench.cli.claims import judge_and_write
from bench.cli.compare.comparison import differences
from bench.cli.compare.stores import read_store
from bench.cli.named_suite import find_store
from bench.cli.terminal import marked
from bench.config.suite import SUITES
from bench.errors import InputError
from bench.report.console import comparison_text
from bench.report.sections.other_store import OtherStore
from bench.report.sections.row_details import StoreFacts
from bench.report.write import write_report
from bench.store.speed_file import all_machines
from bench.store.store import WEIGHTS, Store
from bench.tables.build import build_tables, runs_outside_suite


def report_store(
    store: Store, suite: str, results: Path, reports: Path, console: Console, other: OtherStore | None = None
) -> None:
    """Write the tables and pages of a store, and print the comparison.

    Args:
        store: The store to report.
        suite: The name or path that the user gave; custom claims are read from the file.
        results: The folder of all stores, which holds the speed files.
        reports: The folder of all reports.
        console: The console to print to.
        other: A store whose accuracies stand behind those of this one.

    Raises:
        InputError: The other store has none of its rows.
    """
    tables = build_tables(store)
    if other is not None and not other.has_row_of(tables["cells"]):
        raise InputError(f"{other.own_name} and {other.name} have no row in common, so there is nothing to compare")
    store.write_tables(tables)
    judgements = judge_and_write(store, suite, tables)
    outside = runs_outside_suite(store)
    suite_fields = store.suite().model_dump(mode="json")
    out, speeds, facts = reports / store.root.name, all_machines(results), _facts(store)
    page = write_report(suite_fields, tables, out, outside, speeds, judgements, facts, other)
    console.print(comparison_text(tables["comparison"]))
    warnings = (*duplicate_warnings(tables["cells"], tables.get("left_out")), *ahead_warnings(tables.get("own_rows")))
    for sentence in warnings:
        console.print(marked("warning", "yellow", f": {sentence}"), highlight=False, soft_wrap=True)
    if outside:
        console.print(f"{len(outside)} finished runs in {store.root} are not part of this suite: {', '.join(outside)}")
    console.print(f"tables  {store.tables}\nreport  {page}", highlight=False, soft_wrap=True)


def store_of(name: str, results: Path) -> Store:
    """Return the store of a suite, or the one at a path.

    Raises:
        InputError: There is none.
    """
    return Store(Path(name)) if (Path(name) / "suite.json").is_file() else find_store(name, results)


def other_store(own: Store, own_name: str, other: Store, name: str) -> OtherStore:
    """Return a store to be set behind another one, with the runs that pair.

    Raises:
        InputError: They were made under other conditions (`docs/comparing.md`), or are one store.
    """
    if own.root.resolve() == other.root.resolve():
        raise InputError(f"{own_name} and {name} are the same store; a report compares two")
    ours, theirs = read_store(own.root), read_store(other.root)
    if listed := "; ".join(differences(ours.conditions, theirs.conditions, (own_name, name))):
        raise InputError(f"{own_name} and {name} are not comparable: {listed}")
    tables = build_tables(other)
    pairs = {
        attempt.run.key: theirs.attempts[pairing].run.key
        for pairing, attempt in ours.attempts.items()
        if pairing in theirs.attempts
    }
    software = differences(ours.software, theirs.software, ("A", "B"))
    return OtherStore(name, own_name, tables["cells"], tables["correctness"], pairs, software)


def _facts(store: Store) -> StoreFacts:
    """Return what a page says of a store: how `bench run` names its suite, and which runs can be loaded."""
    name = store.suite().name
    is_shipped = (SUITES / f"{name}.yaml").is_file()
    with_weights = {path.parent.name for path in store.root.glob(f"runs/*/{WEIGHTS}")}
    return StoreFacts(name if is_shipped else f"{name}.yaml", store.root.name, with_weights)
