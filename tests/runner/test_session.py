"""A run's session: what it does about a checkpoint that cannot be used, and about being asked to stop."""

import os
import pickle
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bench.files.atomic import StoreError
from bench.plan.run import Run
from bench.runner import execute
from bench.runner.progress_file import read_progress
from bench.runner.run_options import Interrupted, RunOptions
from bench.runner.session import RunSession
from bench.runner.trackers import curve_name
from bench.store.store import Store, open_store
from models.finished_run import load
from models.spec.model_error import SpecError

OFTEN = RunOptions(checkpoint_every=0.0, tracker="none")


@pytest.fixture
def store(tmp_path, resolve_suite) -> Store:
    return open_store(tmp_path / "results", resolve_suite())


@pytest.fixture
def run(plan_suite) -> Run:
    return next(run for run in plan_suite(models=["vit_pico/8:depth=1"]).runs if run.stage == "scratch")


class StopsAfter:
    """Asks a session to stop after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __call__(self, run: Run, store: Store, options: RunOptions) -> RunSession:
        return RunSession(run, store, options, self._asked)

    def _asked(self) -> bool:
        self.left -= 1
        return self.left < 0


def interrupt(run: Run, store: Store, folder: Path, steps: int = 1) -> Path:
    """Leave a run after some steps; returns its checkpoint."""
    with pytest.raises(Interrupted, match=f"run {run.key} is saved at step {steps + 1}"):
        execute.execute(run, store, folder, RunOptions(3600.0, "none"), new_session=StopsAfter(steps))
    path = store.running_folder(run.key) / "checkpoint"
    assert path.is_file()
    return path


def test_a_run_that_was_asked_to_stop_goes_on_from_there(store, run, tmp_path, resolve_suite):
    whole = open_store(tmp_path / "whole", resolve_suite())
    execute.execute(run, whole, tmp_path)
    interrupt(run, store, tmp_path)
    said = read_progress(store.running_folder(run.key))
    assert (said.key, said.phase) == (run.key, "training")
    record = execute.execute(run, store, tmp_path)
    assert (record["status"], record["num_resumes"], record["resumed_at_step"]) == ("ok", 1, [2])
    assert record["repeats"] == "bit for bit"
    assert store.weights(run.key) == whole.weights(run.key)
    assert not store.running_folder(run.key).exists()


def test_a_resumed_run_draws_each_row_of_its_history_once_and_its_accuracies(store, run, tmp_path):
    interrupt(run, store, tmp_path)
    record = execute.execute(run, store, tmp_path, RunOptions(tracker="tensorboard"))
    assert record["num_resumes"] == 1
    events = EventAccumulator(str(store.root / "curves" / run.key / curve_name(run))).Reload()
    history = pd.read_parquet(store.run_folder(run.key) / "history.parquet")
    new = history[history["step"] > record["resumed_at_step"][0]]
    points = {tag: [(point.step, point.value) for point in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    assert points["train/loss"] == [
        (row.images_seen, pytest.approx(row.train_loss)) for row in new.itertuples(index=False)
    ]
    for split in ("validation", "test"):
        assert points[f"{split}/accuracy"] == [(96, pytest.approx(record["metrics"][f"{split}_accuracy"]))]
    assert len(points["train/learning_rate"]) == len(points["train/images_per_second"]) == len(new)


def test_a_crafted_pickle_for_a_checkpoint_is_set_aside_and_not_run(store, run, tmp_path):
    mark = tmp_path / "mark"
    path = interrupt(run, store, tmp_path)
    path.write_bytes(pickle.dumps(Crafted(mark)))
    record = execute.execute(run, store, tmp_path)
    assert (record["status"], record["num_resumes"]) == ("ok", 0)
    assert not mark.exists()
    assert "started again, since its checkpoint could not be used" in record["notes"][0]


@pytest.mark.parametrize("damage", [lambda content: content[:1000], lambda content: content[:-1] + b"?", lambda _: b""])
def test_a_damaged_checkpoint_is_set_aside_and_the_run_done_anew(store, run, tmp_path, damage, resolve_suite):
    whole = open_store(tmp_path / "whole", resolve_suite())
    execute.execute(run, whole, tmp_path)
    path = interrupt(run, store, tmp_path)
    path.write_bytes(damaged := damage(path.read_bytes()))
    record = execute.execute(run, store, tmp_path)
    assert record["status"] == "ok"
    (note,) = record["notes"]
    assert "cut short or altered" in note
    aside = store.root / "damaged" / f"{run.key}-checkpoint-1"
    assert note.endswith(f"it was moved to damaged/{aside.name}")  # relative to the store
    assert aside.read_bytes() == damaged
    assert store.weights(run.key) == whole.weights(run.key)


def test_a_checkpoint_of_other_sources_is_not_gone_on_from(store, run, tmp_path, monkeypatch):
    """Half of each would be a result of neither."""
    interrupt(run, store, tmp_path)
    monkeypatch.setattr("bench.runner.session.sources_hash", lambda: "0" * 12)
    record = execute.execute(run, store, tmp_path)
    assert "made by other sources" in record["notes"][0]
    assert record["num_resumes"] == 0


class Crafted:
    """A pickle that writes a file when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (self.mark.write_text, ("code ran",))


def test_a_crafted_pickle_for_weights_is_refused_and_not_run(store, run, tmp_path):
    mark = tmp_path / "mark"
    execute.execute(run, store, tmp_path)
    path = store.run_folder(run.key) / "weights.safetensors"
    path.write_bytes(pickle.dumps(Crafted(mark)))
    with pytest.raises(SpecError, match="can't be read as weights"):
        load(path.parent)
    with pytest.raises(Exception, match="damaged"):
        store.weights(run.key)
    other = tmp_path / "weights.pt"
    other.write_bytes(pickle.dumps(Crafted(mark)))
    from models.weights import read_weights

    with pytest.raises(SpecError, match="more than weights, or is damaged"):
        read_weights(other)
    assert not mark.exists()


@pytest.fixture
def full_disk(tmp_path) -> Path:
    """A file system of half a megabyte."""
    folder = tmp_path / "full"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_full_says_so_and_the_run_goes_on_once_it_is_not(full_disk, run, resolve_suite, tmp_path):
    store = open_store(full_disk / "results", resolve_suite())
    fill = full_disk / "fill"
    fill.write_bytes(b"\0" * (os.statvfs(full_disk).f_bavail * 4096 - 150_000))
    with pytest.raises(StoreError, match=r"cannot be written .*the disk is full: free some space"):
        execute.execute(run, store, tmp_path, OFTEN)
    assert store.read(run.key) is None
    fill.unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", str(full_disk)], check=True)
    assert execute.execute(run, store, tmp_path, OFTEN)["status"] == "ok"
