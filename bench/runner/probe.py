"""The strategy that fits a probe: a linear classifier on the features of a frozen network, or nothing.

Test images are used only to evaluate the fitted probe. A session keeps the features of validation and test images,
because all probes of the same network on the same target share them, whatever their shots and draws.
"""

import json

import safetensors.torch
import torch

import models
from bench.data.loading.batches import evaluation_batches
from bench.plan.run import PROBES
from bench.runner.fit import evaluate_split
from bench.runner.initial_weights import pretrained_model
from bench.runner.pipeline_choice import EVALUATION_BATCH
from bench.runner.session import RunSession
from bench.runner.strategy import FittedModel, RunInputs
from bench.training.linear_probe import Features, LinearProbe, features, logistic, ridge
from models.spec.flops import FLOPS_PER_MAC

SOLVERS = {"logistic": logistic, "ridge": ridge}


def fit_probe(inputs: RunInputs, session: RunSession) -> FittedModel:
    """Fit the probe of a run to its training images, and choose its strength by validation images.

    The scores of `ridge` are not logits, so the result has no loss.
    """
    probe = inputs.run.probe
    assert probe is not None, "the run has no probe"
    network = pretrained_model(inputs.run, inputs.store, inputs.num_classes).to(inputs.compute.device)
    if probe.kind == "none":
        return _as_it_is(network, inputs)
    train, held_out = _features_of("train", network, inputs), _held_out(network, inputs, session)
    fitted = SOLVERS[PROBES[probe.kind]](train, held_out["validation"], inputs.num_classes)
    return FittedModel(
        evaluate=lambda split, temperature: fitted.evaluate(held_out[split], temperature),
        weights=_weights(fitted),
        device=next(network.parameters()).device,
        cost={"images_seen": 0, "training_flops": FLOPS_PER_MAC * inputs.counts.macs * len(train.labels)},
        has_loss=fitted.solver == "logistic",
        facts={
            "probe": {
                **vars(probe),
                "solver": fitted.solver,
                "strength": fitted.strength,
                "notes": list(fitted.notes),
            }
        },
    )


def _as_it_is(network: models.Classifier, inputs: RunInputs) -> FittedModel:
    """Return the network with the classifier of its own weights, which read no training image.

    Raises:
        SpecError: the weights are of another number of classes.
    """
    assert inputs.run.probe is not None, "the run has no probe"
    if network.weights_classes != inputs.num_classes:
        raise models.SpecError(f"the weights have {network.weights_classes} classes, the target {inputs.num_classes}")
    return FittedModel(
        evaluate=lambda split, temperature: evaluate_split(network, split, inputs, temperature),
        weights=safetensors.torch.save({}),
        device=next(network.parameters()).device,
        cost={"images_seen": 0, "training_flops": 0},
        facts={"probe": {**vars(inputs.run.probe), "solver": "none", "strength": None, "notes": []}},
    )


def _held_out(network: models.Classifier, inputs: RunInputs, session: RunSession) -> dict[str, Features]:
    """Return the features of validation and test images; the session keeps them for the next probe of the network."""
    key, loaders = _held_out_key(inputs), inputs.loaders
    if key not in session.features:
        session.features.clear()
        session.features[key] = {
            split: (_features_of(split, network, inputs), loaders[split].bad.reasons)
            for split in loaders
            if split != "train"
        }
    for split, (_, bad_images) in session.features[key].items():
        loaders[split].bad.reasons.update(bad_images)
    return {split: features_of_split for split, (features_of_split, _) in session.features[key].items()}


def _held_out_key(inputs: RunInputs) -> str:
    """Return a key of everything that the features of validation and test images depend on."""
    run = inputs.run
    target = json.loads(run.identity) | {"images": None}  # the number of training images does not matter
    weights = run.external.identity if run.external is not None else run.starts_from
    computed = (run.image_size, run.device, run.precision, run.threads)
    return json.dumps([str(inputs.store.root), target, weights, run.model, run.on_bad_image, *computed])


def _features_of(split: str, network: models.Classifier, inputs: RunInputs) -> Features:
    batches = evaluation_batches(inputs.data.parts[split], EVALUATION_BATCH, inputs.loaders[split])
    return features(network, batches, inputs.compute)


def _weights(probe: LinearProbe) -> bytes:
    """Return the tensors of a probe as safetensors: scores are ((features - mean) / scale) @ weight.T + bias."""
    names = ("mean", "scale", "weight", "bias")
    return safetensors.torch.save({f"probe.{name}": torch.from_numpy(getattr(probe, name).copy()) for name in names})
