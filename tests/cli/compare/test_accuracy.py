"""Two stores compared: the reference store beside copies of it in which records were changed."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner, Result

from bench.cli.app import app
from bench.cli.compare.stores import pairing_key
from bench.config.resolved import resolve
from bench.config.suite import load_suite
from bench.errors import InputError
from bench.plan.expand import expand
from bench.plan.run import Run
from bench.store.store import Store

REFERENCE = Path(__file__).parents[3] / "results" / "reference-cpu"
SUITE = Store(REFERENCE).suite()
SEEDS, PROTOCOL = SUITE.seeds, SUITE.protocol
NUM_RUNS = len(expand(SUITE).runs)
LOST = (9, 10, 11, 9, 10, 11)

Change = Callable[[Run, dict[str, Any]], None]
"""Changes the record of a run."""


@pytest.fixture
def copy(tmp_path: Path) -> Store:
    """A copy of the reference store's records."""
    shutil.copy(REFERENCE / "suite.json", tmp_path)
    shutil.copytree(REFERENCE / "runs", tmp_path / "runs", ignore=shutil.ignore_patterns("*.safetensors"))
    return Store(tmp_path)


def compare(store: Store, *options: str) -> Result:
    result = CliRunner().invoke(app, ["compare", str(REFERENCE), str(store.root), *options], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def as_json(store: Store, *options: str) -> dict[str, Any]:
    return json.loads(compare(store, "--json", *options).stdout, parse_constant=lambda name: pytest.fail(name))


def change(store: Store, how: Change) -> None:
    for run in expand(store.suite()).runs:
        path = store.run_folder(run.key) / "record.json"
        record = json.loads(path.read_text())
        how(run, record)
        path.write_text(json.dumps(record))


def change_suite(store: Store, **fields: Any) -> None:
    path = store.root / "suite.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def is_chosen(run: Run) -> bool:
    """One run of each seed: one row of the comparison."""
    return (run.stage, run.model, str(run.target)) == ("scratch", "bit_resnet_pico", "digits@100")


def lose(points_of_seeds: Sequence[float]) -> Change:
    def lose_points(run: Run, record: dict[str, Any]) -> None:
        if is_chosen(run):
            record["metrics"]["test_accuracy"] -= points_of_seeds[SEEDS.index(run.seed)] / 100

    return lose_points


def the_row(found: dict[str, Any]) -> dict[str, Any]:
    (row,) = [row for row in found["rows"] if (row["model"], row["data"]) == ("bit_resnet_pico", "digits@100")][:1]
    assert row["pretrained_on"] == "from scratch"
    return row


def test_a_store_beside_itself_has_not_changed(copy):
    found = as_json(copy, "--fail-over", "0")
    runs = expand(copy.suite()).runs
    assert found["runs"] == found["equal_runs"] == len(runs) == NUM_RUNS
    assert sum(row["runs"] for row in found["rows"]) == sum(run.stage != "pretrain" for run in runs)
    assert {(row["low"], row["difference"], row["high"]) for row in found["rows"]} == {(0.0, 0.0, 0.0)}
    assert found["fail_over"] == {"limit": 0.0, "worse": [], "undecided": []}
    assert [found[name] for name in ("forced", "warnings", "not_ok", "only_old", "only_new")] == [[]] * 5


def test_a_loss_with_its_whole_interval_trips_and_names_its_row(copy):
    change(copy, lose(LOST))
    result = compare(copy, "--fail-over", "5%")
    assert result.exit_code == 1
    worse = [line for line in result.stdout.splitlines() if line.startswith("worse")]
    assert worse == ["worse by more than 5 %: bit_resnet_pico, from scratch, training on digits@100"]
    row = the_row(as_json(copy))
    assert row["difference"] == pytest.approx(-0.10)
    half = stats.t(len(LOST) - 1).ppf(0.975) * np.std(LOST, ddof=1) / np.sqrt(len(LOST)) / 100
    assert (row["low"], row["high"]) == pytest.approx((-0.1 - half, -0.1 + half), abs=1e-4)
    assert (row["seeds"], row["runs"], row["equal_runs"]) == (6, 6, 0)
    assert compare(copy).exit_code == 0


@pytest.mark.parametrize("points", [(1, 10, 20), (-9, -10, -11), (3, 4, 5)])
def test_a_loss_with_a_wide_interval_a_small_one_and_a_gain_do_not(copy, points):
    change(copy, lose(2 * points))
    assert compare(copy, "--fail-over", "0.05").exit_code == 0


def test_a_loss_without_an_interval_is_said_and_does_not_trip(copy):
    change(copy, lose(6 * (10,)))
    result = compare(copy, "--fail-over", "5%")
    assert result.exit_code == 0
    assert "undecided, without an interval: bit_resnet_pico, from scratch, training on digits@100" in result.stdout
    row = the_row(as_json(copy))
    assert (row["low"], row["high"], row["reason"]) == (None, None, "every seed differs by the same")


def test_runs_that_are_not_ok_are_listed_and_left_out_of_the_means(copy):
    def diverge(run: Run, record: dict[str, Any]) -> None:
        if is_chosen(run) and run.seed == SEEDS[1]:
            record |= {"status": "diverged", "reason": "at step 7", "metrics": {}}

    change(copy, diverge)
    pretraining = next(run for run in expand(copy.suite()).runs if run.stage == "pretrain")
    shutil.rmtree(copy.run_folder(pretraining.key))
    found = as_json(copy)
    assert {(one["side"], one["status"], one["reason"]) for one in found["not_ok"]} == {
        ("NEW", "diverged", "at step 7"),
        ("NEW", "not_run", "not run yet"),
    }
    assert len(found["not_ok"]) == 2
    assert (the_row(found)["seeds"], the_row(found)["runs"], the_row(found)["equal_runs"]) == (5, 6, 5)
    run = f"scratch bit_resnet_pico on digits@100, seed {SEEDS[1]}"
    assert f"diverged in NEW, at step 7: 1 ({run})" in compare(copy).stdout


def test_runs_of_one_side_are_listed(copy):
    change_suite(copy, models=[model for model in SUITE.models if model != "bit_resnet_pico"], seeds=SEEDS[:2])
    found = as_json(copy)
    gone = [run for run in expand(SUITE).runs if run.seed not in SEEDS[:2] or run.model == "bit_resnet_pico"]
    assert len(found["only_old"]) == len(gone)
    assert not found["only_new"]
    assert {row["seeds"] for row in found["rows"]} == {2}


def test_without_a_run_in_common_there_is_nothing_to_compare(copy):
    change_suite(copy, seeds=[7777, 7778])
    with pytest.raises(InputError, match="no run in common"):
        compare(copy, "--fail-over", "5%")


@pytest.mark.parametrize(("name", "value"), [("processor", "Another CPU"), ("device", "NVIDIA H100")])
def test_another_machine_is_refused_unless_forced(copy, name, value):
    change(copy, lambda run, record: record["environment"].update({name: value}))
    with pytest.raises(InputError, match=f"{name}: OLD .*, NEW {value}. --force compares them anyway"):
        compare(copy)
    (forced,) = as_json(copy, "--force")["forced"]
    assert forced.startswith(f"{name}: OLD ")
    assert f"not comparable, forced: {forced}" in compare(copy, "--force").stdout


def test_another_protocol_is_refused_and_when_forced_still_finds_its_pairs(copy):
    records = {pairing_key(run): copy.run_folder(run.key) for run in expand(copy.suite()).runs}
    change_suite(copy, protocol=PROTOCOL + 1)
    for run in expand(copy.suite()).runs:
        folder = records[pairing_key(run)].rename(copy.run_folder(run.key))
        record = json.loads((folder / "record.json").read_text())
        (folder / "record.json").write_text(json.dumps(record | {"key": run.key}))
    with pytest.raises(InputError, match=f"protocol: OLD {PROTOCOL}, NEW {PROTOCOL + 1}"):
        compare(copy)
    found = as_json(copy, "--force")
    assert found["forced"] == [f"protocol: OLD {PROTOCOL}, NEW {PROTOCOL + 1}"]
    assert found["runs"] == found["equal_runs"] == NUM_RUNS


def test_other_devices_are_refused_and_when_forced_find_their_pairs(tmp_path, write_suite):
    """A CPU's store and a GPU's, which differ in precision and threads, too; pretraining and transfers pair."""
    from bench.store.new_record import build_record
    from bench.store.store import Outcome, open_store

    sides: dict[Literal["cpu", "cuda"], tuple[int, float]] = {"cpu": (1, 0.50), "cuda": (2, 0.52)}
    for device, (threads, accuracy) in sides.items():
        name, suite = load_suite(str(write_suite(seeds=[0, 1], threads=threads)))
        resolved = resolve(name, suite, device=device, data_dir=tmp_path)
        store = open_store(tmp_path / device, resolved)
        for run in expand(resolved).runs:
            metrics: dict[str, float | None] = {"test_accuracy": accuracy + 0.01 * run.seed * threads}
            store.write(Outcome(build_record(run, status="ok", metrics=metrics)))
    words = ["compare", *(str(tmp_path / device / "tiny") for device in sides)]
    differ = ["precision: OLD fp32, NEW bf16", "threads: OLD 1, NEW 2", "device: OLD cpu, NEW cuda"]
    refused = CliRunner().invoke(app, words)
    assert isinstance(refused.exception, InputError)
    assert "; ".join(differ) in str(refused.exception)
    found = json.loads(CliRunner().invoke(app, [*words, "--force", "--json"]).stdout)
    assert found["forced"] == differ
    assert found["runs"] == len(expand(resolved).runs)
    assert found["only_old"] == found["only_new"] == []
    assert [row["difference"] for row in found["rows"]] == pytest.approx([0.025] * len(found["rows"]))
    assert len(found["rows"]) > 3


def test_other_sources_and_versions_are_said(copy):
    def update(run: Run, record: dict[str, Any]) -> None:
        record["sources_hash"] = "0123456789ab"
        record["environment"]["torch"] = "9.9.9"

    change(copy, update)
    warnings = as_json(copy)["warnings"]
    assert [warning.split(":")[0] for warning in warnings] == ["sources", "torch"]
    assert all(warning.endswith(("NEW 0123456789ab", "NEW 9.9.9")) for warning in warnings)
    assert f"different {warnings[0]}" in compare(copy).stdout


def test_draws_are_averaged_within_their_seed(tmp_path, resolve_suite):
    """Two shots' draws of a seed that move against one another change nothing."""
    from bench.store.new_record import build_record
    from bench.store.store import Outcome, open_store

    suite = resolve_suite(transfers=["k-shot"], shots=[1], draws=2, seeds=[0, 1], from_scratch=False, subsets=[16])
    stores = [open_store(tmp_path / side, suite) for side in ("old", "new")]
    for sign, store in enumerate(stores):
        for run in expand(suite).runs:
            moved = (0.1 if run.probe.draw else -0.1) * sign + 0.05 * sign * run.seed if run.probe else 0.0
            metrics: dict[str, float | None] = {"test_accuracy": 0.5 - moved}
            store.write(Outcome(build_record(run, status="ok", metrics=metrics)))
    words = ["compare", *(str(store.root) for store in stores), "--json"]
    found = json.loads(CliRunner().invoke(app, words).stdout)
    assert [(row["transfer"], row["seeds"], row["runs"]) for row in found["rows"]] == [("1-shot probe", 2, 4)] * 3
    assert [row["difference"] for row in found["rows"]] == pytest.approx([-0.025] * 3)
    failed = next(run for run in expand(suite).runs if run.probe and run.probe.draw and run.seed == 1)
    store = stores[1]
    shutil.rmtree(store.run_folder(failed.key))
    store.write(Outcome(build_record(failed, status="failed", reason="on purpose")))
    (row,) = [row for row in json.loads(CliRunner().invoke(app, words).stdout)["rows"] if row["model"] == failed.model]
    assert (row["seeds"], row["difference"]) == (1, pytest.approx(0.0)), "half of a seed was compared"
