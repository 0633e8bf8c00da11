"""Imports run downwards only: the contracts in pyproject.toml hold, and each of them notices what it is there for."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT_IMPORTS = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()", "--no-cache"]

FORBIDDEN = [
    ("models/spec/model_spec.py", "import bench.errors", "Models know nothing"),
    ("bench/data/corpus.py", "import bench.config.suite", "downwards only"),
    ("bench/data/dataset.py", "import bench.training.loop", "downwards only"),
    ("bench/training/optimizer.py", "import bench.runner", "downwards only"),
    ("bench/plan/expand.py", "import bench.report", "downwards only"),
    ("bench/analysis/stats/intervals.py", "import bench.store.store", "downwards only"),
    ("bench/analysis/stats/intervals.py", "import torch", "neither torch"),
    ("bench/report/__init__.py", "def late():\n    import timm", "neither torch"),
    ("bench/report/__init__.py", "import bench.data.loading.batches", "neither torch"),
    ("bench/unplaced.py", "", "downwards only"),
]


def test_contracts_hold() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("module", "statement", "contract"), FORBIDDEN)
def test_contract_notices(tmp_path: Path, module: str, statement: str, contract: str) -> None:
    for name in ("bench", "models"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / module).open("a") as file:
        file.write(f"\n{statement}\n")
    result = lint_imports(tmp_path)
    assert result.returncode == 1, result.stdout
    broken = [line for line in result.stdout.splitlines() if line.endswith("BROKEN")]
    assert any(contract in line for line in broken), broken


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(LINT_IMPORTS, cwd=folder, capture_output=True, text=True)
