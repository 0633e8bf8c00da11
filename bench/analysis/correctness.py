"""Store which test images a run classified correctly, and read it back for the seeds of a row.

Every seed is tested on the same images, so seeds and images are crossed. Two rows are paired image by image if they
were tested on the same images. `images` is a hash of those; rows with different hashes are refused. Test images may
come in clusters, such as the images of a patient; `stats/clusters.py` says how statistics take them into account.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.frames import require_columns, require_unique
from bench.analysis.stats.statistics_errors import (
    CorrectnessError,
    DifferentImagesError,
    DuplicateRowError,
    UnpairedError,
)

COLUMNS = ("transfer_key", "images", "num_images", "correct")
"""The columns of the table `correctness`, one row per finished transfer.

`correct` has one bit per image, in the order of the ids. Tables of a store also have `predictions`, a hash."""
CLUSTER = "cluster"
"""The column with the cluster of each image, in the order of the ids: unsigned little-endian integers of one to four
bytes, counted from 0 in the order of their first image. It is missing if each image is its own cluster, and in tables
of protocol 1."""
PackedRow = Mapping[Any, Any]
"""A row of the table `correctness`."""
PackedRows = Mapping[str, PackedRow]
"""The rows of the table `correctness` by the key of their run."""


@dataclass(frozen=True)
class Correctness:
    """Which test images the seeds of one row classified correctly."""

    seeds: tuple[int, ...]
    """The seeds, in ascending order, each once."""
    correct: np.ndarray
    """(seeds, images), 0 to 1: whether each image was classified correctly, averaged over the draws of a seed."""
    images: str
    """A hash of the images' ids and labels."""
    clusters: NDArray[np.integer] | None = None
    """(images,), from 0: the cluster of each image; None if each image is its own."""

    def __post_init__(self) -> None:
        """Check seeds, shape and values.

        Raises:
            CorrectnessError: Seeds, shape or values are wrong.
        """
        if not self.seeds or list(self.seeds) != sorted(set(self.seeds)):
            raise CorrectnessError(f"seeds {self.seeds}: there must be at least one, in ascending order, each once")
        if self.correct.ndim != 2 or len(self.correct) != len(self.seeds) or self.correct.shape[1] == 0:
            raise CorrectnessError(f"shape {self.correct.shape}; expected ({len(self.seeds)} seeds, images)")
        if not ((self.correct >= 0) & (self.correct <= 1)).all():
            raise CorrectnessError("a value is not a number from 0 (wrong) to 1 (right)")
        if self.clusters is not None and self.clusters.shape != (self.num_images,):
            raise CorrectnessError(f"clusters of shape {self.clusters.shape} for {self.num_images} images")

    @property
    def num_images(self) -> int:
        """Return the number of test images."""
        return int(self.correct.shape[1])


def pack(
    transfer_key: str,
    ids: np.ndarray,
    labels: np.ndarray,
    predictions: np.ndarray,
    clusters: np.ndarray | None = None,
) -> dict[str, Any]:
    """Return a transfer's row of the table `correctness`.

    Args:
        transfer_key: The key of the run.
        ids: (images,) integers, unique within the test split.
        labels: (images,) integers, the true classes.
        predictions: (images,) integers, the predicted classes.
        clusters: (images,) integers, the clusters; None if each image is its own.

    Raises:
        DuplicateRowError: An image occurs twice.
    """
    order = np.argsort(ids, kind="stable")
    tested = np.stack([np.asarray(ids)[order], np.asarray(labels)[order]]).astype("<i8")
    if (duplicates := tested[0, 1:][np.diff(tested[0]) == 0]).size:
        raise DuplicateRowError(f"run {transfer_key}: test image {duplicates[0]} occurs twice")
    right = tested[1] == np.asarray(predictions)[order]
    digest = hashlib.sha256(tested.tobytes()).hexdigest()[:16]
    row = dict(zip(COLUMNS, (transfer_key, digest, len(right), np.packbits(right).tobytes()), strict=True))
    return row | {CLUSTER: None if clusters is None else _packed(np.asarray(clusters)[order])}


