"""Define the interface of every model, so that training and transfer do not depend on its family.

A `Classifier` maps each image to one feature vector. A linear layer, called `head`, maps the vector to logits; transfer
replaces the head. Initial weights are drawn on the CPU and depend on the seed alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Classifier(nn.Module):
    """A network from images to logits. A family sets `self.head = new_head(width, num_classes)` and `features`."""

    head: nn.Linear
    weights_classes: int | None = None
    """The number of classes of the classifier in the external weights; None if they have none, or there are none."""

    def features(self, images: Tensor) -> Tensor:
        """Map images (batch, 3, size, size), scaled, to features (batch, width), the input of the head."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor:
        """Map images (batch, 3, size, size), scaled, to logits (batch, num_classes)."""
        logits: Tensor = self.head(self.features(images))
        return logits

    def resized(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a state dict of the same model at another image size, resampled for this one.

        A family overrides this if shapes of its weights, such as tables of positions, depend on the image size.
        """
        return weights

    def replace_head(self, num_classes: int, seed: int) -> None:
        """Replace the head by one of `num_classes`, drawn from `seed`, on the same device."""
        old = self.head.weight
        with seeded(seed):
            head = new_head(self.head.in_features, num_classes)
        self.head = head.to(device=old.device, dtype=old.dtype)


def new_head(width: int, num_classes: int) -> nn.Linear:
    """Return a linear head that starts near zero, so that the first logits are nearly equal in every family."""
    head = nn.Linear(width, num_classes)
    nn.init.trunc_normal_(head.weight, std=0.02)
    nn.init.zeros_(head.bias)
    return head


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Seed torch's CPU generator inside the context, and restore its state afterwards; do nothing if `seed` is None."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
