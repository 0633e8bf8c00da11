"""Images to time with: what they show takes no part in the speed."""

import numpy as np

from bench.data.sets import LabelledImages

IMAGE_SIZE = 32
NUM_CLASSES = 10


def random_images(num_images: int) -> LabelledImages:
    """Noise of 32 pixels, in ten classes."""
    images = np.random.default_rng(0).integers(0, 256, (num_images, 3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8)
    ids = np.arange(num_images)
    return LabelledImages(images, ids % NUM_CLASSES, ids)
