"""Refuse a library's network that never sees part of an image, for example because its patches do not tile it.

Our own models tell from their geometry. For any other network the gradient tells: a pixel is never seen if it changes
no logit, whatever the image.
"""

import torch
from torch import Tensor, nn
from torch.func import functional_call

from models.spec.model_error import SpecError
from models.spec.model_spec import ModelSpec

_TRIALS = 4
"""Random images: a pixel that a ReLU or a maximum hides in one of them shows in another."""


def check_coverage(network: nn.Module, spec: ModelSpec, image_size: int) -> None:
    """Refuse a network, built for the image size, if part of the pixels never reaches its logits.

    Raises:
        SpecError: names the share of these pixels, and the rows and columns that are seen.
    """
    seen = seen_pixels(network, image_size)
    rows, columns = (int(seen.any(axis).sum()) for axis in (1, 0))
    # Patches, windows and strides leave out whole rows and columns; a pixel alone is only hidden by dead ReLUs.
    if rows < image_size or columns < image_size:
        raise SpecError(
            f"model '{spec}' never sees {float((~seen).float().mean()):.1%} of the pixels of an image of {image_size} "
            f"pixels; it sees {rows} rows and {columns} columns. Use images of another size, or pad them"
        )


def seen_pixels(network: nn.Module, image_size: int) -> Tensor:
    """Return which pixels (size, size) change the logits of at least one of a few random images."""
    generator = torch.Generator().manual_seed(0)
    seen = torch.zeros(image_size, image_size, dtype=torch.bool)
    named = (*network.named_parameters(), *network.named_buffers())  # of tied weights one name alone
    weights = {name: _opened(weight) for name, weight in named}
    for _ in range(_TRIALS):
        images = torch.randn(1, 3, image_size, image_size, generator=generator, requires_grad=True)
        logits: Tensor = functional_call(network.eval(), weights, (images,))
        direction = torch.randn(logits.shape[1], generator=generator)
        (gradient,) = torch.autograd.grad((logits[0] * direction).sum(), images)
        seen |= (gradient[0] != 0).any(dim=0)
        if seen.all():
            break
    return seen


def _opened(weight: Tensor) -> Tensor:
    """Return ones for a tensor of zeros, since an initial head or a branch's last norm would let nothing through."""
    return torch.ones_like(weight) if weight.is_floating_point() and not weight.any() else weight.detach()
