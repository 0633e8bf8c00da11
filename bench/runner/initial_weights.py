"""The weights that a run starts with: random by its seed, those of another run, or external."""

import safetensors.torch

import models
from bench.config.external_weights import ExternalModel
from bench.data.random import stream_seed
from bench.plan.run import Run
from bench.store.store import Store
from models.external.weights_source import external_weights
from models.weights import load_weights


def initial_model(run: Run, store: Store, num_classes: int) -> models.Classifier:
    """Build a run's model: with random weights by the seed, or with pretrained weights and a new head."""
    if run.external is None and run.starts_from is None:
        seed = stream_seed(run.seed, "init")
        return models.build(run.model, num_classes=num_classes, image_size=run.image_size, seed=seed)
    model = pretrained_model(run, store, num_classes)
    model.replace_head(num_classes, seed=stream_seed(run.seed, "head"))
    return model


def pretrained_model(run: Run, store: Store, num_classes: int) -> models.Classifier:
    """Build a run's model with the pretrained weights that it starts from, head included."""
    seed = stream_seed(run.seed, "init")
    if run.external is not None:
        return _from_external(run.external, num_classes, run.image_size, seed)
    assert run.starts_from is not None, "the run starts from random weights"
    return _from_run(run, run.starts_from, store, seed)


def _from_run(run: Run, key: str, store: Store, seed: int) -> models.Classifier:
    """Build the model with the weights of another run, head included."""
    weights = safetensors.torch.load(store.weights(key))
    num_classes = len(weights["head.weight"])
    model = models.build(run.model, num_classes=num_classes, image_size=run.image_size, seed=seed)
    load_weights(model, weights, f"run {key}, weights of {run.model}")
    return model


def _from_external(external: ExternalModel, num_classes: int, image_size: int, seed: int) -> models.Classifier:
    """Build the model with external weights.

    Raises:
        SpecError: the weights are not those that the suite was resolved with.
    """
    spec = models.parse_spec(external.model)
    if external_weights(spec).sha256 != external.sha256:
        raise models.SpecError(f"the weights of {spec} have changed: their SHA-256 was {external.sha256}")
    return models.build(spec, num_classes=num_classes, image_size=image_size, seed=seed)
