"""A process that indexes a subset as large as asked: `python -m tests.benchmarks.support.indexer IMAGES CLASSES [K]`.

From labels in memory, of uneven classes, to the order of all of them (or of those of the first K classes), its
SHA-256, and the index file. It prints, as JSON, the seconds and the peak of its resident memory in bytes; imports and
labels count in the memory alone. It is a process of its own, since what it did before would count.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.data.index_file import write_rows
from bench.data.orders import CHUNK, Indices
from bench.data.random import hash_words, uniform
from bench.data.subset import SubsetIndex, subset
from bench.machine.environment import peak_memory_bytes


def main() -> None:
    num_images, num_classes, *first = map(int, sys.argv[1:])
    labels = uneven_labels(num_images, num_classes)
    start = time.perf_counter()
    index = indexed(labels, first[0] if first else None)
    with tempfile.TemporaryDirectory() as folder:
        write_rows(index, "{}", Path(folder) / "index.parquet")
    print(json.dumps({"seconds": time.perf_counter() - start, "bytes": peak_memory_bytes()}))


def uneven_labels(num_images: int, num_classes: int) -> Indices:
    """Return labels whose classes shrink with the cube root of their number."""
    labels = np.empty(num_images, dtype=np.int64)
    for start in range(0, num_images, CHUNK):
        indices = np.arange(start, min(start + CHUNK, num_images))
        labels[indices] = uniform(hash_words("uneven", indices)) ** 1.5 * num_classes
    return labels


def indexed(labels: Indices, num_classes: int | None) -> SubsetIndex:
    """Return all images of a corpus with these labels in the ladder's order, and hash it."""
    chosen = subset(labels, len(labels), num_classes, "made")
    names = tuple(f"n{label:08}" for label in chosen.classes)
    index = SubsetIndex("made", chosen.positions, chosen.labels, names)
    assert len(index.sha256) == 64
    return index


if __name__ == "__main__":
    main()
