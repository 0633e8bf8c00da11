"""Check a suite's models of other libraries, and identify external weights, before anything runs.

Torch and the libraries are imported only if a suite names such a model or such weights.
"""

import os
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from bench.config.validation import Strict
from bench.errors import InputError
from models.external.weights_source import Channels
from models.spec.model_spec import ModelSpec, SpecError, parse_spec

if TYPE_CHECKING:
    from models.contract import Classifier

SOURCES = ("pretrained", "scaling", "weights")
"""Options for the weights and the scaling of inputs; a run's key contains the weights' hash and the scaling instead."""


class ExternalModel(Strict):
    """A suite's model that starts from external weights."""

    model: str
    """Spec of the model, with the location of the weights."""
    sha256: str
    source: str
    mean: Channels
    std: Channels
    """Mean and standard deviation of its inputs per channel: from `scaling=`, else the library's for these weights."""

    @property
    def identity(self) -> dict[str, object]:
        """Everything about the weights that a run's result depends on, without a path."""
        return {"weights": self.sha256, "scaling": {"mean": self.mean, "std": self.std}}

    @property
    def corpus(self) -> str:
        """Name of the weights' pretraining in tables."""
        return f"external:{self.sha256[:12]}"

    @property
    def bare_model(self) -> str:
        """Spec without the weights."""
        return str(parse_spec(self.model).without(*SOURCES))


def check_external(models: Iterable[str], image_size: int) -> None:
    """Refuse models that their library lacks, or that can't be built for the image size or never see part of it.

    Those with published weights are checked without them, and those with a file of weights with it.

    Raises:
        InputError: a model can't be used.
    """
    for spec in map(parse_spec, models):
        if spec.library is not None or spec.has_external_weights:
            (_build if spec.option("weights") else _build_once)(spec.without("pretrained"), image_size)


def external_models(models: Iterable[str], image_size: int) -> tuple[ExternalModel, ...]:
    """Return the models that start from external weights, after loading each once.

    Raises:
        InputError: weights are missing, do not fit, or are listed twice.
    """
    identified: dict[tuple[str, str], ExternalModel] = {}
    for spec in map(parse_spec, models):
        if spec.has_external_weights:
            model = _identified(spec)
            _build(spec, image_size)
            first = identified.setdefault((model.bare_model, model.sha256), model)
            if first is not model:
                raise InputError(
                    f"models: {first.model} and {model.model} start from the same weights; keep one of them"
                )
    return tuple(identified.values())


def check_classes(models: Iterable[ExternalModel], image_size: int, target: str, num_classes: int) -> None:
    """Refuse external weights whose classifier has another number of classes than a target.

    Raises:
        InputError: a model's weights have other classes, or no classifier.
    """
    for model in models:
        classes = _build(parse_spec(model.model), image_size).weights_classes
        if classes != num_classes:
            has = f"its weights have {classes:,}" if classes else "its weights have no classifier"
            raise InputError(
                f"transfers: none: {target} has {num_classes:,} classes, but {model.model}: {has}. Weights are "
                "evaluated as they are only on their own classes, in the target's order; fine-tune replaces their head"
            )


def _identified(spec: ModelSpec) -> ExternalModel:
    from models.external.weights_source import external_weights

    _check_file(spec)
    try:
        return ExternalModel(model=str(spec), **vars(external_weights(spec)))
    except SpecError as error:
        raise InputError(f"models: {spec}: {error}") from None


def _check_file(spec: ModelSpec) -> None:
    path = str(spec.option("weights"))
    if path and not os.path.isfile(path):  # says no, too, to a path that is too long or may not be looked at
        raise InputError(
            f"models: {spec}: there is no file {path}; give the path of a file of weights, relative to the folder in "
            f"which the command runs, or {spec.without('weights')} for random initial weights"
        )


def _build(spec: ModelSpec, image_size: int) -> "Classifier":
    """Build a model on the CPU, with the weights that it names; check that a library's network sees every pixel."""
    import torch

    from models.external.coverage import check_coverage
    from models.registry import build

    _check_file(spec)
    try:
        with torch.device("cpu"):
            model = build(spec, image_size=image_size, seed=0)
            if spec.library is not None:
                check_coverage(model, spec, image_size)
            return model
    except SpecError as error:
        raise InputError(f"models: {spec}: {error}") from None


_build_once = lru_cache(maxsize=256)(_build)
"""For models without a file of weights, which may change."""
