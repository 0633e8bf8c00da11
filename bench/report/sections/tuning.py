"""Write the section on a suite's tuning: each family's budget and choice, and the value of more trials."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from bench.analysis.format import count, duration, listed, percent, plural, short_count
from bench.analysis.frames import split
from bench.report.layout import family_name, is_tuned
from bench.report.page import Chart, Section, Table, TableCell, section, table


def tuning(suite: Mapping[str, Any], trials: pd.DataFrame | None, chart: Chart | None) -> tuple[Section, ...]:
    """Return the section on the suite's tuning; nothing if it asks for none.

    Args:
        suite: The resolved suite.
        trials: One row per trial, as in `results/<suite>/tables/trials.parquet`.
        chart: The figure of the curves, if it was drawn.
    """
    asked = suite.get("tuning")
    if asked is None:
        return ()
    if not is_tuned(suite):
        untuned = "The suite asks for a tuning that is not done: its runs trained with the recipes as written."
        return (section("Tuning", _space(asked), warnings=(untuned,)),)
    if trials is None or trials.empty:
        gone = "The records of the trials are gone, so this page cannot say how they ended."
        return (section("Tuning", _budget(asked), _judged(asked), _chosen(asked), _space(asked), warnings=(gone,)),)
    curve = _curve_in_words(asked) if chart else None
    unpruned = [f"{stage}: {reason}." for (stage, reason), _ in split(trials, ["stage", "unpruned"]) if reason]
    turns, members = (_taking_turns(asked), _members(asked, trials)) if asked.get("members") else (None, None)
    tables = (_chosen(asked), members, _spent(trials), _space(asked))
    return (section("Tuning", _budget(asked), _judged(asked), turns, *unpruned, curve, chart, *tables),)


def tuned_alike(suite: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a sentence on the tuning if it is done, else nothing."""
    if not is_tuned(suite):
        return ()
    return (f"Tuned alike: {plural(suite['tuning']['trials'], 'trial')} for each family in each stage (see Tuning).",)


def _budget(asked: Mapping[str, Any]) -> str:
    halvings = "".join(
        f"; after {percent(share, places=0)} the half with the higher scores went on" for share in asked["halvings"]
    )
    return (
        f"Every family had {plural(asked['trials'], 'trial')} in every stage that it trains in, each with the budget "
        f"of the suite's own runs{halvings}. All families tried the same points of the same space, drawn at random "
        "before the first trial began. The best point of a family is listed among the exceptions to the recipes; it "
        "holds for all of its models."
    )


def _judged(asked: Mapping[str, Any]) -> str:
    return (
        f"Trials trained with seed {asked['seed']}, which no row on this page has. They were judged by validation "
        "images and never read test images. A trial that diverged or failed counts with an accuracy of 0."
    )


def _curve_in_words(asked: Mapping[str, Any]) -> str:
    given_up = (
        " If trials were pruned, it is of those with the whole budget alone, which were the better ones before."
        if asked["halvings"]
        else ""
    )
    return (
        "The curve is the mean of the best accuracy over all choices of a number of trials (Tang et al. 2020). If it "
        f"still rises at its end, this family had too few trials to show all that it can.{given_up}"
    )


def _chosen(asked: Mapping[str, Any]) -> Table:
    columns = {
        "Stage": lambda choice: choice["stage"],
        "Family": lambda choice: family_name(choice["family"]),
        "Tried with": lambda choice: choice["model"],
        "Chosen": lambda choice: TableCell(
            ", ".join(f"{name} {_value(value)}" for name, value in choice["values"].items()), f"trial {choice['trial']}"
        ),
        "Validation accuracy": lambda choice: percent(choice["score"]),
    }
    caption = "What was chosen, by the accuracy on validation images of the corpus, or by the mean over the targets."
    return table(caption, columns, asked["chosen"], 4)


def _taking_turns(asked: Mapping[str, Any]) -> str:
    families = listed([family_name(family) for family in asked["members"]])
    return (
        f"The trials of pretraining also chose the model among members of one size class, for {families}. The members "
        "took turns, so they shared the trials of the family evenly: the more members, the fewer trials of each. "
        "Trials of fine-tuning trained the chosen member."
    )


def _members(asked: Mapping[str, Any], trials: pd.DataFrame) -> Table:
    """Return how many trials each member had, and the best of them with the whole budget."""
    of_stage = trials[trials["stage"] == "pretrain"]
    chosen = {choice["family"]: choice["model"] for choice in asked["chosen"] if choice["stage"] == "pretrain"}
    rows = []
    for family, member in ((family, member) for family, members in asked["members"].items() for member in members):
        tried = of_stage[(of_stage["family"] == family) & (of_stage["model"] == member)]
        ended = tried[tried["status"] == "ok"]
        name = TableCell(member, "chosen" if chosen.get(family) == member else "")
        best = percent(ended["score"].max())
        rows.append((family_name(family), name, count(len(tried)), count(len(ended)), best))
    header = ("Family", "Member", "Trials", "With the whole budget", "Best validation accuracy")
    return Table("The trials of each member in pretraining, and the best of them.", header, tuple(rows), 2)


def _spent(trials: pd.DataFrame) -> Table:
    """Return how the trials of each study ended, and their total cost."""
    present = set(trials["status"])
    ends = ["ok", *(["pruned"] if "pruned" in present else []), *sorted(present - {"ok", "pruned"})]
    rows = tuple(
        (
            stage,
            family_name(family),
            count(len(study)),
            *(count((study["status"] == status).sum()) for status in ends),
            count(study["images_seen"].sum(min_count=1)),
            short_count(study["training_flops"].sum(min_count=1)),
            duration(study["train_seconds"].sum(min_count=1)),
        )
        for (stage, family), study in split(trials, ["stage", "family"])
    )
    names = (status.replace("_", " ") for status in ends)
    header = ("Stage", "Family", "Trials", *names, "Images seen", "Training FLOPs", "Training time")
    return Table("How the trials ended, and what they took in all; pruned trials were given up.", header, rows, 2)


def _space(asked: Mapping[str, Any]) -> Table:
    columns = {"Setting": lambda item: item[0], "Values": lambda item: _values(item[1])}
    return table("The space, the same for every family and stage.", columns, asked["space"].items())


def _values(values: Any) -> str:
    if isinstance(values, Mapping):
        spread = "uniform in the logarithm" if values["log"] else "uniform"
        return f"{values['low']:g} to {values['high']:g}, {spread}"
    return " or ".join(map(_value, values))


def _value(value: Any) -> str:
    """Return a setting's value; null in a recipe means that there is none."""
    return "none" if value is None else str(value)
