"""Exact duplicates between the images of a pretraining subset and test images.

An image is identified by the hash of its pixels at the size that the models see. So a copy in another lossless format
or another data set is found, but a copy of another size or compression is not.
"""

import hashlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import ImageSet
from bench.data.loading.bad_images import read_leniently
from bench.data.target import load_target
from bench.plan.run import Run
from bench.runner.run_data import RunData, subset_of
from bench.store.store import Store, write_atomically

CHUNK_BYTES = 2**26
"""The bytes of decoded images that are hashed at once."""

Hashes = NDArray[np.uint64]


def num_contaminated(run: Run, data: RunData, store: Store, data_dir: Path) -> int | None:
    """Count the test images that are in the pretraining subset of a transfer; return None if there is no such subset.

    The store keeps the hashes, so only the first run that needs them reads the whole subset.
    """
    if data.test is None or run.pretraining is None:
        return None
    pretrained_on = subset_of(run.pretraining, data_dir)
    test = kept_hashes(_at_size_of(run.pretraining, run, data.test, data_dir), run.identity, store.contents)
    subset = kept_hashes(pretrained_on.train, run.pretraining.identity, store.contents)
    return int(np.isin(test, subset).sum())


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
    except (OSError, ValueError, EOFError):
        hashes = content_hashes(images)
        folder.mkdir(exist_ok=True)
        buffer = io.BytesIO()
        np.save(buffer, hashes)
        write_atomically(path, buffer.getvalue())
    return hashes


def content_hashes(images: ImageSet) -> Hashes:
    """Return 64 bits of the BLAKE2 hash of each image's pixels; images that cannot be read are left out."""
    chunk = max(1, CHUNK_BYTES // (3 * images.image_size**2))
    hashes = []
    for start in range(0, len(images), chunk):
        pictures, reasons = read_leniently(
            images.source, images.ids[start : start + chunk], images.image_size, cached=True
        )
        hashes += [_hash(picture) for index, picture in enumerate(pictures) if index not in reasons]
    return np.frombuffer(b"".join(hashes), dtype="<u8").astype(np.uint64)


def _hash(picture: NDArray[np.uint8]) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=8).digest()
