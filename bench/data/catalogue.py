"""What can be a target, or a corpus of real images: the known data sets by name, and `folder:PATH`."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bench.data.sets import DataSet
from bench.errors import InputError, did_you_mean

FOLDER = "folder"


@dataclass(frozen=True)
class Entry:
    """What is known of a data set without opening it."""

    summary: str
    num_classes: int
    num_pool: int
    """images that may be trained on"""
    num_validation: int
    num_test: int
    version: int = 1
    """raised when its split or its images change"""
    default_images: int | None = None
    """training images of a target that names no number; None is all"""
    is_published: bool = True
    """whether its files must be fetched into the data folder"""


CATALOGUE = {
    "digits": Entry("scikit-learn's handwritten digits, 8 px", 10, 785, 199, 813, is_published=False),
    "fractals-heldout": Entry(
        "fractals of classes that no corpus holds", 20, 10_000, 500, 2_000, default_images=200, is_published=False
    ),
    "cifar10": Entry("photographs of 10 kinds of things, 32 px", 10, 45_000, 5_000, 10_000),
    "cifar100": Entry("photographs of 100 kinds of things, 32 px", 100, 45_000, 5_000, 10_000),
    "fashion-mnist": Entry("grey pictures of clothing, 28 px", 10, 54_000, 6_000, 10_000),
}


def check_name(field: str, name: str, also: tuple[str, ...] = ()) -> None:
    """Refuse a name that is neither in the catalogue nor in `also`; `field` says where it was given."""
    known = [*also, *CATALOGUE]
    if name not in known:
        hint = did_you_mean(name, known)
        raise InputError(f'{field}: "{name}" is not known{hint}; known are {", ".join(known)} and folder:PATH')


def check_present(name: str, path: str | None, data_dir: Path) -> None:
    """Refuse a data set whose files are missing, saying where they were looked for and what fetches them."""
    if path is not None:
        open_data(name, path, data_dir)
    elif CATALOGUE[name].is_published:
        from bench.data.published import check_published

        check_published(name, data_dir)


def num_pool(name: str, path: str | None, data_dir: Path) -> int:
    """Return how many images of a data set may be trained on; only a folder is looked into."""
    return CATALOGUE[name].num_pool if path is None else len(open_data(name, path, data_dir).pool)


def identity(name: str, path: str | None) -> dict[str, object]:
    """Return what a run's key holds of a data set: a folder's content in place of its path."""
    if path is None:
        return {"name": name, "version": CATALOGUE[name].version}
    from bench.data.folders import fingerprint

    return {"name": FOLDER, "version": 1, "fingerprint": fingerprint(Path(path))}


def open_data(name: str, path: str | None, data_dir: Path) -> DataSet:
    """Open a data set; the last few stay open in this process."""
    return _opened(name, path, data_dir, _state_of(Path(path)) if path is not None else "")


@lru_cache(maxsize=4)
def _opened(name: str, path: str | None, data_dir: Path, state: str) -> DataSet:
    """Open a data set for as long as its `state` stays the same."""
    from bench.data.embedded import open_digits, open_heldout
    from bench.data.folders import open_folder
    from bench.data.published import open_published

    if path is not None:
        return open_folder(Path(path))
    match name:
        case "digits":
            return open_digits()
        case "fractals-heldout":
            return open_heldout()
        case _:
            return open_published(name, data_dir)


def _state_of(path: Path) -> str:
    """Return a hash of the names, sizes and times of a folder's files."""
    listed = sorted((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in path.rglob("*"))
    return hashlib.sha256(repr(listed).encode()).hexdigest()
