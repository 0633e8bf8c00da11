"""Models of other libraries in a suite: checked, and their external weights identified, before anything runs.

Torch and the libraries are imported only where a suite names such a model.
"""

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from bench.errors import InputError
from models.external.weights_source import Channels
from models.spec.model_spec import ModelSpec, SpecError, parse_spec

SOURCES = ("pretrained", "scaling", "weights")
"""The options that say which weights, and how these want their inputs; a run's key holds their hash and the scaling."""


class ExternalModel(BaseModel):
    """A suite's model that starts from external weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    """Its spec, which says where the weights are."""
    sha256: str
    source: str
    mean: Channels
    std: Channels
    """What is taken out of its inputs: as `scaling=` says, else as the library does for that name and tag."""

    @property
    def identity(self) -> dict[str, object]:
        """All of it that a run's result depends on: no path."""
        return {"weights": self.sha256, "scaling": {"mean": self.mean, "std": self.std}}

    @property
    def corpus(self) -> str:
        """What stands for its pretraining in tables."""
        return f"external:{self.sha256[:12]}"

    @property
    def bare_model(self) -> str:
        """The spec without the weights."""
        return str(parse_spec(self.model).without(*SOURCES))


def check_external(models: Iterable[str], image_size: int) -> None:
    """Refuse models of other libraries that these lack, or that can't take the image size.

    Raises:
        InputError: one of them can't be built.
    """
    for spec in map(parse_spec, models):
        if spec.library is not None and not spec.has_external_weights:
            _build(spec, image_size, "meta")


def external_models(models: Iterable[str], image_size: int) -> tuple[ExternalModel, ...]:
    """Those of the models that start from external weights, each loaded once to see that these fit.

    Raises:
        InputError: weights that can't be had or don't fit, or that stand twice.
    """
    found: dict[tuple[str, str], ExternalModel] = {}
    for spec in map(parse_spec, models):
        if spec.has_external_weights:
            one = _identified(spec)
            _build(spec, image_size, "cpu")
            other = found.setdefault((one.bare_model, one.sha256), one)
            if other is not one:
                raise InputError(f"models: {other.model} and {one.model} start from the same weights; keep one of them")
    return tuple(found.values())


def _identified(spec: ModelSpec) -> ExternalModel:
    from models.external.weights_source import external_weights

    path = str(spec.option("weights"))
    if path and not Path(path).is_file():
        raise InputError(
            f"models: {spec}: there is no file {path}; give the path of a .safetensors file, from the folder that the "
            f"command runs in, or {spec.without('weights')} for random initial weights"
        )
    try:
        return ExternalModel(model=str(spec), **vars(external_weights(spec)))
    except SpecError as error:
        raise InputError(f"models: {spec}: {error}") from None


def _build(spec: ModelSpec, image_size: int, device: str) -> None:
    import torch

    from models.registry import build

    try:
        with torch.device(device):
            build(spec, image_size=image_size, seed=0)
    except SpecError as error:
        raise InputError(f"models: {spec}: {error}") from None
