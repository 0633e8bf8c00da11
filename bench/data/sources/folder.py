"""`folder:PATH`: images in one subfolder a class, or PATH/train and PATH/test with one each.

Without a test folder, a fifth of each class is the test split; a tenth of the rest validates. Which images those are
depends on their place among the sorted names alone.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import DataSet
from bench.data.orders import stratified_cut
from bench.data.sources.containment import check_inside
from bench.data.sources.decode import read_pictures
from bench.errors import InputError

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
MIN_IMAGES = 3
"""a class: one each to train, validate and test"""


def open_folder(path: Path) -> DataSet:
    """Return the data set in a folder; whether mirrored images keep their class is not known, so `flip` is off."""
    parts = [path / "train", path / "test"] if (path / "test").is_dir() else [path]
    class_names = _class_names(parts[0])
    if len(parts) == 2 and (unknown := sorted(set(_class_names(parts[1])) - set(class_names))):
        raise InputError(f"{parts[1]}: class {unknown[0]} is not in {parts[0]}; both need the same subfolders")
    listed = [
        [_files(part / name, minimum) for name in class_names if (part / name).is_dir()]
        for part, minimum in zip(parts, (MIN_IMAGES, 1), strict=False)
    ]
    files = [file for part in listed for class_files in part for file in class_files]
    check_inside(path, files)
    labels = np.array([class_names.index(file.parent.name) for file in files])
    num_train = sum(len(class_files) for class_files in listed[0])
    if len(parts) == 2:
        rest, test = np.arange(num_train), np.arange(num_train, len(files))
    else:
        cut = stratified_cut(labels, np.arange(num_train), 1, 5, "folder", "test")
        rest, test = cut.rest, cut.taken
    validation = stratified_cut(labels, rest, 1, 10, "folder", "validation")

    def read(indices: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        chosen = [files[index] for index in indices]
        return read_pictures(chosen, image_size, lambda index: str(chosen[index]))

    return DataSet(labels, validation.rest, validation.taken, test, class_names, flip=False, read=read)


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of the images' names, relative to the folder, and bytes: what a key holds for the path."""
    digest = hashlib.sha256()
    for file in sorted(_all_files(path)):
        data = file.read_bytes()
        digest.update(f"{file.relative_to(path).as_posix()}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()


def _class_names(part: Path) -> tuple[str, ...]:
    """Return the names of the subfolders, sorted; refuse a folder without two of them."""
    if not part.is_dir():
        raise InputError(f"folder:{part}: there is no such folder; it needs one subfolder of images for each class")
    names = tuple(sorted(sub.name for sub in part.iterdir() if sub.is_dir() and not sub.name.startswith(".")))
    if len(names) < 2:
        raise InputError(f"folder:{part}: {len(names)} subfolders found; it needs at least two, one for each class")
    return names


def _files(class_folder: Path, minimum: int) -> list[Path]:
    """Return a class's images, sorted by name; refuse a folder with too few to split."""
    files = sorted(_images(class_folder))
    if len(files) < minimum:
        raise InputError(
            f"{class_folder}: {len(files)} images found; a class needs at least {minimum}, "
            f"with one of the suffixes {', '.join(sorted(SUFFIXES))}"
        )
    return files


def _images(folder: Path) -> Iterator[Path]:
    """Yield the images that lie in a folder itself."""
    return (file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith("."))


def _all_files(path: Path) -> Iterator[Path]:
    """Yield the images of every class, of train and test where there are both."""
    parts = [path / "train", path / "test"] if (path / "test").is_dir() else [path]
    for part in parts:
        for name in _class_names(part):
            yield from _images(part / name)
