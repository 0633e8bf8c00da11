"""Classifiers of timm and torchvision behind our contract: any whose logits are a linear layer of one feature vector.

Built by the library itself, with its initial weights; its classifier gives way to our `head`, and its own dropout and
stochastic depth are switched off. It refuses, with the library's reason, what can't be built or run at the image size,
and what draws random numbers in training all the same. Weights from outside come with a scaling of inputs, which two
buffers apply: they stand in the state dict, so that a finished run's weights need nothing else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from models.contract import Classifier
from models.external.regularisation import draws, switch_off
from models.external.weights_source import InputScaling, adapter_of, fetched, input_scaling, name_of, reason
from models.external.wrapped import Wrapped
from models.spec.model_error import SpecError
from models.spec.model_spec import ModelSpec
from models.weights import fill, read_weights

_BODY = "body."
_HEAD = "head."


class External(Wrapped):
    """A library's network: its body under its own names behind `body.`, our head, and the scaling of its inputs."""

    input_scale: Tensor
    input_shift: Tensor

    def __init__(self, network: nn.Module, classifier: str, num_classes: int, library: str | None) -> None:
        """Put our head in place of the network's `classifier`, which is taken out of it."""
        width = _matrix(network.get_submodule(classifier)).shape[1]
        network.set_submodule(classifier, nn.Identity())
        super().__init__(network, width, num_classes)
        self.classifier = classifier
        self.library = library
        self.register_buffer("input_scale", torch.ones(3))
        self.register_buffer("input_shift", torch.zeros(3))

    def features(self, images: Tensor) -> Tensor:
        return super().features(images * self.input_scale[:, None, None] + self.input_shift[:, None, None])

    def resized(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """By the library, which tells its own state dicts from older ones by their classifier."""
        body = {name.removeprefix(_BODY): value for name, value in weights.items() if name.startswith(_BODY)}
        classifier = {
            name.replace(_HEAD, f"{self.classifier}.", 1): value
            for name, value in weights.items()
            if name.startswith(_HEAD)
        }
        others = {name: value for name, value in weights.items() if not name.startswith(_BODY)}
        fitted = _resampled(self.library, self.body, body | classifier)
        return others | {_BODY + name: value for name, value in fitted.items() if name not in classifier}

    def scale_inputs(self, scaling: InputScaling) -> None:
        """Turn the inputs that every model gets into those that the weights were trained with."""
        self.input_scale.copy_(torch.tensor(scaling.scale))
        self.input_shift.copy_(torch.tensor(scaling.shift))


def build_external(spec: ModelSpec, num_classes: int, image_size: int) -> Classifier:
    """The classifier that `spec` names, with the weights that it names, if any; on the meta device without them."""
    adapter_of(spec.library).check_name(name_of(spec))
    if not spec.has_external_weights or torch.get_default_device().type == "meta":
        return _with_random_weights(spec, num_classes, image_size)
    build = _with_published_weights if spec.option("pretrained") else _with_weights_of_file
    model = build(spec, num_classes, image_size)
    model.scale_inputs(input_scaling(spec))
    return model


def _with_random_weights(spec: ModelSpec, num_classes: int, image_size: int) -> External:
    with _refusing(spec, image_size):
        network = adapter_of(spec.library).create(name_of(spec), num_classes, image_size)
    return External(network, _classifier(spec, network, image_size), num_classes, spec.library)


def _with_published_weights(spec: ModelSpec, num_classes: int, image_size: int) -> External:
    adapter, published = adapter_of(spec.library), fetched(spec)
    with _refusing(spec, image_size, f" with the weights in {published.path}"):
        network = adapter.create_published(name_of(spec), published, num_classes, image_size)
    classifier = _classifier(spec, network, image_size)
    old = network.get_submodule(classifier)
    model = External(network, classifier, num_classes, spec.library)
    if published.num_classes == num_classes:
        _keep(old, model.head)
    return model


def _with_weights_of_file(spec: ModelSpec, num_classes: int, image_size: int) -> External:
    """The file's classifier is kept where it has as many classes; else its rows mean nothing here."""
    path = str(spec.option("weights"))
    weights = read_weights(Path(path))
    with _refusing(spec, image_size):
        network = adapter_of(spec.library).create(name_of(spec), num_classes, image_size)
    classifier = _classifier(spec, network, image_size)
    kept = len(weights.get(f"{classifier}.weight", ())) == num_classes
    own = {} if kept else {name: value for name, value in network.state_dict().items() if _is_of(name, classifier)}
    given = {name: value for name, value in weights.items() if kept or not _is_of(name, classifier)} | own
    if _shapes(given) != _shapes(network.state_dict()):
        given = _resampled(spec.library, network, given)
    fill(network, given, f"{path}, weights of {spec.preset}")
    old = network.get_submodule(classifier)
    model = External(network, classifier, num_classes, spec.library)
    if kept:
        _keep(old, model.head)
    return model


@torch.no_grad()
def _classifier(spec: ModelSpec, network: nn.Module, image_size: int) -> str:
    """The name of the layer that gives the logits, after a trial: that it sees one vector an image, and comes last."""
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
        f"model '{spec}': its classifier is no linear layer of one feature vector an image, so it has no head"
    )


def _switch_off_drawing(spec: ModelSpec, network: nn.Module, image_size: int) -> None:
    """So that the recipe decides all that is drawn in training, as it does for our own models."""
    switch_off(network)
    with _refusing(spec, image_size):
        left = draws(network, torch.linspace(-1, 1, 6 * image_size**2).view(2, 3, image_size, image_size))
    if left:
        raise SpecError(
            f"model '{spec}' draws random numbers in training ({', '.join(left)}) that can't be switched off, while "
            "every model trains with the suite's recipe alone"
        )


def _is_one_vector(features: Tensor) -> bool:
    return features.ndim >= 2 and features.numel() == features.shape[1]


def _is_same(logits: object, output: Tensor) -> bool:
    """Whether they are one tensor, or one without axes of length one; the meta device has no addresses to compare."""
    if not isinstance(logits, Tensor) or logits.numel() != output.numel():
        return False
    return logits.untyped_storage() is output.untyped_storage()


@contextmanager
def _refusing(spec: ModelSpec, image_size: int, weights: str = "") -> Iterator[None]:
    """Say whatever a library raises as a user's mistake, except that memory ran out."""
    try:
        yield
    except (SpecError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # libraries assert, index and divide before they refuse
        wanted = f"model '{spec}' can't be had for images of {image_size} pixels{weights}"
        raise SpecError(f"{wanted}; {spec.library} says: {reason(error)}") from error


def _resampled(library: str | None, network: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Made to fit by the library; as they are where it can't, so that all that differs is listed."""
    try:
        return adapter_of(library).resampled(network, dict(weights))
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception:  # a conversion meets weights of something else
        return weights


@torch.no_grad()
def _keep(old: nn.Module, head: nn.Linear) -> None:
    """Make our head the network's own classifier."""
    head.weight.copy_(_matrix(old))
    bias = getattr(old, "bias", None)
    head.bias.zero_() if bias is None else head.bias.copy_(bias)


def _matrix(layer: nn.Module) -> Tensor:
    """The weight (classes, width) of a linear layer or a 1x1 convolution."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight.flatten(1)


def _is_of(name: str, classifier: str) -> bool:
    return name.rpartition(".")[0] == classifier


def _shapes(weights: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in weights.items()}
