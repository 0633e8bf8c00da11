"""Put the rungs of a ladder into arrays: each model's results on one or several targets, with its seeds aligned.

A ladder holds only rungs of equal class count, so that subsets with other classes enter no trend or crossing. Models
from scratch and external weights are on no ladder. A model that lacks a seed on any rung has no arrays and gives the
reason; the remaining seeds are not used.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.comparison import SCRATCH
from bench.analysis.correctness import PackedRows, by_key
from bench.analysis.frames import Key, require_columns, split
from bench.analysis.seeds import COMPLETE, SEED_COLUMNS, SeedResults, expected_seeds, read_seeds, stack
from bench.analysis.stats.crossed import CROSSED, SEEDS
from bench.analysis.stats.intervals import Interval
from bench.analysis.stats.statistics_errors import DifferentImagesError
from bench.analysis.targets import is_real, slices

_SETTING = ["corpus", "subset_classes", "target", "image_size", "transfer", "shots", "match"]
_ORDER = ("vit", "hybrid", "cnn")
"""Families in ascending order of their inductive bias; pairs ask whether the first is ahead of the second."""


@dataclass(frozen=True)
class LadderModel:
    """One model on all rungs."""

    model: str
    family: str
    parts: tuple[np.ndarray, ...] = ()
    """(seeds, images, rungs) for each set of test images, 0 to 1; (seeds, clusters, rungs) if images come in clusters;
    (seeds, 1, rungs) if only accuracies are known.

    Empty if there is a problem."""
    images: tuple[str, ...] = ()
    """The hash of each set of test images, as in `Correctness.images`; empty texts if only accuracies are known."""
    problem: str = ""
    """What is missing, such as `at 1,024 images seed 3 diverged`; empty if nothing is."""
    rows: Mapping[str, tuple[SeedResults, ...]] = field(default_factory=dict)
    """Target -> the rows behind the arrays, one per rung."""


@dataclass(frozen=True)
class LadderResults:
    """All models on the rungs of one corpus and class count, transferred to the same targets in the same way."""

    corpus: str
    subset_classes: int | None
    targets: tuple[str, ...]
    image_size: int
    transfer: str
    shots: int | None
    match: str
    sizes: tuple[int, ...]
    """The pretraining images of the rungs, ascending."""
    seeds: tuple[int, ...]
    models: tuple[LadderModel, ...]

    @property
    def complete(self) -> tuple[LadderModel, ...]:
        """Return the models that have every seed on every rung."""
        return tuple(model for model in self.models if not model.problem)

    @property
    def rivals(self) -> tuple[tuple[LadderModel, LadderModel], ...]:
        """Return each pair of models of different families, in the order ViT, hybrid, CNN."""
        ordered = sorted(self.models, key=lambda model: _ORDER.index(model.family) if model.family in _ORDER else 3)
        return tuple((first, second) for first, second in combinations(ordered, 2) if first.family != second.family)

    @property
    def method(self) -> str:
        """Return what intervals are over: seeds and images if correctness is kept for all rows, else seeds."""
        return CROSSED if self.complete and all(all(model.images) for model in self.complete) else SEEDS


@dataclass(frozen=True)
class AtRung:
    """A number at a rung, such as an accuracy."""

    size: int
    """The pretraining images of the rung."""
    mean: float
    interval: Interval | None
    """The interval of the mean; None if it is unknown."""
    of_seeds: tuple[float, ...] = ()
    """The number of each seed."""


def ladders(cells: pd.DataFrame, correctness: pd.DataFrame | None = None) -> tuple[LadderResults, ...]:
    """Return the ladders of a suite, one per target, in the order of the cells.

    Args:
        cells: One row per cell, as in `results/<suite>/tables/cells.parquet`; ablation arms are left out.
        correctness: The table `correctness`, if it is kept.

    Raises:
        MissingColumnError, DuplicateRowError: A table lacks a column or holds a row twice.
    """
    require_columns(cells, [*_SETTING, "model", "family", "subset_images", "ablation", *SEED_COLUMNS], "cells")
    packed = by_key(correctness)
    on_ladder = cells[cells["ablation"] == ""]
    expected = expected_seeds(on_ladder)
    pretrained = on_ladder[(on_ladder["corpus"] != SCRATCH) & on_ladder["subset_images"].notna()]
    return tuple(_ladder(setting, rows, expected, packed) for setting, rows in split(pretrained, _SETTING))


def over_targets(single: Iterable[LadderResults]) -> tuple[LadderResults, ...]:
    """Combine ladders that differ only in their target, if there are several; each target has the same weight.

    Slices of one target, such as `digits@100` and `digits@500`, are averaged first, since they share its test images.
    A model is complete if it is complete on every target.
    """
    groups: dict[tuple[Any, ...], list[LadderResults]] = {}
    for ladder in single:
        setting = (ladder.corpus, ladder.subset_classes, ladder.image_size, ladder.transfer, ladder.shots, ladder.match)
        groups.setdefault((*setting, ladder.sizes), []).append(ladder)
    return tuple(_combined(group) for group in groups.values() if len(group) > 1)


def with_means(single: Sequence[LadderResults]) -> tuple[LadderResults, ...]:
    """Return the ladders of real targets, their means where there are several targets, and then all others."""
    real = [ladder for ladder in single if is_real(ladder.targets[0])]
    return (*real, *over_targets(real), *(ladder for ladder in single if not is_real(ladder.targets[0])))


def problems(*models: LadderModel) -> str:
    """Return why these models can't be compared, with their names; empty if they can."""
    lacking = "; ".join(f"{model.model}: {model.problem}" for model in models if model.problem)
    if lacking or len({model.images for model in models}) == 1:
        return lacking
    return f"tested on different images: {', '.join(model.model for model in models)}"


