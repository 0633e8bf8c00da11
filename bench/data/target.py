"""Data to fine-tune and test on. Imports no torch: planning asks it for names, sizes and identities.

Validation and test are fixed lists of images, carved from train where the publisher has none; `digits@100` trains on
100 images of the rest, class-balanced, drawn by the run's seed, and nested: a larger draw of a seed holds the smaller.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.catalogue import (
    CATALOGUE,
    OpenData,
    check_name,
    check_present,
    identity,
    num_pool,
    parse_source,
    source_exists,
)
from bench.data.dataset import DataSet, Splits
from bench.data.orders import balanced_order
from bench.data.random import sha256_of, stream_seed
from bench.errors import InputError


@dataclass(frozen=True)
class TargetRef:
    """A target by name, with the images to train on; `str` gives what `parse_target` reads."""

    name: str
    """of the catalogue, or of a kind of source, such as "folder" """
    path: str | None = None
    """or pattern, or name on the hub: the text behind the colon of a source"""
    num_images: int | None = None
    """to train on; None is the target's default"""

    def __str__(self) -> str:
        """Return the canonical text."""
        source = f":{self.path}" if self.path is not None else ""
        return f"{self.name}{source}" + (f"@{self.num_images}" if self.num_images is not None else "")


def parse_target(text: str) -> TargetRef:
    """Read `digits`, `digits@100`, `folder:PATH`, `folder:PATH@50` or the same of another kind of source."""
    body, at, number = text.rpartition("@") if re.search(r"@[^/\\]*$", text) else (text, "", "")
    if at and not re.fullmatch(r"[1-9]\d*", number):
        raise InputError(f'target: "{text}": after @ stands a number of training images, 1 or more')
    name, path = parse_source(body)
    if path is None:
        check_name("target", body)
    return TargetRef(name, path, int(number) if at else None)


def num_train_images(ref: TargetRef, data_dir: Path, *, carved: bool = True) -> int:
    """Return how many images the target trains on; with those for validation where nothing is `carved`."""
    return _drawn(ref) or num_pool(ref.name, ref.path, data_dir, carved=carved)


def is_drawn(ref: TargetRef) -> bool:
    """Return whether the target trains on a draw of its pool, which each seed makes anew."""
    return _drawn(ref) is not None


def check_target(ref: TargetRef, data_dir: Path, *, carved: bool = True) -> None:
    """Refuse a target whose files are missing, or that has fewer training images than asked for."""
    check_present(ref.name, ref.path, data_dir)
    _check_enough(ref, num_pool(ref.name, ref.path, data_dir, carved=carved))


def target_identity(ref: TargetRef, data_dir: Path, *, carved: bool = True) -> dict[str, object]:
    """Return what a run's key holds of its target: name, version and training images, never a path.

    The files of a published data set need not be there; those at a path, for its content and size to be known.
    """
    is_known = ref.path is None or source_exists(ref.name, ref.path, data_dir)
    images = num_train_images(ref, data_dir, carved=carved) if is_known else ref.num_images
    return {**identity(ref.name, ref.path, data_dir), "images": images}


def load_target(ref: TargetRef, *, seed: int, image_size: int, data_dir: Path, carved: bool = True) -> Splits:
    """Return the target's images at a size, its training part cut to the draw of `seed`; none is decoded yet.

    Where nothing is `carved`, validation is empty, and its images are among those to train on.
    """
    check_present(ref.name, ref.path, data_dir)
    source = OpenData(ref.name, ref.path, data_dir)
    data = source.data if carved else _uncarved(source.data)
    _check_enough(ref, len(data.pool))
    draw = stream_seed(seed, "draw")
    order = data.pool[balanced_order(data.labels[data.pool], ref.name, draw)]
    return splits_of(source, order[: _drawn(ref)], image_size, data.validation)


def splits_of(
    source: OpenData, train: NDArray[np.int64], image_size: int, validation: NDArray[np.int64] | None = None
) -> Splits:
    """Return a target's images at a size, with those of its pool to train on; none is decoded yet."""
    data = source.data
    validation = data.validation if validation is None else validation
    return Splits(
        train=source.some(train, image_size),
        validation=source.some(validation, image_size),
        test=source.some(data.test, image_size),
        class_names=data.class_names,
        flip=data.flip,
        split_hash=sha256_of(source.name, train, validation, data.test),
        augmentable=data.augmentable,
    )


def _drawn(ref: TargetRef) -> int | None:
    """The number of training images that is drawn; None where all are taken."""
    return ref.num_images or (CATALOGUE[ref.name].default_images if ref.path is None else None)


def _check_enough(ref: TargetRef, available: int) -> None:
    if ref.num_images is not None and ref.num_images > available:
        raise InputError(
            f'target: "{ref}" asks for {ref.num_images:,} training images, but {available:,} are available '
            "after validation and test are set aside"
        )


def _uncarved(data: DataSet) -> DataSet:
    """Put the images for validation back to those that may be trained on."""
    return replace(data, pool=np.union1d(data.pool, data.validation), validation=data.validation[:0])
