"""What stands in files, names and paths reaches the terminal as plain characters, in each command."""

import io
import sys
from pathlib import Path

import pytest
from PIL import Image
from rich.table import Table

from bench.cli.plan import failure_line
from bench.cli.progress import SuiteProgress
from bench.cli.terminal import Terminal, accept_all_text, marked, printable
from bench.plan.expand import expand
from bench.runner.pool.pool import Ended
from bench.store.new_record import failure
from bench.store.store import Outcome, open_store
from tests import in_process

NAME = "a[red] [bold]b :dog:"
"""A name of a folder, suite or class that Rich's markup would eat."""
CODES = "\x1b[2J\x1b]0;title\x07\u202e"
REASON = f"{NAME}[/green]{CODES}"
"""A text that Rich's markup would end in an error."""
SHOWN = f"{NAME}[/green]\\x1b[2J\\x1b]0;title\\x07\\u202e"


@pytest.fixture
def folder(tmp_path, resolve_suite) -> Path:
    """A folder with a suite, its data and its store, all named to confuse; the runs have failed."""
    for label in (NAME, f"{CODES}dog"):
        (tmp_path / NAME / label).mkdir(parents=True)
        for index in range(10):
            Image.new("RGB", (9, 9), (index, 0, 0)).save(tmp_path / NAME / label / f"{index}.png")
    suite = resolve_suite(NAME, targets=[f"folder:{tmp_path / NAME}"])
    store = open_store(tmp_path / "results", suite)
    for run in expand(suite).runs:
        store.write(Outcome(failure(run, "failed", REASON)))
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["plan", f"{NAME}.yaml"], 0, f"suite {NAME}:"),
        (["plan", f"{NAME}.yaml", "--runs"], 0, f"{NAME}, seed 0"),
        (["status", NAME], 0, SHOWN),
        (["report", NAME], 0, f"results/{NAME}/tables"),
        (["claims", NAME], 0, "verdict"),
        (["verify", REASON], 2, f"error: {SHOWN}: no run has such a key"),
        (["status", REASON], 2, SHOWN),
        (["data", "show", f"folder:{NAME}"], 0, f"folder:{NAME}"),
        (["data", "verify", f"folder:{NAME}"], 0, "\\x1b[2J\\x1b]0;title\\x07\\u202edog: "),
        (["compare", REASON, REASON], 2, SHOWN),
        (["models", REASON], 2, SHOWN),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_commands_show_names_as_they_are(folder: Path, words: list[str], code: int, expected: str) -> None:
    ended = in_process.bench(*words, folder=folder, columns=1000)
    printed = ended.said + ended.errors
    assert ended.code == code, printed
    assert expected in printed
    assert printable(printed) == printed


def test_run_lists_failures_as_they_are(store) -> None:
    run = expand(store.suite()).runs[0]
    record = failure(run, "failed", REASON)
    terminal = Terminal(file=io.StringIO(), width=1000)
    terminal.print(failure_line(run, record))
    with SuiteProgress(terminal, store, [run], {}, 1) as progress:
        progress.show(Ended(run, record))
    assert terminal.file.getvalue().count(SHOWN) == 2
    assert "\x1b" not in terminal.file.getvalue()


def test_columns_are_wide_enough_for_what_is_escaped() -> None:
    table = Table("name", NAME)
    table.add_row(REASON, marked(REASON, "red"))
    terminal = Terminal(file=io.StringIO(), width=200)
    terminal.print(table)
    assert terminal.file.getvalue().count(SHOWN) == 2
    assert len({len(line) for line in terminal.file.getvalue().splitlines()}) == 1


def test_bytes_that_are_no_text_are_shown_by_number() -> None:
    assert printable("caf\udce9 犬") == "caf\\xe9 犬"


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_terminal_replaces_what_it_lacks(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    accept_all_text()
    table = Table("犬")
    table.add_row("chien …")
    Terminal().print(table)
    sys.stdout.flush()
    assert "chien ?" in written.getvalue().decode(encoding)
