"""Accelerate's trackers, each started for one run: a readable name, its settings as hyper-parameters, and resuming.

TensorBoard writes event files, and hides the points after the checkpoint that a run was resumed from. W&B and MLflow
are told by an id of their own which run goes on; it is kept in the curves' folder.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.plan.run import Run

if TYPE_CHECKING:
    from accelerate.tracking import GeneralTracker

Value = bool | int | float | str


def start_tracker(name: str, run: Run, folder: Path, resumed_at: int | None) -> tuple["GeneralTracker", int]:
    """A started tracker that knows the run's hyper-parameters, and the images seen at the last point that it keeps.

    `resumed_at` is in images seen; None where the run starts anew.
    """
    from accelerate import PartialState

    PartialState()  # trackers log through Accelerate, which wants to know its process
    folder.mkdir(parents=True, exist_ok=True)
    return STARTERS[name](run, folder, resumed_at)


def curve_name(run: Run) -> str:
    """A run in words that make a folder's name: `pretrain vit_pico-8 on fractals 4,096 seed 0`."""
    start = f"{run.model} from {run.external.corpus}" if run.external else run.model
    name = f"{run.stage} {start} on {run.data_name} seed {run.seed}"
    return name.replace("/", "-").replace("\\", "-").encode()[-200:].decode(errors="ignore")


def hyper_parameters(run: Run) -> dict[str, Value]:
    """All that the run's key stands for, flat: `settings.learning_rate`, `data.images`."""
    facts = {"key": run.key, "family": run.family, "data_name": run.data_name, "recipe": run.recipe}
    return facts | dict(_flat(run.resolved()))


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Value]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, Value):
            yield f"{prefix}{name}", value
        elif value is not None:
            yield f"{prefix}{name}", str(value)


def _tensorboard(run: Run, folder: Path, resumed_at: int | None) -> tuple["GeneralTracker", int]:
    """Hyper-parameters go beside the curve, not as Accelerate stores them: into a run of their own."""
    from accelerate.tracking import TensorBoardTracker
    from torch.utils.tensorboard.summary import hparams

    purge = None if resumed_at is None else resumed_at + 1
    _wait_for_a_later_name(folder / curve_name(run))
    tracker = TensorBoardTracker(curve_name(run), folder, purge_step=purge)
    tracker.start()
    if resumed_at is None:
        metrics = dict.fromkeys(("validation/accuracy", "test/accuracy", "train/loss"))
        for summary in hparams(hyper_parameters(run), metrics):
            tracker.writer.file_writer.add_summary(summary)
    return tracker, resumed_at or 0


def _wait_for_a_later_name(folder: Path) -> None:
    """Let the second pass in which the last event file was made: readers take files by name, which begins with it.

    Within one second a process number or a counter would decide, as text, and points of before a kill come last.
    """
    seconds = [int(path.name.split(".")[3]) for path in folder.glob("events.out.tfevents.*")]
    while seconds and time.time() < max(seconds) + 1 <= time.time() + 1:
        time.sleep(0.02)


def _wandb(run: Run, folder: Path, resumed_at: int | None) -> tuple["GeneralTracker", int]:
    """A run's id brings back its steps, and W&B itself drops points before the last of them."""
    from accelerate.tracking import WandBTracker

    known = _kept_id(folder, resumed_at)
    tracker = WandBTracker(
        _suite(folder),
        name=curve_name(run),
        id=known,
        resume="allow" if known else None,
        dir=str(folder),
        config=hyper_parameters(run),
    )
    tracker.start()
    _keep_id(folder, tracker.run.id)
    return tracker, resumed_at or 0


def _mlflow(run: Run, folder: Path, resumed_at: int | None) -> tuple["GeneralTracker", int]:
    """At MLFLOW_TRACKING_URI, else in a database beside the curves, which one process at a time may set up."""
    import mlflow
    from accelerate.tracking import MLflowTracker

    home = folder.parent.resolve()
    known = _kept_id(folder, resumed_at)
    with _alone(home):
        if "MLFLOW_TRACKING_URI" not in os.environ:
            mlflow.set_tracking_uri(f"sqlite:///{home / 'mlflow.db'}")
        tracker = MLflowTracker(
            _suite(folder), logging_dir=(home / "mlflow").as_uri(), run_id=known, run_name=curve_name(run)
        )
        tracker.start()
    if known is None:
        tracker.store_init_configuration(hyper_parameters(run))
    identity = tracker.active_run.info.run_id
    _keep_id(folder, identity)
    points = mlflow.MlflowClient().get_metric_history(identity, "train/learning_rate") if known else []
    return tracker, max((point.step for point in points), default=resumed_at or 0)


def _suite(folder: Path) -> str:
    """The suite's name, from `results/<suite>/curves/<key>`."""
    return folder.resolve().parents[1].name


def _kept_id(folder: Path, resumed_at: int | None) -> str | None:
    path = folder / "id"
    return path.read_text(encoding="utf-8") if resumed_at is not None and path.is_file() else None


def _keep_id(folder: Path, identity: str) -> None:
    (folder / "id").write_text(identity, encoding="utf-8")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


STARTERS = {"tensorboard": _tensorboard, "wandb": _wandb, "mlflow": _mlflow}
