"""A suite's models of other libraries: check them, and identify their external weights, before anything runs.

Torch and the libraries are imported only if a suite names such a model.
"""

from collections.abc import Iterable
from pathlib import Path

from bench.config.validation import Strict
from bench.errors import InputError
from models.external.weights_source import Channels
from models.spec.model_spec import ModelSpec, SpecError, parse_spec

SOURCES = ("pretrained", "scaling", "weights")
"""The options that name the weights and their inputs' scaling; a run's key holds the weights' hash and the scaling."""


class ExternalModel(Strict):
    """A suite's model that starts from weights made outside the suite."""

    model: str
    """The model's spec, which says where the weights are."""
    sha256: str
    source: str
    mean: Channels
    std: Channels
    """The mean and deviation that scale its inputs: those of `scaling=`, else the library's for these weights."""

    @property
    def identity(self) -> dict[str, object]:
        """Everything that a run's result depends on, without a path."""
        return {"weights": self.sha256, "scaling": {"mean": self.mean, "std": self.std}}

    @property
    def corpus(self) -> str:
        """The name that stands for the weights' pretraining in tables."""
        return f"external:{self.sha256[:12]}"

    @property
    def bare_model(self) -> str:
        """The spec without the weights."""
        return str(parse_spec(self.model).without(*SOURCES))


def check_external(models: Iterable[str], image_size: int) -> None:
    """Refuse models that their library lacks, or that can't take the image size.

    Raises:
        InputError: one of them can't be built.
    """
    for spec in map(parse_spec, models):
        if spec.library is not None and not spec.has_external_weights:
            _build(spec, image_size, "meta")


def external_models(models: Iterable[str], image_size: int) -> tuple[ExternalModel, ...]:
    """Return the models that start from external weights, after loading each once.

    Raises:
        InputError: weights can't be had, don't fit, or stand twice.
    """
    identified: dict[tuple[str, str], ExternalModel] = {}
    for spec in map(parse_spec, models):
        if spec.has_external_weights:
            model = _identified(spec)
            _build(spec, image_size, "cpu")
            first = identified.setdefault((model.bare_model, model.sha256), model)
            if first is not model:
                raise InputError(
                    f"models: {first.model} and {model.model} start from the same weights; keep one of them"
                )
    return tuple(identified.values())


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
