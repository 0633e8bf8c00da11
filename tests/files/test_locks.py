"""Locks with real processes: one holder at a time, released with its process, and correct if a folder is removed."""

import errno
import fcntl
import itertools
import os
import platform
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.files.atomic import StoreError
from bench.files.locks import Holder, acquire, holder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "running" / "0123456789abcdef"


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Another process, with what locks need imported; it starts when it is told to."""
    opening = "import os, random, sys, time\nfrom pathlib import Path\nfrom bench.files.locks import acquire, holder\n"
    waiting = "print('here', flush=True)\nsys.stdin.readline()\n"
    command = [sys.executable, "-c", opening + waiting + textwrap.dedent(script), *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def go(processes: list[subprocess.Popen[str]]) -> None:
    """Let processes loose at the same moment."""
    for process in processes:
        assert process.stdout.readline() == "here\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()


def take_elsewhere(folder: Path) -> str:
    """What another process is told when it asks for the lock."""
    process = start("print('had' if acquire(Path(sys.argv[1])) else 'refused')", folder)
    go([process])
    return process.communicate()[0].strip()


@pytest.mark.parametrize("num_processes", [2, 4])
def test_processes_that_race_for_the_same_runs_do_each_once(tmp_path, num_processes):
    script = """
        root, waiting = Path(sys.argv[1]), [f"run{number}" for number in range(30)]
        while waiting:
            key = random.choice(waiting)
            done = root / f"{key}.done"
            if done.exists():
                waiting.remove(key)
            elif lock := acquire(root / "running" / key):
                if not done.exists():
                    print(key)
                    time.sleep(0.001)
                    done.touch()
                lock.release(finished=True)
    """
    processes = [start(script, tmp_path) for _ in range(num_processes)]
    go(processes)
    done = [process.communicate()[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0] * num_processes
    assert sorted(itertools.chain(*done)) == sorted(f"run{number}" for number in range(30))
    assert list((tmp_path / "running").iterdir()) == []


def test_no_two_hold_a_lock_whose_folder_is_removed_all_the_time(folder):
    """The holder makes a file that may not exist yet, so that a second holder at the same time would fail."""
    script = """
        folder, alone, turns = Path(sys.argv[1]), Path(sys.argv[2]), 0
        while turns < 50:
            if lock := acquire(folder):
                turns += 1
                os.close(os.open(alone, os.O_CREAT | os.O_EXCL))
                alone.unlink()
                lock.release(finished=turns % 3 != 0)
    """
    processes = [start(script, folder, folder.parent.parent / "alone") for _ in range(4)]
    go(processes)
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0] * 4
    assert acquire(folder) is not None


def test_a_lock_on_a_file_that_was_removed_before_locking_does_not_count(folder, monkeypatch):
    script = """
        lock = acquire(Path(sys.argv[1]))
        print("had", flush=True)
        sys.stdin.readline()
        lock.release(finished=True)
    """
    process = start(script, folder)
    go([process])
    process.stdout.readline()
    lockf = fcntl.lockf

    def lock_after_the_other_finished(handle: int, operation: int) -> None:
        if process.poll() is None:
            process.communicate("\n")
        lockf(handle, operation)

    monkeypatch.setattr(fcntl, "lockf", lock_after_the_other_finished)
    with acquire(folder):
        assert take_elsewhere(folder) == "refused"


def test_a_killed_holder_s_lock_is_free_at_once_although_its_child_lives(folder):
    script = """
        lock = acquire(Path(sys.argv[1]))
        if child := os.fork():
            print(child, flush=True)
        time.sleep(60)
    """
    process = start(script, folder)
    go([process])
    child = int(process.stdout.readline())
    try:
        assert acquire(folder) is None
        assert holder(folder).pid == process.pid
        process.kill()
        process.wait()
        os.kill(child, 0)  # it lives
        assert holder(folder) is None
        lock = acquire(folder)
        assert lock is not None
        lock.release(finished=True)
    finally:
        os.kill(child, signal.SIGKILL)
        process.communicate()


def test_a_child_of_the_holder_neither_holds_nor_releases_the_lock(folder):
    script = """
        lock = acquire(Path(sys.argv[1]))
        if (child := os.fork()) == 0:
            again = acquire(lock.folder)
            seen = holder(lock.folder)
            lock.release(finished=True)
            os._exit(0 if again is None and seen.pid == os.getppid() else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        sys.stdin.readline()
    """
    process = start(script, folder)
    go([process])
    assert process.stdout.readline() == "0\n"
    assert acquire(folder) is None
    process.communicate("\n")
    assert acquire(folder) is not None


def test_a_second_acquire_in_the_same_process_keeps_the_lock(folder):
    with acquire(folder):
        assert acquire(folder) is None
        assert holder(folder).pid == os.getpid()
        assert take_elsewhere(folder) == "refused"
    assert take_elsewhere(folder) == "had"


def test_an_interrupted_run_keeps_its_checkpoint_and_a_finished_one_nothing(folder):
    with acquire(folder):
        (folder / "checkpoint").write_bytes(b"weights")
    assert (folder / "checkpoint").read_bytes() == b"weights"
    with acquire(folder) as lock:
        lock.release(finished=True)
    assert list(folder.parent.iterdir()) == []
    with acquire(folder):
        pass  # interrupted before there was anything to keep
    assert list(folder.parent.iterdir()) == []


def test_holder_returns_the_process_that_holds_a_lock(folder):
    assert holder(folder) is None
    with acquire(folder):
        (folder / "checkpoint").touch()
        found = holder(folder)
    assert found == Holder(os.getpid(), platform.node(), found.since)
    assert found.since.endswith("+00:00")
    assert (folder / "lock").is_file()
    assert holder(folder) is None


def test_a_lock_without_content_is_held(folder):
    script = """
        lock = acquire(Path(sys.argv[1]))
        os.truncate(lock.handle, 0)
        print("truncated", flush=True)
        sys.stdin.readline()
    """
    process = start(script, folder)
    go([process])
    process.stdout.readline()
    assert holder(folder) == Holder(process.pid)
    process.communicate("\n")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "running").write_text("in the way", encoding="utf-8")
    with pytest.raises(StoreError, match=r"running/key: cannot be written .*--results DIR"):
        acquire(tmp_path / "running" / "key")


def test_a_file_system_without_locks_is_refused(folder, monkeypatch):
    def refuse(handle: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "lockf", refuse)
    with pytest.raises(InputError, match=r"cannot be locked .*No locks available.*--results DIR"):
        acquire(folder)
