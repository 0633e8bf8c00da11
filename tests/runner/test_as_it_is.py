"""`transfers: [none]`: weights of the target's own classes, evaluated once on test, without training."""

import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import torch

import models
from bench.config.suite import load_suite
from bench.data.target import load_target, parse_target
from bench.errors import InputError
from bench.plan.expand import num_cells
from bench.runner import fit
from bench.runner.execute import execute
from bench.store.store import open_store
from tests import in_process

SUITE = {
    "corpus": [],
    "subsets": None,
    "models": ["vit_pico/8:depth=1,weights=own.pt"],
    "targets": ["digits@20"],
    "images": {"pretrain": 8, "transfer": 32},
}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> models.Classifier:
    """A model with ten classes, whose weights are in the folder of the test, where commands run."""
    monkeypatch.chdir(tmp_path)
    model = models.build("vit_pico/8:depth=1", num_classes=10, seed=3)
    with torch.no_grad():
        model.head.weight.mul_(20)
    torch.save(model.state_dict(), "own.pt")
    return model


def test_one_pass_over_test_whatever_the_seeds(own, resolve_suite, plan_suite, tmp_path, monkeypatch):
    changes = SUITE | {"seeds": [3, 4], "targets": ["digits@20", "digits@40"], "transfers": ["none", "fine-tune"]}
    suite, plan = resolve_suite(**changes), plan_suite(**changes)
    assert num_cells(suite) == len(plan.cells) == 1 + 2 * 2
    (run,) = [cell.transfer for cell in plan.cells if cell.transfer_kind == "none"]
    assert (run.seed, str(run.target), run.stage, str(run.probe)) == (3, "digits", "probe", "evaluation")
    passes: Counter[str] = Counter()
    real = fit.evaluation_batches

    def counted(images, *words):
        for batch in real(images, *words):
            passes[next(name for name, part in parts.items() if part == len(images))] += len(batch[1])
            yield batch

    parts = {"train": 785, "validation": 199, "test": 813}
    monkeypatch.setattr(fit, "evaluation_batches", counted)
    store = open_store(tmp_path / "results", suite)
    record = execute(run, store, tmp_path)
    assert record is not None
    assert record["status"] == "ok", record["reason"]
    assert passes == {"validation": 199, "test": 813}
    assert (record["cost"]["images_seen"], record["cost"]["training_flops"]) == (0, 0)
    predictions = pd.read_parquet(store.run_folder(run.key) / "predictions.parquet")
    test = load_target(parse_target("digits"), seed=0, image_size=32, data_dir=tmp_path).test
    assert test is not None
    scaled = torch.from_numpy(test.images).float() / 127.5 - 1
    with torch.inference_mode():
        expected = own.eval()(scaled).argmax(1)
    assert (predictions["prediction"].to_numpy() == expected.numpy()).mean() > 0.995  # ties within rounding aside
    assert record["metrics"]["test_accuracy"] == (predictions["prediction"] == predictions["label"]).mean()


def test_it_has_rows_in_the_tables_and_on_the_page(own, write_suite, tmp_path):
    write_suite(**(SUITE | {"seeds": [0, 1], "transfers": ["none", "fine-tune"]}))
    ended = in_process.bench("run", "tiny.yaml", "--device", "cpu", folder=tmp_path)
    assert ended.code == 0, ended.said + ended.errors
    tables = tmp_path / "results/tiny/tables"
    cells = pd.read_parquet(tables / "cells.parquet").set_index("transfer")
    assert cells.loc["none", "status"] == "ok"
    assert cells.loc["none", "corpus"].startswith("external:")
    row = pd.read_parquet(tables / "comparison.parquet").set_index("transfer").loc["none"]
    assert (row["num_seeds"], row["status"]) == (1, "complete")
    assert row["accuracy"] == pytest.approx(cells.loc["none", "accuracy"], abs=1e-8)
    reported = in_process.bench("report", "tiny", folder=tmp_path)
    assert reported.code == 0, reported.errors
    page = (tmp_path / "reports/tiny/report.md").read_text(encoding="utf-8")
    assert ", without training |" in page[page.index("## Compare") : page.index("## More data")]
    for command in ("status tiny", "claims tiny", "plan tiny.yaml --runs", "plan tiny.yaml --estimate"):
        assert in_process.bench(*command.split(), folder=tmp_path).code == 0
    key = cells.loc["none", "transfer_key"]
    assert json.loads((tmp_path / f"results/tiny/runs/{key}/record.json").read_text())["probe"]["kind"] == "none"
    assert in_process.bench("verify", key, folder=tmp_path).code == 0


def test_a_suite_may_ask_for_nothing_else(own, write_suite, tmp_path):
    write_suite(**(SUITE | {"transfers": ["none"], "from_scratch": False}))
    for command in ("run tiny.yaml --device cpu", "report tiny", "claims tiny"):
        ended = in_process.bench(*command.split(), folder=tmp_path)
        assert ended.code == 0, ended.said + ended.errors


def test_what_has_no_such_weights_is_refused_in_words(own, resolve_suite, write_suite, tmp_path):
    with pytest.raises(InputError, match=r"weights as they are, but vit_pico/8 has none; give it weights=FILE"):
        load_suite(str(write_suite(**(SUITE | {"models": ["vit_pico/8"], "transfers": ["none"]}))))
    with pytest.raises(InputError, match=r"fractals-heldout has 20 classes, but .*own\.pt: its weights have 10"):
        resolve_suite(**(SUITE | {"targets": ["digits", "fractals-heldout"], "transfers": ["none"]}))
    state = {name: tensor for name, tensor in own.state_dict().items() if not name.startswith("head.")}
    torch.save(state, "own.pt")
    with pytest.raises(InputError, match="its weights have no classifier"):
        resolve_suite(**(SUITE | {"transfers": ["none"]}))
