"""The section on a suite's tuning: its budget, which is every family's, what was chosen, and what more trials bring."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bench.analysis.format import count, duration, percent, plural, short_count
from bench.analysis.frames import split
from bench.analysis.tuning import tuning_curves
from bench.report.figures.drawing import save
from bench.report.figures.tuning import tuning_figure
from bench.report.layout import family_name
from bench.report.page import Cell, Picture, Section, Table
from bench.report.pictures import FOLDER

_SHOWN = "Expected best validation accuracy against the number of trials"
_PICTURE = Picture(f"{FOLDER}/tuning", f"{_SHOWN}, for each family; the last point is the best of all.", _SHOWN)
_STUDY = ["stage", "family", "model"]


def draw_tuning(suite: Mapping[str, Any], trials: pd.DataFrame | None, out: Path) -> Picture | None:
    """Draw the curves of a tuning into the report's folder, where something was chosen by them."""
    curves = tuning_curves(trials) if trials is not None and _is_tuned(suite) else pd.DataFrame()
    if curves.empty:
        return None
    save(tuning_figure(curves), out / _PICTURE.path)
    return _PICTURE


def tuning(suite: Mapping[str, Any], trials: pd.DataFrame | None, picture: Picture | None) -> tuple[Section, ...]:
    """The section, where the suite asks for a tuning.

    Args:
        suite: the resolved suite.
        trials: one row a trial, as in `results/<suite>/tables/trials.parquet`.
        picture: of the curves, where they were drawn.
    """
    asked = suite.get("tuning")
    if asked is None:
        return ()
    if not _is_tuned(suite):
        untuned = "The suite asks for a tuning that is not done: its runs trained with the recipes as written."
        return (Section("Tuning", warnings=(untuned,), tables=(_space(asked),)),)
    said, choice = (_budget(asked), _judged(asked)), _chosen(asked)
    if trials is None or trials.empty:
        gone = "The records of the trials are not there any more, so nobody can say how they ended."
        return (Section("Tuning", said, warnings=(gone,), tables=(choice, _space(asked))),)
    tables = (choice, _spent(trials), _space(asked))
    if picture is None:
        return (Section("Tuning", said, tables=tables),)
    return (Section("Tuning", (*said, _curve_in_words(asked)), pictures=(picture,), tables=tables),)


def tuned_alike(suite: Mapping[str, Any]) -> tuple[str, ...]:
    """A sentence on a tuning that is done, for whoever compares rows; none without one."""
    if not _is_tuned(suite):
        return ()
    return (f"Tuned alike: {plural(suite['tuning']['trials'], 'trial')} for each family in each stage (see Tuning).",)


def _is_tuned(suite: Mapping[str, Any]) -> bool:
    """Whether a tuning was asked for, and is done."""
    asked = suite.get("tuning")
    return asked is not None and bool(asked["chosen"])


def _budget(asked: Mapping[str, Any]) -> str:
    halved = "".join(f", the better half of those left going on after {share:.0%}" for share in asked["halvings"])
    whole = "each with the budget of the suite's own runs" if not halved else f"with the suite's own budget{halved}"
    return (
        f"Every family had {plural(asked['trials'], 'trial')} in every stage that it trains in, {whole}: at the same "
        "points of the same space, drawn at random before the first trial began. What did best in a family stands "
        "among the exceptions to the recipes, and holds for all of its models."
    )


def _judged(asked: Mapping[str, Any]) -> str:
    return (
        f"Trials trained with seed {asked['seed']}, which no row on this page has. They were judged by validation "
        "images, and never read those of a test. One that diverged or failed is a trial like any other, with an "
        "accuracy of 0."
    )


def _curve_in_words(asked: Mapping[str, Any]) -> str:
    given_up = " A trial that was given up counts with the accuracy that it had then." if asked["halvings"] else ""
    return (
        "The curve is the mean of the best over all choices of so many among the trials (Tang et al. 2020). One that "
        f"still rises at its end says that this family had too few trials to show all that it can.{given_up}"
    )


def _chosen(asked: Mapping[str, Any]) -> Table:
    rows = tuple(
        (
            one["stage"],
            family_name(one["family"]),
            one["model"],
            Cell(
                ", ".join(f"{name} {_value(value)}" for name, value in one["values"].items()), f"trial {one['trial']}"
            ),
            percent(one["score"]),
        )
        for one in asked["chosen"]
    )
    caption = "What was chosen, by the accuracy on validation images of the corpus, or the mean over the targets."
    return Table(caption, ("Stage", "Family", "Tried with", "Chosen", "Validation accuracy"), rows, 4)


def _spent(trials: pd.DataFrame) -> Table:
    """How the trials of each study ended, and what they took in all."""
    ended = [status for status in dict.fromkeys(["ok", "pruned", *sorted(trials["status"])]) if status != "ok"]
    shown = ["ok", *(status for status in ended if (trials["status"] == status).any())]
    rows = tuple(
        (
            stage,
            family_name(family),
            count(len(own)),
            *(count((own["status"] == status).sum()) for status in shown),
            count(_total(own["images_seen"])),
            short_count(_total(own["training_flops"])),
            duration(_total(own["train_seconds"])),
        )
        for (stage, family, _), own in split(trials, _STUDY)
    )
    ends = (status.replace("_", " ") for status in shown)
    header = ("Stage", "Family", "Trials", *ends, "Images seen", "Training FLOPs", "Training time")
    return Table("How the trials ended, and what they took in all; pruned ones were given up.", header, rows, 2)


def _total(column: pd.Series) -> Any:
    return column.sum() if column.notna().any() else None


def _space(asked: Mapping[str, Any]) -> Table:
    rows = tuple((name, _values(values)) for name, values in asked["space"].items())
    return Table("The space, the same for every family and stage.", ("Setting", "Values"), rows, 2)


def _values(values: Any) -> str:
    if isinstance(values, Mapping):
        how = "each ratio" if values["log"] else "each number"
        return f"{values['low']:g} to {values['high']:g}, {how} as likely as another"
    return " or ".join(map(_value, values))


def _value(value: Any) -> str:
    """Of a setting; `null` in a recipe means that there is none."""
    return "none" if value is None else str(value)
