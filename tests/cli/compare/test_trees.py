"""Commits checked out beside a working tree: real repositories of a few files, and real processes that are killed."""

import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cli.compare import trees
from bench.cli.compare.trees import PREFIX, WORKER, checked_out, find_commit, remove_leftovers, working_tree
from bench.errors import InputError
from bench.machine import environment

ROOT = Path(__file__).parents[3]
PROJECT = '[project]\ndependencies = ["torch>=2"]\n[tool.ruff]\nline-length = {line_length}\n'
INSTALL = 'echo "installing into $2"\nmkdir -p "$2/bin"\nln -s "$1" "$2/bin/python"\n'

HOLDING = """
import sys, time
from pathlib import Path
from bench.cli import compare_trees

compare_trees.ROOT = Path(sys.argv[1])
with compare_trees.checked_out(compare_trees.find_commit("HEAD")) as tree:
    print(tree.root, flush=True)
    time.sleep(100)
"""
"""A process that has a commit checked out until it is told to end."""


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@b", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Change files of a small project, and commit them; it is the project that is looked at."""
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "--quiet")
    monkeypatch.setattr(trees, "ROOT", root)
    monkeypatch.setattr(environment, "ROOT", root)

    def committed(**files: str) -> str:
        for name, content in files.items():
            path = root / name.replace("__", "/").replace("_txt", ".txt").replace("_toml", ".toml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--message", "change")
        return git(root, "rev-parse", "HEAD")

    return committed


@pytest.fixture
def first(commit: Callable[..., str]) -> str:
    path = trees.ROOT / WORKER
    path.parent.mkdir(parents=True)
    path.write_text("first\n")
    (trees.ROOT / "requirements").mkdir()
    (trees.ROOT / "requirements" / "install.sh").write_text(INSTALL)
    return commit(requirements__dev_txt="torch==2\n", pyproject_toml=PROJECT.format(line_length=100))


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def assert_nothing_is_left(temporary: Path) -> None:
    assert list(temporary.iterdir()) == []
    assert git(trees.ROOT, "worktree", "list", "--porcelain").count("worktree ") == 1


def test_a_commit_lies_beside_the_working_tree_and_is_gone_afterwards(first, commit, temporary):
    (trees.ROOT / WORKER).write_text("second\n")
    with checked_out(find_commit("HEAD")) as old:
        assert (old.root / WORKER).read_text() == "first\n"
        assert old.root.is_relative_to(temporary)
        assert (old.commit, old.python, old.has_own_packages) == (first[:12], sys.executable, False)
    assert_nothing_is_left(temporary)
    assert (working_tree().root, working_tree().commit) == (trees.ROOT, first[:12] + "+")
    second = commit()
    assert working_tree().commit == second[:12]
    assert (find_commit("HEAD~1"), find_commit(second[:8])) == (first, second)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_it_is_gone_whatever_happens(first, temporary, error):
    with pytest.raises(error), checked_out(first):
        raise error
    assert_nothing_is_left(temporary)


def test_a_hook_s_variables_lead_nowhere_else(first, temporary, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    with checked_out(find_commit("HEAD")) as old:
        assert (old.root / WORKER).is_file()


def test_a_hook_of_the_repository_does_not_run(first, temporary):
    hook = trees.ROOT / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch ran\n")
    hook.chmod(0o755)
    with checked_out(first) as old:
        assert not (old.root / "ran").exists()


def test_other_pins_or_dependencies_have_an_environment_of_their_own(first, commit, temporary):
    other_pins = commit(requirements__dev_txt="torch==3\n")
    for wanted, change in [
        (first, {}),
        (other_pins, {"pyproject_toml": PROJECT.format(line_length=100).replace("torch>=2", "torch>=3")}),
    ]:
        if change:
            commit(**change)
        with checked_out(wanted) as old:
            assert old.has_own_packages
            assert Path(old.python) == old.root / ".venv" / "bin" / "python"
            assert subprocess.run([old.python, "-c", ""], check=True).returncode == 0
        assert_nothing_is_left(temporary)


def test_other_settings_of_tools_need_no_other_packages(first, commit, temporary):
    commit(pyproject_toml=PROJECT.format(line_length=120))
    with checked_out(first) as old:
        assert not old.has_own_packages


def test_packages_that_cannot_be_installed_are_wrong_input(first, commit, temporary):
    broken = commit(requirements__dev_txt="torch==3\n", **{"requirements__install.sh": "exit 7\n"})
    commit(requirements__dev_txt="torch==2\n")
    message = f"packages of commit {broken[:12]} could not be installed.*status 7"
    with pytest.raises(InputError, match=message), checked_out(broken):
        pass
    assert_nothing_is_left(temporary)


@pytest.mark.parametrize("revision", ["nonsense", "--all", "", "HEAD~7"])
def test_an_unknown_revision_is_refused(first, revision):
    with pytest.raises(InputError, match=r"no commit of .*; allowed: a hash, branch, tag, or such as HEAD~1"):
        find_commit(revision)


def test_a_commit_from_before_there_was_a_worker_is_refused(first, commit):
    (trees.ROOT / WORKER).unlink()
    before = commit()
    with pytest.raises(InputError, match=f"commit {before[:12]} is older than what measures: it lacks {WORKER}"):
        find_commit("HEAD")


def test_what_is_no_checkout_is_refused(first, tmp_path, monkeypatch):
    (tmp_path / "plain").mkdir()
    for root in (tmp_path / "plain", trees.ROOT / "bench"):
        monkeypatch.setattr(trees, "ROOT", root)
        with pytest.raises(InputError, match=f"--rerun needs a git checkout of the project, which {root} is not"):
            working_tree()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="git cannot be run"):
        working_tree()


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_holds_is_not(first, temporary):
    command = [sys.executable, "-c", HOLDING, str(trees.ROOT)]
    environment = os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            tree = Path(process.stdout.readline().strip())
            remove_leftovers()
            assert (tree / WORKER).is_file()
        finally:
            process.send_signal(signal.SIGKILL)
    assert (tree / WORKER).is_file()
    remove_leftovers()
    assert_nothing_is_left(temporary)


def test_what_was_left_in_the_midst_of_a_checkout_or_a_removal_is_removed(first, temporary):
    """Git locks a checkout that has only begun; and the folder may be gone already."""
    for number, leave in enumerate([lambda tree: None, shutil.rmtree, lambda tree: shutil.rmtree(tree.parent)]):
        tree = temporary / f"{PREFIX}{number}" / "tree"
        git(trees.ROOT, "worktree", "add", "--detach", str(tree), first)
        git(trees.ROOT, "worktree", "lock", "--reason", "initializing", str(tree))
        leave(tree)
        remove_leftovers()
        assert_nothing_is_left(temporary)


def test_checkouts_that_are_not_ours_stay(first, temporary):
    others = [temporary / "mine", temporary / PREFIX.replace(platform.node(), "another-host") / "tree"]
    for other in others:
        git(trees.ROOT, "worktree", "add", "--detach", str(other), first)
    with checked_out(first):
        pass
    assert all((other / WORKER).is_file() for other in others)
