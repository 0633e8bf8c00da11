"""The registry: one dict from preset to builder, and `build`, the only way to make a model."""

from collections.abc import Callable

from models.contract import Classifier, seeded
from models.hybrid import build_hybrid
from models.presets import PRESETS
from models.resnet import build_bit_resnet
from models.spec import ModelSpec, check, parse_spec
from models.vit import build_vit

Builder = Callable[[ModelSpec, int, int], Classifier]

_OF_FAMILY: dict[str, Builder] = {"vit": build_vit, "cnn": build_bit_resnet, "hybrid": build_hybrid}
BUILDERS: dict[str, Builder] = {name: _OF_FAMILY[preset.family] for name, preset in PRESETS.items()}


def build(spec: str | ModelSpec, *, num_classes: int = 10, image_size: int = 32, seed: int | None = None) -> Classifier:
    """A model with random initial weights, on the current default device.

    With a seed every initial weight comes from it, and torch's global generator is left as it was.
    Raises SpecError for a spec, or an image size, that the model can't be built for.
    """
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    check(spec, image_size)
    with seeded(seed):
        return BUILDERS[spec.preset](spec, num_classes, image_size)
