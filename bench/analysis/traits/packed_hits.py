"""The table `trait_answers`: which images each trait's measures count and hit, one bit per image."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.frames import require_columns
from bench.analysis.stats.share_ratios import HitCounts
from bench.analysis.stats.statistics_errors import CorrectnessError, DifferentImagesError

COLUMNS = ("trait_key", "setting", "measure", "images", "num_images", "hit", "counted", "cluster")
PackedHits = Mapping[Any, Any]
"""A row of the table."""


def pack_hits(
    trait_key: str,
    setting: str,
    measure: str,
    ids: NDArray[np.int64],
    hit: NDArray[np.bool_],
    counted: NDArray[np.bool_] | None,
    clusters: NDArray[np.int64] | None = None,
) -> dict[str, Any]:
    """Return a measure's row of the table.

    Args:
        trait_key: The key of the trait's record.
        setting: What the trait varies; empty if nothing.
        measure: The name of the measure.
        ids: (images,), ascending.
        hit: (images,): the images that the measure counts as hits.
        counted: (images,): the images that count; None if all do.
        clusters: (images,): the clusters of images that belong together; None if each image is its own.
    """
    images = hashlib.sha256(ids.astype("<i8").tobytes()).hexdigest()[:16]
    number = None if clusters is None else np.unique(clusters, return_inverse=True)[1]
    values = (
        *(trait_key, setting, measure, images, len(ids)),
        np.packbits(hit if counted is None else hit & counted).tobytes(),
        None if counted is None else np.packbits(counted).tobytes(),
        None if number is None else number.astype("<u4").tobytes(),
    )
    return dict(zip(COLUMNS, values, strict=True))


def by_measure(table: pd.DataFrame | None) -> dict[tuple[str, str, str], PackedHits]:
    """Return the rows by the trait's key, the setting and the measure; none without a table.

    Raises:
        MissingColumnError: The table lacks a column.
    """
    if table is None:
        return {}
    require_columns(table, COLUMNS, "trait_answers")
    return {(row["trait_key"], row["setting"], row["measure"]): row for row in table.to_dict("records")}


def unpack_hits(rows: Mapping[int, PackedHits]) -> HitCounts:
    """Return a measure of the seeds of one row.

    Args:
        rows: Seed -> its row of the table.

    Raises:
        DifferentImagesError: The seeds answered different images.
        CorrectnessError: A row has not the bits of its images.
    """
    seeds = tuple(sorted(rows))
    some: Sequence[PackedHits] = [rows[seed] for seed in seeds]
    if len(images := {row["images"] for row in some}) > 1:
        raise DifferentImagesError(f"seeds of one row answered different images: {', '.join(sorted(images))}")
    hit = np.array([_bits(row["hit"], row["num_images"]) for row in some])
    counted = np.array([_bits(row["counted"], row["num_images"]) for row in some])
    packed = some[0]["cluster"]
    clusters = np.frombuffer(packed, "<u4").astype(np.int64) if isinstance(packed, bytes) else None
    return HitCounts(seeds, hit, counted, some[0]["images"], clusters)


def _bits(packed: object, num_images: int) -> NDArray[np.float64]:
    """Return (images,): 1 or 0; 1 for all images without bits."""
    if not isinstance(packed, bytes):
        return np.ones(num_images)
    if len(packed) != -(-num_images // 8):
        raise CorrectnessError(f"{len(packed)} bytes for the bits of {num_images} images")
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=num_images).astype(np.float64)
