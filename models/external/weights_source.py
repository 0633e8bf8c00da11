"""Weights from outside the suite: what identifies them, where they come from, and how they want their inputs.

A network from outside was trained on images scaled in its own way, while every model here gets them with mean 0.5 and
standard deviation 0.5 taken out: `InputScaling` says how the one becomes the other. Imports neither torch nor the
libraries until weights are asked for.
"""

import hashlib
import traceback
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from models.spec.model_error import SpecError
from models.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

MEAN = 0.5
STD = 0.5
"""What is taken out of the values, 0 to 1, of the images that every model gets."""

Channels = tuple[float, float, float]


@dataclass(frozen=True)
class InputScaling:
    """The mean and standard deviation of each channel that a network wants taken out of values from 0 to 1."""

    mean: Channels
    std: Channels

    @property
    def scale(self) -> Channels:
        """What to multiply our inputs by, so that, with `shift` added, they are the network's."""
        red, green, blue = (STD / std for std in self.std)
        return red, green, blue

    @property
    def shift(self) -> Channels:
        """What to add after that."""
        red, green, blue = ((MEAN - mean) / std for mean, std in zip(self.mean, self.std, strict=True))
        return red, green, blue


OURS = InputScaling((MEAN, MEAN, MEAN), (STD, STD, STD))
IMAGENET = InputScaling((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class PublishedWeights:
    """A library's own weights, on this machine."""

    path: Path
    source: str
    """Where they were fetched from: a hub's id or an address."""
    num_classes: int
    """Of their classifier; 0 where they have none."""
    is_native: bool = True
    """Whether the file holds a state dict, and not a format that the network converts itself."""


@dataclass(frozen=True)
class ExternalWeights:
    """What a suite keeps of weights from outside: enough to tell them apart, and to say how inputs are scaled."""

    sha256: str
    """Of the file."""
    source: str
    """Its path, or where the library has it."""
    mean: Channels
    std: Channels


class Adapter(Protocol):
    """What there is for each library, as a module of that shape."""

    def check_name(self, name: str) -> None:
        """Raise SpecError where the library has no classifier of such a name, with the nearest one."""

    def create(self, name: str, num_classes: int, image_size: int) -> "nn.Module":
        """The whole network with random initial weights."""

    def classifier_of(self, network: "nn.Module") -> str | None:
        """The name of the layer that gives the logits, if it is a linear one."""

    def resampled(self, network: "nn.Module", weights: "dict[str, Tensor]") -> "dict[str, Tensor]":
        """A state dict of the same network at another image size, made to fit: its tables of positions."""

    def input_scaling(self, name: str) -> InputScaling:
        """How the library scales inputs for that name and tag."""

    def fetch(self, name: str) -> PublishedWeights:
        """The published weights, downloaded unless they are here; raises SpecError where there are none."""

    def create_published(
        self, name: str, published: PublishedWeights, num_classes: int, image_size: int
    ) -> "nn.Module":
        """The whole network with these weights; `num_classes` where they have no classifier."""


def adapter_of(library: str | None) -> Adapter:
    """The adapter of a library, as a spec names it."""
    return cast(Adapter, import_module(f"models.external.{library}_models"))


def name_of(spec: ModelSpec) -> str:
    """A model's name in its library."""
    return spec.preset.partition(":")[2]


def weights_sha256(path: Path | str) -> str:
    """The SHA-256 of a file; raises SpecError where it can't be read."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SpecError(f"{path} can't be read as weights: {error.strerror or error}") from None


def external_weights(spec: ModelSpec) -> ExternalWeights:
    """What identifies the weights that a spec names, and how they want their inputs.

    Downloads those of `pretrained=true` unless they are here. Raises SpecError where they can't be had.
    """
    assert spec.has_external_weights, f"{spec} names no weights"
    adapter_of(spec.library).check_name(name_of(spec))
    path, source = str(spec.option("weights")), str(spec.option("weights"))
    if spec.option("pretrained"):
        published = fetched(spec)
        path, source = str(published.path), published.source
    scaling = input_scaling(spec)
    return ExternalWeights(weights_sha256(path), source, scaling.mean, scaling.std)


def input_scaling(spec: ModelSpec) -> InputScaling:
    """What `scaling=` says: how the library scales inputs for that name and tag, or one of the two usual ways."""
    if spec.option("scaling") == "library":
        return adapter_of(spec.library).input_scaling(name_of(spec))
    return {"half": OURS, "imagenet": IMAGENET}[str(spec.option("scaling"))]


def fetched(spec: ModelSpec) -> PublishedWeights:
    """The published weights of a model, from this machine or the network.

    Raises SpecError with the reason and the way out where there are none, or they can't be had.
    """
    try:
        return adapter_of(spec.library).fetch(name_of(spec))
    except SpecError:
        raise
    except Exception as error:  # whatever the network and the hub's client come up with
        raise SpecError(
            f"model '{spec}': its published weights can't be fetched: {reason(error)}. Save the network's state dict "
            f"as a safetensors file where they can be, and give {spec.preset}:weights=FILE.safetensors"
        ) from None


def reason(error: Exception) -> str:
    """The first line of what went wrong; where the message is empty its kind, and the line of code that raised it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if lines:
        return lines[0].rstrip(".")
    frames = traceback.extract_tb(error.__traceback__)
    code = [frame.line for frame in frames if frame.line and "/torch/" not in frame.filename]
    return f"{type(error).__name__} at {code[-1]!r}" if code else type(error).__name__
