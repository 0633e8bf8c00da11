"""Curves of a run while it trains, in TensorBoard, Weights & Biases or MLflow.

The x axis is the number of images seen, so that models with different batch sizes can be compared. The curves are for
viewing only: `history.parquet` is the truth. If a tracker fails, the run continues without it, with a warning. A
resumed run continues its curves; a run that starts again starts new ones.
"""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd

from bench.files.locks import taking_turns
from bench.plan.run import Run
from bench.runner.run_options import TrackerName

logger = logging.getLogger(__name__)


Client = tuple[Callable[[dict[str, float], int], object], Callable[[], object]]
"""Two functions of an open tracker: one logs values by name at a number of images seen, the other closes it."""


class Curves:
    """The curves of one run; with the tracker `none`, nothing is kept.

    Args:
        folder: `results/<suite>/curves/<key>`.
        resumed_at: the images seen at the checkpoint that the run continues from; None if it starts from the beginning.
    """

    def __init__(self, run: Run, folder: Path, name: TrackerName, resumed_at: int | None) -> None:
        self.key = run.key
        self.client: Client | None = None
        if resumed_at is None:
            shutil.rmtree(folder, ignore_errors=True)
        if name != "none":
            self.client = self._try(_open, name, run, folder.resolve(), resumed_at)

    def log(self, values: dict[str, float], images_seen: int) -> None:
        """Add a point to each curve."""
        if self.client is not None:
            self._try(self.client[0], values, images_seen)

    def close(self) -> None:
        """Write pending points and close the tracker."""
        if self.client is not None:
            self._try(self.client[1])
        self.client = None

    def _try(self, act: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of the tracker; if it raises, because of a full disk or a missing server, stop using it."""
        try:
            return act(*arguments)
        except Exception as error:
            self.client = None
            reason = f"{type(error).__name__}: {error}"
            logger.warning("run %s continues without curves: %s", self.key, reason)


def _open(name: str, run: Run, folder: Path, resumed_at: int | None) -> Client:
    folder.mkdir(parents=True, exist_ok=True)
    return CLIENTS[name](run, folder, resumed_at)


def curve_name(run: Run) -> str:
    """Return a readable name of a run that is valid for a folder: `pretrain vit_pico-8 on fractals 4,096 seed 0`."""
    start = f"{run.model} from {run.external.corpus}" if run.external else run.model
    name = f"{run.stage} {start} on {run.data_name} seed {run.seed}"
    return name.replace("/", "-").encode()[-200:].decode(errors="ignore")


def hyper_parameters(run: Run) -> dict[str, bool | int | float | str]:
    """Return the contents of the run's key as a flat dictionary: `settings.learning_rate`, `data.images`."""
    facts = {"key": run.key, "family": run.family, "data_name": run.data_name, "recipe": run.recipe}
    values = pd.json_normalize(facts | run.resolved()).iloc[0].dropna().to_dict()
    return {str(name): value if isinstance(value, bool | int | float) else str(value) for name, value in values.items()}


def _tensorboard(run: Run, folder: Path, resumed_at: int | None) -> Client:
    """Open a TensorBoard log; points after the checkpoint are hidden, since they will be logged again."""
    from torch.utils.tensorboard import SummaryWriter
    from torch.utils.tensorboard.summary import hparams

    writer = SummaryWriter(str(folder / curve_name(run)), purge_step=None if resumed_at is None else resumed_at + 1)
    if resumed_at is None:
        metrics = dict.fromkeys(("validation/accuracy", "test/accuracy", "train/loss"))
        events = writer._get_file_writer()  # `add_hparams` would write them to a separate run
        for summary in hparams(hyper_parameters(run), metrics):
            events.add_summary(summary)

    def log(values: dict[str, float], images_seen: int) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, images_seen)

    return log, writer.close


def _wandb(run: Run, folder: Path, resumed_at: int | None) -> Client:
    """Open a W&B run, or continue the one whose id is kept; W&B ignores points before its last one."""
    import wandb

    identity = _identity(folder, lambda: uuid4().hex)
    started = wandb.init(
        project=folder.parents[1].name,
        name=curve_name(run),
        id=identity,
        resume="allow",
        dir=folder,
        config=hyper_parameters(run),
    )
    return (lambda values, images_seen: started.log(values, step=images_seen)), started.finish


def _mlflow(run: Run, folder: Path, resumed_at: int | None) -> Client:
    """Open an MLflow run at MLFLOW_TRACKING_URI; by default, in a database in the folder of curves."""
    from mlflow import MlflowClient

    database, suite = folder.parent / "mlflow.db", folder.parents[1].name
    with taking_turns(database):  # if two processes created the database at once, both would fail
        client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{database}"))
        experiment = client.get_experiment_by_name(suite)
        number = experiment.experiment_id if experiment else client.create_experiment(suite)
    identity = _identity(folder, lambda: client.create_run(number, run_name=curve_name(run)).info.run_id)
    for name, value in hyper_parameters(run).items():
        client.log_param(identity, name, value)

    def log(values: dict[str, float], images_seen: int) -> None:
        for name, value in values.items():
            client.log_metric(identity, name, value, step=images_seen)

    return log, lambda: client.set_terminated(identity)


def _identity(folder: Path, new: Callable[[], str]) -> str:
    """Return the tracker's id of the run; it is kept in a file, so that a resumed run continues the same curves."""
    path = folder / "id"
    if not path.is_file():
        path.write_text(new(), encoding="utf-8")
    return path.read_text(encoding="utf-8")


CLIENTS: dict[str, Callable[[Run, Path, int | None], Client]] = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
    "mlflow": _mlflow,
}
