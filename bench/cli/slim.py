"""`bench slim`: a copy of a store that is small enough to commit."""

from pathlib import Path

from rich.console import Console

from bench.analysis.format import plural
from bench.cli.claims import judge_and_write
from bench.store.packed import ANSWERS, HISTORIES
from bench.store.slim import write_slim
from bench.store.store import WEIGHTS, Store
from bench.tables.build import build_tables


def slim_store(store: Store, suite: str, folder: Path, console: Console) -> None:
    """Rebuild the tables of a store, write its slim copy, and print the sizes of its parts.

    Args:
        store: The store to copy.
        suite: The name or path that the user gave.
        folder: The folder of the copy, which must not exist.
        console: The console to print to.
    """
    tables = build_tables(store)
    store.write_tables(tables)
    judge_and_write(store, suite, tables)
    write_slim(store, folder)
    parts = {
        "records": "runs/*/record.json",
        "answers": ANSWERS,
        "histories": HISTORIES,
        "weights": f"runs/*/{WEIGHTS}",
        "all": "**/*",
    }
    for name, pattern in parts.items():
        sizes = [path.stat().st_size for path in folder.glob(pattern) if path.is_file()]
        console.print(f"{name:10}{sum(sizes) / 1e6:8.2f} MB in {plural(len(sizes), 'file')}", highlight=False)
    console.print(f"copy      {folder}", highlight=False, soft_wrap=True)
