"""Exact duplicates among a run's images: test images in the pretraining subset, images in two splits or two classes.

The store keeps hashes of images, so that each set of images is read for them only once.
"""

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.data.content_hashes import (
    Hashes,
    content_hashes,
    num_among,
    num_shared_between_splits,
    num_under_several_classes,
)
from bench.data.dataset import ImageSet
from bench.data.loading.image_loader import ImageLoader
from bench.data.opening import OpenData
from bench.data.target import load_target
from bench.plan.run import Run
from bench.runner.run_data import RunData, subset_of
from bench.store.store import Store, write_atomically


def num_contaminated(run: Run, data: RunData, store: Store, data_dir: Path) -> int | None:
    """Count the test images that are in the pretraining subset of a transfer; return None if there is no such subset.

    The store keeps the hashes, so only the first run that needs them reads the whole subset.
    """
    if data.test is None or run.pretraining is None:
        return None
    pretrained_on = subset_of(run.pretraining, data_dir)
    test = kept_hashes(_at_size_of(run.pretraining, run, data.test, data_dir), run.identity, store.contents)
    return num_among(test, kept_hashes(pretrained_on.train, run.pretraining.identity, store.contents))


def duplicates(run: Run, data: RunData, store: Store, loaders: Mapping[str, ImageLoader]) -> dict[str, Any]:
    """Return the record's fields about duplicates among a run's images; None unless this process has them in memory."""
    if not all(_is_in_memory(part, loaders[split]) for split, part in data.parts.items()):
        return {"num_shared_between_splits": None, "num_under_several_classes": None}
    hashes = {  # those of training images are not kept, since they are often a draw that is used once
        split: content_hashes(part) if split == "train" else kept_hashes(part, run.identity, store.contents)
        for split, part in data.parts.items()
    }
    labels = np.concatenate([part.labels for part in data.parts.values()])
    return {
        "num_shared_between_splits": num_shared_between_splits(hashes),
        "num_under_several_classes": num_under_several_classes(np.concatenate(list(hashes.values())), labels),
    }


def _is_in_memory(images: ImageSet, loader: ImageLoader) -> bool:
    """Return whether a run that has used images of a data set keeps them decoded, so that hashing reads no file."""
    source = images.source
    return loader.pipeline == "resident" and isinstance(source, OpenData) and source.is_cached(images.image_size)


def _at_size_of(pretraining: Run, run: Run, test: ImageSet, data_dir: Path) -> ImageSet:
    """Return the test images at the image size of the pretraining, which a transfer may change."""
    if pretraining.image_size == run.image_size or run.target is None:
        return test
    at_size = load_target(run.target, seed=run.seed, image_size=pretraining.image_size, data_dir=data_dir).test
    assert at_size is not None
    return at_size


def kept_hashes(images: ImageSet, identity: str, folder: Path) -> Hashes:
    """Return the hashes of images, from the folder if it has them; `identity` names the data set."""
    name = hashlib.sha256(f"{identity} {images.image_size} ".encode() + images.ids.tobytes()).hexdigest()[:24]
    path = folder / f"{name}.npy"
    try:
        hashes: Hashes = np.load(path, allow_pickle=False)
        is_whole = hashes.shape == (len(images),) and hashes.dtype == np.uint64
    except (OSError, ValueError, EOFError):
        is_whole = False
    if not is_whole:
        hashes = content_hashes(images)
        folder.mkdir(exist_ok=True)
        buffer = io.BytesIO()
        np.save(buffer, hashes)
        write_atomically(path, buffer.getvalue())
    return hashes
