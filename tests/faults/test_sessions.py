"""Whole calls of `bench run`: killed, told to end, run side by side, and with runs that fail each in its own way."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from bench.config.resolved import resolve
from bench.config.suite import load_suite
from bench.plan.expand import expand
from bench.plan.run import Run
from bench.store.new_record import failure
from bench.store.store import Outcome, Store, open_store
from tests.faults import moments
from tests.faults.calls import Call, wait_until
from tests.faults.moments import Act, Moment
from tests.faults.suites import LAST_STEP, write_suite

MODELS = ["vit_pico/8:depth=1,drop_path=0.3", "bit_resnet_pico", "r_pico+vit_pico/8:depth=1"]

Start = Callable[..., Call]


def written(folder: Path) -> Path:
    write_suite(folder, MODELS, subset=16)
    return folder


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a call, none of whose processes outlives the test."""
    written(tmp_path)
    started: list[Call] = []

    def started_with(*options: str, at: dict[str, Moment] | None = None) -> Call:
        started.append(Call(tmp_path, options, at or {}))
        return started[-1]

    yield started_with
    for call in started:
        if call.processes():
            call.tell_all(signal.SIGKILL)
        call.wait()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results" / "suite")


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The store of a call that nothing befell."""
    folder = written(tmp_path_factory.mktemp("untouched"))
    Call(folder, ("--workers", "2"), {}).finish()
    return Store(folder / "results" / "suite")


def runs_of(store: Store) -> tuple[Run, ...]:
    return expand(store.suite()).runs


def chosen(store: Store, stage: str, family: str = "vit") -> Run:
    return next(run for run in runs_of(store) if (run.stage, run.family) == (stage, family))


@pytest.fixture
def scratch(untouched: Store, store: Store) -> Run:
    """A run to befall something, the only one that is left to do in the store."""
    run = chosen(untouched, "scratch")
    shutil.copytree(untouched.root, store.root)
    shutil.rmtree(store.run_folder(run.key))
    return run


@pytest.mark.faults
def test_told_to_end_it_keeps_what_it_has_and_goes_on_later(start, store, tmp_path, monkeypatch):
    """With no checkpoint due for an hour: the one that there is, is of the end."""
    monkeypatch.chdir(tmp_path)
    suite = resolve(*load_suite("suite.yaml"), device="cpu", data_dir=tmp_path)
    run = next(run for run in expand(suite).runs if run.stage == "scratch")
    (tmp_path / "untouched").mkdir()
    mark, other = tmp_path / "mark", Call(written(tmp_path / "untouched"), ("--only", run.key), {})
    at = {run.key: moments.in_training(5, partial(moments.pause, mark, 1.0))}
    call = start("--checkpoint-every", "3600", "--only", run.key, at=at)
    wait_until(mark.exists)
    call.tell(signal.SIGTERM)
    assert call.wait() == 128 + signal.SIGTERM
    assert "interrupted: finished runs are kept, and checkpoints hold those under way" in call.said
    assert (store.running_folder(run.key) / "checkpoint").is_file()
    start("--only", run.key).finish()
    other.finish()
    assert_done(store, Store(tmp_path / "untouched" / "results" / "suite"), run, resumed_at=[5])


def in_training(act: Act) -> Moment:
    return moments.in_training(9, act)


def in_evaluation(act: Act) -> Moment:
    return moments.in_evaluation(2, act)


def in_a_checkpoint(act: Act) -> Moment:
    return moments.writing("checkpoint", 9, act)


def in_a_record(act: Act) -> Moment:
    return moments.writing("record.json", 1, act)


@pytest.mark.faults
@pytest.mark.parametrize("whom", [moments.kill, moments.kill_leader, moments.kill_group])
@pytest.mark.parametrize(
    ("kind", "moment", "resumed_at"),
    [
        ("training", in_training, 8),
        ("evaluation", in_evaluation, LAST_STEP),
        ("checkpoint", in_a_checkpoint, 8),
        ("record", in_a_record, LAST_STEP),
    ],
)
def test_a_killed_call_ends_in_the_same_bytes(
    start, store, scratch, untouched, kind, moment, resumed_at, whom, record_property
):
    """A worker whose call was killed goes on with its run, and the next call waits for it."""
    record_property("killed in", kind)
    call = start("--checkpoint-every", "0", at={scratch.key: moment(whom)})
    is_worker = whom is moments.kill
    assert call.wait() == (1 if is_worker else -signal.SIGKILL), call.said
    assert not is_worker or store.read(scratch.key)["status"] == "failed"
    start("--checkpoint-every", "0").finish()
    assert_done(store, untouched, scratch, resumed_at=[] if whom is moments.kill_leader else [resumed_at])
    wait_until(lambda: not call.processes())


@pytest.mark.faults
@pytest.mark.parametrize("after", [False, True])
def test_killed_between_the_renames_that_replace_a_failure(start, store, scratch, untouched, after, record_property):
    record_property("killed in", "record")
    store.write(Outcome(failure(scratch, "failed", "for the test") | {"started_at": "then"}))
    moment = (
        moments.renaming(scratch.key, 2, moments.kill_group, after=True)
        if after
        else moments.replacing(scratch.key, moments.kill_group)
    )
    call = start("--checkpoint-every", "0", at={scratch.key: moment})
    assert call.wait() == -signal.SIGKILL
    assert list(store.root.glob("runs/.old-*"))
    start().finish()
    assert_done(store, untouched, scratch, resumed_at=[] if after else [LAST_STEP])


@pytest.mark.faults
def test_a_suite_that_is_killed_again_and_again_is_done_once(start, store, untouched, tmp_path):
    """Each run's outcome is put into the store once, with the bytes that it has where nothing befell it."""
    for moment in [
        moments.in_training(4, moments.kill_group),
        moments.in_evaluation(1, moments.kill_group),
        moments.writing("checkpoint", 3, moments.kill_group),
        moments.writing("record.json", 1, moments.kill_group),
    ]:
        call = start("--checkpoint-every", "0", "--workers", "2", at={moments.ANY: moment})
        assert call.wait() == -signal.SIGKILL, call.said
    start("--workers", "2").finish()
    for run in runs_of(untouched):
        assert_same(store, untouched, run)
    assert_done_once(tmp_path, untouched)
    assert_nothing_is_left(store)


