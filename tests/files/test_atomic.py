"""Atomic writing, also on a full or read-only disk; only leftovers of dead processes are removed."""

import os
import platform
import re
import resource
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator

import psutil
import pytest

from bench.files.atomic import (
    StoreError,
    remove_leftovers,
    temporary_path,
    write_atomically,
    write_folder,
    write_new,
)

MEGABYTE = bytes(2**20)


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def small_files_only() -> Iterator[None]:
    """No file of this process may be larger than 100 kB: writing on fails, as on a full disk, in the middle."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files_only")
def test_a_file_that_does_not_fit_leaves_the_earlier_file(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"before")
    with pytest.raises(StoreError, match=rf"{tmp_path}: cannot be written \(File too large\).*ulimit"):
        write_atomically(path, MEGABYTE)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("small_files_only")
def test_a_folder_that_does_not_fit_leaves_the_earlier_folder(tmp_path):
    folder = tmp_path / "runs" / "key"
    write_folder(folder, {"record.json": b"before"})
    with pytest.raises(StoreError, match=rf"{tmp_path}/runs: cannot be written \(File too large\)"):
        write_folder(folder, {"record.json": b"after", "weights.safetensors": MEGABYTE})
    assert [path.read_bytes() for path in folder.iterdir()] == [b"before"]
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        ("true", "No space left on device.*the disk is full: free some space"),
        ("mount -o remount,ro .", "Read-only file system.*make it writable, or name another folder with --results"),
    ],
    ids=["full", "read-only"],
)
def test_a_disk_that_cannot_be_written_is_named_with_the_remedy(tmp_path, prepare, said):
    """On a disk of 500 kB of its own, mounted for one process alone."""
    script = """
        import subprocess, sys
        from pathlib import Path
        from bench.files.atomic import StoreError, write_atomically, write_folder
        folder = Path(sys.argv[1]) / "runs" / "key"
        write_folder(folder, {"record.json": b"before"})
        subprocess.run(sys.argv[2], shell=True, check=True, cwd=sys.argv[1])
        for write in (
            lambda: write_folder(folder, {"weights.safetensors": bytes(2**20)}),
            lambda: write_atomically(folder / "record.json", bytes(2**20)),
        ):
            try:
                write()
            except StoreError as error:
                print(error)
        assert (folder / "record.json").read_bytes() == b"before"
        assert [path.name for path in folder.parent.rglob("*")] == ["key", "record.json"]
    """
    inside = 'mount -t tmpfs -o size=500k none "$0" && echo mounted && exec "$@"'
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path), prepare]
    try:
        ended = subprocess.run(
            ["unshare", "--mount", "sh", "-c", inside, str(tmp_path), *command], capture_output=True, text=True
        )
    except FileNotFoundError:
        pytest.skip("no `unshare` here, which mounts a disk for one process")
    if not ended.stdout.startswith("mounted"):
        pytest.skip("no disk may be mounted here")
    assert ended.returncode == 0, ended.stderr
    messages = ended.stdout.splitlines()[1:]
    assert len(messages) == 2
    for message in messages:
        assert re.search(f"runs.*: cannot be written .*{said}", message)


def test_one_of_several_writers_writes_a_new_file(tmp_path):
    assert write_new(tmp_path / "file", b"first")
    assert not write_new(tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_only_leftovers_of_dead_processes_of_this_host_are_removed(tmp_path, dead):
    here = platform.node()
    gone = [f".tmp-a.csv-{dead}@{here}", f".old-key-{dead}@{here}"]
    stay = [f".tmp-a.csv-{dead}@elsewhere-{dead}", f".tmp-a.csv-{os.getpid()}@{here}", ".tmp-a", "key", ".hidden-1"]
    for name in (*gone, *stay):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    assert temporary_path(tmp_path / "a.csv").name in stay
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(stay)


def test_a_zombie_process_counts_as_dead(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert process.stdout.read() == b""  # it has ended, and is still listed
    path = tmp_path / f".tmp-a.csv-{process.pid}@{platform.node()}"
    path.touch()
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    remove_leftovers(tmp_path)
    assert not path.exists()
    process.communicate()


def test_a_folder_is_restored_if_its_replacement_was_interrupted(tmp_path, dead):
    moved = tmp_path / f".old-key-{dead}@{platform.node()}"
    moved.mkdir()
    (moved / "record.json").write_bytes(b"before")
    remove_leftovers(tmp_path)
    assert (tmp_path / "key" / "record.json").read_bytes() == b"before"
