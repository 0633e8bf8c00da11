"""The targets that need no file: scikit-learn's handwritten digits, and fractals of classes never pretrained on."""

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import DataSet
from bench.data.fractals.source import Difficulty, Domain, open_instances, render
from bench.data.orders import stratified_cut
from bench.data.sources.decode import fit_pictures

HELDOUT_CLASSES = 20
HELDOUT_INSTANCES = {Domain.HELDOUT_TRAIN: 500, Domain.HELDOUT_VALIDATION: 25, Domain.HELDOUT_TEST: 100}
"""Per class; each split has a domain of its own, so no instance is in two."""
HELDOUT_DIFFICULTY = Difficulty(jitter_percent=25, shift_pixels=2)
"""With it, a linear classifier on the pixels of ten images per class classifies 86 % of the validation images."""


def open_digits() -> DataSet:
    """Open the 1,797 digits of scikit-learn: 8 x 8 pixels, 45 % of each class test, 20 % of the rest validate."""
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
        read=lambda indices, image_size: fit_pictures(pixels[indices], image_size),
    )


def open_heldout() -> DataSet:
    """Open the fractals of 20 classes outside every corpus."""
    names = tuple(f"held-out system {index}" for index in range(HELDOUT_CLASSES))
    return open_instances(HELDOUT_INSTANCES, names, _draw)


def _draw(
    instances: NDArray[np.int64], classes: NDArray[np.int64], image_size: int, domain: Domain
) -> NDArray[np.uint8]:
    """Draw the images (n, 3, image_size, image_size) of instances (n,) of a domain, as classes (n,)."""
    return render(classes, instances, image_size=image_size, difficulty=HELDOUT_DIFFICULTY, domain=domain)
