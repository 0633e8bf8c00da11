"""`bench plan --estimate`: a tiny suite that is really measured, and an estimate in words."""

import io
import json
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from bench.analysis.format import ABSENT
from bench.cli.app import app
from bench.cli.estimate import SuiteEstimate, show_estimate
from bench.machine.environment import num_cores
from bench.runner.estimate.estimate import RunEstimate

TINY = {
    "corpus": {"name": "fractals", "classes": 4},
    "subsets": [16],
    "models": ["vit_pico/8", "vit_nano/8"],
    "targets": ["digits@20", {"target": "cifar10", "optional": True}],
    "seeds": [0],
    "from_scratch": False,
    "images": {"pretrain": 20480, "transfer": 2048},
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> dict[str, Any]:
    """What the command prints for two models, one six times as large, on a target that is there and one that is not."""
    folder = tmp_path_factory.mktemp("suite")
    (folder / "tiny.yaml").write_text(json.dumps(TINY), encoding="utf-8")
    words = ["plan", str(folder / "tiny.yaml"), "--data", str(folder), "--device", "cpu", "--json"]
    planned, estimated = (CliRunner().invoke(app, [*words, *more]) for more in ([], ["--estimate"]))
    assert estimated.exit_code == 0, estimated.output
    return json.loads(estimated.stdout) | {"keys": [run["key"] for run in json.loads(planned.stdout)["runs"]]}


def test_every_run_has_its_row_and_the_total_is_their_sum(measured):
    rows, total = measured["runs"], measured["total"]
    assert [row["key"] for row in rows] == measured["keys"]
    assert total["runs"] == len(rows) == 6
    assert total["worker_seconds"] == pytest.approx(sum(row["seconds"] for row in rows))
    assert total["training_flops"] == pytest.approx(sum(row["training_flops"] for row in rows))
    assert measured["workers"] == min(num_cores(), 2)
    assert total["wall_seconds"] >= total["worker_seconds"] / measured["workers"]


def test_a_larger_model_takes_longer_and_more_of_all(measured):
    pretrained = [row for row in measured["runs"] if row["stage"] == "pretrain"]
    small, large = sorted(pretrained, key=lambda row: row["model"] == "vit_nano/8")
    assert small["images"] == large["images"] == 20480
    for measure in ("seconds", "training_flops", "disk_bytes", "checkpoint_bytes"):
        assert small[measure] < large[measure], measure
    assert large["disk_bytes"] > 4 * 1_200_000  # the weights of 1.2 million parameters
    assert large["checkpoint_bytes"] > 3 * 4 * 1_200_000  # with the optimizer's two moments
    assert large["memory_bytes"] is None  # on a CPU


def test_runs_whose_data_is_missing_say_so(measured):
    missing = {row["key"]: row for row in measured["runs"] if row["data"] == "cifar10"}
    assert len(missing) == 2
    for row in measured["runs"]:
        assert ("cifar10" in row["reason"]) == (row["key"] in missing)
        assert (row["seconds"] == 0) == (row["key"] in missing)


def test_in_words_each_model_has_its_row_and_what_cannot_be_estimated_its_reason(plan_suite):
    """Without a figure for memory that was not measured, and with the mean of a model's runs."""
    runs = [run for run in plan_suite(seeds=[0, 1], subsets=[16]).runs if run.stage == "scratch"]
    known = {"vit_pico/8": (20.0, 300_000_000), "bit_resnet_pico": (40.0, None)}
    estimated = [
        RunEstimate(run, known[run.model][0] + 10 * run.seed, 96, 1e9, known[run.model][1], 1_000_000, 2_000_000)
        if run.model in known
        else RunEstimate(run, reason="[too] large")
        for run in runs
    ]
    console = Console(file=io.StringIO(), width=80, color_system=None)
    show_estimate(console, SuiteEstimate("tiny", "cuda", 2, tuple(estimated), 5.0, 75.0))
    text = " ".join(console.file.getvalue().split())
    assert (
        "scratch digits@20 vit_pico/8 2 25 s 50 s 1e+09 286 MiB 977 KiB "
        f"bit_resnet_pico 2 45 s 90 s 1e+09 {ABSENT} 977 KiB" in text
    )
    assert f"r_pico+vit_pico/8 2 {' '.join([ABSENT] * 5)} total 6 2.3 min 4e+09 572 MiB 3.81 MiB" in text
    assert "about 80 s with 2 workers on cuda, of which 5 s" in text
    assert "up to 3.81 MiB of checkpoints" in text
    assert "not estimated: 2 runs of r_pico+vit_pico/8: [too] large" in text
