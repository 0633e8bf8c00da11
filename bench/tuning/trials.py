"""The table `trials`: one row per trial of every study, as `docs/schema.md` describes it. Imports no torch."""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from bench.tuning.halving import NOT_RUN, StudyState, Trial

COSTS = ("images_seen", "training_flops", "train_seconds")
TYPES = {"score": "float64", "loss": "float64", "share": "float64", "is_chosen": "bool"} | {
    "trial": "int64",
    "images_seen": "Int64",
    "training_flops": "float64",
    "train_seconds": "float64",
}
COLUMNS = ["stage", "family", "model", "trial", "point", "status", "reason", "share", "score", "loss", "is_chosen"]


def trials_table(states: Sequence[StudyState]) -> pd.DataFrame:
    """Return one row per trial, study by study."""
    rows = [_row(state, trial) for state in states for trial in state.trials]
    return pd.DataFrame(rows, columns=[*COLUMNS, "unpruned", *COSTS, "keys"]).astype(TYPES)


def _row(state: StudyState, trial: Trial) -> dict[str, Any]:
    is_judged, best = trial.status != NOT_RUN, state.best
    return {
        "stage": state.study.stage,
        "family": state.study.family,
        "model": trial.model,
        "trial": trial.number,
        "point": json.dumps(trial.point),
        "status": trial.status,
        "reason": trial.reason,
        "share": trial.share if is_judged else None,
        "score": trial.score if is_judged else None,
        "loss": trial.loss if is_judged and trial.loss != float("inf") else None,
        "is_chosen": best is not None and trial.number == best.number,
        "unpruned": "; ".join(state.unpruned),
        **{name: _sum(trial, name) for name in COSTS},
        "keys": ", ".join(run.key for run in trial.runs),
    }


def _sum(trial: Trial, name: str) -> float | None:
    """Return a cost's sum over the runs of a trial that measured it."""
    values = [record["cost"][name] for record in trial.records if record["cost"].get(name) is not None]
    return sum(values) if values else None
