"""Compute for equal accuracy, from the arms that differ in how long a model is pretrained."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from bench.analysis.claims.evidence import BUDGET, Evidence
from bench.analysis.claims.model_pairs import FAMILY_NAMES, choose
from bench.analysis.claims.quantities import Finding
from bench.analysis.claims.rows import Place, Row, keys_of, stacked
from bench.analysis.format import Unit, listed, plural
from bench.analysis.ladder.equal_accuracy import Spending, equal_accuracy_ratio, gap
from bench.analysis.stats.intervals import Interval
from bench.analysis.stats.power import Limits, Needed, seeds_needed
from bench.analysis.stats.statistics_errors import MissingRowError, ShapeError


@dataclass(frozen=True)
class Ratio:
    """How many times the second model's pretraining FLOPs the first one takes for equal accuracy."""

    name: str
    first: "Budgets"
    second: "Budgets"
    limits: Limits
    """The upper one is judged; the lower one is 0."""
    unit: Unit = "times"
    equivalence: None = None
    """It is of no equality."""

    def interval(self, level: float) -> Interval:
        """By inverting the test of the gap at each ratio."""
        return equal_accuracy_ratio(*self._sides, level)

    def needed(self, level: float) -> Needed | str:
        """From the gap at the upper limit, which has to be told from zero; in words where no FLOPs meet there."""
        try:
            there = gap(*self._sides, self.limits.high)
        except ShapeError as error:
            return f"budgets at which more of the two curves meets: {error}"
        return seeds_needed(there, Limits(0.0, math.inf), level)

    @cached_property
    def _sides(self) -> tuple[Spending, Spending]:
        return self.first.spending, self.second.spending


@dataclass(frozen=True)
class LessCompute:
    """ViT takes less pretraining compute than ResNet for equal accuracy."""

    limits: Limits

    def find(self, evidence: Evidence) -> Finding:
        """The ratio of FLOPs.

        Raises:
            AnalysisError: the suite has no budgets, or a row is missing or not whole.
        """
        models, how = choose(evidence, ("vit", "cnn"))
        sides = [_budgets(evidence, model) for model in models.values()]
        name = "FLOPs of ViT over those of ResNet"
        names = listed([f"{FAMILY_NAMES[family]} {model}" for family, model in models.items()])
        measured = f"{names} ({how}), {sides[0].describe()}"
        rows = [row for side in sides for of_target in side.rows.values() for row in of_target]
        return Finding((Ratio(name, sides[0], sides[1], self.limits),), measured, keys_of(rows), len(rows[0].seeds))

    def beside(self, evidence: Evidence) -> Iterator[str]:
        """Nothing."""
        return iter(())


@dataclass(frozen=True)
class Budgets:
    """One model, pretrained for several multiples of the budget."""

    rows: Mapping[str, Sequence[Row]]
    """Target -> a row a budget, ascending."""
    factors: tuple[float, ...]
    flops: tuple[float, ...]
    """Of pretraining."""

    @property
    def spending(self) -> Spending:
        """Accuracy against compute.

        Raises:
            AnalysisError: there is one budget, or rows do not pair.
        """
        return Spending(self.flops, stacked(self.rows))

    def describe(self) -> str:
        """Where and on what."""
        (place, *_) = (row.place for of_target in self.rows.values() for row in of_target)
        factors = listed([f"{factor:g}" for factor in self.factors])
        size = "" if place.subset_images is None else f" after {plural(place.subset_images, 'image')} of {place.corpus}"
        return f"{factors} times the budget{size}, {place.transfer}, on {listed(list(self.rows))}"


def _budgets(evidence: Evidence, model: str) -> Budgets:
    """The budgets of one model.

    Raises:
        MissingRowError: the suite has none, or no result on a real target.
        IncompleteRowError: a row is not whole.
    """
    cells = evidence.cells[evidence.cells["ablation"] == f"{BUDGET}{model}"]
    if cells.empty:
        raise MissingRowError(f"the suite pretrains {model} for one budget alone; several are its field `budgets`")
    transfer = evidence.transfer(cells)
    arms = sorted(dict.fromkeys(cells["arm"]), key=float)
    first = cells.iloc[0]
    size = None if pd.isna(first["subset_images"]) else int(first["subset_images"])
    places = [Place(model, first["corpus"], size, transfer, f"{BUDGET}{model}", arm) for arm in arms]
    rows = {target: [evidence.row(place, target) for place in places] for target in evidence.targets(cells, transfer)}
    flops = tuple(evidence.training_flops(row) for row in next(iter(rows.values())))
    return Budgets(rows, tuple(map(float, arms)), flops)
