"""The rungs of a ladder as arrays: each model's answers on one target, or on several, with its seeds aligned.

Only rungs of equal class count stand on one ladder, so that no trend or crossing is read from subsets that differ in
what they hold. From scratch and weights from outside stand on none. A model that lacks a seed on any rung has no arrays
and says why: what finished alone is never used in silence.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.comparison import SCRATCH
from bench.analysis.correctness import Known, by_key, read_answers, require_paired
from bench.analysis.frames import Key, require_columns, split
from bench.analysis.seeds import COMPLETE, expected_seeds, read_seeds
from bench.analysis.stats.crossed import CROSSED, SEEDS
from bench.analysis.stats.intervals import Interval
from bench.analysis.stats.statistics_errors import DifferentImagesError
from bench.analysis.targets import base

_SETTING = ["corpus", "subset_classes", "target", "image_size", "transfer", "shots", "match"]
_CELL = ["ablation", "seed", "draw", "status", "reason", "accuracy", "notes"]
_ORDER = ("vit", "hybrid", "cnn")
"""Which family of two is asked whether it is ahead of the other: the one that has the less built into it."""


@dataclass(frozen=True)
class OnLadder:
    """One model on all rungs."""

    model: str
    family: str
    parts: tuple[np.ndarray, ...]
    """A target each: (seeds, images, rungs), 0 to 1; of accuracies alone (seeds, 1, rungs). Empty with a problem."""
    images: tuple[str, ...]
    """A target each: which test images these are, as `Answers.images`; empty texts of accuracies alone."""
    problem: str
    """What is missing, such as `at 1,024 images seed 3 diverged`; empty if nothing."""


@dataclass(frozen=True)
class Ladder:
    """All models on the rungs of one corpus and class count, transferred to the same targets in the same way."""

    corpus: str
    subset_classes: int | None
    targets: tuple[str, ...]
    image_size: int
    transfer: str
    shots: int | None
    match: str
    sizes: tuple[int, ...]
    """Pretraining images of the rungs, ascending."""
    seeds: tuple[int, ...]
    models: tuple[OnLadder, ...]

    @property
    def complete(self) -> tuple[OnLadder, ...]:
        """The models that have every seed on every rung."""
        return tuple(model for model in self.models if not model.problem)

    @property
    def rivals(self) -> tuple[tuple[OnLadder, OnLadder], ...]:
        """Each pair of models of different families, a ViT first, a CNN last."""
        ordered = sorted(self.models, key=lambda model: _ORDER.index(model.family) if model.family in _ORDER else 3)
        return tuple((one, other) for one, other in combinations(ordered, 2) if one.family != other.family)

    @property
    def method(self) -> str:
        """What intervals are over: seeds and images where every answer is kept, else seeds alone."""
        return CROSSED if self.complete and all(all(model.images) for model in self.complete) else SEEDS


@dataclass(frozen=True)
class AtRung:
    """A number at a rung, such as an accuracy."""

    size: int
    mean: float
    interval: Interval | None
    """None where it can't be told."""


def ladders(cells: pd.DataFrame, answers: pd.DataFrame | None = None) -> tuple[Ladder, ...]:
    """The ladders of a suite, a target each, in the order of the cells.

    Args:
        cells: one row a cell, as in `results/<suite>/tables/cells.parquet`; ablation arms are left out.
        answers: the table of that name, where there is one.

    Raises:
        MissingColumnError, DuplicateRowError: a table is not what it should be.
    """
    require_columns(cells, [*_SETTING, "model", "family", "subset_images", *_CELL], "cells")
    known = {} if answers is None else by_key(answers)
    on_ladder = cells[cells["ablation"] == ""]
    expected = expected_seeds(on_ladder)
    pretrained = on_ladder[(on_ladder["corpus"] != SCRATCH) & on_ladder["subset_images"].notna()]
    return tuple(_ladder(setting, rows, expected, known) for setting, rows in split(pretrained, _SETTING))


