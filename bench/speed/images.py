"""Images to time with: what they show takes no part in the speed."""

import numpy as np
import torch
from torch import Tensor

from bench.data.dataset import ImageSet, in_memory

IMAGE_SIZE = 32
NUM_CLASSES = 10

Batch = tuple[Tensor, Tensor]
"""Images (batch, 3, size, size), float, and labels (batch,)."""


def random_images(num_images: int) -> ImageSet:
    """Noise of 32 pixels, in ten classes."""
    images = np.random.default_rng(0).integers(0, 256, (num_images, 3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8)
    return in_memory(images, np.arange(num_images) % NUM_CLASSES)


def random_batch(size: int, device: str, image_size: int = IMAGE_SIZE, num_classes: int = NUM_CLASSES) -> Batch:
    """A batch of noise on a device."""
    images = torch.randn(size, 3, image_size, image_size, generator=torch.Generator().manual_seed(0))
    return images.to(device), (torch.arange(size) % num_classes).to(device)
