"""`bench run` sets damaged runs aside before it starts, and no run that a report could still use."""

import pytest

from bench.cli.verify import find
from bench.files.locks import acquire
from bench.plan.expand import expand
from bench.plan.run import Run
from bench.store.new_record import build_record
from bench.store.records import DamagedRun
from bench.store.repair import repair
from bench.store.store import Outcome, Store, open_store
from bench.tables.build import build_tables


@pytest.fixture
def store(tmp_path, resolve_suite) -> Store:
    return open_store(tmp_path / "results", resolve_suite())


@pytest.fixture
def runs(store) -> tuple[Run, ...]:
    return expand(store.suite()).runs


@pytest.fixture
def transfer(runs) -> Run:
    return next(run for run in runs if run.starts_from)


def finish(store: Store, *runs: Run) -> None:
    for run in runs:
        record = build_record(run, status="ok", metrics={"test_accuracy": 0.5})
        store.write(Outcome(record, weights=b"weights"))


def damage(store: Store, key: str, name: str = "record.json") -> None:
    path = store.run_folder(key) / name
    path.write_bytes(path.read_bytes()[:-5])


def test_a_damaged_record_is_set_aside_and_the_others_are_untouched(store, runs):
    finish(store, *runs)
    damage(store, runs[0].key)
    before = {path: path.read_bytes() for run in runs[1:] for path in store.run_folder(run.key).iterdir()}
    (message,) = repair(store, runs).messages
    aside = store.root / "damaged" / f"{runs[0].key}-1"
    assert message.startswith(f"{store.run_folder(runs[0].key)}/record.json: damaged (no JSON")
    assert message.endswith(f"its files are now in {aside}")
    assert (aside / "weights.safetensors").read_bytes() == b"weights"
    assert store.finished(run.key for run in runs) == {run.key for run in runs[1:]}
    assert before == {path: path.read_bytes() for run in runs[1:] for path in store.run_folder(run.key).iterdir()}
    assert repair(store, runs).messages == []


def test_readers_report_damage_and_change_nothing(store, runs, transfer):
    finish(store, *runs)
    damage(store, transfer.key)
    before = sorted(store.root.rglob("*"))
    cells = build_tables(store)["cells"]
    assert cells.set_index("transfer_key")["status"][transfer.key] == "not_run"
    assert "record.json: damaged" in cells.set_index("transfer_key")["reason"][transfer.key]
    with pytest.raises(DamagedRun, match=r"record.json: damaged"):
        find(store.root.parent, transfer.key)
    assert sorted(store.root.rglob("*")) == before


def test_a_second_damage_is_set_aside_under_another_name(store, runs):
    for _ in range(2):
        finish(store, runs[0])
        damage(store, runs[0].key)
        repair(store, runs)
    assert sorted(path.name for path in (store.root / "damaged").iterdir()) == [f"{runs[0].key}-{n}" for n in (1, 2)]


def test_a_file_in_the_place_of_a_run_is_set_aside(store, runs):
    store.run_folder(runs[0].key).write_text("in the way", encoding="utf-8")
    assert len(repair(store, runs).messages) == 1
    finish(store, runs[0])


@pytest.mark.parametrize("how", ["cut short", "missing"])
def test_damaged_weights_are_set_aside_if_an_unfinished_run_starts_from_them(store, runs, transfer, how):
    finish(store, *(run for run in runs if run != transfer))
    if how == "missing":
        (store.run_folder(transfer.starts_from) / "weights.safetensors").unlink()
    else:
        damage(store, transfer.starts_from, "weights.safetensors")
    (message,) = repair(store, runs).messages
    assert f"{transfer.starts_from}/weights.safetensors: damaged" in message
    unfinished = {run.key for run in runs} - store.finished(run.key for run in runs)
    assert unfinished == {transfer.key, transfer.starts_from}


def test_a_finished_run_needs_no_weights_once_all_that_starts_from_it_is_finished(store, runs):
    finish(store, *runs)
    for run in runs:
        (store.run_folder(run.key) / "weights.safetensors").unlink()
    assert repair(store, runs).messages == []


def test_intact_weights_stay(store, runs, transfer):
    finish(store, *(run for run in runs if run != transfer))
    assert repair(store, runs).messages == []
    assert list((store.root / "running").iterdir()) == []


def test_a_damaged_run_keeps_its_checkpoint(store, runs):
    finish(store, runs[0])
    damage(store, runs[0].key)
    checkpoint = store.running_folder(runs[0].key) / "checkpoint"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"weights")
    assert len(repair(store, runs).messages) == 1
    assert checkpoint.read_bytes() == b"weights"


def test_a_run_in_progress_is_not_set_aside(store, runs):
    finish(store, runs[0])
    damage(store, runs[0].key)
    with acquire(store.running_folder(runs[0].key)):
        assert repair(store, runs).messages == []
    assert store.run_folder(runs[0].key).exists()
