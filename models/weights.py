"""Load weights into a model, and list all that do not fit; resample tables of positions if image sizes differ."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from models.contract import Classifier
from models.spec.model_error import SpecError


def load_weights(model: Classifier, weights: Mapping[str, Tensor], source: str) -> None:
    """Load a state dict of the same model at any image size.

    Raises:
        SpecError: Names or shapes differ. The message names `source` and each such weight.
    """
    given, wanted = dict(weights), shapes_of(model.state_dict())
    if given.keys() == wanted.keys() and shapes_of(given) != wanted:  # if names differ, `fill` reports them
        given = model.resized(given)
    fill(model, given, source)


def fill(module: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Load weights into a module that has exactly these weights.

    Raises:
        SpecError: Names or shapes differ. The message names `source` and each such weight.
    """
    state = module.state_dict()
    weights = with_counters(weights, state)
    wanted, given = shapes_of(state), shapes_of(weights)
    wrong = [
        f"{name}: expected {wanted.get(name, 'nothing')}, got {given.get(name, 'nothing')}"
        for name in sorted(wanted.keys() | given.keys())
        if wanted.get(name) != given.get(name)
    ]
    if wrong:
        raise SpecError(f"{source}: {len(wrong)} weights don't fit: {'; '.join(wrong)}")
    state.update(weights)  # keeps the version metadata of the modules, which weights from a file lack
    module.load_state_dict(state)


def with_counters(weights: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights with BatchNorm's counters of batches, which older files lack and nothing here reads."""
    return {name: count for name, count in state.items() if name.endswith("num_batches_tracked")} | dict(weights)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict from a safetensors file or a torch file; only tensors are read, and no code runs.

    Raises:
        SpecError: The file can't be read, or contains anything else.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError) as error:
        raise SpecError(f"{path} can't be read as weights: {error}") from None
    except Exception as error:  # a damaged file makes torch.load raise many kinds
        raise SpecError(f"{path} holds more than weights, or is damaged: {error}") from None
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise SpecError(f"{path} holds no weights: a mapping of names to tensors is needed")
    return content


def shapes_of(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight."""
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}


def under(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the weights whose names begin with a prefix, without the prefix."""
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}


def prefixed(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the weights with a prefix before each name: the inverse of `under`."""
    return {prefix + name: tensor for name, tensor in weights.items()}
