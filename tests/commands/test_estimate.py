"""An estimate that is really measured, of a tiny suite."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from bench.commands.estimate import SuiteEstimate, estimate_suite, show_estimate
from bench.execute.environment import num_cores
from bench.execute.workers import Trial
from bench.plan import expand
from bench.suite import load_suite, resolve


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """Of two models, one of which is six times as large, on a target that is there and one that is not."""
    path = tmp_path_factory.mktemp("suite") / "tiny.yaml"
    content = {
        "corpus": {"name": "fractals", "classes": 4},
        "subsets": [16],
        "models": ["vit_pico/8", "vit_nano/8"],
        "targets": ["digits@20", {"target": "cifar10", "optional": True}],
        "seeds": [0],
        "from_scratch": False,
        "images": {"pretrain": 20480, "transfer": 2048},
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    name, loaded = load_suite(str(path))
    return resolve(name, loaded, device="cpu", data_dir=Path("nowhere"), seed_offset=0)


@pytest.fixture(scope="module")
def found(suite) -> SuiteEstimate:
    return estimate_suite(suite, expand(suite), Path("nowhere"), trial=Trial(1, 0.05))


def test_every_run_has_its_row_and_the_total_is_their_sum(suite, found):
    value = json.loads(json.dumps(found.as_json()))
    assert [row["key"] for row in value["runs"]] == [run.key for run in expand(suite).runs]
    assert value["total"]["worker_seconds"] == pytest.approx(sum(row["seconds"] for row in value["runs"]))
    assert value["total"]["training_flops"] == pytest.approx(sum(row["training_flops"] for row in value["runs"]))
    assert value["workers"] == min(num_cores(), 2)
    assert value["total"]["wall_seconds"] >= max(row["seconds"] for row in value["runs"])


def test_a_larger_model_takes_longer_and_more_of_all(found):
    small, large = (
        next(one for one in found.runs if one.run.stage == "pretrain" and one.run.model == model)
        for model in ("vit_pico/8", "vit_nano/8")
    )
    assert small.images == large.images == 20480
    assert small.seconds < large.seconds
    assert small.flops < large.flops
    assert small.disk_bytes < large.disk_bytes
    assert large.checkpoint_bytes > 2.9 * 4 * 1_000_000  # weights and two moments of more than a million parameters
    assert large.memory_bytes > 50_000_000


def test_runs_whose_data_is_missing_say_so(found):
    missing = [one for one in found.runs if str(one.run.target) == "cifar10"]
    assert missing
    assert all("cifar10" in one.reason and one.seconds == 0 for one in missing)
    assert not any(one.reason for one in found.runs if one not in missing)


def test_the_text_has_a_row_for_each_model_and_the_total(found):
    console = Console(file=io.StringIO(), width=100, color_system=None)
    show_estimate(console, found)
    text = console.file.getvalue()
    assert "pretrain fractals 16" in text
    assert "fine-tune digits@20" in text
    assert f"with {found.num_workers} worker" in text
    assert "not estimated: 1 run of vit_nano/8" in text
