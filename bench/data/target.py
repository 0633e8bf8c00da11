"""Targets: data for fine-tuning and testing. Imports no torch, since planning uses names, sizes and identities.

Validation and test are fixed lists of images, carved from train if the publisher has none. `digits@100` trains on 100
of the remaining images, balanced over classes. The run's seed draws them, and a larger draw includes a smaller one.
"""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.data.catalogue import CATALOGUE
from bench.data.dataset import Splits
from bench.data.identity import identity, source_exists
from bench.data.opening import OpenData, num_pool, open_data
from bench.data.orders import Indices, balanced_order
from bench.data.presence import check_present
from bench.data.random import sha256_of, stream_seed
from bench.data.source_kinds import check_groups, check_name, parse_source
from bench.errors import InputError


@dataclass(frozen=True)
class TargetRef:
    """A target by name, with its number of training images; `str` gives the text that `parse_target` reads."""

    name: str
    """Name in the catalogue, or a kind of source, such as "folder"."""
    path: str | None = None
    """Path, pattern or name on the hub: the text behind the colon of a source."""
    num_images: int | None = None
    """Number of training images; None for the target's default."""
    groups: str | None = None
    """How the images of a source are grouped: a column or a pattern; not part of the text."""

    def __str__(self) -> str:
        """Return the canonical text."""
        source = f":{self.path}" if self.path is not None else ""
        return f"{self.name}{source}" + (f"@{self.num_images}" if self.num_images is not None else "")


def parse_target(text: str, groups: str | None = None) -> TargetRef:
    """Return the target that a text such as `digits`, `digits@100`, `folder:PATH` or `folder:PATH@50` names.

    `groups` says how the images of a source are grouped.
    """
    body, at, number = text.rpartition("@") if re.search(r"@[^/\\]*$", text) else (text, "", "")
    if at and not re.fullmatch(r"[1-9]\d*", number):
        raise InputError(
            f'target: "{text}": after @ stands a number of training images, 1 or more; '
            "write a slash behind a path whose last name has an @"
        )
    name, path = parse_source(body)
    if path is None:
        check_name("target", body)
    if groups is not None:
        check_groups(name, groups)
    return TargetRef(name, path, int(number) if at else None, groups)


def num_train_images(ref: TargetRef, data_dir: Path, *, carved: bool = True) -> int:
    """Return the number of training images, validation images included unless they are `carved`."""
    return _drawn(ref) or num_pool(ref.name, ref.path, data_dir, ref.groups, carved=carved)


def num_classes(ref: TargetRef, data_dir: Path) -> int:
    """Return the number of classes of a target whose data is present."""
    if ref.path is None:
        return CATALOGUE[ref.name].sizes.classes
    return len(open_data(ref.name, ref.path, data_dir, ref.groups).class_names)


def is_drawn(ref: TargetRef) -> bool:
    """Return whether the target trains on a draw of its pool, which differs between seeds."""
    return _drawn(ref) is not None


def check_target(ref: TargetRef, data_dir: Path, *, carved: bool = True) -> None:
    """Refuse a target whose files are missing, or that has fewer training images than asked for."""
    if ref.path is not None and not os.path.exists(ref.path) and os.path.exists(f"{ref.path}@{ref.num_images}"):
        raise InputError(
            f'target: "{ref}": {ref.path}@{ref.num_images} is there, but a number after the last @ is one of training '
            f'images; write a slash behind the path: "{ref}/"'
        )
    check_present(ref.name, ref.path, data_dir, ref.groups)
    _check_enough(ref, num_pool(ref.name, ref.path, data_dir, ref.groups, carved=carved))


def target_identity(ref: TargetRef, data_dir: Path, *, carved: bool = True) -> dict[str, object]:
    """Return the part of a run's key for its target: name, version and number of training images, but no path.

    The files of a published data set may be missing. The content and size of a source are known only if it exists.
    """
    is_known = ref.path is None or source_exists(ref.name, ref.path, data_dir)
    images = num_train_images(ref, data_dir, carved=carved) if is_known else ref.num_images
    grouped = {"groups": ref.groups} if ref.groups is not None else {}
    return {**identity(ref.name, ref.path, data_dir), "images": images, **grouped}


def load_target(ref: TargetRef, *, seed: int, image_size: int, data_dir: Path, carved: bool = True) -> Splits:
    """Return a target's images at a size, with the training images that `seed` draws; they are decoded when used.

    Unless validation images are `carved`, the validation split is empty, and its images are training images.

    Raises:
        InputError: the target's files are missing, or it has fewer training images than asked for.
    """
    source = _opened(ref, data_dir)
    data = source.data
    pool = data.pool if carved else np.union1d(data.pool, data.validation)
    _check_enough(ref, len(pool))
    order = pool[balanced_order(data.labels[pool], ref.name, stream_seed(seed, "draw"))]
    return _splits(source, order[: _drawn(ref)], data.validation if carved else data.validation[:0], image_size)


def load_shots(ref: TargetRef, *, seed: int, shots: int, draw: int, image_size: int, data_dir: Path) -> Splits:
    """Return a target with exactly `shots` training images of every class, for a probe on frozen features.

    The seed and the number of the draw select them from all images outside validation and test. A draw with more shots
    includes the same draw with fewer. The number of images in the target's name has no effect.

    Raises:
        InputError: the target's files are missing, or a class has fewer images to draw from.
    """
    source = _opened(ref, data_dir)
    data, pool = source.data, source.data.pool
    counts = np.bincount(data.labels[pool], minlength=len(data.class_names))
    if (fewest := counts.min()) < shots:
        raise InputError(
            f'target: "{replace(ref, num_images=None)}" has {fewest:,} images of class '
            f'"{data.class_names[counts.argmin()]}" to draw from after validation and test are set aside, but '
            f"{shots:,} shots are asked for; {fewest:,} is the most"
        )
    order = pool[balanced_order(data.labels[pool], ref.name, stream_seed(seed, f"shots {draw}"))]
    return _splits(source, order[: shots * len(data.class_names)], data.validation, image_size)


def _opened(ref: TargetRef, data_dir: Path) -> OpenData:
    """Return a target's image source; refuse a target whose files are missing."""
    check_present(ref.name, ref.path, data_dir, ref.groups)
    return OpenData(ref.name, ref.path, data_dir, ref.groups)


def _splits(source: OpenData, train: Indices, validation: Indices, image_size: int) -> Splits:
    """Return a target's images at a size; they are decoded when used."""
    data = source.data
    return Splits(
        train=source.some(train, image_size),
        validation=source.some(validation, image_size),
        test=source.some(data.test, image_size),
        class_names=data.class_names,
        flip=data.flip,
        augmentable=data.augmentable,
        split_hash=sha256_of(source.name, train, validation, data.test),
        source_facts=data.facts(),
        notes=data.notes,
        clusters=data.clusters,
    )


def _drawn(ref: TargetRef) -> int | None:
    """Return the number of training images that are drawn; None if all are used."""
    return ref.num_images or (CATALOGUE[ref.name].default_images if ref.path is None else None)


def _check_enough(ref: TargetRef, available: int) -> None:
    """Refuse a target that has fewer training images than asked for."""
    if ref.num_images is not None and ref.num_images > available:
        raise InputError(
            f'target: "{ref}" asks for {ref.num_images:,} training images, but {available:,} are available '
            "after validation and test are set aside"
        )
