"""Compare an ablation's arms: positional encodings, and patches that overlap or not.

An arm is recognised by its model's options, not by its name in the suite. The published figures come from five-shot
linear probes. Probes are compared if a suite has them, otherwise fine-tuning; the judgement says which.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from bench.analysis.claims.evidence import Evidence, Scope
from bench.analysis.claims.quantities import ANY, Difference, Finding, finding, line
from bench.analysis.claims.rows import RowId
from bench.analysis.comparison import SCRATCH
from bench.analysis.format import listed, plural
from bench.analysis.stats.power import Limits
from bench.analysis.stats.statistics_errors import MissingRowError, UnknownReferenceError

POSITION, OVERLAP = "position", "patch-overlap"
"""The ablations that claims are about."""

ArmPairs = Callable[["AblationArms"], list[tuple[str, str]]]
"""Returns the pairs of an ablation's arms that are compared; raises MissingRowError if there is none."""


@dataclass(frozen=True)
class ArmDifferences:
    """One arm less another, for each of some pairs of an ablation's arms."""

    ablation: str
    pairs: ArmPairs
    limits: Limits
    """The limits of each difference."""
    few_shot: bool = False
    """Whether five-shot probes are preferred to fine-tuning."""
    beside_name: str = ""
    """The label of the further differences."""
    beside_pairs: ArmPairs | None = None
    """Further pairs, which are shown next to the verdict and have no limits."""

    def find(self, evidence: Evidence) -> Finding:
        """Return a difference for each pair of arms.

        Raises:
            AnalysisError: The ablation or an arm is missing, or a row is incomplete.
        """
        ablation = _ablation(evidence, self.ablation, few_shot=self.few_shot)
        targets = ablation.scope.targets
        return ablation.finding([ablation.less(*pair, targets, self.limits) for pair in self.pairs(ablation)])

    def beside(self, evidence: Evidence) -> Iterator[str]:
        """Yield what else the arms show on real targets, and what the pairs show in-domain."""
        ablation = _ablation(evidence, self.ablation, few_shot=self.few_shot)
        for pair in self.beside_pairs(ablation) if self.beside_pairs else ():
            yield line(self.beside_name, partial(ablation.less, *pair, ablation.scope.targets, ANY))
        for pair in self.pairs(ablation) if ablation.scope.in_domain else ():
            yield line("in-domain", partial(ablation.less, *pair, ablation.scope.in_domain, ANY))


@dataclass(frozen=True)
class AblationArms:
    """An ablation's arms, and where they were tested."""

    evidence: Evidence
    name: str
    cells: pd.DataFrame
    arms: dict[str, RowId]
    reference: str
    scope: Scope

    def with_option(self, option: str, value: str = "") -> list[str]:
        """Return the arms whose model has an option; with a `value`, only those with that value."""
        pattern = re.compile(rf"[:,]{option}={re.escape(value)}" + ("(,|$)" if value else ""))
        return [arm for arm, row_id in self.arms.items() if pattern.search(row_id.model)]

    def without_overlap(self, arm: str, *, same_tokens: bool) -> list[str]:
        """Return the arms whose patches do not overlap, with the same number of tokens as `arm` or with another."""
        tokens, overlapping = self._tokens(arm), self.with_option("stride")
        is_same = {other: tokens is not None and self._tokens(other) == tokens for other in self.arms}
        return [other for other in self.arms if other not in overlapping and is_same[other] is same_tokens]

    def less(self, arm: str, other: str, targets: Sequence[str], limits: Limits) -> Difference:
        """Return one arm less another."""
        rows = self.evidence.rows([self.arms[arm], self.arms[other]], targets)
        return Difference(f"{arm} less {other}, {listed(targets)}", rows, (1.0, -1.0), limits)

    def finding(self, quantities: Sequence[Difference]) -> Finding:
        """Return the differences with what was measured."""
        row = self.arms[self.reference]
        how = f"after {plural(row.subset_images or 0, 'image')} of {row.corpus}"
        how = "trained from scratch" if row.corpus == SCRATCH else how
        return finding(quantities, f"{row.model} and its arms, {how}, {self.scope}")

    def _tokens(self, arm: str) -> int | None:
        return self.evidence.tokens(self.cells[self.cells["arm"] == arm])


def without_encoding(ablation: AblationArms) -> list[tuple[str, str]]:
    """Pair the arm without positional encoding with the reference."""
    arms = ablation.with_option("pos", "none")
    if not arms:
        raise MissingRowError(f"the ablation {ablation.name!r} has no arm without encoding (pos=none)")
    return [(arms[0], ablation.reference)]


def other_encodings(ablation: AblationArms) -> list[tuple[str, str]]:
    """Pair each other kind of positional encoding with the reference."""
    others = [arm for arm in ablation.arms if arm not in (ablation.reference, *ablation.with_option("pos", "none"))]
    if not others:
        raise MissingRowError(f"the ablation {ablation.name!r} has only one kind of encoding, {ablation.reference}")
    return [(arm, ablation.reference) for arm in others]


def overlap_at_equal_tokens(ablation: AblationArms) -> list[tuple[str, str]]:
    """Pair each arm of overlapping patches with the arms without overlap that have equally many tokens."""
    overlapping = ablation.with_option("stride")
    if not overlapping:
        raise MissingRowError(f"the ablation {ablation.name!r} has no arm whose patches overlap (stride=)")
    pairs = [(arm, other) for arm in overlapping for other in ablation.without_overlap(arm, same_tokens=True)]
    if not pairs:
        raise MissingRowError(f"the ablation {ablation.name!r} has no arm without overlap and with equally many tokens")
    return pairs


def overlap_at_other_tokens(ablation: AblationArms) -> list[tuple[str, str]]:
    """Pair each arm of overlapping patches with the arms without overlap that have another number of tokens."""
    overlapping = ablation.with_option("stride")
    return [(arm, other) for arm in overlapping for other in ablation.without_overlap(arm, same_tokens=False)]


def _ablation(evidence: Evidence, name: str, *, few_shot: bool) -> AblationArms:
    """Return an ablation by its name.

    Raises:
        MissingRowError: There is none, or it was transferred to no real target.
        UnknownReferenceError: Its reference is not among its arms.
    """
    cells = evidence.cells[evidence.cells["ablation"] == name]
    if cells.empty:
        raise MissingRowError(f"the suite has no ablation {name!r}")
    reference = evidence.references.get(name, "")
    if reference not in set(cells["arm"]):
        arms = ", ".join(dict.fromkeys(cells["arm"]))
        raise UnknownReferenceError(f"ablation {name!r}: reference {reference!r} is not one of its arms: {arms}")
    scope = evidence.scope(cells, few_shot=few_shot)
    return AblationArms(evidence, name, cells, evidence.arms(cells, scope.transfer), reference, scope)
