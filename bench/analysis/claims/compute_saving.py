"""Compare the compute that models need for equal accuracy, from arms that differ in how long a model is pretrained."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from bench.analysis.claims.evidence import BUDGET, Evidence
from bench.analysis.claims.model_pairs import FAMILY_NAMES, choose
from bench.analysis.claims.quantities import Finding
from bench.analysis.claims.rows import RowsByTarget, rows_of, stacked
from bench.analysis.format import Unit, listed, plural
from bench.analysis.ladder.equal_accuracy import Spending, equal_accuracy_ratio, gap
from bench.analysis.stats.intervals import Interval
from bench.analysis.stats.power import Limits, Needed, seeds_needed
from bench.analysis.stats.statistics_errors import MissingRowError, ShapeError


@dataclass(frozen=True)
class FlopsRatio:
    """The first model's pretraining FLOPs over the second's, for equal accuracy."""

    name: str
    first: "BudgetSeries"
    second: "BudgetSeries"
    limits: Limits
    """The limits of the ratio; the lower one is 0."""
    unit: Unit = "times"
    equivalence: None = None
    """No test of equivalence, since the claim is not about equality."""

    @property
    def question(self) -> str:
        """Return what it is about."""
        return self.name

    def interval(self, level: float) -> Interval:
        """Return the ratio with its interval, by inverting the test of the gap at each ratio."""
        return equal_accuracy_ratio(*self._spendings, level)

    def needed(self, level: float) -> Needed | str:
        """Return the seeds with which the gap at the upper limit would differ from zero; words if it is unknown."""
        try:
            there = gap(*self._spendings, self.limits.high)
        except ShapeError as error:
            return f"budgets at which the two curves overlap more: {error}"
        return seeds_needed(there, Limits(0.0, math.inf), level)

    @cached_property
    def _spendings(self) -> tuple[Spending, Spending]:
        return self.first.spending, self.second.spending


@dataclass(frozen=True)
class LessCompute:
    """ViT needs less pretraining compute than ResNet for equal accuracy."""

    limits: Limits

    def find(self, evidence: Evidence) -> Finding:
        """Return the ratio of FLOPs.

        Raises:
            AnalysisError: The suite has no budgets, or a row is missing or incomplete.
        """
        models, how = choose(evidence, ("vit", "cnn"))
        first, second = (_budget_series(evidence, model) for model in models.values())
        names = listed([f"{FAMILY_NAMES[family]} {model}" for family, model in models.items()])
        ratio = FlopsRatio("FLOPs of ViT over those of ResNet", first, second, self.limits)
        rows = rows_of(first.rows) + rows_of(second.rows)
        return Finding((ratio,), f"{names} ({how}), {first}", rows)

    def beside(self, evidence: Evidence) -> Iterator[str]:
        """Yield nothing."""
        return iter(())


@dataclass(frozen=True)
class BudgetSeries:
    """One model, pretrained for several multiples of the budget."""

    rows: RowsByTarget
    """Target -> a row per budget, ascending."""
    factors: tuple[float, ...]
    flops: tuple[float, ...]
    """The FLOPs of pretraining for each budget."""

    @property
    def spending(self) -> Spending:
        """Return accuracy against compute.

        Raises:
            AnalysisError: There is only one budget, or rows do not pair.
        """
        return Spending(self.flops, stacked(self.rows))

    def __str__(self) -> str:
        """Return budgets, pretraining images, transfer and targets in words."""
        row_id = rows_of(self.rows)[0].id
        factors = listed([f"{factor:g}" for factor in self.factors])
        images = row_id.subset_images
        size = "" if images is None else f" after {plural(images, 'image')} of {row_id.corpus}"
        return f"{factors} times the budget{size}, {row_id.transfer}, on {listed(list(self.rows))}"


def _budget_series(evidence: Evidence, model: str) -> BudgetSeries:
    """Return the budgets of one model.

    Raises:
        MissingRowError: The suite has none, or no result on a real target.
        IncompleteRowError: A row is incomplete.
    """
    cells = evidence.cells[evidence.cells["ablation"] == f"{BUDGET}{model}"]
    if cells.empty:
        raise MissingRowError(f"the suite pretrains {model} for one budget only; its field `budgets` adds others")
    scope = evidence.scope(cells)
    arms = evidence.arms(cells, scope.transfer)
    factors = sorted(arms, key=float)
    rows = evidence.rows([arms[factor] for factor in factors], scope.targets)
    flops = tuple(evidence.training_flops(row) for row in rows[scope.targets[0]])
    return BudgetSeries(rows, tuple(map(float, factors)), flops)
