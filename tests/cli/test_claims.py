"""`bench claims`, and `bench report` with it: on a small store with a claim of its own, and on the reference store."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from bench.analysis.claims.verdict_table import TYPES
from bench.cli.app import app
from bench.config.resolved import ResolvedSuite
from bench.errors import InputError
from bench.plan.expand import expand
from bench.plan.run import Run
from bench.store.new_record import build_record
from bench.store.store import Outcome, Store, open_store

REFERENCE = Path(__file__).parents[2] / "results" / "reference-cpu"
CLAIM = {
    "id": "worth-it",
    "sentence": "ResNet gains from the larger subset.",
    "published": "nobody knows",
    "first": {"model": "bit_resnet_pico"},
    "second": {"model": "bit_resnet_pico", "subset": 16},
    "target": "digits@20",
    "difference": "above",
}
CORPORA = [{"corpus": name, "subsets": [16, 32]} for name in ("fractals", "cifar10")]
SUITE = {"seeds": [0, 1, 2], "claims": [CLAIM]}


@pytest.fixture
def store(tmp_path: Path, resolve_suite: Callable[..., ResolvedSuite]) -> Store:
    """A store whose ResNet gains ten points from 16 to 32 images, and whose ViT gains nothing."""
    suite = resolve_suite(**SUITE)
    store = open_store(tmp_path / "results", suite)
    for run in expand(suite).runs:
        record = build_record(
            run, status="ok", metrics={"test_accuracy": accuracy(run)}, counts={"parameters": 200_000}
        )
        store.write(Outcome(record))
    return store


def accuracy(run: Run) -> float:
    """With a little that differs from seed to seed, otherwise on the larger subset."""
    is_larger = run.pretraining is not None and run.pretraining.subset_images == 32
    gain = 0.1 if is_larger and run.family == "cnn" else 0.0
    return 0.5 + gain + 0.001 * ((run.seed * (3 if is_larger else 5) + len(run.model)) % 4)


def call(command: str, suite: str, results: Path, *options: str) -> Result:
    result = CliRunner().invoke(app, [command, suite, "--results", str(results), *options], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def as_json(suite: str, results: Path) -> dict[str, dict[str, Any]]:
    found = json.loads(call("claims", suite, results, "--json").stdout, parse_constant=lambda name: pytest.fail(name))
    return {one["claim"]: one for one in found}


def test_the_suites_own_claim_stands_beside_the_literatures(store: Store) -> None:
    found = as_json("tiny", store.root.parent)
    assert list(found) == [*(f"C{number}" for number in range(1, 13)), "worth-it"]
    own = found["worth-it"]
    assert (own["verdict"], own["is_custom"], own["published"]) == ("supported", True, "nobody knows")
    assert own["estimate"] == pytest.approx(10, abs=0.5)
    assert (own["num_pairs"], own["num_seeds"], own["unit"]) == (3, 3, "points")
    keys = {run.key for run in expand(store.suite()).runs if run.model == "bit_resnet_pico" and run.stage != "scratch"}
    assert set(own["keys"]) == keys
    assert found["C11"]["verdict"] == "refuted"
    assert "within 20 % of the ViT's parameters" in found["C11"]["measured"]
    assert found["C10"]["verdict"] == "undecided"


def test_judgements_are_kept_as_a_table(store: Store) -> None:
    call("claims", "tiny", store.root.parent)
    table = pd.read_parquet(store.tables / "claims.parquet")
    assert list(table.columns) == list(TYPES)
    assert len(table) == 13
    csv = pd.read_csv(store.tables / "claims.csv", keep_default_na=False)
    assert csv["verdict"].tolist() == table["verdict"].tolist()


def test_what_is_printed(store: Store) -> None:
    text = call("claims", "tiny", store.root.parent).stdout
    assert text.startswith("Claims")
    assert "worth-it supported: ResNet gains from the larger subset." in text
    for line in (
        "  judged by    first above second by more than 0 points",
        "  published    nobody knows",
        "  would decide ViT and ResNet after 1.3 million images, within a tenth, on real targets",
        "  measured     bit_resnet_pico after 32 images of fractals, less bit_resnet_pico after 16 images of fractals",
        "each interval at 98.33 %",
        "Claims are judged once, at 3 seeds.",
    ):
        assert line in text


def test_claims_are_read_anew_from_a_suite_that_is_named_by_its_path(
    store: Store, write_suite: Callable[..., Path]
) -> None:
    """Nothing has to be run again for another claim."""
    path = write_suite(**SUITE | {"claims": [CLAIM | {"id": "other", "difference": "below"}]})
    found = as_json(str(path), store.root.parent)
    assert "worth-it" not in found
    assert found["other"]["verdict"] == "refuted"
    assert "worth-it" in as_json("tiny", store.root.parent)


def test_a_claim_may_be_about_balanced_accuracy(tmp_path: Path, resolve_suite: Callable[..., ResolvedSuite]) -> None:
    """It is judged over seeds alone; here it contradicts the accuracy. Older records leave it open."""
    claims = [CLAIM, CLAIM | {"id": "balanced", "metric": "balanced_accuracy"}]
    suite = resolve_suite(**SUITE | {"claims": claims})
    store = open_store(tmp_path, suite)
    for run in expand(suite).runs:
        metrics = {"test_accuracy": accuracy(run), "test_balanced_accuracy": 1 - accuracy(run)}
        store.write(Outcome(build_record(run, status="ok", metrics=metrics)))
    found = as_json("tiny", tmp_path)
    assert (found["worth-it"]["verdict"], found["balanced"]["verdict"]) == ("supported", "refuted")
    assert found["balanced"]["estimate"] == pytest.approx(-found["worth-it"]["estimate"])
    assert found["balanced"]["measured"].endswith("on digits@20, balanced accuracy")
    old = open_store(tmp_path / "old", suite)
    for run in expand(suite).runs:
        old.write(Outcome(build_record(run, status="ok", metrics={"test_accuracy": accuracy(run)})))
    found = as_json("tiny", tmp_path / "old")["balanced"]
    assert found["verdict"] == "undecided"
    assert "do not contain balanced accuracies" in found["reason"]


def test_seeds_and_looks_are_those_of_the_store(store: Store, write_suite: Callable[..., Path]) -> None:
    """A file that lists more now changes no verdict, which is said; the store refuses to run it."""
    path = write_suite(**SUITE | {"seeds": [0, 1, 2, 3], "looks": [2, 4]})
    found = as_json(str(path), store.root.parent)
    assert found["worth-it"] == as_json("tiny", store.root.parent)["worth-it"] | {"looks": found["worth-it"]["looks"]}
    assert found["worth-it"]["look"] == 3
    assert "file has other seeds or looks now" in found["worth-it"]["looks"]


def test_a_claim_about_probes_takes_their_targets_and_shots(
    tmp_path: Path, resolve_suite: Callable[..., ResolvedSuite]
) -> None:
    """Shots are drawn from all of a target, and five are looked at where the claim leaves them out."""
    claim = CLAIM | {"transfer": "k-shot"}
    suite = resolve_suite(**SUITE | {"claims": [claim], "transfers": ["fine-tune", "k-shot"], "shots": [5, 10]})
    store = open_store(tmp_path, suite)
    for run in expand(suite).runs:
        store.write(Outcome(build_record(run, status="ok", metrics={"test_accuracy": accuracy(run)})))
    found = as_json("tiny", tmp_path)["worth-it"]
    assert found["verdict"] == "supported"
    assert found["measured"].endswith("k-shot, 5 shots, on digits")
    assert len(found["keys"]) == 2 * 3 * (1 + suite.draws)


@pytest.mark.parametrize(
    ("first", "changes", "reason"),
    [
        (
            {"subset": "big"},
            {"subsets": [16, "big"], "largest": 64},
            "big is no rung of fractals; its rungs are 16, 32",
        ),
        ({"subset": 48}, {"subsets": [16, 48]}, "no row of bit_resnet_pico on corpus fractals after 48 images"),
        ({"corpus": "cifar10"}, {"corpus": CORPORA, "subsets": None}, "not pretrain on cifar10, but on fractals"),
    ],
)
def test_a_row_that_the_store_does_not_have_leaves_its_claim_open(
    first: dict[str, Any],
    changes: dict[str, Any],
    reason: str,
    store: Store,
    write_suite: Callable[..., Path],
) -> None:
    """Only a suite that has changed since can name it; the other claims are judged all the same."""
    other = CLAIM | {"id": "other", "first": {"model": "bit_resnet_pico"} | first}
    path = write_suite(**SUITE | {"claims": [CLAIM, other]} | changes)
    found = as_json(str(path), store.root.parent)
    assert found["other"]["verdict"] == "undecided"
    assert reason in found["other"]["reason"]
    assert found["other"]["would_decide"] == "both rows, fine-tune on digits@20"
    assert found["worth-it"]["verdict"] == "supported"


def test_a_seed_without_an_outcome_leaves_claims_open(store: Store) -> None:
    run = next(run for run in expand(store.suite()).runs if run.model == "bit_resnet_pico" and run.stage == "transfer")
    shutil.rmtree(store.run_folder(run.key))
    store.write(Outcome(build_record(run, status="failed", reason="no space left")))
    found = as_json("tiny", store.root.parent)["worth-it"]
    assert found["verdict"] == "undecided"
    assert "seed 0 ended with an error (no space left)" in found["reason"]
    assert (found["num_pairs"], found["num_seeds"]) == (2, 3)


def test_the_page_has_the_custom_claims(store: Store, tmp_path: Path) -> None:
    call("report", "tiny", store.root.parent, "--reports", str(tmp_path / "reports"))
    page = (tmp_path / "reports" / "tiny" / "report.md").read_text()
    verdict = "\N{CHECK MARK} supported | ResNet gains from the larger subset."
    assert f"| worth-it (custom claim of this suite) | {verdict}" in page
    assert (store.tables / "claims.parquet").is_file()


def test_an_arm_that_is_ahead_of_its_family_is_said_below_the_verdicts_and_on_top_of_the_page(
    tmp_path: Path, resolve_suite: Callable[..., ResolvedSuite]
) -> None:
    """The arm without encoding beats the ladder's own ViT; the reference arm is that ViT."""
    arms = {"learned-1d": "vit_pico/8", "none": "vit_pico/8:pos=none"}
    suite = resolve_suite(**SUITE, ablations=[{"name": "position", "reference": "learned-1d", "arms": arms}])
    store = open_store(tmp_path / "results", suite)
    for run in expand(suite).runs:
        ahead = 0.1 + 0.001 * run.seed if run.model == arms["none"] else 0
        store.write(Outcome(build_record(run, status="ok", metrics={"test_accuracy": accuracy(run) + ahead})))
    text = call("claims", "tiny", store.root.parent).stdout
    said = (
        "An arm is ahead of the ladder's own vit: vit_pico/8:pos=none (ablation position, arm none) beats vit_pico/8 by"
    )
    assert text.index("Claims are judged once") < text.index(f"warning: {said}") < text.index("C1 undecided")
    printed = call("report", "tiny", store.root.parent, "--reports", str(tmp_path / "reports")).stdout
    page = (tmp_path / "reports" / "tiny" / "report.md").read_text()
    assert f"warning: {said}" in printed
    first_screen = page[: page.index("## Compare")]
    assert "> **Note:** Another ViT here, vit_pico/8:pos=none, is " in first_screen
    assert "better than the ladder's vit_pico/8 on " in first_screen
    assert f"> **Note:** {said}" in page[page.index("## Ablations") :]
    table = pd.read_parquet(store.tables / "own_rows.parquet")
    assert table[["arm", "own_model", "is_ahead"]].to_numpy().tolist() == [["none", "vit_pico/8", True]]


def test_the_reference_store(tmp_path: Path) -> None:
    """Its suite can judge the arms, the ladder and the exact check; what its rungs show decides no stated size."""
    shutil.copytree(REFERENCE, tmp_path / "reference-cpu", ignore=shutil.ignore_patterns("*.safetensors"))
    found = as_json("reference-cpu", tmp_path)
    num_seeds = len(Store(REFERENCE).suite().seeds)
    for name in ("C1", "C2", "C3", "C4"):
        assert found[name]["verdict"] == "undecided"
        assert "were not run" in found[name]["reason"]
        assert found[name]["estimate"] is None
        assert len(found[name]["beside"]) == 1
    for name in ("C5", "C6", "C7", "C8", "C9", "C11"):
        assert found[name]["estimate"] is not None
        assert found[name]["num_pairs"] == num_seeds
    printed = call("claims", "reference-cpu", tmp_path).stdout
    assert f" … ({len(found['C9']['keys'])} in all; --json lists them)" in printed
    assert found["C8"]["verdict"] == "supported"
    assert found["C10"]["verdict"] == "undecided"
    assert "budgets" in found["C12"]["reason"]


def test_an_unknown_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no results of suite 'cpu'"):
        call("claims", "cpu", tmp_path)
