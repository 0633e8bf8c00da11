"""A store of somebody else: commands neither follow its links, nor wait for its pipes, nor remove what lies outside."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.config.resolved import ResolvedSuite
from bench.errors import InputError
from bench.files.plain import read_plain
from bench.store.records import DamagedRun
from bench.store.store import OWN_FOLDERS, Outcome, Store, open_store, open_trials
from tests import in_process

KEY = "0123456789abcdef"
RECORD = {"schema_version": 1, "key": KEY, "status": "ok", "reason": "", "run": {"seed": 0}, "data": {}}


@pytest.fixture
def store(resolve_suite: Callable[..., ResolvedSuite], tmp_path: Path) -> Store:
    """A store with one finished run."""
    store = open_store(tmp_path / "results", resolve_suite())
    store.write(Outcome(dict(RECORD), weights=b"weights"))
    return store


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder outside the store, which holds a folder of the run's name, with a file."""
    folder = tmp_path / "outside"
    (folder / KEY).mkdir(parents=True)
    (folder / KEY / "thesis.tex").write_text("years of work")
    return folder


def refusal(*words: str | Path, folder: Path) -> str:
    """Do a command that is refused; return its message on one line."""
    ended = in_process.bench(*words, folder=folder)
    assert ended.code == 2
    return " ".join(ended.errors.split())


@pytest.mark.parametrize("command", ["run", "status", "report", "claims"])
@pytest.mark.parametrize("name", OWN_FOLDERS)
def test_a_folder_that_is_a_link_is_refused_before_anything_is_removed(
    store: Store, outside: Path, tmp_path: Path, command: str, name: str
) -> None:
    if name == "runs":
        (store.root / "runs").rename(tmp_path / "moved")
        outside = tmp_path / "moved"
    (store.root / name).symlink_to(outside)
    before = sorted(outside.rglob("*"))
    suite = str(tmp_path / "tiny.yaml") if command == "run" else "tiny"
    message = refusal(command, suite, "--results", tmp_path / "results", folder=tmp_path)
    assert f"{name}: a link; nothing in a store is followed through links" in message
    assert sorted(outside.rglob("*")) == before


@pytest.mark.parametrize("command", ["run", "status", "report"])
@pytest.mark.parametrize("name", OWN_FOLDERS)
def test_a_file_in_place_of_a_folder_is_named(store: Store, tmp_path: Path, command: str, name: str) -> None:
    if name == "runs":
        (store.root / "runs").rename(tmp_path / "moved")
    (store.root / name).write_text("a file")
    suite = str(tmp_path / "tiny.yaml") if command == "run" else "tiny"
    message = refusal(command, suite, "--results", tmp_path / "results", folder=tmp_path)
    assert f"{name}: a file, where a store keeps a folder; move it away" in message


def test_a_link_in_a_running_folder_is_refused(store: Store, outside: Path, resolve_suite, tmp_path: Path) -> None:
    (store.root / "running" / KEY).mkdir(parents=True)
    (store.root / "running" / KEY / "lock").symlink_to(outside / KEY / "thesis.tex")
    with pytest.raises(InputError, match="lock: a link"):
        open_store(tmp_path / "results", resolve_suite())
    assert (outside / KEY / "thesis.tex").read_text() == "years of work"


def test_a_folder_of_trials_that_is_a_link_is_refused(outside: Path, tmp_path: Path) -> None:
    (tmp_path / "results" / "tiny").mkdir(parents=True)
    (tmp_path / "results" / "tiny" / "tuning").symlink_to(outside)
    with pytest.raises(InputError, match="tuning: a link"):
        open_trials(tmp_path / "results" / "tiny" / "tuning")


def test_the_whole_store_may_be_a_link(store: Store, resolve_suite, tmp_path: Path) -> None:
    moved = store.root.rename(tmp_path / "elsewhere")
    (tmp_path / "results" / "tiny").symlink_to(moved)
    assert open_store(tmp_path / "results", resolve_suite()).is_finished(KEY)


@pytest.mark.parametrize("key", ["", "..", "../../outside", "0123", KEY.upper(), KEY + "\n", "0" * 17])
def test_only_a_key_becomes_a_path(store: Store, key: str) -> None:
    with pytest.raises(InputError, match="no key of a run"):
        store.run_folder(key)
    with pytest.raises(InputError, match="no key of a run"):
        store.running_folder(key)


@pytest.mark.parametrize("name", ["record.json", "weights.safetensors"])
@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_what_is_no_regular_file_makes_a_run_damaged(store: Store, outside: Path, name: str, kind: str) -> None:
    path = store.run_folder(KEY) / name
    path.unlink()
    {"pipe": os.mkfifo, "link": lambda path: path.symlink_to(outside), "folder": Path.mkdir}[kind](path)
    with pytest.raises(DamagedRun, match=f"{name}: damaged"):
        store.weights(KEY)


def test_a_suite_that_is_a_pipe_is_not_waited_for(store: Store, tmp_path: Path) -> None:
    (store.root / "suite.json").unlink()
    os.mkfifo(store.root / "suite.json")
    message = refusal("status", "tiny", "--results", tmp_path / "results", folder=tmp_path)
    assert "no results of suite 'tiny'" in message


def test_a_device_is_no_file() -> None:
    with pytest.raises(OSError, match="no regular file"):
        read_plain(Path("/dev/zero"))


def test_figures_of_a_report_are_not_removed_through_a_link(store: Store, outside: Path, tmp_path: Path) -> None:
    (tmp_path / "reports" / "tiny").mkdir(parents=True)
    (tmp_path / "reports" / "tiny" / "figures").symlink_to(outside / KEY)
    assert "figures: a link" in refusal("report", "tiny", "--reports", tmp_path / "reports", folder=tmp_path)
    assert (outside / KEY / "thesis.tex").exists()


def test_a_report_that_cannot_be_written_names_the_folder_and_the_option(store: Store, tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file where the folder should be")
    message = refusal("report", "tiny", "--reports", tmp_path / "reports", folder=tmp_path)
    assert re.search("reports/tiny: cannot be written .*--reports DIR", message)


def test_a_record_nested_without_end_is_damaged(store: Store) -> None:
    (store.run_folder(KEY) / "record.json").write_text("[" * 100_000)
    with pytest.raises(DamagedRun, match="no JSON"):
        store.read(KEY)


def test_a_record_of_another_run_is_damaged(store: Store) -> None:
    (store.run_folder(KEY) / "record.json").write_text(json.dumps(RECORD | {"key": "f" * 16}))
    with pytest.raises(DamagedRun, match="it belongs to run f"):
        store.read(KEY)
