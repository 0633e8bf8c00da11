"""The registry: one dict from preset to builder, and `build`, the only way to make a model."""

from collections.abc import Callable

from models.contract import Classifier, seeded
from models.external.classifier import build_external
from models.hybrid import build_botnet, build_compact, build_interleaved, build_trunk_hybrid
from models.resnet import build_bit_resnet, build_convnext, build_resnet
from models.spec.geometry import check
from models.spec.model_spec import ModelSpec, parse_spec
from models.spec.presets import PRESETS, Preset
from models.spec.sizes import BotNetSize, CompactSize, EncoderSize, HybridSize, OwnSize, ResNetSize, TrunkSize
from models.vit import build_vit

Builder = Callable[[ModelSpec, int, int], Classifier]
"""Of spec, number of classes and image size in pixels."""


def build(spec: str | ModelSpec, *, num_classes: int = 10, image_size: int = 32, seed: int | None = None) -> Classifier:
    """A model with random initial weights, or the outside ones that it names, on the current default device.

    With a seed every initial weight comes from it, and torch's global generator is left as it was.
    Raises SpecError for a spec, or an image size, that the model can't be built for.
    """
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    check(spec, image_size)
    builder = BUILDERS[spec.preset] if spec.library is None else build_external
    with seeded(seed):
        return builder(spec, num_classes, image_size)


OWN_BUILDERS: dict[str, Builder] = {}
"""Of the presets of `OwnSize`."""


def _builder(name: str, preset: Preset) -> Builder:
    match preset.size:
        case EncoderSize():
            return build_vit
        case HybridSize():
            return build_trunk_hybrid
        case CompactSize():
            return build_compact
        case TrunkSize():
            return build_bit_resnet
        case ResNetSize():
            return build_resnet
        case BotNetSize():
            return build_botnet
        case OwnSize():
            return OWN_BUILDERS[name]
    return build_convnext if preset.family == "cnn" else build_interleaved


BUILDERS: dict[str, Builder] = {name: _builder(name, preset) for name, preset in PRESETS.items()}
