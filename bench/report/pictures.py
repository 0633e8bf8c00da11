"""Which figures a report has, and what stands under each."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.analysis.comparison import SCRATCH
from bench.analysis.intervals import LEVEL
from bench.analysis.seeds import split
from bench.report.ablation_figure import ablation_figure
from bench.report.accuracy_figure import accuracy_figure
from bench.report.drawing import save
from bench.report.page import Picture

FOLDER = "figures"


@dataclass(frozen=True)
class Pictures:
    """The figures drawn; what had nothing to draw is absent."""

    accuracy: Picture | None
    ablations: dict[str, Picture]


def draw(comparison: pd.DataFrame, ablations: pd.DataFrame, chance: Mapping[str, float], out: Path) -> Pictures:
    """Draw all figures into `out/figures`, in place of those of an earlier report.

    Args:
        comparison: as from `bench.analysis.comparison`.
        ablations: as from `bench.analysis.ablations`.
        chance: target -> accuracy of guessing, 0 to 1.
        out: the report's folder.
    """
    for old in (out / FOLDER).glob("*"):
        old.unlink()
    accuracy = None
    if _has_ladder(comparison):
        accuracy = _picture(
            "accuracy", _accuracy_caption(comparison), "Test accuracy against the number of pretraining images"
        )
        save(accuracy_figure(comparison, chance), out / accuracy.path)
    arms: dict[str, Picture] = {}
    for number, ((name,), rows) in enumerate(split(ablations, ["ablation"]), start=1):
        if rows["accuracy"].notna().any():
            arms[name] = _picture(f"ablation-{number}", _ablation_caption(name), f"Test accuracy by arm of {name}")
            save(ablation_figure(rows, chance), out / arms[name].path)
    return Pictures(accuracy, arms)


def _has_ladder(comparison: pd.DataFrame) -> bool:
    drawable = comparison["accuracy"].notna() & comparison["subset_images"].notna()
    return bool((drawable & (comparison["corpus"] != SCRATCH)).any())


def _picture(name: str, caption: str, alternative: str) -> Picture:
    return Picture(f"{FOLDER}/{name}", caption, alternative)


def _accuracy_caption(comparison: pd.DataFrame) -> str:
    caption = (
        f"Test accuracy against the number of pretraining images: means over seeds with {LEVEL:.0%} intervals. "
        "From scratch has no logarithm and stands apart at the left, trained on as many images as pretraining and "
        "transfer together. Points of one size are set apart sideways, so that their intervals can be seen."
    )
    if comparison["subset_images"].isna().any():
        caption += " Rows of unknown size have no place on this axis: they stand in the table alone."
    return caption


def _ablation_caption(name: str) -> str:
    return (
        f"Test accuracy by arm of ablation {name}: means over seeds with {LEVEL:.0%} intervals. Above each bar its "
        "paired difference to the reference arm (in full colour) in percentage points; under it its tokens, "
        "without the class token, and its parameters. Hatched: a seed is missing. Dotted: chance."
    )
