"""The hash of the sources: whatever decides a run's numbers is in it, and nothing else."""

from pathlib import Path

import pytest

from bench.machine import environment

ROOT = Path(__file__).resolve().parents[2]
DECIDING = ("models", "bench/data", "bench/training", "bench/runner")
NOT_DECIDING = ("bench/runner/pool", "bench/runner/estimate")
FOLDERS = sorted(
    {path.parent.relative_to(ROOT).as_posix() for name in ("bench", "models") for path in (ROOT / name).rglob("*.py")}
)


def decides(folder: str) -> bool:
    """Return whether a folder of the tree is to be hashed."""
    of_some = [any(f"{folder}/".startswith(f"{name}/") for name in names) for names in (DECIDING, NOT_DECIDING)]
    return of_some == [True, False]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_changed_line_is_seen_where_it_may_change_a_number(folder, tmp_path, monkeypatch):
    """On a tree of one file in each folder, with the names of the true ones."""
    for name in FOLDERS:
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "module.py").write_text("ONE = 1\n", encoding="utf-8")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    before = environment.sources_hash.__wrapped__()
    assert before == environment.sources_hash.__wrapped__()
    (tmp_path / folder / "module.py").write_text("ONE = 2\n", encoding="utf-8")
    assert (environment.sources_hash.__wrapped__() != before) == decides(folder)


def test_the_folders_that_decide_are_there():
    assert {*DECIDING, *NOT_DECIDING} <= {*FOLDERS}
