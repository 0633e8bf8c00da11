"""The targets that need no file: scikit-learn's handwritten digits, and fractals of classes never pretrained on."""

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import DataSet
from bench.data.fractals.source import VERSION, Difficulty, Domain, render
from bench.data.orders import stratified_cut
from bench.data.sources.decode import fit_pictures

HELDOUT_CLASSES = 20
HELDOUT_POOL, HELDOUT_VALIDATION, HELDOUT_TEST = 500, 25, 100
"""Instances a class; each part has a domain of its own, so no instance is in two."""
HELDOUT_DIFFICULTY = Difficulty(jitter_percent=25, shift_pixels=2)
"""At which a linear classifier on the pixels of ten images a class is right on 86 % of the validation images."""


def open_digits() -> DataSet:
    """Return the 1,797 digits of scikit-learn: 8 x 8 pixels, 45 % of each class to test, 20 % of the rest validate."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = (digits.images.astype(np.int64) * 255 // 16).astype(np.uint8)
    labels = digits.target.astype(np.int64)
    test = stratified_cut(labels, np.arange(len(labels)), 45, 100, "digits", "test")
    validation = stratified_cut(labels, test.rest, 20, 100, "digits", "validation")
    return DataSet(
        labels=labels,
        pool=validation.rest,
        validation=validation.taken,
        test=test.taken,
        class_names=tuple("0123456789"),
        flip=False,
        read=lambda indices, image_size: fit_pictures(pixels[indices], image_size),
    )


def heldout_identity() -> dict[str, object]:
    """Return what a run's key holds of the held-out fractals beside their name and version."""
    return {"corpus_version": VERSION, "difficulty": HELDOUT_DIFFICULTY.model_dump()}


def open_heldout() -> DataSet:
    """Return fractals of 20 classes outside every corpus: round robin over the classes, part after part."""
    sizes = {
        Domain.HELDOUT_TRAIN: HELDOUT_POOL * HELDOUT_CLASSES,
        Domain.HELDOUT_VALIDATION: HELDOUT_VALIDATION * HELDOUT_CLASSES,
        Domain.HELDOUT_TEST: HELDOUT_TEST * HELDOUT_CLASSES,
    }
    ends = np.cumsum(list(sizes.values()))
    pool, validation, test = np.split(np.arange(ends[-1]), ends[:-1])

    def read(indices: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        images = np.empty((len(indices), 3, image_size, image_size), dtype=np.uint8)
        for domain, part in zip(sizes, (pool, validation, test), strict=True):
            if (here := np.isin(indices, part)).any():
                instances, classes = np.divmod(indices[here] - part[0], HELDOUT_CLASSES)
                images[here] = render(
                    classes, instances, image_size=image_size, difficulty=HELDOUT_DIFFICULTY, domain=domain
                )
        return images

    return DataSet(
        labels=np.arange(ends[-1]) % HELDOUT_CLASSES,
        pool=pool,
        validation=validation,
        test=test,
        class_names=tuple(f"held-out system {index}" for index in range(HELDOUT_CLASSES)),
        flip=False,
        read=read,
    )