def _ladder(setting: Key, rows: pd.DataFrame, expected: list[int], packed: PackedRows) -> LadderResults:
    corpus, classes, target, image_size, transfer, shots, match = setting
    sizes = tuple(sorted(int(size) for size in rows["subset_images"].unique()))
    models = []
    for (model, family), of_model in split(rows, ["model", "family"]):
        by_size = {int(size): of_size for (size,), of_size in split(of_model, ["subset_images"])}
        results = {size: read_seeds(of_size, expected, packed) for size, of_size in sorted(by_size.items())}
        models.append(_with_rows(LadderModel(model, family), target, sizes, results))
    way = (image_size, transfer, shots, match)
    return _with_arrays(LadderResults(corpus, classes, (target,), *way, sizes, tuple(expected), tuple(models)))


def _with_rows(
    model: LadderModel, target: str, sizes: Sequence[int], results: Mapping[int, SeedResults]
) -> LadderModel:
    """Return the model with its rows on one target, or with the problem if a row is missing or incomplete."""
    lacking = [f"at {size:,} images {row.status}" for size, row in results.items() if row.status != COMPLETE]
    lacking += [f"at {size:,} images no row" for size in sizes if size not in results]
    if lacking:
        return replace(model, problem="; ".join(lacking))
    return replace(model, rows={target: tuple(results[size] for size in sizes)})


def _combined(group: Sequence[LadderResults]) -> LadderResults:
    names = dict.fromkeys((model.model, model.family) for ladder in group for model in ladder.models)
    models = tuple(_on_all(name, family, group) for name, family in names)
    targets = tuple(target for ladder in group for target in ladder.targets)
    return _with_arrays(replace(group[0], targets=targets, models=models))


def _on_all(name: str, family: str, group: Sequence[LadderResults]) -> LadderModel:
    """Return one model with its rows on the targets of several ladders."""
    by_target = {ladder.targets[0]: model for ladder in group for model in ladder.models if model.model == name}
    lacking = [f"on {target} {model.problem}" for target, model in by_target.items() if model.problem]
    lacking += [f"on {ladder.targets[0]} no row" for ladder in group if ladder.targets[0] not in by_target]
    if lacking:
        return LadderModel(name, family, problem="; ".join(lacking))
    return LadderModel(name, family, rows={target: model.rows[target] for target, model in by_target.items()})


def _with_arrays(ladder: LadderResults) -> LadderResults:
    """Return the ladder with its models' arrays; on images of which not all correctness is kept, accuracies alone."""
    models = [model if model.problem else _stacked(model) for model in ladder.models]
    kept = [all(images) for images in zip(*(model.images for model in models if not model.problem), strict=True)]
    return replace(ladder, models=tuple(model if model.problem else _alike(model, kept) for model in models))


def _stacked(model: LadderModel) -> LadderModel:
    try:
        parts = tuple(stack(model.rows))
    except DifferentImagesError as error:
        return replace(model, problem=str(error))
    tested = [[row.correctness for target in same for row in model.rows[target]] for same in slices(model.rows)]
    images = tuple(rows[0].images if rows[0] and all(rows) else "" for rows in tested)
    return replace(model, parts=parts, images=images)


def _alike(model: LadderModel, kept: Sequence[bool]) -> LadderModel:
    """Return the model with accuracies alone on the images of which some model has no correctness."""
    parts = zip(model.parts, kept, strict=True)
    accuracies = tuple(part if is_kept else part.mean(axis=1, keepdims=True) for part, is_kept in parts)
    images = tuple(hashed if is_kept else "" for hashed, is_kept in zip(model.images, kept, strict=True))
    return replace(model, parts=accuracies, images=images)
