"""Define the contract that every model keeps, so that training and transfer never ask which family it is.

A `Classifier` turns each image into one feature vector. One linear layer on it, called `head`, gives the logits;
transfer replaces it. Initial weights are drawn on the CPU, from a seed and nothing else.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Classifier(nn.Module):
    """A network from images to logits. A family sets `self.head = new_head(width, num_classes)` and `features`."""

    head: nn.Linear

    def features(self, images: Tensor) -> Tensor:
        """Map images (batch, 3, size, size), scaled, to what the head sees (batch, width)."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor:
        """Map images (batch, 3, size, size), scaled, to logits (batch, num_classes)."""
        logits: Tensor = self.head(self.features(images))
        return logits

    def resized(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a state dict of the same model at another image size, made to fit this one.

        A family overrides this if the size decides the shape of its weights, such as tables of positions.
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
    """Draw from `seed` inside, on the CPU, and leave torch's global generator as it was; None draws on from that."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
