"""Build any classifier of timm and torchvision whose logits are a linear layer of one feature vector.

The library builds the network, with its initial weights. Our `head` replaces its classifier, and its own dropout and
stochastic depth are switched off. This module refuses networks that cannot be built or run at the image size, with the
library's reason, and networks that still draw random numbers in training. External weights come with a scaling of
inputs, which two buffers apply. The buffers are in the state dict, so that a finished run's weights are complete.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from models.contract import Classifier
from models.external.regularisation import random_operations, switch_off
from models.external.weights_source import MEAN, STD, InputScaling, adapter_of, fetched, input_scaling, reason
from models.external.wrapped import BODY, Wrapped
from models.spec.model_error import SpecError
from models.spec.model_spec import ModelSpec
from models.weights import fill, prefixed, read_weights, shapes_of, under, with_counters


class External(Wrapped):
    """A library's network as `body`, our head, and the scaling of the inputs."""

    input_scale: Tensor
    input_shift: Tensor

    def __init__(self, network: nn.Module, classifier: str, num_classes: int, library: str | None) -> None:
        """Replace the network's layer `classifier` by our head."""
        width = _matrix(network.get_submodule(classifier)).shape[1]
        network.set_submodule(classifier, nn.Identity())
        super().__init__(network, width, num_classes)
        self.classifier = classifier
        self.library = library
        self.register_buffer("input_scale", torch.ones(3))
        self.register_buffer("input_shift", torch.zeros(3))

    def features(self, images: Tensor) -> Tensor:
        """Map images (batch, 3, size, size), scaled as for every model, to features (batch, width)."""
        return super().features(images * self.input_scale[:, None, None] + self.input_shift[:, None, None])

    def resized(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a state dict resampled by the library, which recognises its formats by the classifier's weights."""
        classifier = prefixed(under(weights, "head."), f"{self.classifier}.")
        others = {name: value for name, value in weights.items() if not name.startswith(BODY)}
        fitted = _resampled(self.library, self.body, under(weights, BODY) | classifier)
        return others | prefixed({name: value for name, value in fitted.items() if name not in classifier}, BODY)

    def scale_inputs(self, scaling: InputScaling) -> None:
        """Set the buffers that convert the common scaling of inputs to the one that the weights were trained with."""
        mean, std = (torch.tensor(channels, dtype=torch.float64) for channels in (scaling.mean, scaling.std))
        self.input_scale.copy_(STD / std)
        self.input_shift.copy_((MEAN - mean) / std)


def build_external(spec: ModelSpec, num_classes: int, image_size: int) -> Classifier:
    """Build the classifier that `spec` names, with the weights that it names; the meta device ignores weights."""
    adapter, name = adapter_of(spec.library), spec.library_name
    adapter.check_name(name)
    has_weights = spec.has_external_weights and torch.get_default_device().type != "meta"
    if has_weights and spec.option("pretrained"):
        published = fetched(spec)
        with _refusing(spec, image_size, f" with the weights in {published.path}"):
            network = adapter.create_published(name, published, num_classes, image_size)
        classifier = _classifier(spec, network, image_size)
        classes = published.num_classes or None
    else:
        weights = read_weights(Path(str(spec.option("weights")))) if has_weights else {}
        with _refusing(spec, image_size):
            network = adapter.create(name, num_classes, image_size)
        classifier = _classifier(spec, network, image_size)
        classes = len(weights.get(f"{classifier}.weight", ())) or None
        if has_weights:
            # The rows of a file's classifier are of no use unless the number of classes is the same.
            _fill_body(spec, network, weights, None if classes == num_classes else classifier)
    old = network.get_submodule(classifier)
    model = External(network, classifier, num_classes, spec.library)
    model.weights_classes = classes
    if classes == num_classes:
        _keep(old, model.head)
    if has_weights:
        model.scale_inputs(input_scaling(spec))
    return model


def _fill_body(spec: ModelSpec, network: nn.Module, weights: dict[str, Tensor], without: str | None) -> None:
    """Load a file's weights, except those of the layer `without`, which keeps its initial weights."""
    state = network.state_dict()
    given = {name: value for name, value in weights.items() if name.rpartition(".")[0] != without}
    given |= {name: value for name, value in state.items() if name.rpartition(".")[0] == without}
    given = with_counters(given, state)
    if shapes_of(given) != shapes_of(state):
        given = _resampled(spec.library, network, given)
    fill(network, given, f"{spec.option('weights')}, weights of {spec.preset}")


@torch.no_grad()
def _classifier(spec: ModelSpec, network: nn.Module, image_size: int) -> str:
    """Return the name of the layer that gives the logits.

    A forward pass checks that the layer gets one vector per image and that its output is the network's.
    """
    name = adapter_of(spec.library).classifier_of(network)
    calls: list[tuple[Tensor, Tensor]] = []
    if name is not None:
        layer = network.get_submodule(name)
        hook = layer.register_forward_hook(lambda _, inputs, output: calls.append((inputs[0], output)))
        with _refusing(spec, image_size):
            logits = network.eval()(torch.linspace(-1, 1, 3 * image_size**2).view(1, 3, image_size, image_size))
        hook.remove()
        network.train()
        if len(calls) == 1 and _is_one_vector(calls[0][0]) and _is_same(logits, calls[0][1]):
            _switch_off_drawing(spec, network, image_size)
            return name
    raise SpecError(
        f"model '{spec}': its classifier is not a linear layer of one feature vector per image, so it has no head"
    )


def _switch_off_drawing(spec: ModelSpec, network: nn.Module, image_size: int) -> None:
    """Switch off random operations in training, since the recipe alone may draw random numbers, as for our models."""
    switch_off(network)
    with _refusing(spec, image_size):
        images = torch.linspace(-1, 1, 6 * image_size**2).view(2, 3, image_size, image_size)
        left = random_operations(network, images)
    if left:
        raise SpecError(
            f"model '{spec}' draws random numbers in training ({', '.join(left)}) that can't be switched off, while "
            "every model trains with the suite's recipe alone"
        )


def _is_one_vector(features: Tensor) -> bool:
    return features.ndim >= 2 and features.numel() == features.shape[1]


def _is_same(logits: object, output: Tensor) -> bool:
    """Return whether both are the same tensor, up to axes of length one; on the meta device, compare the sizes only."""
    if not isinstance(logits, Tensor) or logits.numel() != output.numel():
        return False
    return logits.untyped_storage() is output.untyped_storage()


@contextmanager
def _refusing(spec: ModelSpec, image_size: int, weights: str = "") -> Iterator[None]:
    """Convert any exception of a library to SpecError, except running out of memory."""
    try:
        yield
    except (SpecError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # libraries assert, index and divide before they refuse
        wanted = f"model '{spec}' can't be built for images of {image_size} pixels{weights}"
        raise SpecError(f"{wanted}; {spec.library} says: {reason(error)}") from error


def _resampled(library: str | None, network: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights resampled by the library, or unchanged if it can't, so that the loader lists all mismatches."""
    try:
        return adapter_of(library).resampled(network, dict(weights))
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception:  # the weights are of another network, which conversions do not expect
        return weights


@torch.no_grad()
def _keep(old: nn.Module, head: nn.Linear) -> None:
    """Copy the network's own classifier into our head."""
    head.weight.copy_(_matrix(old))
    bias = getattr(old, "bias", None)
    head.bias.zero_() if bias is None else head.bias.copy_(bias)


def _matrix(layer: nn.Module) -> Tensor:
    """Return the weight (classes, width) of a linear layer or a 1x1 convolution."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight.flatten(1)
