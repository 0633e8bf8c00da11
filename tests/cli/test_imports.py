"""`bench --help` and `bench plan` import no heavy library, since each takes seconds to load."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "torchvision", "timm", "pandas", "pyarrow", "scipy", "sklearn", "numba", "matplotlib"}


@pytest.mark.parametrize("words", [["--help"], ["plan", "--help"], ["plan", "cpu"]], ids=" ".join)
def test_help_and_plan_import_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    script = (
        "import sys; from bench.cli.app import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", script, *words]
    loaded = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stderr.split()
    assert HEAVY.isdisjoint(loaded)
