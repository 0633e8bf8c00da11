"""`bench report` finds the speeds under its own `--results`."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli.app import app
from bench.config.resolved import ResolvedSuite
from bench.errors import InputError
from bench.store.speed_file import append
from bench.store.store import open_store
from tests.speed_rows import measurement


@pytest.fixture
def report(resolve_suite: Callable[..., ResolvedSuite], tmp_path: Path) -> Callable[[], tuple[str, Exception | None]]:
    """Report on a store in which nothing has run: the page, and what the command raised."""
    open_store(tmp_path / "results", resolve_suite())

    def run() -> tuple[str, Exception | None]:
        places = ["--results", str(tmp_path / "results"), "--reports", str(tmp_path / "reports")]
        result = CliRunner().invoke(app, ["report", "tiny", *places])
        page = tmp_path / "reports" / "tiny" / "report.md"
        return page.read_text() if page.is_file() else "", result.exception

    return run


def test_speeds_are_found_beside_the_store(report: Callable[[], tuple[str, Exception | None]], tmp_path: Path) -> None:
    """And shown also where no run has a result yet, which has no figure then."""
    before, error = report()
    assert error is None
    assert "No speed was measured for this suite; `make throughput SUITE=tiny` measures them." in before.replace(
        "\\", ""
    )
    assert "### Speed" not in before
    append(tmp_path / "results", measurement())
    after, error = report()
    assert error is None
    assert "### Speed at equal settings" in after
    assert "No speed was measured" not in after
    assert not list((tmp_path / "reports" / "tiny" / "figures").glob("cost*"))


def test_a_damaged_speed_file_is_named(report: Callable[[], tuple[str, Exception | None]], tmp_path: Path) -> None:
    """In place of a page that lacks what was measured."""
    append(tmp_path / "results", measurement()).write_bytes(b"PAR1")
    page, error = report()
    assert isinstance(error, InputError)
    assert "cpu-amd-epyc-9b45.parquet: damaged" in str(error)
    assert page == ""