def is_packed(row: PackedRow) -> bool:
    """Return whether a row of the table has the bytes of its number of images."""
    number, clusters = row["num_images"], row.get(CLUSTER)
    if number < 1 or len(row["correct"]) != -(-number // 8):
        return False
    sizes = [width * number for width in (1, 2, 4)]
    return clusters is None or (len(clusters) in sizes and _unpacked_clusters(clusters, number).max() < number)


def by_key(table: pd.DataFrame | None) -> PackedRows:
    """Return the rows of the table `correctness` by the key of their run; none without a table.

    A row without clusters gets those of another row on the same test images.

    Raises:
        MissingColumnError: The table lacks a column.
        DuplicateRowError: A run occurs twice.
    """
    if table is None:
        return {}
    require_columns(table, COLUMNS, "correctness")
    require_unique(table, "transfer_key", "correctness")
    columns = [name for name in (*COLUMNS, "predictions") if name in table]
    rows = table[columns].to_dict("records")
    if CLUSTER not in table:
        return {row["transfer_key"]: row for row in rows}
    known = dict(table.loc[table[CLUSTER].notna(), ["images", CLUSTER]].to_numpy())
    clusters = table[CLUSTER].where(table[CLUSTER].notna(), table["images"].map(known))
    return {
        row["transfer_key"]: row | ({CLUSTER: packed} if isinstance(packed, bytes) else {})
        for row, packed in zip(rows, clusters, strict=True)
    }


def clusters_of_targets(cells: pd.DataFrame, correctness: pd.DataFrame | None) -> dict[str, list[int]]:
    """Return the number of images of each cluster, of each target whose test images come in clusters.

    Args:
        cells: One row per cell, with `target` and `transfer_key`.
        correctness: One row per finished transfer, or None.
    """
    packed = by_key(correctness)
    keys = {target: key for key, target in zip(cells["transfer_key"], cells["target"], strict=True) if key in packed}
    rows = {target: packed[key] for target, key in keys.items() if CLUSTER in packed[key]}
    clusters = {target: _unpacked_clusters(row[CLUSTER], row["num_images"]) for target, row in rows.items()}
    return {target: np.unique(one, return_counts=True)[1].tolist() for target, one in clusters.items()}


def unpack(draws: Mapping[int, Sequence[PackedRow]]) -> Correctness:
    """Return the correctness of one row.

    Args:
        draws: Seed -> the packed rows of its draws.

    Raises:
        DifferentImagesError: The draws were tested on different images.
        CorrectnessError: There is no seed.
    """
    rows = [row for of_seed in draws.values() for row in of_seed]
    images = {str(row["images"]) for row in rows}
    if len(images) > 1:
        raise DifferentImagesError(f"cells of one row were tested on different images: {', '.join(sorted(images))}")
    correct = [np.mean([_unpacked(row) for row in draws[seed]], axis=0) for seed in sorted(draws)]
    packed = next((row[CLUSTER] for row in rows if row.get(CLUSTER) is not None), None)
    clusters = None if packed is None else _unpacked_clusters(packed, int(rows[0]["num_images"]))
    return Correctness(tuple(sorted(draws)), np.array(correct), "".join(images), clusters)


def common_clusters(rows: Sequence[Correctness]) -> NDArray[np.integer] | None:
    """Return the clusters of the images of paired rows; None if each image is its own in all of them."""
    return next((row.clusters for row in rows if row.clusters is not None), None)


def require_paired(rows: Sequence[Correctness]) -> None:
    """Require rows to have the same seeds and test images.

    Raises:
        UnpairedError: A row lacks a seed that another one has. The caller decides which seeds may be left out.
        DifferentImagesError: The rows were tested on different images, or their images have different clusters.
    """
    clusters = common_clusters(rows)
    for row in rows[1:]:
        if unpaired := sorted({*rows[0].seeds} ^ {*row.seeds}):
            raise UnpairedError(f"seeds {unpaired} are on one side only; a paired difference needs both sides")
        if (row.images, row.num_images) != (rows[0].images, rows[0].num_images):
            raise DifferentImagesError(
                f"tested on different images: {rows[0].images} ({rows[0].num_images}) and "
                f"{row.images} ({row.num_images})"
            )
        if row.clusters is not None and clusters is not None and not np.array_equal(row.clusters, clusters):
            raise DifferentImagesError(f"the test images {row.images} belong to different clusters in two rows")


def _unpacked(row: PackedRow) -> np.ndarray:
    """Return (images,): 1 for each image that was classified correctly, else 0."""
    bits = np.frombuffer(row["correct"], dtype=np.uint8)
    return np.unpackbits(bits, count=int(row["num_images"])).astype(np.float64)


def _packed(clusters: np.ndarray) -> bytes:
    """Return the clusters, numbered in the order of their first image, in as few bytes each as they need."""
    _, first, numbers = np.unique(clusters, return_index=True, return_inverse=True)
    ranks = np.argsort(np.argsort(first))
    return ranks[numbers].astype(np.min_scalar_type(len(first) - 1).newbyteorder("<")).tobytes()


def _unpacked_clusters(packed: bytes, num_images: int) -> NDArray[np.integer]:
    """Return (images,): the cluster of each image."""
    if len(packed) not in (num_images, 2 * num_images, 4 * num_images):
        raise CorrectnessError(f"clusters of {len(packed)} bytes for {num_images} images")
    return np.frombuffer(packed, dtype=f"<u{len(packed) // num_images}").astype(np.int64)
