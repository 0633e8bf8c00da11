"""`bench recommend`: on a small store with planted accuracies, half-finished, with speeds; on the reference store."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bench.cli.app import app
from bench.config.resolved import ResolvedSuite
from bench.errors import InputError
from bench.plan.expand import expand
from bench.plan.run import Run
from bench.store.new_record import build_record
from bench.store.speed_file import append
from bench.store.store import Outcome, Store, open_store
from tests.speed_rows import measurement

REFERENCE = Path(__file__).parents[2] / "results" / "reference-cpu"
MEAN = {"vit": 0.70, "cnn": 0.90, "hybrid": 0.893}
MACS = {"vit": 1_000_000, "cnn": 3_000_000, "hybrid": 2_000_000}
LIKE = ("--images", "20", "--target", "digits")


@pytest.fixture
def store(tmp_path: Path, resolve_suite: Callable[..., ResolvedSuite]) -> Store:
    """The ResNet and the hybrid are within a point, the ViT is 20 points below and the cheapest."""
    suite = resolve_suite(seeds=[0, 1, 2, 3, 4, 5])
    store = open_store(tmp_path / "results", suite)
    for run in expand(suite).runs:
        store.write(Outcome(record(run)))
    return store


def record(run: Run) -> dict[str, Any]:
    """Seeds differ a little, and in another way for each family."""
    accuracy = MEAN[run.family] + 0.0005 * ((run.seed * (3 if run.family == "cnn" else 5)) % 4)
    counts: dict[str, int | None] = {"parameters": 200_000, "macs": MACS[run.family]}
    return build_record(run, status="ok", metrics={"test_accuracy": accuracy}, counts=counts)


def call(suite: str, results: Path, *options: str) -> Result:
    words = ["recommend", suite, "--results", str(results), *options]
    result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def as_json(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout, parse_constant=lambda name: pytest.fail(name))
    return found


def test_an_answer(store: Store) -> None:
    """The hybrid is the cheaper of the two that are within a point; 0.7 points are given up for it."""
    result = call("tiny", store.root.parent, *LIKE)
    assert result.exit_code == 0
    first, *rest = result.stdout.splitlines()
    assert first.startswith("r_pico+vit_pico/8: 89.4 % (")
    assert first.endswith(
        " on digits@20, interval at 95 %; it is the cheapest by multiply-accumulates of the 2 shown to be within 1 "
        "point of the highest mean accuracy; 1 is worse by more than 1 point"
    )
    text = "\n".join(rest)
    for part in (
        "digits@20, after 32 images of fractals",
        "behind the best: intervals at 97.5 %, corrected over the models compared (Holm)",
        "Rows compared: fine-tuned after 32 images of fractals (the default; --pretraining takes another, or scratch).",
        "This holds for models of 200 k parameters on images of 32 pixels; nothing is carried over to larger models.",
    ):
        assert part in text


def test_json_is_plain(store: Store) -> None:
    result = call("tiny", store.root.parent, *LIKE, "--json")
    found = as_json(result)
    assert (found["recommended"], found["refusal"], found["cheapest_by"]) == (
        "r_pico+vit_pico/8",
        None,
        "multiply-accumulates",
    )
    (at_size,) = found["at_sizes"]
    standings = {each["model"]: each["standing"] for each in at_size["candidates"]}
    assert standings == {"bit_resnet_pico": "best", "r_pico+vit_pico/8": "as good", "vit_pico/8": "worse"}
    best = next(each for each in at_size["candidates"] if each["standing"] == "best")
    assert best["behind_best"] == {"mean": None, "low": None, "high": None, "level": None}
    assert best["latency_ms"] == {"value": None, "low": None, "high": None}
    assert set(best["keys"]) <= {run.key for run in expand(store.suite()).runs}
    assert result.stdout == call("tiny", store.root.parent, *LIKE, "--json").stdout


def test_a_refusal_has_an_exit_code_of_its_own(store: Store) -> None:
    for options in (("--json",), ()):
        result = call("tiny", store.root.parent, "--images", "5000", "--target", "digits@20", *options)
        assert result.exit_code == 3
    assert result.stdout.startswith("no recommendation: digits was measured with 20 labelled images; 5,000 are 250 ")
    assert (
        "\nwhat would help: a suite with the target digits@5000\nwith 20 images, r_pico+vit_pico/8: " in result.stdout
    )
    found = as_json(call("tiny", store.root.parent, "--images", "5000", "--target", "digits", "--json"))
    assert found["recommended"] is None
    assert found["would_help"] == "a suite with the target digits@5000"
    assert found["at_sizes"][0]["recommended"] == "r_pico+vit_pico/8"


def test_wrong_input(store: Store) -> None:
    with pytest.raises(InputError, match="not a target of this suite; its targets are digits"):
        call("tiny", store.root.parent, "--images", "20", "--target", "mnist")
    for wrong in (["--percentile", "90"], ["--classes", "0"], ["--transfer", "k-shot"]):
        assert call("tiny", store.root.parent, *LIKE, *wrong).exit_code == 2
    with pytest.raises(InputError, match="no results of suite 'other'"):
        call("other", store.root.parent, *LIKE)


def test_a_half_finished_store(store: Store) -> None:
    """What is missing is named; what is begun in no row is missing from all."""
    runs = expand(store.suite()).runs
    for run in runs:
        if run.seed == 5:
            shutil.rmtree(store.run_folder(run.key))
    assert call("tiny", store.root.parent, *LIKE).exit_code == 0
    for run in runs:
        if run.seed == 4 and run.model == "vit_pico/8" and run.stage == "transfer":
            shutil.rmtree(store.run_folder(run.key))
    result = call("tiny", store.root.parent, *LIKE)
    assert result.exit_code == 3
    assert "vit_pico/8 after 32 images of fractals, fine-tune on digits@20: seed 4 not run" in result.stdout
    assert "what would help: `bench run tiny` goes on" in result.stdout


def test_an_empty_store(tmp_path: Path, resolve_suite: Callable[..., ResolvedSuite]) -> None:
    open_store(tmp_path / "results", resolve_suite(seeds=[0, 1]))
    result = call("tiny", tmp_path / "results", *LIKE)
    assert result.exit_code == 3
    assert "seeds 0, 1 not run" in result.stdout


def test_speeds_are_read_beside_the_store(store: Store) -> None:
    """At the image size of the suite; the ViT is too far below, though it is the fastest."""
    results = store.root.parent
    limit = ("--max-latency-ms", "1000")
    assert "no machine measured this suite's models at 32 pixels" in call("tiny", results, *LIKE, *limit).stdout
    append(results, measurement())
    result = call("tiny", results, *LIKE, *limit, "--device", "cpu-amd-epyc-9b45")
    assert result.exit_code == 0
    assert result.stdout.startswith("r_pico+vit_pico/8: ")
    assert "the cheapest by p95 latency on cpu-amd-epyc-9b45" in result.stdout
    found = as_json(call("tiny", results, *LIKE, *limit, "--percentile", "50", "--json"))
    (hybrid,) = (each for each in found["at_sizes"][0]["candidates"] if each["family"] == "hybrid")
    assert hybrid["latency_ms"]["low"] <= hybrid["latency_ms"]["value"] <= hybrid["latency_ms"]["high"]
    assert call("tiny", results, *LIKE, "--max-latency-ms", "0.001").exit_code == 3


def test_the_reference_store(tmp_path: Path) -> None:
    shutil.copytree(REFERENCE, tmp_path / "reference-cpu", ignore=shutil.ignore_patterns("*.safetensors"))
    result = call("reference-cpu", tmp_path, "--images", "100", "--target", "digits")
    assert result.exit_code == 0
    assert result.stdout.startswith("bit_resnet_pico: ")
    heldout = call("reference-cpu", tmp_path, "--images", "60", "--target", "strokes-heldout")
    assert heldout.exit_code == 3
    assert "drawn by the formula of a corpus" in heldout.stdout
    assert "what would help: a real target for --target: digits\n" in heldout.stdout
