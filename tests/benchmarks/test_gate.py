"""`bench compare --rerun --fail-over 5%`: 10 % more time trips it and 1 % does not, twenty times each, on real models.

Each round is the whole command in a repository of its own: a checkout, two processes, turns. `--bench-full` runs it.
"""

import json
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.support.planted import add_a_block, compare_with_last_commit, new_project, slow_down

TIMES = 20
SUITE = {
    "corpus": [],
    "models": ["vit_pico/8", "bit_resnet_pico"],
    "targets": ["digits@100"],
    "images": {"pretrain": 1024, "transfer": 0},
}
SHARES = {
    ("vit_pico/8", "inference"): 0.10,
    ("vit_pico/8", "training"): 0.01,
    ("bit_resnet_pico", "inference"): 0.01,
    ("bit_resnet_pico", "training"): 0.10,
}
DEEP = "vit_pico/8:depth=9"
"""Of whose time one block more is a tenth."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = new_project(tmp_path)
    (project / "two.yaml").write_text(json.dumps(SUITE))
    (project / "deep.yaml").write_text(json.dumps(SUITE | {"models": [DEEP]}))
    return project


@pytest.mark.benchmark(group="gate")
def test_a_tenth_more_trips_the_gate_and_a_hundredth_does_not(benchmark: BenchmarkFixture, project: Path) -> None:
    slow_down(project, SHARES)
    intervals: dict[tuple[str, str], list[tuple[float, float]]] = {what: [] for what in SHARES}

    def compare() -> None:
        code, found = compare_with_last_commit(project, "--suite", "two.yaml", "--device", "cpu", "--fail-over", "5%")
        assert code == 1
        for row in found["rows"]:
            intervals[row["model"], row["task"]].append((row["low"], row["high"]))

    benchmark.pedantic(compare, rounds=TIMES)
    tripped = {what: sum(low > 1.05 for low, _ in intervals[what]) for what in SHARES}
    benchmark.extra_info |= {f"tripped by {' '.join(what)}": number for what, number in tripped.items()}
    assert tripped == {what: TIMES if share > 0.05 else 0 for what, share in SHARES.items()}, intervals


@pytest.mark.benchmark(group="gate")
def test_a_block_more_trips_the_gate(benchmark: BenchmarkFixture, project: Path) -> None:
    add_a_block(project)
    options = ("--suite", "deep.yaml", "--only", "task=inference", "--device", "cpu", "--fail-over", "5%")
    code, found = benchmark.pedantic(compare_with_last_commit, args=(project, *options), rounds=1)
    assert code == 1, found
