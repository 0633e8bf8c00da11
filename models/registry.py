"""Map kinds of presets to their builders; every model is built by `build`."""

from collections.abc import Callable
from pathlib import Path

import torch

from models.contract import Classifier, seeded
from models.convnext import build_convnext
from models.external.classifier import build_external
from models.hybrid import build_botnet, build_compact, build_interleaved, build_trunk_hybrid
from models.resnet import build_bit_resnet, build_resnet
from models.spec import sizes
from models.spec.geometry import check
from models.spec.model_spec import ModelSpec, parse_spec
from models.vit import build_vit
from models.weights import load_file

Builder = Callable[[ModelSpec, int, int], Classifier]
"""Takes a spec, the number of classes and the image size in pixels; returns the model."""

BUILDERS: dict[type | str, Builder] = {
    sizes.EncoderSize: build_vit,
    sizes.HybridSize: build_trunk_hybrid,
    sizes.CompactSize: build_compact,
    sizes.TrunkSize: build_bit_resnet,
    sizes.ResNetSize: build_resnet,
    sizes.ConvNextSize: build_convnext,
    sizes.BotNetSize: build_botnet,
    sizes.InterleavedSize: build_interleaved,
    sizes.ExternalSize: build_external,
}
"""Kind of size -> its builder; a preset of `OwnSize` is listed by its name."""


def build(spec: str | ModelSpec, *, num_classes: int = 10, image_size: int = 32, seed: int | None = None) -> Classifier:
    """Build a model on the current default device, with random initial weights or the external weights it names.

    The meta device ignores external weights.

    Args:
        spec: The model, or its full name.
        num_classes: The width of the head.
        image_size: The side of the square images, in pixels.
        seed: The seed of all initial weights; torch's global generator is restored. None uses the global generator.

    Raises:
        SpecError: The name is wrong, or the model can't be built for the image size.
    """
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    check(spec, image_size)
    size = spec.kind.size
    builder = BUILDERS[spec.preset if isinstance(size, sizes.OwnSize) else type(size)]
    with seeded(seed):
        model = builder(spec, num_classes, image_size)
    path = str(spec.option("weights"))
    if path and spec.library is None and torch.get_default_device().type != "meta":
        load_file(model, Path(path), f"{path}, weights of {spec.without('weights')}")
    return model
