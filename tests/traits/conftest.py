"""A store whose runs ended ok with random weights, so that traits can be measured without a training."""

from collections.abc import Callable

import pytest
import safetensors.torch

import models
from bench.data.target import num_classes, parse_target
from bench.plan.expand import expand
from bench.plan.run import Run
from bench.store.new_record import build_record
from bench.store.store import Outcome, Store, open_store

CHANGES = {
    "corpus": {"name": "shapes", "classes": 4},
    "models": ["vit_pico/16", "bit_resnet_pico"],
    "targets": ["shapes-heldout@32", "digits@20"],
}


@pytest.fixture
def store(tmp_path, resolve_suite) -> Store:
    return open_store(tmp_path / "results", resolve_suite(**CHANGES))


@pytest.fixture
def runs(store) -> tuple[Run, ...]:
    return expand(store.suite()).runs


@pytest.fixture
def finish(store) -> Callable[..., None]:
    """End runs of the store ok, with weights drawn by the run's seed."""
    return lambda *some: finish_runs(store, *some)


def finish_runs(store: Store, *some: Run) -> None:
    """End runs ok, with weights drawn by the run's seed."""
    for run in some:
        classes = 4 if run.target is None else num_classes(parse_target(str(run.target)), store.root)
        model = models.build(run.model, num_classes=classes, image_size=run.image_size, seed=run.seed)
        data = {"class_names": [f"class {number}" for number in range(classes)], "num_classes": classes}
        record = build_record(run, status="ok", metrics={"test_accuracy": 0.5}, data=data)
        weights = {name: tensor.contiguous().clone() for name, tensor in model.state_dict().items()}
        store.write(Outcome(record, weights=safetensors.torch.save(weights)))
