"""Comparisons of an ablation's arms: positional encodings, and patches that overlap or not.

An arm is known by its model's options, whatever the suite calls it. The published figures are of five-shot linear
probes, so where a suite has these, they are what is looked at; else fine-tuning is, and what was measured says so.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.quantities import ANY, Difference, Finding, finding, line
from bench.analysis.claims.rows import Place, Transfer
from bench.analysis.comparison import SCRATCH
from bench.analysis.format import listed, plural
from bench.analysis.stats.power import Limits
from bench.analysis.stats.statistics_errors import MissingRowError, UnknownReferenceError

POSITION, OVERLAP = "position", "patch-overlap"
"""The ablations that are looked at."""


@dataclass(frozen=True)
class EncodingLost:
    """What is lost without positional encoding: that arm less the reference."""

    limits: Limits

    def find(self, evidence: Evidence) -> Finding:
        """The difference.

        Raises:
            AnalysisError: the ablation or the arm is missing, or a row is not whole.
        """
        bout = _bout(evidence, POSITION, few_shot=True)
        arms = bout.with_option("pos", "none")
        if not arms:
            raise MissingRowError(f"the ablation {POSITION!r} has no arm without encoding (pos=none)")
        return bout.finding([bout.less(arms[0], bout.reference, bout.targets, self.limits)])

    def beside(self, evidence: Evidence) -> Iterator[str]:
        """Whether anything is lost at all, and the same in-domain."""
        bout = _bout(evidence, POSITION, few_shot=True)
        for arm in bout.with_option("pos", "none"):
            yield line("any loss at all", partial(bout.less, arm, bout.reference, bout.targets, ANY))
            if bout.in_domain:
                yield line("in-domain", partial(bout.less, arm, bout.reference, bout.in_domain, ANY))


@dataclass(frozen=True)
class EncodingsAlike:
    """Each other kind of encoding is within a margin of the reference."""

    limits: Limits

    def find(self, evidence: Evidence) -> Finding:
        """A difference an arm.

        Raises:
            AnalysisError: the ablation is missing or has no other kind, or a row is not whole.
        """
        bout = _bout(evidence, POSITION, few_shot=True)
        kinds = _other_kinds(bout)
        if not kinds:
            raise MissingRowError(f"the ablation {POSITION!r} has one kind of encoding alone, {bout.reference}")
        return bout.finding([bout.less(arm, bout.reference, bout.targets, self.limits) for arm in kinds])

    def beside(self, evidence: Evidence) -> Iterator[str]:
        """The same in-domain."""
        bout = _bout(evidence, POSITION, few_shot=True)
        for arm in _other_kinds(bout) if bout.in_domain else ():
            yield line("in-domain", partial(bout.less, arm, bout.reference, bout.in_domain, ANY))


@dataclass(frozen=True)
class OverlapAlike:
    """Patches that overlap are within a margin of as many that do not."""

    limits: Limits

    def find(self, evidence: Evidence) -> Finding:
        """A difference an overlapping arm.

        Raises:
            AnalysisError: the ablation is missing, no arm overlaps or has as many tokens, or a row is not whole.
        """
        bout = _bout(evidence, OVERLAP)
        overlapping = bout.with_option("stride")
        if not overlapping:
            raise MissingRowError(f"the ablation {OVERLAP!r} has no arm whose patches overlap (stride=)")
        pairs = [(arm, other) for arm in overlapping for other in _as_many_tokens(bout, arm)]
        if not pairs:
            raise MissingRowError(f"the ablation {OVERLAP!r} has no arm of as many tokens without overlap")
        return bout.finding([bout.less(arm, other, bout.targets, self.limits) for arm, other in pairs])

    def beside(self, evidence: Evidence) -> Iterator[str]:
        """Overlap against fewer tokens, and against as many in-domain."""
        bout = _bout(evidence, OVERLAP)
        for arm in bout.with_option("stride"):
            alike = _as_many_tokens(bout, arm)
            for other in bout.arms:
                if other not in (*bout.with_option("stride"), *alike):
                    yield line("fewer tokens", partial(bout.less, arm, other, bout.targets, ANY))
            for other in alike if bout.in_domain else ():
                yield line("in-domain", partial(bout.less, arm, other, bout.in_domain, ANY))


@dataclass(frozen=True)
class _Bout:
    """An ablation, ready to be looked at."""

    evidence: Evidence
    name: str
    cells: pd.DataFrame
    arms: dict[str, str]
    """Arm -> model."""
    reference: str
    transfer: Transfer
    targets: list[str]
    in_domain: list[str]
    left_out: list[str]

    def with_option(self, option: str, value: str = "") -> list[str]:
        """The arms whose model has an option, or that value of it."""
        pattern = re.compile(rf"[:,]{option}={re.escape(value)}" + ("(,|$)" if value else ""))
        return [arm for arm, model in self.arms.items() if pattern.search(model)]

    def less(self, arm: str, other: str, targets: Sequence[str], limits: Limits) -> Difference:
        """One arm less another."""
        places = [self._place(arm), self._place(other)]
        rows = {target: [self.evidence.row(place, target) for place in places] for target in targets}
        return Difference(f"{arm} less {other}, {listed(targets)}", rows, (1.0, -1.0), limits)

    def finding(self, quantities: Sequence[Difference]) -> Finding:
        """With what was measured."""
        first = self.cells.iloc[0]
        scratch = first["corpus"] == SCRATCH
        size = "" if scratch else plural(int(first["subset_images"]), "image")
        how = "trained from scratch" if scratch else f"after {size} of {first['corpus']}"
        without = f"; left out, as nothing was run on it: {listed(self.left_out)}" if self.left_out else ""
        measured = (
            f"{self.arms[self.reference]} and its arms, {how}, {self.transfer}, on {listed(self.targets)}{without}"
        )
        return finding(quantities, measured)

    def tokens(self, arm: str) -> int | None:
        """Of an arm's network, where they were counted."""
        return self.evidence.tokens(self.cells[self.cells["arm"] == arm])

    def _place(self, arm: str) -> Place:
        first = self.cells.iloc[0]
        size = None if pd.isna(first["subset_images"]) else int(first["subset_images"])
        return Place(self.arms[arm], first["corpus"], size, self.transfer, self.name, arm)


def _bout(evidence: Evidence, name: str, *, few_shot: bool = False) -> _Bout:
    """An ablation by its name.

    Raises:
        MissingRowError: there is none, or it was transferred to no real target.
        UnknownReferenceError: its reference is not among its arms.
    """
    arms = evidence.arms(name)
    reference = evidence.references.get(name)
    if reference not in arms:
        raise UnknownReferenceError(
            f"ablation {name!r}: reference {reference!r} is not one of its arms: {', '.join(arms)}"
        )
    cells = evidence.cells[evidence.cells["ablation"] == name]
    transfer = evidence.transfer(cells, few_shot=few_shot)
    targets = evidence.targets(cells, transfer)
    inside, left_out = evidence.in_domain(cells, transfer), evidence.left_out(cells, transfer)
    return _Bout(evidence, name, cells, arms, reference, transfer, targets, inside, left_out)


def _other_kinds(bout: _Bout) -> list[str]:
    """The arms with an encoding that is not the reference's."""
    return [arm for arm in bout.arms if arm not in (bout.reference, *bout.with_option("pos", "none"))]


def _as_many_tokens(bout: _Bout, arm: str) -> list[str]:
    """The arms without overlap that have as many tokens."""
    number, overlapping = bout.tokens(arm), bout.with_option("stride")
    return [other for other in bout.arms if other not in overlapping and bout.tokens(other) == number is not None]