def over_targets(found: Iterable[Ladder]) -> tuple[Ladder, ...]:
    """Ladders that differ in nothing but the target put together, where they are several; each target weighs the same.

    Slices of one target, such as `digits@100` and `digits@500`, are averaged first, since they share its test images.
    A model is complete if it is so on every target.
    """
    groups: dict[tuple[Any, ...], list[Ladder]] = {}
    for ladder in found:
        setting = (ladder.corpus, ladder.subset_classes, ladder.image_size, ladder.transfer, ladder.shots, ladder.match)
        groups.setdefault((*setting, ladder.sizes), []).append(ladder)
    return tuple(_put_together(group) for group in groups.values() if len(group) > 1)


def problems(*models: OnLadder) -> str:
    """Why some models can't be compared, by their names; empty if they can."""
    lacking = "; ".join(f"{model.model}: {model.problem}" for model in models if model.problem)
    if lacking or len({model.images for model in models}) == 1:
        return lacking
    return f"tested on different images: {', '.join(model.model for model in models)}"


def _ladder(setting: Key, rows: pd.DataFrame, expected: list[int], known: Known) -> Ladder:
    corpus, classes, target, image_size, transfer, shots, match = setting
    sizes = tuple(sorted(int(size) for size in rows["subset_images"].unique()))
    models = [
        _on_ladder(OnLadder(model, family, (), (), ""), of_model, sizes, expected, known)
        for (model, family), of_model in split(rows, ["model", "family"])
    ]
    return _of_one_kind(
        Ladder(corpus, classes, (target,), image_size, transfer, shots, match, sizes, tuple(expected), tuple(models))
    )


def _on_ladder(
    model: OnLadder, rows: pd.DataFrame, sizes: Sequence[int], expected: list[int], known: Known
) -> OnLadder:
    by_size = {int(size): of_size for (size,), of_size in split(rows, ["subset_images"])}
    seeds = {size: read_seeds(of_size, expected) for size, of_size in by_size.items()}
    lacking = [f"at {size:,} images {seeds[size].status}" for size in sorted(seeds) if seeds[size].status != COMPLETE]
    lacking += [f"at {size:,} images no row" for size in sizes if size not in seeds]
    if lacking:
        return replace(model, problem="; ".join(lacking))
    try:
        answers = [read_answers(by_size[size], known, expected) for size in sizes]
        kept = [one for one in answers if one is not None]
        require_paired(kept)
    except DifferentImagesError as error:
        return replace(model, problem=str(error))
    if len(kept) == len(sizes):
        return replace(model, parts=(np.stack([one.correct for one in kept], axis=2),), images=(kept[0].images,))
    accuracy = np.array([[seeds[size].accuracy[seed] for size in sizes] for seed in expected])
    return replace(model, parts=(accuracy[:, None, :],), images=("",))


def _of_one_kind(ladder: Ladder) -> Ladder:
    """With accuracies in place of answers, where these are not kept of every model."""
    if ladder.method == CROSSED:
        return ladder
    return replace(ladder, models=tuple(_without_answers(model) for model in ladder.models))


def _without_answers(model: OnLadder) -> OnLadder:
    means = tuple(part.mean(axis=1, keepdims=True) for part in model.parts)
    return replace(model, parts=means, images=("",) * len(means))


def _put_together(group: Sequence[Ladder]) -> Ladder:
    names = dict.fromkeys((model.model, model.family) for ladder in group for model in ladder.models)
    models = [_on_all(name, family, group) for name, family in names]
    targets = tuple(target for ladder in group for target in ladder.targets)
    return _of_one_kind(replace(group[0], targets=targets, models=tuple(models)))


def _on_all(name: str, family: str, group: Sequence[Ladder]) -> OnLadder:
    """One model on the targets of several ladders."""
    found = {ladder.targets[0]: model for ladder in group for model in ladder.models if model.model == name}
    lacking = [f"on {target} {model.problem}" for target, model in found.items() if model.problem]
    lacking += [f"on {ladder.targets[0]} no row" for ladder in group if ladder.targets[0] not in found]
    if lacking:
        return OnLadder(name, family, (), (), "; ".join(lacking))
    slices: dict[str, list[OnLadder]] = {}
    for target, model in found.items():
        slices.setdefault(model.images[0] or base(target), []).append(model)
    parts = [np.mean([model.parts[0] for model in same], axis=0) for same in slices.values()]
    return OnLadder(name, family, tuple(parts), tuple(same[0].images[0] for same in slices.values()), "")
