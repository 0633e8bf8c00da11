"""Images to time with: what they show takes no part in the speed."""

import numpy as np

from bench.data.dataset import ImageSet, in_memory
from bench.speed.timed_setting import NUM_CLASSES

IMAGE_SIZE = 32


def random_images(num_images: int) -> ImageSet:
    """Return noise of 32 pixels, in ten classes."""
    images = np.random.default_rng(0).integers(0, 256, (num_images, 3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8)
    return in_memory(images, np.arange(num_images) % NUM_CLASSES)
