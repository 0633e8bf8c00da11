"""Curves as TensorBoard reads them back: every point once, whatever was interrupted; and what is refused beforehand."""

import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bench.errors import InputError
from bench.plan.run import Run
from bench.runner.curves import Curves, TrackerName, check_tracker
from bench.runner.trackers import curve_name, hyper_parameters
from bench.training.progress import Progress


@pytest.fixture
def run(plan_suite) -> Run:
    return plan_suite().runs[0]


def curves(run: Run, root: Path, tracker: TrackerName, resumed_at: int | None = None) -> closing[Curves]:
    """A run's curves, closed at the end."""
    return closing(Curves(run, root / "curves" / run.key, tracker, resumed_at))


def progress(step: int, **changes: object) -> Progress:
    """Step of ten with batches of 32; the rate falls and the loss is the step's inverse."""
    at = Progress(
        step=step,
        num_steps=10,
        images_seen=32 * step,
        learning_rate=0.1 - step / 128,
        train_loss=1 / step,
        seconds=step / 4,
        images_per_second=128.0,
    )
    return replace(at, **changes)


def read(run: Run, root: Path) -> EventAccumulator:
    return EventAccumulator(str(root / "curves" / run.key / curve_name(run))).Reload()


def points(events: EventAccumulator, tag: str) -> dict[int, float]:
    """Value by images seen; fails where an image count has two."""
    scalars = events.Scalars(tag)
    found = {point.step: point.value for point in scalars}
    assert len(found) == len(scalars), scalars
    return found


def test_a_curve_against_images_seen_with_its_settings_and_results(run, tmp_path):
    with curves(run, tmp_path, "tensorboard") as drawn:
        for step in (1, 2, 3):
            drawn.log(progress(step))
        drawn.log_result({"validation_accuracy": 0.5, "test_accuracy": None, "train_loss": 2.0}, 96)
    events = read(run, tmp_path)
    assert points(events, "train/loss") == pytest.approx({32: 1.0, 64: 0.5, 96: 1 / 3})
    assert points(events, "train/learning_rate") == pytest.approx({32: 0.0921875, 64: 0.084375, 96: 0.0765625})
    assert points(events, "train/images_per_second") == {32: 128.0, 64: 128.0, 96: 128.0}
    assert points(events, "validation/accuracy") == {96: 0.5}
    assert set(events.Tags()["scalars"]) == {
        "train/loss",
        "train/learning_rate",
        "train/images_per_second",
        "validation/accuracy",
    }
    stored = b"".join(events.PluginTagToContent("hparams").values())
    assert b"settings.learning_rate" in stored
    assert run.key.encode() in stored


def test_reports_between_two_rows_of_the_history_repeat_no_loss(run, tmp_path):
    """The loss is the mean over a row; the row of step 4 comes after a report of the same step."""
    with curves(run, tmp_path, "tensorboard") as drawn:
        for step, loss in ((1, None), (2, 0.5), (3, 0.5), (4, 0.5), (4, 0.25)):
            drawn.log(progress(step, train_loss=loss))
    events = read(run, tmp_path)
    assert points(events, "train/loss") == {64: 0.5, 128: 0.25}
    assert list(points(events, "train/learning_rate")) == [32, 64, 96, 128]


def test_a_resumed_run_has_each_step_once(run, tmp_path):
    """The process dies at step 7, and the checkpoint was of step 5: what was drawn after it is drawn again.

    Also where the dead process has the name that sorts last among those of one second.
    """
    with curves(run, tmp_path, "tensorboard") as drawn:
        for step in range(1, 8):
            drawn.log(progress(step))
    (file,) = (tmp_path / "curves" / run.key).rglob("events.out.tfevents.*")
    second = file.name.split(".")[3]
    file.rename(file.with_name(f"events.out.tfevents.{second}.~"))
    with curves(run, tmp_path, "tensorboard", resumed_at=32 * 5) as drawn:
        for step in range(6, 11):
            drawn.log(progress(step, images_per_second=64.0))
    events = read(run, tmp_path)
    expected = {32 * step: 128.0 if step <= 5 else 64.0 for step in range(1, 11)}
    assert points(events, "train/images_per_second") == expected
    assert points(events, "train/loss") == pytest.approx({32 * step: 1 / step for step in range(1, 11)})


def test_a_run_that_starts_anew_starts_a_new_curve(run, tmp_path):
    for last in (8, 2):
        with curves(run, tmp_path, "tensorboard") as drawn:
            for step in range(1, last + 1):
                drawn.log(progress(step))
    assert list(points(read(run, tmp_path), "train/loss")) == [32, 64]


def test_none_writes_nothing_and_imports_nothing(run, tmp_path):
    """In a process of its own, since this one has TensorBoard's reader loaded."""
    with curves(run, tmp_path, "none") as drawn:
        drawn.log(progress(1))
        drawn.log_result({"test_accuracy": 0.5}, 32)
    assert not (tmp_path / "curves").exists()
    script = (
        "import sys; from bench.runner.curves import check_tracker\n"
        "check_tracker('none'); check_tracker('tensorboard')\n"
        "loaded = {'torch', 'accelerate', 'tensorboard'} & sys.modules.keys(); assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_tracker_that_fails_ends_no_run(run, tmp_path, caplog):
    """Curves cannot be made where a file stands in their way."""
    (tmp_path / "curves").write_text("")
    with curves(run, tmp_path, "tensorboard") as drawn:
        drawn.log(progress(1))
        drawn.log(progress(2))
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
