"""The same store gives the same bytes: twice in one process, and in another process with other hashes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.report.browser.stores import ROOT, STORES

WRITE = """
import pathlib, sys
from tests.report.browser.stores import STORES
STORES[sys.argv[1]]().write(pathlib.Path(sys.argv[2]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("store", ["usual", "reference-cpu", "hostile"])
def test_a_report_repeats_to_the_byte(store: str, tmp_path: Path) -> None:
    """The page, its Markdown and every figure; a page names the folder of its store."""
    for name in ("one", "two"):
        STORES[store]().write(tmp_path / name / "suite")
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, "-c", WRITE, store, tmp_path / "three" / "suite"], check=True, env=environment, cwd=ROOT
    )
    first, *others = (_files(tmp_path / name) for name in ("one", "two", "three"))
    assert {"suite/index.html", "suite/report.md"} < first.keys()
    for other in others:
        assert [name for name in first | other if first.get(name) != other.get(name)] == []


def _files(folder: Path) -> dict[str, bytes]:
    """Return the path of each file below a folder -> its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
