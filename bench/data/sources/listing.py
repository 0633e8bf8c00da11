"""Files below the folder of a data set: which there are, whether they stay inside, and what they hash to."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.errors import InputError

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
"""Lower-case endings of the files that are images, in folders and in tar files."""


def files_below(root: Path, endings: tuple[str, ...]) -> list[Path]:
    """Return the files below a folder with one of some endings, sorted by path, without hidden ones."""
    files = (file for file in root.rglob("*") if file.name.endswith(endings) and file.is_file())
    return sorted(file for file in files if not any(name.startswith(".") for name in file.relative_to(root).parts))


def check_inside(root: Path, files: Sequence[Path]) -> None:
    """Refuse files that `..` or a symbolic link leads out of `root`, which may be a link itself."""
    real_root = _real(root)
    inside = {folder for folder in {file.parent for file in files} if _real(folder).is_relative_to(real_root)}
    for file in files:
        if file.parent not in inside or (file.is_symlink() and not _real(file).is_relative_to(real_root)):
            raise InputError(
                f"{file}: leads out of {root}, to {_real(file)}; put a copy of the file into the folder, "
                "or take the entry out"
            )


def fingerprint_of(root: Path, files: Iterable[Path]) -> str:
    """Return the SHA-256 of the names of files, relative to `root`, and their bytes: what a key holds of a path."""
    digest = hashlib.sha256()
    for file in files:
        name = file.relative_to(root).as_posix() if file != root else ""
        digest.update(f"{name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while block := stream.read(2**20):
                digest.update(block)
    return digest.hexdigest()


def _real(path: Path) -> Path:
    """Return where a path ends, links followed, whether or not anything is there."""
    return Path(os.path.realpath(path))
