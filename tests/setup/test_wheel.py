"""The wheel: what a user installs, without tests and without the harness' own benchmarks."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = "from setuptools import build_meta; build_meta.build_wheel('dist')"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("project")
    for name in ("bench", "models", "tests", "docs"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "conftest.py"):
        shutil.copy(ROOT / name, project)
    subprocess.run([sys.executable, "-c", BUILD], cwd=project, check=True, capture_output=True)
    return next((project / "dist").glob("*.whl"))


def files_in(wheel: Path) -> set[PurePosixPath]:
    with zipfile.ZipFile(wheel) as archive:
        return {PurePosixPath(name) for name in archive.namelist()}


def test_it_holds_the_two_packages_and_nothing_else(wheel: Path) -> None:
    tops = {path.parts[0] for path in files_in(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"bench", "models"}


def test_it_holds_each_module_and_each_file_that_modules_read(wheel: Path) -> None:
    wanted = {
        PurePosixPath(path.relative_to(ROOT))
        for name in ("bench", "models")
        for path in (ROOT / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {path for path in files_in(wheel) if path.parts[0] in ("bench", "models")} == wanted


def test_it_plans_a_suite_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "bench", "plan", "smoke"]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "vit_pico/8" in result.stdout
