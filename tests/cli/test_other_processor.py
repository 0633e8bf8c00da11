"""`bench report` of a committed store on another processor, which adds in other orders: the same bytes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

REFERENCE = Path(__file__).parents[2] / "results" / "reference-cpu"


def other_processor() -> dict[str, str]:
    """Return variables under which libraries use the oldest instructions that they know."""
    core = np._core._multiarray_umath  # type: ignore[attr-defined]
    features = [name for name in core.__cpu_dispatch__ if core.__cpu_features__[name]]
    blas = {"OPENBLAS_CORETYPE": "Nehalem"} if os.uname().machine == "x86_64" else {}
    return blas | {"ATEN_CPU_CAPABILITY": "default", "NPY_DISABLE_CPU_FEATURES": " ".join(features)}


def reported(folder: Path, variables: dict[str, str]) -> dict[Path, bytes]:
    """Return the contents of all tables and pages that `bench report` makes of a copy of the committed store."""
    shutil.copytree(REFERENCE, folder / "results" / REFERENCE.name)
    command = [sys.executable, "-m", "bench", "report", REFERENCE.name]
    subprocess.run(command, cwd=folder, env=os.environ | variables, check=True, capture_output=True)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder): path.read_bytes() for path in files}


@pytest.mark.slow
def test_tables_and_pages_are_the_same_on_another_processor(tmp_path: Path) -> None:
    (tmp_path / "this").mkdir()
    (tmp_path / "other").mkdir()
    this, other = reported(tmp_path / "this", {}), reported(tmp_path / "other", other_processor())
    assert len(this) > 100
    assert this.keys() == other.keys()
    assert [path for path in this if this[path] != other[path]] == []
