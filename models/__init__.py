"""Build the models that are compared: ViTs, CNNs and hybrids with one interface. Imports nothing from `bench`.

- `spec/`: names, options and sizes of models, without torch. `registry` builds a model from its name.
- `vit`, `resnet`, `convnext`, `hybrid`: the families; `layers/` holds the layers of Transformer encoders.
- `external/`: any classifier of timm or torchvision, with its weights.
- `contract`: the interface of every model that training and transfer use.
- `counts`, `layer_depths`, `weights`, `finished_run`: count a model, order its layers, load its weights, load a run.

`import models` is fast: torch and timm are imported when a model is built, counted or loaded.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from models.spec.model_error import SpecError
from models.spec.model_spec import ModelSpec, known_models, parse_spec

if TYPE_CHECKING:
    from models.contract import Classifier
    from models.counts import Counts, count
    from models.finished_run import LoadedModel, load
    from models.registry import build

__all__ = [
    "Classifier",
    "Counts",
    "LoadedModel",
    "ModelSpec",
    "SpecError",
    "build",
    "count",
    "known_models",
    "load",
    "parse_spec",
]

_HOMES = {
    "Classifier": "models.contract",
    "Counts": "models.counts",
    "LoadedModel": "models.finished_run",
    "build": "models.registry",
    "count": "models.counts",
    "load": "models.finished_run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'models' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
