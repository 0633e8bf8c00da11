"""Identify external weights: their source, their hash, and the scaling of their inputs.

Every model here gets images normalised with mean 0.5 and standard deviation 0.5. An external network was trained with
its own `InputScaling`. Torch and the libraries are imported only when weights are requested.
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
"""The mean and standard deviation with which the images of every model are normalised; pixels are from 0 to 1."""

Channels = tuple[float, float, float]


@dataclass(frozen=True)
class InputScaling:
    """The mean and standard deviation per channel with which a network expects pixels (0 to 1) to be normalised."""

    mean: Channels
    std: Channels


OURS = InputScaling((MEAN, MEAN, MEAN), (STD, STD, STD))
IMAGENET = InputScaling((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class PublishedWeights:
    """A library's published weights in a file on this machine."""

    path: Path
    source: str
    """The hub's id or the URL from which they were downloaded."""
    num_classes: int
    """The number of classes of their classifier; 0 if they have no classifier."""
    is_native: bool = True
    """Whether the file holds a state dict; otherwise the network converts the file's format itself."""


@dataclass(frozen=True)
class ExternalWeights:
    """The identity of external weights, and the scaling of their inputs, as a suite records them."""

    sha256: str
    """The SHA-256 of the file."""
    source: str
    """The path of the file, or the library's source of it."""
    mean: Channels
    std: Channels


class Adapter(Protocol):
    """The interface of each library's module."""

    def check_name(self, name: str) -> None:
        """Raise SpecError if the library has no such name; the message suggests the nearest one."""

    def create(self, name: str, num_classes: int, image_size: int) -> "nn.Module":
        """Build the whole network with random initial weights."""

    def classifier_of(self, network: "nn.Module") -> str | None:
        """Return the name of the layer that gives the logits, if it is linear."""

    def resampled(self, network: "nn.Module", weights: "dict[str, Tensor]") -> "dict[str, Tensor]":
        """Return a state dict of the same network at another image size, resampled for this one."""

    def input_scaling(self, name: str) -> InputScaling:
        """Return how the library scales inputs for that name and tag."""

    def fetch(self, name: str) -> PublishedWeights:
        """Return the published weights, and download them if needed; raise SpecError if there are none."""

    def create_published(
        self, name: str, published: PublishedWeights, num_classes: int, image_size: int
    ) -> "nn.Module":
        """Build the whole network with these weights; `num_classes` is used if they have no classifier."""


def adapter_of(library: str | None) -> Adapter:
    """Return the module for a library, by its name in a spec."""
    return cast(Adapter, import_module(f"models.external.{library}_models"))


def weights_sha256(path: Path | str) -> str:
    """Return the SHA-256 of a file.

    Raises:
        SpecError: The file can't be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SpecError(f"{path} can't be read as weights: {error.strerror or error}") from None


def external_weights(spec: ModelSpec) -> ExternalWeights:
    """Identify the weights that a spec names, with the scaling of their inputs.

    Published weights are downloaded if needed.

    Raises:
        SpecError: The weights can't be read or downloaded.
    """
    assert spec.has_external_weights, f"{spec} names no weights"
    path = source = str(spec.option("weights"))
    if spec.library is not None:
        adapter_of(spec.library).check_name(spec.library_name)
    if not path:
        published = fetched(spec)
        path, source = str(published.path), published.source
    scaling = input_scaling(spec)
    return ExternalWeights(weights_sha256(path), source, scaling.mean, scaling.std)


def input_scaling(spec: ModelSpec) -> InputScaling:
    """Return the scaling that `scaling=` names: the library's for that name and tag, or one of two common ones.

    Our own models have none but the common one.
    """
    if spec.library is None:
        return OURS
    if spec.option("scaling") == "library":
        return adapter_of(spec.library).input_scaling(spec.library_name)
    return {"half": OURS, "imagenet": IMAGENET}[str(spec.option("scaling"))]


def fetched(spec: ModelSpec) -> PublishedWeights:
    """Return the published weights of a model, from this machine or the network.

    Raises:
        SpecError: There are none, or they can't be downloaded. The message gives the reason and a workaround.
    """
    try:
        return adapter_of(spec.library).fetch(spec.library_name)
    except SpecError:
        raise
    except Exception as error:  # the network and the hub's client raise many kinds
        raise SpecError(
            f"model '{spec}': its published weights can't be fetched: {reason(error)}. On a machine that can fetch "
            "them, save the network's state dict as a safetensors file, then give "
            f"{spec.preset}:weights=FILE.safetensors"
        ) from None


def reason(error: Exception) -> str:
    """Return the first line of an error's message, or the error's type and failing code if the message is empty."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if lines:
        return lines[0].rstrip(".")
    frames = traceback.extract_tb(error.__traceback__)
    code = [frame.line for frame in frames if frame.line and "/torch/" not in frame.filename]
    return f"{type(error).__name__} at {code[-1]!r}" if code else type(error).__name__
