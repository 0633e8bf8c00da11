"""Few-shot draws of a target: so many training images of every class, for a probe on frozen features.

A draw is fixed by the seed and its number: drawn by hash from what validation and test leave, and nested, so that more
shots of a draw hold the fewer.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.data.catalogue import OpenData, check_present
from bench.data.dataset import DataSet, Splits
from bench.data.orders import balanced_order
from bench.data.random import stream_seed
from bench.data.target import TargetRef, splits_of
from bench.errors import InputError


def load_shots(ref: TargetRef, *, seed: int, shots: int, draw: int, image_size: int, data_dir: Path) -> Splits:
    """Return a target with exactly `shots` training images of every class; how many the name asks for plays no part.

    Raises:
        InputError: a class has fewer images than that to draw from.
    """
    check_present(ref.name, ref.path, data_dir)
    source = OpenData(ref.name, ref.path, data_dir)
    pool, labels = source.data.pool, source.data.labels
    _check_enough(replace(ref, num_images=None), source.data, shots)
    order = balanced_order(labels[pool], ref.name, stream_seed(seed, f"shots {draw}"))
    return splits_of(source, pool[order[: shots * len(source.data.class_names)]], image_size)


def _check_enough(ref: TargetRef, data: DataSet, shots: int) -> None:
    """Refuse a target in which a class has too few images to draw from."""
    counts = np.bincount(data.labels[data.pool], minlength=len(data.class_names))
    fewest = int(counts.argmin())
    if counts[fewest] < shots:
        raise InputError(
            f'target: "{ref}" has {counts[fewest]:,} images of class "{data.class_names[fewest]}" to draw from after '
            f"validation and test are set aside, but {shots:,} shots are asked for; {counts[fewest]:,} is the most"
        )
