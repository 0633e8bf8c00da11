"""Which figures a report has, and what stands under each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from bench.analysis.comparison import FINE_TUNE, SCRATCH
from bench.analysis.frames import split
from bench.analysis.stats.intervals import LEVEL
from bench.report.figures.ablation import ablation_figure
from bench.report.figures.accuracy import accuracy_figure
from bench.report.figures.drawing import save
from bench.report.figures.pareto import pareto_figure
from bench.report.findings import Findings
from bench.report.ladder_pictures import LadderPictures, draw_ladders
from bench.report.layout import AS_MUCH, by_transfer, heading, panels
from bench.report.machines import Machine
from bench.report.page import Picture

FOLDER = "figures"


@dataclass(frozen=True)
class Pictures:
    """The figures drawn; what had nothing to draw is absent."""

    accuracy: dict[str, Picture]
    """By transfer."""
    ablations: dict[tuple[str, str], Picture]
    """By ablation and transfer."""
    costs: dict[str, dict[str, Picture]] = field(default_factory=dict)
    """By machine, and by the target's title."""
    ladders: LadderPictures = field(default_factory=dict)
    tuning: Picture | None = None


def draw(
    comparison: pd.DataFrame,
    ablations: pd.DataFrame,
    chance: Mapping[str, float],
    out: Path,
    machines: Sequence[Machine] = (),
    found: Sequence[Findings] = (),
) -> Pictures:
    """Draw all figures into `out/figures`, in place of those of an earlier report.

    Args:
        comparison: as from `bench.analysis.comparison`.
        ablations: as from `bench.analysis.ablations`.
        chance: target -> accuracy of guessing, 0 to 1.
        out: the report's folder.
        machines: those whose speeds the report shows.
        found: what the ladders show, by transfer.
    """
    for old in (out / FOLDER).glob("*"):
        old.unlink()
    ladders = {transfer: rows for transfer, rows in by_transfer(comparison) if _has_ladder(rows)}
    accuracy = {transfer: _accuracy_picture(transfer, rows) for transfer, rows in ladders.items()}
    for transfer, picture in accuracy.items():
        save(accuracy_figure(ladders[transfer], chance), out / picture.path)
    arms: dict[tuple[str, str], Picture] = {}
    for number, ((name,), of_ablation) in enumerate(split(ablations, ["ablation"]), start=1):
        for transfer, rows in by_transfer(of_ablation):
            if rows["accuracy"].notna().any():
                picture = arms[name, transfer] = _ablation_picture(number, name, transfer)
                save(ablation_figure(rows, chance), out / picture.path)
    return Pictures(accuracy, arms, _draw_costs(machines, out), draw_ladders(found, out, FOLDER))


def _draw_costs(machines: Sequence[Machine], out: Path) -> dict[str, dict[str, Picture]]:
    drawn: dict[str, dict[str, Picture]] = {}
    for number, machine in enumerate(machines, start=1):
        for of_target, panel in enumerate(panels(machine.costs), start=1):
            if (panel.rows["accuracy"].notna() & panel.rows["value"].notna()).any():
                path = f"{FOLDER}/cost-{of_target}" + ("" if machine.is_only else f"-machine-{number}")
                shown = f"{machine.title('Test accuracy against cost')}, {panel.title}"
                drawn.setdefault(machine.name, {})[panel.title] = Picture(path, _cost_caption(shown), shown)
                save(pareto_figure(panel.rows), out / path)
    return drawn


def _has_ladder(comparison: pd.DataFrame) -> bool:
    drawable = comparison["accuracy"].notna() & comparison["subset_images"].notna()
    return bool((drawable & (comparison["corpus"] != SCRATCH)).any())


def _accuracy_picture(transfer: str, comparison: pd.DataFrame) -> Picture:
    shown = heading("Test accuracy against the number of pretraining images", transfer)
    return Picture(_path("accuracy", transfer), _accuracy_caption(shown, comparison), shown)


def _ablation_picture(number: int, name: str, transfer: str) -> Picture:
    shown = heading(f"Test accuracy by arm of ablation {name}", transfer)
    return Picture(_path(f"ablation-{number}", transfer), _ablation_caption(shown), shown)


def _path(name: str, transfer: str) -> str:
    return f"{FOLDER}/{name}" + (f"-{transfer}" if transfer != FINE_TUNE else "")


def _accuracy_caption(shown: str, comparison: pd.DataFrame) -> str:
    caption = f"{shown}: means over seeds with {LEVEL:.0%} intervals. "
    if (comparison["corpus"] == SCRATCH).any():
        caption += (
            "From scratch has no logarithm and stands apart at the left, trained "
            f"{AS_MUCH[comparison['match'].iloc[0]]} as pretraining and transfer together. "
        )
    caption += "Points of one size are set apart sideways, so that their intervals can be seen."
    if comparison["subset_images"].isna().any():
        caption += " Rows of unknown size have no place on this axis: they stand in the table alone."
    return caption


def _ablation_caption(shown: str) -> str:
    return (
        f"{shown}: means over seeds with {LEVEL:.0%} intervals. Above each bar its "
        "paired difference to the reference arm (in full colour) in percentage points; under it its tokens, "
        "without the class token, and its parameters. Hatched: a seed is missing. Dotted: chance."
    )


def _cost_caption(shown: str) -> str:
    return (
        f"{shown}: means over seeds with {LEVEL:.0%} intervals. The line is the front: the accuracy to be had for each "
        "cost or less. Pale: behind, another row is better for no more. The larger a marker, the more images it was "
        "pretrained on; rows of one model are set apart sideways, so that their intervals can be seen."
    )
