"""Weights into a model: all that does not fit is listed, and a table of positions is resampled where sizes differ."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from models.contract import Classifier
from models.spec.model_error import SpecError


def load_weights(model: Classifier, weights: Mapping[str, Tensor], source: str) -> None:
    """Put a state dict of the same model into it, from whatever image size.

    Raises SpecError, naming `source` and every weight whose name or shape differs.
    """
    given, wanted = dict(weights), _shapes(model.state_dict())
    if given.keys() == wanted.keys() and _shapes(given) != wanted:  # other names are another model's: listed below
        given = model.resized(given)
    fill(model, given, source)


def fill(module: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Put weights into a module that has exactly these; raises SpecError, naming `source` and all that differ."""
    own = module.state_dict()
    wanted, found = _shapes(own), _shapes(weights)
    wrong = [
        f"{name}: expected {wanted.get(name, 'nothing')}, got {found.get(name, 'nothing')}"
        for name in sorted(wanted.keys() | found.keys())
        if wanted.get(name) != found.get(name)
    ]
    if wrong:
        raise SpecError(f"{source}: {len(wrong)} weights don't fit: {'; '.join(wrong)}")
    own.update(weights)  # which holds the versions of its modules, too
    module.load_state_dict(own)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The state dict in a safetensors file, or in one of torch's, of which only tensors are read: no code runs.

    Raises SpecError where it can't be read, or holds anything else.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError) as error:
        raise SpecError(f"{path} can't be read as weights: {error}") from None
    except Exception as error:  # torch.load raises whatever the damage leads to
        raise SpecError(f"{path} holds more than weights, or is damaged: {error}") from None
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise SpecError(f"{path} holds no weights: a mapping of names to tensors is needed")
    return content


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}
