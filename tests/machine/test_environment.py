"""The hash of the sources: whatever decides a run's numbers is in it, and nothing else."""

import pytest

from bench.machine import environment

FOLDERS = {
    "models": True,
    "models/layers": True,
    "bench/data": True,
    "bench/data/loading": True,
    "bench/training": True,
    "bench/runner": True,
    "bench/runner/pool": False,
    "bench/runner/estimate": False,
    "bench/store": False,
}
"""Whether a folder is hashed."""


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_changed_line_is_seen_where_it_may_change_a_number(folder, tmp_path, monkeypatch):
    """On a tree of one file in each folder, with the names of the true ones."""
    for name in FOLDERS:
        assert (environment.ROOT / name / "__init__.py").is_file()
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "module.py").write_text("ONE = 1\n", encoding="utf-8")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    before = environment.sources_hash.__wrapped__()
    assert before == environment.sources_hash.__wrapped__()
    (tmp_path / folder / "module.py").write_text("ONE = 2\n", encoding="utf-8")
    assert (environment.sources_hash.__wrapped__() != before) == FOLDERS[folder]
