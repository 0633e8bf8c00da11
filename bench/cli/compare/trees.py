"""The working tree, and a commit checked out beside it with an environment that runs it, gone when it is done with.

A checkout is a git worktree in a folder of temporary files, under a lock that the kernel drops with this process: what
a killed process left is found by git's own list, and removed by the next one. Imports no torch.
"""

import contextlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError
from bench.files.locks import RunLock, acquire
from bench.machine.environment import ROOT, git_commit

WORKER = "tests/benchmarks/support/worker.py"
"""What measures; a commit without it is older than that."""
PREFIX = f"bench-rerun-{platform.node()}-"
"""Of the folders that checkouts lie in; another host's are none of our business."""
TREE = "tree"
"""The checkout, within its folder."""
OF_ANOTHER_CALL = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")
"""Variables that git's hooks run with, and that name another place than `-C` does."""


@dataclass(frozen=True)
class Tree:
    """Sources, and the Python that runs them."""

    root: Path
    commit: str
    """Of 12 digits, with `+` behind it where files differ from it."""
    python: str
    has_own_packages: bool = False
    """Whether it needs others than the working tree."""


def working_tree() -> Tree:
    """The sources that this process runs, as they are.

    Raises:
        InputError: they are no git checkout.
    """
    try:
        top = _git("rev-parse", "--show-toplevel")
    except InputError as error:
        raise InputError(f"--rerun needs a git checkout of the project, which {ROOT} is not: {error}") from None
    if Path(top).resolve() != ROOT.resolve():
        raise InputError(f"--rerun needs a git checkout of the project, which {ROOT} is not: it lies inside {top}")
    return Tree(ROOT, git_commit(), sys.executable)


def find_commit(revision: str) -> str:
    """The full hash of a commit that can be measured.

    Raises:
        InputError: there is no such commit, or it is older than what measures.
    """
    try:
        if revision.startswith("-"):
            raise InputError("no revision begins with -")
        commit = _git("rev-parse", "--verify", f"{revision}^{{commit}}")
    except InputError:
        raise InputError(
            f"--rerun {revision}: no commit of {ROOT}; allowed: a hash, branch, tag, or such as HEAD~1"
        ) from None
    if not _git("ls-tree", "--name-only", commit, WORKER):
        raise InputError(f"--rerun {revision}: commit {commit[:12]} is older than what measures: it lacks {WORKER}")
    return commit


@contextmanager
def checked_out(commit: str) -> Iterator[Tree]:
    """A commit in a folder of its own, with its environment; the folder is removed, in whatever way it ends.

    Raises:
        InputError: it could not be checked out, or its packages not installed.
    """
    remove_leftovers()
    folder = Path(tempfile.gettempdir()).resolve() / f"{PREFIX}{uuid.uuid4().hex[:12]}"
    lock = acquire(folder)
    assert lock is not None, "a name that nobody else has"
    try:
        root = folder / TREE
        _git("-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet", "--detach", str(root), commit)
        own = not _needs_same_packages(root)
        python = _install(root, commit) if own else sys.executable
        yield Tree(root, commit[:12], python, own)
    finally:
        _remove(folder, lock)


def remove_leftovers() -> None:
    """Remove checkouts of processes that were killed; what a living one holds stays."""
    listed = _git("worktree", "list", "--porcelain").splitlines()
    trees = [Path(line.removeprefix("worktree ")) for line in listed if line.startswith("worktree ")]
    for folder in (tree.parent for tree in trees if tree.parent.name.startswith(PREFIX)):
        with contextlib.suppress(InputError):  # another user's
            if lock := acquire(folder):
                _remove(folder, lock)


def _needs_same_packages(root: Path) -> bool:
    """Whether a tree pins the same packages, byte by byte, and depends on the same."""
    return _requirements(root) == _requirements(ROOT)


def _remove(folder: Path, lock: RunLock) -> None:
    """Remove a checkout, what git knows of it, and last the folder that is found by its lock."""
    tree = folder / TREE
    shutil.rmtree(tree, ignore_errors=True)
    with contextlib.suppress(InputError):  # only one that was interrupted as it began is locked
        _git("worktree", "unlock", str(tree))
    with contextlib.suppress(InputError):  # it was not begun
        _git("worktree", "remove", "--force", str(tree))
    lock.release(finished=True)


def _requirements(root: Path) -> tuple[dict[str, bytes], list[str]]:
    pins = {path.name: path.read_bytes() for path in (root / "requirements").glob("*.txt")}
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return pins, project["dependencies"]


def _install(root: Path, commit: str) -> str:
    """Install a tree's own packages inside it, and say so on the way; returns its Python."""
    command = ["sh", "requirements/install.sh", sys.executable, ".venv"]
    print(f"commit {commit[:12]} needs other packages than the working tree", file=sys.stderr)
    try:
        subprocess.run(command, cwd=root, stdout=sys.stderr, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(f"the packages of commit {commit[:12]} could not be installed: {error}") from None
    return str(root / ".venv" / "bin" / "python")


def _git(*words: str) -> str:
    """What git says of the project; InputError with its complaint where it fails."""
    environment = {name: value for name, value in os.environ.items() if name not in OF_ANOTHER_CALL}
    command = ["git", "-C", str(ROOT), *words]
    try:
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    except OSError as error:
        raise InputError(f"git cannot be run: {error.strerror}") from None
    except subprocess.CalledProcessError as error:
        complaint = error.stderr.strip().splitlines() or [f"git ended with {error.returncode}"]
        raise InputError(complaint[-1]) from None
    return done.stdout.strip()
