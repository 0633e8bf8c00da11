"""The command line in the process of the tests, where its libraries are loaded: they take seconds in one of its own."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from bench.cli import app
from bench.cli.terminal import Terminal


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    said: str
    errors: str


def bench(*words: str | Path, folder: Path, columns: int = 200) -> Ended:
    """Do `bench WORDS` in a folder; an error that it lets through is raised."""
    said, errors = io.StringIO(), io.StringIO()
    code = 0
    with (
        _as_from_a_shell(tuple(map(str, words)), folder, columns),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(errors),
    ):
        try:
            app.main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Ended(code, said.getvalue(), errors.getvalue())


@contextlib.contextmanager
def _as_from_a_shell(words: tuple[str, ...], folder: Path, columns: int) -> Iterator[None]:
    variables = {"COLUMNS": str(columns), "NO_COLOR": "1", "BENCH_DATA": ""}
    with (
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, variables),
        mock.patch.object(sys, "argv", ["bench", *words]),
        mock.patch.object(app, "console", Terminal()),
    ):
        yield
