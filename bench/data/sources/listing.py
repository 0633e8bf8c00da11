"""List and hash the files below the folder of a data set, and check that they stay inside it."""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.data.sources.user_cache import cache_path
from bench.errors import InputError
from bench.files.atomic import whole_file

IMAGE_SUFFIXES = frozenset(
    {
        *(".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm"),
        *(".tif", ".tiff", ".webp"),
    }
)
"""Lower-case suffixes of image files, in folders and in tar files."""

MAX_ENTRIES = 200_000
"""Files and folders below the folder of a data set in parquet files or shards, which are large."""


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return what lies in a folder itself, sorted by name.

    Raises:
        InputError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror}); change its permissions, or remove it") from None


def subfolders(folder: Path) -> list[Path]:
    """Return the folders that lie in a folder itself, sorted by name, without hidden ones."""
    return [Path(entry) for entry in entries(folder) if is_folder(entry) and not entry.name.startswith(".")]


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder or a link to one; one that may not be looked at is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def files_below(root: Path, endings: tuple[str, ...]) -> list[Path]:
    """Return the files below a folder that have one of the endings, sorted by path, without hidden files.

    Raises:
        InputError: so much lies below the folder that it is not one data set.
    """
    found: list[Path] = []
    num_entries = 0
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        num_entries += len(folders) + len(names)
        if num_entries > MAX_ENTRIES:
            raise InputError(
                f"{root}: holds more than {MAX_ENTRIES:,} files and folders; name the folder of the data set itself"
            )
        found += [Path(folder, name) for name in names if name.endswith(endings) and not name.startswith(".")]
    return sorted(file for file in found if os.path.isfile(file))


def check_inside(root: Path, files: Sequence[Path]) -> None:
    """Refuse files outside `root`, reached by `..` or a symbolic link; `root` itself may be a link."""
    real_root = _real(root)
    inside = {folder for folder in {file.parent for file in files} if _real(folder).is_relative_to(real_root)}
    for file in files:
        if file.parent not in inside or (file.is_symlink() and not _real(file).is_relative_to(real_root)):
            raise InputError(
                f"{file}: leads out of {root}, to {_real(file)}; put a copy of the file into the folder, "
                "or take the entry out"
            )


def fingerprint_of(root: Path, files: Iterable[Path]) -> str:
    """Return the SHA-256 of the names of files, relative to `root`, and their bytes: a path's part of a key.

    It is cached under the names, sizes and modification times, so that files are read again only after a change.
    """
    states = {file: file.stat() for file in files}
    listed = [(str(file), state.st_size, state.st_mtime_ns) for file, state in states.items()]
    cached = cache_path("contents", f"{_real(root)}\0{listed!r}", ".txt")
    with contextlib.suppress(OSError, ValueError):
        if re.fullmatch("[0-9a-f]{64}", known := cached.read_text(encoding="ascii")):
            return known
    digest = hashlib.sha256()
    for file, state in states.items():
        name = file.relative_to(root).as_posix() if file != root else ""
        digest.update(f"{name}\0{state.st_size}\0".encode(errors="surrogateescape"))
        with file.open("rb") as stream:
            while block := stream.read(2**20):
                digest.update(block)
    with contextlib.suppress(OSError):
        cached.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(cached) as temporary:
            temporary.write_text(digest.hexdigest(), encoding="ascii")
    return digest.hexdigest()


def _real(path: Path) -> Path:
    """Return a path with links resolved; it need not exist."""
    return Path(os.path.realpath(path))
