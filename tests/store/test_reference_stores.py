"""The committed stores stay readable under any protocol version, and take no runs of another one."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from bench import PROTOCOL_VERSION
from bench.cli.app import app
from bench.errors import InputError
from bench.plan.expand import expand
from bench.store.store import Store, check_trials_belong, open_store
from bench.tables.build import build_tables

RESULTS = Path(__file__).parents[2] / "results"
STORES = [RESULTS / "reference-cpu", RESULTS / "reference-h100" / "gpu"]


@pytest.mark.parametrize("root", STORES, ids=lambda root: root.parent.name + "-" + root.name)
def test_every_record_belongs_to_a_run_of_the_store_s_suite(root):
    store = Store(root)
    runs = {run.key: run for run in expand(store.suite()).runs}
    records = {record["key"]: record for record in store.records()}
    assert records
    assert set(records) <= set(runs)
    assert all(record["run"] == runs[key].resolved() for key, record in records.items())
    assert store.finished(runs) == {key for key, record in records.items() if record["status"] == "ok"}


def test_the_tables_of_a_store_of_version_1_are_built_as_they_were():
    store = Store(RESULTS / "reference-cpu")
    assert store.suite().protocol == 1
    tables = build_tables(store)
    for name in ("cells", "runs", "correctness"):
        committed = pd.read_parquet(store.tables / f"{name}.parquet")
        pd.testing.assert_frame_equal(tables[name][list(committed)], committed)
    assert tables["cells"]["constant_answer"].isna().all()  # which these records do not say


@pytest.fixture
def copy(tmp_path) -> Store:
    """Return a copy of a committed store, under the name of its suite."""
    shutil.copytree(RESULTS / "reference-cpu", tmp_path / "cpu")
    return Store(tmp_path / "cpu")


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
    words = [str(copy.root), str(RESULTS / "reference-cpu")] if command == "compare" else ["cpu"]
    where = [] if command == "compare" else ["--results", str(copy.root.parent)]
    result = CliRunner().invoke(app, [command, *words, *where], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
