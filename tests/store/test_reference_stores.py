"""The committed stores stay readable under any protocol version, and take no runs of another one."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from bench import PROTOCOL_VERSION
from bench.cli.app import app
from bench.config.suite import load_suite
from bench.errors import InputError
from bench.plan.expand import expand
from bench.store.store import WEIGHTS, Store, check_trials_belong, open_store
from bench.tables.build import build_tables

RESULTS = Path(__file__).parents[2] / "results"
SLIM = RESULTS / "reference-cpu"
VERSION_1 = RESULTS / "reference-h100" / "gpu"
TRAINED = Path(__file__).parent / "version-1"
"""Three of the runs that the suite `cpu` had under protocol version 1: three seeds of one row, from scratch."""
STORES = [SLIM, VERSION_1, TRAINED]


@pytest.mark.parametrize("root", STORES, ids=lambda root: root.parent.name + "-" + root.name)
def test_every_record_belongs_to_a_run_of_the_store_s_suite(root):
    store = Store(root)
    runs = {run.key: run for run in expand(store.suite()).runs}
    records = {record["key"]: record for record in store.records()}
    assert records
    assert set(records) <= set(runs)
    assert all(record["run"] == runs[key].resolved() for key, record in records.items())
    assert store.finished(runs) == {key for key, record in records.items() if record["status"] == "ok"}


def test_the_tables_of_the_slim_store_are_built_as_they_are_committed():
    store = Store(SLIM)
    tables = build_tables(store)
    newer = [name for name in ("data_ratios", "extrapolations") if (store.tables / f"{name}.parquet").exists()]
    for name in ("cells", "runs", "correctness", "comparison", "ablations", *newer):
        committed = pd.read_parquet(store.tables / f"{name}.parquet")
        pd.testing.assert_frame_equal(tables[name][list(committed)], committed)


def test_the_slim_store_is_the_shipped_suite_s_with_a_result_of_every_run():
    store = Store(SLIM)
    _, shipped = load_suite("cpu")
    stored = store.suite()
    assert (stored.name, stored.protocol) == ("cpu", PROTOCOL_VERSION)
    assert (stored.seeds, stored.models, stored.image_size) == (shipped.seeds, shipped.models, shipped.image_size)
    plan = expand(stored)
    assert {record["key"] for record in store.records() if record["status"] == "ok"} == {run.key for run in plan.runs}
    kept = {run.key for run in plan.runs if (store.run_folder(run.key) / WEIGHTS).exists()}
    assert kept
    assert {run.seed for run in plan.runs if run.key in kept} == set(stored.seeds[:3])


def test_the_tables_of_a_store_of_version_1_say_what_its_records_do():
    store = Store(TRAINED)
    assert store.suite().protocol == 1
    cells = build_tables(store)["cells"]
    ended = cells[cells["status"] == "ok"].set_index("transfer_key")
    accuracies = {record["key"]: record["metrics"]["test_accuracy"] for record in store.records()}
    assert ended["accuracy"].to_dict() == pytest.approx(accuracies, abs=1e-6)
    assert sorted(ended["seed"]) == [0, 1, 2]
    assert cells["constant_answer"].isna().all()  # which these records do not say


@pytest.fixture
def copy(tmp_path) -> Store:
    """Return a copy of the store of version 1, under the name of its suite."""
    shutil.copytree(VERSION_1, tmp_path / "gpu")
    return Store(tmp_path / "gpu")


def test_no_run_is_added_to_a_store_of_another_protocol_version(copy):
    suite = copy.suite()
    newer = suite.model_copy(update={"protocol": suite.protocol + 1})
    before = (copy.root / "suite.json").read_bytes()
    for refused in (lambda: open_store(copy.root.parent, newer), lambda: check_trials_belong(copy.root, newer)):
        with pytest.raises(InputError, match=r"holds runs of protocol version 1.*runs of version 2.*--results DIR"):
            refused()
    assert (copy.root / "suite.json").read_bytes() == before
    assert open_store(copy.root.parent, suite).suite() == suite


def test_a_run_of_another_protocol_version_is_not_repeated(copy):
    (copy.root / "suite.json").write_text(
        json.dumps(json.loads((copy.root / "suite.json").read_text()) | {"protocol": PROTOCOL_VERSION + 1})
    )
    key = next((copy.root / "runs").iterdir()).name
    result = CliRunner().invoke(app, ["verify", key, "--results", str(copy.root.parent)])
    assert isinstance(result.exception, InputError)
    assert f"protocol version {PROTOCOL_VERSION + 1}" in str(result.exception)


@pytest.mark.parametrize("command", ["status", "claims", "compare"])
def test_commands_that_only_read_take_a_store_of_version_1(command, copy):
    words = [str(copy.root), str(VERSION_1)] if command == "compare" else ["gpu"]
    where = [] if command == "compare" else ["--results", str(copy.root.parent)]
    result = CliRunner().invoke(app, [command, *words, *where], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
