"""`folder:PATH`: images in one subfolder per class, or PATH/train and PATH/test with one subfolder per class each.

Without a test folder, a fifth of each class is the test split. A tenth of the rest is validation. Only the sorted file
names decide which images are in which split.
"""

from pathlib import Path

import numpy as np

from bench.data.dataset import DataSet, RawSplit
from bench.data.sources.assemble import assemble, split_of_files
from bench.data.sources.listing import IMAGE_SUFFIXES, check_inside, fingerprint_of
from bench.errors import InputError

MIN_IMAGES = {"train": 3, "test": 1}
"""Minimum number of images per class; train has to provide at least one image for each of the three splits."""


def open_folder(path: Path) -> DataSet:
    """Return the data set in a folder.

    Raises:
        InputError: classes or images are missing, or a file is outside the folder.
    """
    folders = _split_folders(path)
    names = _class_names(folders["train"])
    return assemble(
        {split: _split(path, split, folder, names) for split, folder in folders.items()},
        key="folder",
        place=f"folder:{path}",
    )


def fingerprint(path: Path) -> str:
    """Return the hash of the names and bytes of all images."""
    folders = _split_folders(path).values()
    return fingerprint_of(
        path, sorted(file for folder in folders for name in _class_names(folder) for file in _images(folder / name))
    )


def _split_folders(path: Path) -> dict[str, Path]:
    """Return the folder of each split that the data set has."""
    return {"train": path / "train", "test": path / "test"} if (path / "test").is_dir() else {"train": path}


def _split(path: Path, split: str, folder: Path, names: tuple[str, ...]) -> RawSplit:
    """Return a split with the classes of train."""
    if unknown := sorted(set(_class_names(folder)) - set(names)):
        raise InputError(f"{folder}: class {unknown[0]} is not in {path / 'train'}; both need the same subfolders")
    files: list[Path] = []
    for name in names:
        if not (folder / name).is_dir():
            continue
        images = _images(folder / name)
        if len(images) < MIN_IMAGES[split]:
            raise InputError(
                f"{folder / name}: {len(images)} images found; a class needs at least {MIN_IMAGES[split]}, "
                f"with one of the suffixes {', '.join(sorted(IMAGE_SUFFIXES))}"
            )
        files += images
    check_inside(path, files)
    return split_of_files(files, np.array([names.index(file.parent.name) for file in files]), names)


def _class_names(folder: Path) -> tuple[str, ...]:
    """Return the names of the subfolders, sorted; refuse a folder without two of them."""
    if not folder.is_dir():
        raise InputError(f"folder:{folder}: there is no such folder; it needs one subfolder of images for each class")
    names = tuple(sorted(sub.name for sub in folder.iterdir() if sub.is_dir() and not sub.name.startswith(".")))
    if len(names) < 2:
        raise InputError(f"folder:{folder}: {len(names)} subfolders found; it needs at least two, one for each class")
    return names


def _images(folder: Path) -> list[Path]:
    """Return the images directly in a folder, sorted by name."""
    files = (file for file in folder.iterdir() if not file.name.startswith("."))
    return sorted(file for file in files if file.suffix.lower() in IMAGE_SUFFIXES)
