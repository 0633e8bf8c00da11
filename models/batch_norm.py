"""BatchNorm's limit on training: it has no statistics of a single image whose feature map is a single cell.

One rule for all image sizes: a network with BatchNorm trains on two images or more at a time.
"""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from models.registry import build
from models.shapes import shapes_only


def fewest_images(model: str, image_size: int) -> int:
    """Return how many images at a time a model needs for training."""
    with shapes_only():
        return 2 if has_batch_norm(build(model, image_size=image_size)) else 1


def has_batch_norm(network: nn.Module) -> bool:
    """Return whether a layer of the network is a BatchNorm."""
    return any(isinstance(layer, _BatchNorm) for layer in network.modules())
