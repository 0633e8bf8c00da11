"""Curves as TensorBoard reads them back: every point once, whatever was interrupted; and what is refused beforehand."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bench.errors import InputError
from bench.plan.run import Run
from bench.runner.run_options import TrackerName, check_tracker
from bench.runner.trackers import Curves, curve_name, hyper_parameters


@pytest.fixture
def run(plan_suite) -> Run:
    return plan_suite().runs[0]


def curves(run: Run, root: Path, tracker: TrackerName, resumed_at: int | None = None) -> closing[Curves]:
    """Open a run's curves, to be closed at the end."""
    return closing(Curves(run, root / "curves" / run.key, tracker, resumed_at))


def read(run: Run, root: Path) -> EventAccumulator:
    return EventAccumulator(str(root / "curves" / run.key / curve_name(run))).Reload()


def points(events: EventAccumulator, tag: str) -> dict[int, float]:
    """Return the values by images seen; fail if an image count has two."""
    scalars = events.Scalars(tag)
    values = {point.step: point.value for point in scalars}
    assert len(values) == len(scalars), scalars
    return values


def test_a_curve_against_images_seen_with_the_run_s_settings(run, tmp_path):
    with curves(run, tmp_path, "tensorboard") as drawn:
        drawn.log({"train/loss": 1.0, "train/learning_rate": 0.5}, 32)
        drawn.log({"train/loss": 0.5}, 64)
    events = read(run, tmp_path)
    assert points(events, "train/loss") == {32: 1.0, 64: 0.5}
    assert points(events, "train/learning_rate") == {32: 0.5}
    stored = b"".join(events.PluginTagToContent("hparams").values())
    assert b"settings.learning_rate" in stored
    assert run.key.encode() in stored


def test_a_resumed_run_has_each_step_once(run, tmp_path):
    """The process dies at step 7, and the checkpoint was of step 5: what was drawn after it is drawn again."""
    with curves(run, tmp_path, "tensorboard") as drawn:
        for step in range(1, 8):
            drawn.log({"train/loss": 1.0}, 32 * step)
    (file,) = (tmp_path / "curves" / run.key).rglob("events.out.tfevents.*")
    second = file.name.split(".")[3]  # readers take files by name, which begins with the second
    file.rename(file.with_name(file.name.replace(second, str(int(second) - 1))))
    with curves(run, tmp_path, "tensorboard", resumed_at=32 * 5) as drawn:
        for step in range(6, 11):
            drawn.log({"train/loss": 2.0}, 32 * step)
    expected = {32 * step: 1.0 if step <= 5 else 2.0 for step in range(1, 11)}
    assert points(read(run, tmp_path), "train/loss") == expected


def test_a_run_that_starts_anew_starts_a_new_curve(run, tmp_path):
    for last in (8, 2):
        with curves(run, tmp_path, "tensorboard") as drawn:
            for step in range(1, last + 1):
                drawn.log({"train/loss": 1.0}, 32 * step)
    assert list(points(read(run, tmp_path), "train/loss")) == [32, 64]


def test_none_writes_nothing_and_imports_nothing(run, tmp_path):
    """In a process of its own, since this one has TensorBoard's reader loaded."""
    with curves(run, tmp_path, "none") as drawn:
        drawn.log({"train/loss": 1.0}, 32)
    assert not (tmp_path / "curves").exists()
    script = (
        "import sys; from bench.runner.run_options import check_tracker\n"
        "check_tracker('none'); check_tracker('tensorboard')\n"
        "loaded = {'torch', 'tensorboard'} & sys.modules.keys(); assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_tracker_that_fails_ends_no_run(run, tmp_path, caplog):
    """Curves cannot be made where a file stands in their way."""
    (tmp_path / "curves").write_text("")
    with curves(run, tmp_path, "tensorboard") as drawn:
        drawn.log({"train/loss": 1.0}, 32)
        drawn.log({"train/loss": 1.0}, 64)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert run.key in caplog.text


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_missing_package_is_refused_with_the_extra_to_install(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)  # as Python marks what is not to be found
    with pytest.raises(InputError, match=rf"tracker {name}: .*pip install \"vit-cnn-hybrid-bench\[{name}\]\""):
        check_tracker(name)


def test_an_unknown_tracker_lists_the_known():
    with pytest.raises(InputError, match="tracker 'visdom' is not known; known: tensorboard, wandb, mlflow, none"):
        check_tracker("visdom")


def test_names_are_one_folder_and_settings_are_flat(plan_suite):
    for run in plan_suite().runs:
        assert "/" not in curve_name(run)
        values = hyper_parameters(run)
        assert values["settings.learning_rate"] == run.settings.learning_rate
        assert values["budget.images"] == run.budget.amount
        assert all(isinstance(value, bool | int | float | str) for value in values.values())


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_resumed_run_goes_on_in_the_same_run_of_its_tracker(name, run, tmp_path, monkeypatch, caplog):
    """Only where the tracker's package is installed; W&B offline."""
    pytest.importorskip(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    folder = tmp_path / "suite" / "curves" / run.key
    identities = []
    for resumed_at in (None, 32, None):
        with closing(Curves(run, folder, name, resumed_at)) as drawn:
            drawn.log({"train/loss": 1.0}, 64)
        identities.append((folder / "id").read_text())
    assert identities[0] == identities[1] != identities[2]
    assert not caplog.records
