"""List and hash the files below the folder of a data set, and check that they stay inside it."""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
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


FOLLOW_LINKS = "BENCH_FOLLOW_LINKS"
"""Environment variable, so that the processes that a command starts follow links too."""


def follow_links() -> None:
    """Let this process, and those that it starts, read files outside a data set's folder that links lead to."""
    os.environ[FOLLOW_LINKS] = "1"


def follows_links() -> bool:
    """Return whether links out of a data set's folder are followed."""
    return os.environ.get(FOLLOW_LINKS) == "1"


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
    too_many = f"{root}: holds more than {MAX_ENTRIES:,} files and folders; name the folder of the data set itself"
    found = [
        Path(folder, name)
        for folder, names in walk(root, MAX_ENTRIES, too_many)
        for name in names
        if name.endswith(endings) and not name.startswith(".")
    ]
    return sorted(file for file in found if os.path.isfile(file))


def walk(root: Path, most: int, too_many: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each folder below one, with the names of its files, without hidden folders.

    Links to folders are entered if links are followed, but none that leads back to a folder around it.

    Args:
        root: the folder.
        most: the number of files and folders that may lie below it.
        too_many: the message if more do.

    Raises:
        InputError: more files and folders lie below it, or a link leads to a folder outside, and links are not
            followed.
    """
    num_entries = 0
    follows = follows_links()
    around = {os.fspath(root): frozenset({os.path.realpath(root)})}
    for folder, folders, names in os.walk(root, followlinks=follows):
        known = around.pop(folder)
        folders[:] = [name for name in folders if not name.startswith(".")]
        if not follows:
            check_inside(root, [link for name in folders if (link := Path(folder, name)).is_symlink()])
        real = {name: os.path.realpath(os.path.join(folder, name)) for name in folders}
        folders[:] = [name for name in folders if real[name] not in known]
        around |= {os.path.join(folder, name): known | {real[name]} for name in folders}
        num_entries += len(folders) + len(names)
        if num_entries > most:
            raise InputError(too_many)
        yield folder, names


def check_inside(root: Path, files: Sequence[Path]) -> None:
    """Refuse files outside `root`, reached by `..` or by a symbolic link that is not followed; `root` may be a link."""
    if follows_links():
        files = [file for file in files if ".." in file.relative_to(root).parts]
    real_root = _real(root)
    inside = {folder for folder in {file.parent for file in files} if _real(folder).is_relative_to(real_root)}
    for file in files:
        if file.parent not in inside or (file.is_symlink() and not _real(file).is_relative_to(real_root)):
            raise InputError(
                f"{file}: leads out of {root}, to {_real(file)}. Links are not followed, since whoever made the folder "
                "could make any file of this machine part of a data set; --follow-links, or follow_links: true in the "
                "suite, allows it. Otherwise put a copy of the file into the folder, or take the entry out"
            )


def fingerprint_of(root: Path, files: Iterable[Path]) -> str:
    """Return the SHA-256 of the names of files, relative to `root`, and their bytes: a path's part of a key.

    It is cached under the names, sizes, modification times and numbers of the files, or of those that links lead to, so
    that files are read again only after a change.
    """
    states = {file: file.stat() for file in files}
    listed = [(str(file), state.st_size, state.st_mtime_ns, state.st_ino) for file, state in states.items()]
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
