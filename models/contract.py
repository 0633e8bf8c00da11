"""The one contract that every model keeps, so that training and transfer never ask which family it is.

A `Classifier` turns images into one feature vector each and has one linear head on it, called `head`, which
transfer replaces. Initial weights are drawn on the CPU, from a seed and nothing else.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Classifier(nn.Module):
    """Images to class logits. A family sets `self.head = new_head(width, num_classes)` and `features`."""

    head: nn.Linear

    def features(self, images: Tensor) -> Tensor:
        """What the head sees: images (batch, 3, size, size), scaled -> (batch, width)."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor:
        """Images (batch, 3, size, size), scaled -> logits (batch, num_classes)."""
        logits: Tensor = self.head(self.features(images))
        return logits

    def resized(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """A state dict of the same model at another image size, made to fit this one; a family overrides it.

        Tables of positions are what depends on the size, where a model has any.
        """
        return weights

    def replace_head(self, num_classes: int, seed: int) -> None:
        """Put a new head of `num_classes` in place of the old one, drawn from `seed`, on its device."""
        old = self.head.weight
        with seeded(seed):
            head = new_head(self.head.in_features, num_classes)
        self.head = head.to(device=old.device, dtype=old.dtype)


def new_head(width: int, num_classes: int) -> nn.Linear:
    """A linear head that starts near zero, so that the first logits are nearly equal in every family."""
    head = nn.Linear(width, num_classes)
    nn.init.trunc_normal_(head.weight, std=0.02)
    nn.init.zeros_(head.bias)
    return head


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Draw from `seed` inside, on the CPU, and leave torch's global generator as it was. None: draw on."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
