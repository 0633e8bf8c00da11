"""Load weights into a model, and list all that do not fit; resample tables of positions if image sizes differ."""

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from models.contract import Classifier
from models.spec.model_error import SpecError

NESTED = ("state_dict", "model", "model_state_dict")
"""Names under which checkpoints keep the weights beside other things."""
WRAPPERS = ("module.", "_orig_mod.")
"""What torch's parallel training and its compiler put before each name; a checkpoint may have both."""


def load_file(model: Classifier, path: Path, source: str) -> None:
    """Load the weights of a file by the model's own names; a head of other classes, or none, keeps the initial one.

    Raises:
        SpecError: The file can't be read, or names or shapes differ. The message names `source` and each such weight.
    """
    weights = read_weights(path)
    rows = weights["head.weight"].shape if "head.weight" in weights else ()
    model.weights_classes = rows[0] if rows else None
    if model.weights_classes != model.head.out_features:
        state = model.state_dict()
        weights = {name: tensor for name, tensor in weights.items() if not name.startswith("head.")}
        weights |= {name: tensor for name, tensor in state.items() if name.startswith("head.")}
    load_weights(model, weights, source)


def load_weights(model: Classifier, weights: Mapping[str, Tensor], source: str) -> None:
    """Load a state dict of the same model at any image size.

    Raises:
        SpecError: Names or shapes differ. The message names `source` and each such weight.
    """
    state = model.state_dict()
    given, wanted = with_counters(weights, state), shapes_of(state)
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
    if not_real := [name for name in wanted if not _is_alike(weights[name], state[name])]:
        raise SpecError(f"{source}: hold NaN, or numbers of another kind: {', '.join(not_real)}")
    state.update(weights)  # keeps the version metadata of the modules, which weights from a file lack
    module.load_state_dict(state)


def _is_alike(given: Tensor, wanted: Tensor) -> bool:
    """Return whether weights are real numbers where such are wanted, and whole ones elsewhere."""
    return given.is_floating_point() == wanted.is_floating_point() and not bool(given.isnan().any())


def with_counters(weights: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights with BatchNorm's counters of batches, which older files lack and nothing here reads."""
    return {name: count for name, count in state.items() if name.endswith("num_batches_tracked")} | dict(weights)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict from a safetensors file or a torch file, also of a checkpoint; no code runs.

    Raises:
        SpecError: The file can't be read, or contains no weights, or more than values.
    """
    try:
        if path.suffix == ".safetensors":
            return _unwrapped(safetensors.torch.load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError) as error:
        raise SpecError(f"{path} can't be read as weights: {error}") from None
    except Exception as error:  # a damaged file makes torch.load raise many kinds
        raise SpecError(
            f"{path} holds more than weights, or is damaged; no code in it is run, so save the state dict alone, by "
            "torch.save(model.state_dict(), FILE) or as safetensors"
        ) from error
    if isinstance(content, dict):
        content = next((content[name] for name in NESTED if isinstance(content.get(name), dict)), content)
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise SpecError(f"{path} holds no weights: a mapping of names to tensors is needed")
    return _unwrapped(content)


def _unwrapped(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights without the prefixes of wrappers, in whatever order all names have them."""
    for wrapper in WRAPPERS:
        if weights and all(name.startswith(wrapper) for name in weights):
            return _unwrapped(under(weights, wrapper))
    return weights


def shapes_of(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight."""
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}


def under(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the weights whose names begin with a prefix, without the prefix."""
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}


def prefixed(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the weights with a prefix before each name: the inverse of `under`."""
    return {prefix + name: tensor for name, tensor in weights.items()}
