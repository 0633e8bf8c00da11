"""Find exact duplicates among images: between the splits of a data set, and under several classes.

An image is identified by the hash of its pixels at the size that the models see. So a copy in another lossless format
or another data set is found, but a copy of another size or compression is not.
"""

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import ImageSet
from bench.data.loading.bad_images import read_leniently

CHUNK_BYTES = 2**26
"""The bytes of decoded images that are hashed at once."""
UNREADABLE = 0
"""The hash of an image that cannot be read; such images are no duplicates of one another."""

Hashes = NDArray[np.uint64]


def content_hashes(images: ImageSet) -> Hashes:
    """Return 64 bits of the BLAKE2 hash of each image's pixels (n,), 0 for images that cannot be read."""
    chunk = max(1, CHUNK_BYTES // (3 * images.image_size**2))
    hashes = np.full(len(images), UNREADABLE, np.uint64)
    for start in range(0, len(images), chunk):
        ids = images.ids[start : start + chunk]
        pictures, reasons = read_leniently(images.source, ids, images.image_size, cached=True)
        hashes[start : start + chunk] = hashes_of_pictures(pictures, reasons)
    return hashes


def hashes_of_pictures(pictures: NDArray[np.uint8], unreadable: Mapping[int, str]) -> Hashes:
    """Return the hashes (n,) of pictures (n, 3, size, size), 0 at the positions of unreadable ones."""
    digests = (hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=8).digest() for picture in pictures)
    found = np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
    found[list(unreadable)] = UNREADABLE
    return found


def num_among(hashes: Hashes, others: Hashes) -> int:
    """Count the images (n,) whose pixels are those of one of the others (m,)."""
    return int((np.isin(hashes, others) & (hashes != UNREADABLE)).sum())


def num_shared_between_splits(splits: Mapping[str, Hashes]) -> dict[str, int]:
    """Count, for each split but the first, the images whose pixels are also in a split before it."""
    hashes = list(splits.values())
    return {
        name: num_among(hashes[place], np.concatenate(hashes[:place])) for place, name in enumerate(splits) if place > 0
    }


def num_under_several_classes(hashes: Hashes, labels: NDArray[np.int64]) -> int:
    """Count the images (n,) whose pixels also stand under another class."""
    order = np.lexsort((labels, hashes))
    sorted_hashes, sorted_labels = hashes[order], labels[order]
    is_other_class = (sorted_hashes[1:] == sorted_hashes[:-1]) & (sorted_labels[1:] != sorted_labels[:-1])
    return num_among(hashes, sorted_hashes[1:][is_other_class])
