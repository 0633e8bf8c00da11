"""Convert torchvision's data sets to splits; arrays are in memory, files are decoded when used."""

import pickle
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import RawSplit
from bench.data.sources.assemble import split_of_files
from bench.data.sources.decode import fit_pictures
from bench.data.sources.listing import check_inside

DAMAGE = (
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)
"""Errors that torchvision's readers raise if a file is missing, truncated, or in another format than expected."""


def images_and_targets(data: Any, root: Path) -> RawSplit:
    """Return a split of the MNIST family or CIFAR: `data` is (n, height, width) or (n, height, width, 3)."""
    return _array_split(np.asarray(data.data), np.asarray(data.targets, dtype=np.int64), data.classes)


def channels_first(data: Any, root: Path) -> RawSplit:
    """Return a split of SVHN or STL-10: `data` is (n, 3, height, width); SVHN's classes are the digits."""
    arrays = np.ascontiguousarray(np.asarray(data.data).transpose(0, 2, 3, 1))
    names = data.classes if hasattr(data, "classes") else map(str, range(10))
    return _array_split(arrays, np.asarray(data.labels).astype(np.int64), names)


def listed_files(data: Any, root: Path) -> RawSplit:
    """Return a split of Flowers-102, Oxford-IIIT Pet or Food-101, which list one file per label."""
    files = data._images if hasattr(data, "_images") else data._image_files
    return _file_split(root, files, data._labels, data.classes)


def class_folders(data: Any, root: Path) -> RawSplit:
    """Return a split of ImageNet; class names contain the WordNet id, since two classes have the same words."""
    names = [f"{', '.join(words)} ({wnid})" for words, wnid in zip(data.classes, data.wnids, strict=True)]
    return _file_split(root, [Path(file) for file, _ in data.samples], data.targets, names)


def _array_split(arrays: NDArray[np.uint8], labels: NDArray[np.int64], names: Iterable[str]) -> RawSplit:
    """Return a split whose images are in memory."""
    if len(arrays) != len(labels):
        raise ValueError(f"{len(arrays)} images with {len(labels)} labels")
    return RawSplit(labels, lambda indices, size: fit_pictures(arrays[indices], size), tuple(names))


def _file_split(root: Path, files: Sequence[Path], labels: Sequence[int], names: Iterable[str]) -> RawSplit:
    """Return a split whose images are files below `root`."""
    check_inside(root, files)
    return split_of_files(files, np.asarray(labels, dtype=np.int64), tuple(names))
