"""Targets that need no files: scikit-learn's handwritten digits, and drawn images of classes outside every corpus."""

from dataclasses import replace

import numpy as np

from bench.data.dataset import DataSet
from bench.data.formula import Difficulty, Domain, Formula, Longs, Pixels, open_instances, render
from bench.data.orders import stratified_cut
from bench.data.sources.decode import fit_pictures

HELDOUT_CLASSES = 20
HELDOUT_INSTANCES = {Domain.HELDOUT_TRAIN: 500, Domain.HELDOUT_VALIDATION: 25, Domain.HELDOUT_TEST: 100}
"""Number of instances per class; each split has its own domain, so no instance is in two splits."""
HELDOUT_DIFFICULTY = Difficulty(jitter_percent=25, shift_pixels=2)
"""A linear classifier on the pixels of ten images per class has 86 % accuracy on the validation images."""

DIGITS_FORMS = (0, 130, 256, 386, 516, 646, 776, 906, 1029, 1157, 1287, 1415, 1545, 1667)
"""The first image of each form of digits.

Writers filled in forms (Kaynak 1995), and the file names none. Its labels repeat the same sequence of 130 digits
fourteen times, with some left out, so each repetition is taken for a form that one person wrote.
"""


def open_digits() -> DataSet:
    """Return scikit-learn's 1,797 digits, 8 x 8 pixels: 45 % of each class are test, 20 % of the rest validation.

    The digits of a form are a cluster.
    """
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
        clusters=np.searchsorted(DIGITS_FORMS, np.arange(len(labels)), side="right") - 1,
    )


def open_heldout(formula: Formula) -> DataSet:
    """Return the images of 20 classes that no corpus of the formula holds; the images of a class are a cluster."""

    def draw(instances: Longs, classes: Longs, image_size: int, domain: Domain) -> Pixels:
        return render(formula, classes, instances, image_size=image_size, difficulty=HELDOUT_DIFFICULTY, domain=domain)

    names = tuple(f"held-out {formula.class_word} {index}" for index in range(HELDOUT_CLASSES))
    data = open_instances(HELDOUT_INSTANCES, names, draw)
    return replace(data, clusters=data.labels)
