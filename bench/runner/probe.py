"""A probe, from its description to its outcome: features of a network that stays as it is, and a classifier on them.

Test images are read by the fitted probe alone, once. Their features, and those of validation images, are kept for the
next probe of the same network on the same target, since all shots and draws share them.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

import models
from bench.data.dataset import ImageSet
from bench.data.loading.batches import evaluation_batches
from bench.data.loading.pipelines import Feed
from bench.machine.device import device_name
from bench.plan.run import PROBES, Run
from bench.runner.contamination import num_contaminated
from bench.runner.initial_weights import pretrained_model
from bench.runner.pipeline_choice import EVALUATION_BATCH, feed_for, pipeline_facts
from bench.runner.run_data import RunData, load_run_data
from bench.store.new_record import build_record
from bench.store.store import Outcome, Store
from bench.training.compute import Compute, compute_on
from bench.training.evaluate import Evaluation
from bench.training.linear_probe import Features, LinearProbe, features, logistic, ridge

SOLVERS = {"logistic": logistic, "ridge": ridge}


def probe(run: Run, store: Store, data_dir: Path) -> Outcome:
    """Fit a probe on the features of its training images, and judge it by validation and test images."""
    compute = compute_on(run.device, run.precision)
    data = load_run_data(run, data_dir)
    num_classes = len(data.class_names)
    model = pretrained_model(run, store, num_classes).to(compute.device)
    train, train_feed = _taken(data.train, run, model, compute)
    held = _held_out(run, store, data, model, compute)
    fitted = _fit(run, train, held.validation, num_classes)

    test = fitted.evaluate(held.test)
    counts = models.count(run.model, num_classes=num_classes, image_size=run.image_size)
    record = build_record(
        run,
        status="ok",
        device_name=device_name(run.device),
        data={
            **data.facts(),
            "num_contaminated": num_contaminated(run, data, store, data_dir),
            **pipeline_facts({"train": train_feed, **held.feeds}),
        },
        metrics=_metrics(fitted, fitted.evaluate(held.validation), test),
        counts=vars(counts),
        cost={"images_seen": 0, "training_flops": 2 * counts.macs * len(train.labels)},
    )
    return Outcome(record | {"probe": _described(run, fitted)}, None, test.predictions, _weights(fitted))


@dataclass(frozen=True, eq=False)
class _HeldOut:
    """The features that all probes of one network on one target share, and how their images came."""

    validation: Features
    test: Features
    feeds: dict[str, Feed]


_last: dict[tuple[Any, ...], _HeldOut] = {}
"""What this process took last, by what decides it."""


def _held_out(run: Run, store: Store, data: RunData, model: models.Classifier, compute: Compute) -> _HeldOut:
    """Take the features of validation and test images, or those that the probe before this one took."""
    target = json.loads(run.identity) | {"images": None}
    weights = run.external.identity if run.external is not None else run.starts_from
    named = json.dumps([target, weights, run.model, run.on_bad_image])
    key = (store.root, named, run.image_size, run.device, run.precision, run.threads)
    if key not in _last:
        assert data.test is not None, "a probe has a target"
        validation, validation_feed = _taken(data.validation, run, model, compute)
        test, test_feed = _taken(data.test, run, model, compute)
        _last.clear()
        _last[key] = _HeldOut(validation, test, {"validation": validation_feed, "test": test_feed})
    return _last[key]


def _taken(images: ImageSet, run: Run, model: models.Classifier, compute: Compute) -> tuple[Features, Feed]:
    """Take the features of a split, with the feed that its images came by."""
    feed = feed_for(images, run, compute.device)
    return features(model, evaluation_batches(images, EVALUATION_BATCH, feed), compute), feed


def _fit(run: Run, train: Features, validation: Features, num_classes: int) -> LinearProbe:
    assert run.probe is not None, "a run without a probe trains its network"
    return SOLVERS[PROBES[run.probe.kind]](train, validation, num_classes)


def _metrics(fitted: LinearProbe, validation: Evaluation, test: Evaluation) -> dict[str, float | None]:
    """As of a transfer, but without a training loss; the scores of `ridge` are no logits, so they have no loss."""
    return {
        "train_loss": None,
        "validation_loss": _loss(fitted, validation),
        "validation_accuracy": validation.accuracy,
        "test_loss": _loss(fitted, test),
        "test_accuracy": test.accuracy,
    }


def _loss(fitted: LinearProbe, evaluation: Evaluation) -> float | None:
    return evaluation.loss if fitted.solver == "logistic" and np.isfinite(evaluation.loss) else None


def _described(run: Run, fitted: LinearProbe) -> dict[str, Any]:
    return {
        **vars(run.probe),
        "solver": fitted.solver,
        "strength": fitted.strength,
        "notes": list(fitted.notes),
    }


def _weights(fitted: LinearProbe) -> bytes:
    """What the probe is: with its network's features (n, width), ((features - mean) / scale) @ weight.T + bias."""
    names = ("mean", "scale", "weight", "bias")
    return safetensors.torch.save({f"probe.{name}": torch.from_numpy(getattr(fitted, name).copy()) for name in names})