@pytest.mark.faults
@pytest.mark.parametrize("whom", ["all", "worker"])
def test_a_signal_in_training_loses_nothing(start, store, scratch, untouched, tmp_path, whom):
    """A worker that is told to end alone leaves its run to the call, which goes on with it."""
    mark = tmp_path / "mark"
    at = {scratch.key: moments.in_training(5, partial(moments.pause, mark, 1.0))}
    call = start("--checkpoint-every", "3600", at=at)
    wait_until(mark.exists)
    if whom == "worker":
        os.kill(pid_of(store, scratch), signal.SIGTERM)
        call.finish()
    else:
        call.tell_all(signal.SIGTERM)
        assert call.wait() == 128 + signal.SIGTERM
        assert "interrupted" in call.said
        start().finish()
    assert_done(store, untouched, scratch, resumed_at=[5])


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", [in_training, in_evaluation, in_a_record])
def test_what_does_not_listen_is_ended_all_the_same(start, store, scratch, untouched, tmp_path, moment, number):
    """A step, an evaluation or a disk that takes an hour: all of its processes are gone before it is over."""
    mark = tmp_path / "mark"
    call = start("--checkpoint-every", "0", at={scratch.key: moment(partial(moments.pause, mark, 3600.0))})
    wait_until(mark.exists)
    call.tell(number)
    call.wait()
    assert "interrupted" in call.said
    wait_until(lambda: not call.processes())
    start().finish()
    assert_done(store, untouched, scratch, resumed_at=[8 if moment is in_training else LAST_STEP])


@pytest.mark.faults
@pytest.mark.parametrize("workers", [(1, 2), (1, 1, 1, 1)])
def test_several_calls_on_one_store_do_each_run_once(start, store, untouched, tmp_path, workers):
    for call in [start("--workers", str(number)) for number in workers]:
        call.finish()
    for run in runs_of(untouched):
        assert_same(store, untouched, run)
    assert_done_once(tmp_path, untouched)
    assert_nothing_is_left(store)


@pytest.mark.faults
def test_a_run_that_fails_is_tried_once_by_two_calls(start, store, scratch, tmp_path):
    at = {scratch.key: moments.in_training(3, partial(moments.fail, RuntimeError("on purpose")))}
    calls = [start("--workers", "1", at=at), start("--workers", "2", at=at)]
    assert [call.wait() for call in calls] == [1, 1]
    assert (tmp_path / "outcomes").read_text().split() == [scratch.key]
    assert store.read(scratch.key)["status"] == "failed"
    assert all(f"failed {scratch.key}" in call.said for call in calls)


@pytest.mark.faults
@pytest.mark.parametrize("whom", [moments.kill_group, moments.kill])
def test_a_call_that_is_killed_is_taken_over_by_the_one_beside_it(start, store, scratch, untouched, tmp_path, whom):
    first, second = one_beside_another(start, scratch, tmp_path / "mark")
    time.sleep(3)
    if whom is moments.kill_group:
        first.tell_all(signal.SIGKILL)
    else:
        os.kill(pid_of(store, scratch), signal.SIGKILL)
    assert second.wait() in (0, 1), second.said
    start().finish()
    assert_done(store, untouched, scratch, resumed_at=[8])


@pytest.mark.faults
def test_an_idle_worker_that_is_killed_is_replaced(start, store, scratch, untouched, tmp_path):
    """While its call waits for a run that another call does."""
    first, second = one_beside_another(start, scratch, tmp_path / "mark")
    time.sleep(2)
    for number in (signal.SIGKILL, signal.SIGTERM):
        for worker in second.workers():
            os.kill(worker, number)
        time.sleep(2)
    first.tell_all(signal.SIGKILL)
    second.finish()
    assert_done(store, untouched, scratch, resumed_at=[8])


@pytest.mark.faults
def test_runs_that_fail_each_in_its_own_way_stop_nothing(start, store, untouched):
    by_way = {
        "failed": (chosen(untouched, "scratch", "cnn"), ValueError("on purpose")),
        "out_of_memory": (chosen(untouched, "scratch", "hybrid"), MemoryError("on purpose")),
        "diverged": (chosen(untouched, "pretrain", "vit"), None),
    }
    at = {
        run.key: moments.each_step(partial(moments.fail, error)) if error else moments.loses_its_numbers(3)
        for run, error in by_way.values()
    }
    call = start("--workers", "2", at=at)
    assert call.wait() == 1, call.said
    for status, (run, _) in by_way.items():
        record = store.read(run.key)
        assert record["status"] == status
        assert f"{status} {run.key}" in call.said
        assert "Traceback" in (store.run_folder(run.key) / "traceback.txt").read_text()
    assert "at step 3" in store.read(by_way["diverged"][0].key)["reason"]
    statuses = [record["status"] for record in store.records()]
    assert sorted(set(statuses)) == ["diverged", "failed", "not_run", "ok", "out_of_memory"]
    assert len(statuses) == len(runs_of(untouched))
    start("--workers", "2").finish()
    for run in runs_of(untouched):
        assert_same(store, untouched, run)


@pytest.mark.faults
@pytest.mark.parametrize("damage", [b"", b"half", b"cos\nsystem\n(S'touch ran'\ntR."])
def test_a_damaged_checkpoint_is_set_aside_and_its_run_done_anew(start, store, scratch, untouched, tmp_path, damage):
    at = {scratch.key: moments.in_training(9, moments.kill_group)}
    assert start("--checkpoint-every", "0", at=at).wait() == -signal.SIGKILL
    (store.running_folder(scratch.key) / "checkpoint").write_bytes(damage)
    start().finish()
    assert_done(store, untouched, scratch, resumed_at=[])
    (note,) = store.read(scratch.key)["notes"]
    assert f"damaged/{scratch.key}-checkpoint-1" in note
    assert (store.root / "damaged" / f"{scratch.key}-checkpoint-1").read_bytes() == damage
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes for the results."""
    folder = tmp_path / "results"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=False).returncode:
        pytest.skip("file systems cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.faults
@pytest.mark.parametrize("room", [100, 300])
def test_a_full_disk_ends_the_call_with_a_clear_message_and_no_loss(start, small_disk, store, untouched, room):
    """So many kilobytes: not enough for a checkpoint, and for some, but not for a record beside it."""
    folder = open_store(small_disk, untouched.suite())
    done = chosen(untouched, "scratch", "vit")
    shutil.copytree(untouched.run_folder(done.key), store.run_folder(done.key))
    fill = folder.root.parent / "fill"
    fill.write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096 - room * 1024))
    call = start("--checkpoint-every", "0")
    assert call.wait() == 2, call.said
    assert "the disk is full: free some space, and give the same command again" in " ".join(call.said.split())
    assert "Traceback" not in call.said
    assert_same(store, untouched, done)
    fill.unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    start("--checkpoint-every", "0").finish()
    for run in runs_of(untouched):
        assert_same(store, untouched, run)
    assert_nothing_is_left(store)


def one_beside_another(start: Start, run: Run, mark: Path) -> tuple[Call, Call]:
    """A call that stands still in a run, kept at its eighth step, and one that waits for it."""
    first = start("--checkpoint-every", "0", at={run.key: moments.in_training(9, partial(moments.pause, mark, 60))})
    wait_until(mark.exists)
    second = start()
    wait_until(lambda: "1 worker;" in second.said)
    return first, second


def pid_of(store: Store, run: Run) -> int:
    return json.loads((store.running_folder(run.key) / "lock").read_text())["pid"]


def assert_done(store: Store, untouched: Store, run: Run, resumed_at: list[int]) -> None:
    record = store.read(run.key)
    assert (record["num_resumes"], record["resumed_at_step"]) == (len(resumed_at), resumed_at)
    assert_same(store, untouched, run)
    assert_nothing_is_left(store)


def assert_same(store: Store, untouched: Store, run: Run) -> None:
    ours, theirs = store.read(run.key), untouched.read(run.key)
    for field in ("status", "run", "data", "metrics", "model", "files", "repeats"):
        assert ours[field] == theirs[field], field
    for name in theirs["files"]:
        assert (store.run_folder(run.key) / name).read_bytes() == (untouched.run_folder(run.key) / name).read_bytes()


def assert_done_once(folder: Path, untouched: Store) -> None:
    """No run was done twice."""
    assert sorted((folder / "outcomes").read_text().split()) == sorted(run.key for run in runs_of(untouched))


def assert_nothing_is_left(store: Store) -> None:
    """Neither temporary files nor folders of runs under way."""
    assert not [path for path in store.root.rglob("*") if path.name.startswith((".tmp-", ".old-"))]
    assert not list((store.root / "running").iterdir())
