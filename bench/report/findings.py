"""Compute the results of a suite's ladders for each way of transfer, once for figures and pages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from bench.analysis.comparison import FINE_TUNE
from bench.analysis.format import count, is_known, plural
from bench.analysis.ladder.across_targets import AcrossTargets, across_targets
from bench.analysis.ladder.error_consistency import PairConsistency, pair_consistencies
from bench.analysis.ladder.growth import Growth, PairGrowth, growth, pair_growths
from bench.analysis.ladder.rungs import LadderResults, ladders, over_targets, with_means
from bench.analysis.targets import is_real
from bench.report.layout import marked


@dataclass(frozen=True)
class OnTarget:
    """The results of one ladder: a panel of a figure, a column of a table."""

    title: str
    ladder: LadderResults
    growth: tuple[Growth, ...]
    pairs: tuple[PairGrowth, ...]


@dataclass(frozen=True)
class Together:
    """The results over all real targets of a ladder; there may be only one target."""

    title: str
    ladder: LadderResults
    across: AcrossTargets


@dataclass(frozen=True)
class Errors:
    """The error consistency of models on one target."""

    title: str
    ladder: LadderResults
    pairs: tuple[PairConsistency, ...]


@dataclass(frozen=True)
class Findings:
    """The results of the ladders of one way of transfer."""

    transfer: str
    targets: tuple[OnTarget, ...]
    """Real targets, then their mean if there are several, then targets that are not real."""
    together: tuple[Together, ...]
    errors: tuple[Errors, ...]
    """Empty if per-image correctness is averaged, as over the draws of k-shot probes."""

    @property
    def trends(self) -> list[OnTarget]:
        """The ladders with two or more rungs."""
        return [target for target in self.targets if len(target.ladder.sizes) > 1]


def findings(tables: Mapping[str, pd.DataFrame]) -> tuple[Findings, ...]:
    """Return the results of each way of transfer, fine-tuning first; nothing if no model is on a ladder.

    Args:
        tables: `cells`, and `correctness` if per-image correctness is kept.
    """
    by_transfer: dict[str, list[LadderResults]] = {}
    for ladder in ladders(tables["cells"], tables.get("correctness")):
        by_transfer.setdefault(ladder.transfer, []).append(ladder)
    transfers = sorted(by_transfer, key=lambda transfer: transfer != FINE_TUNE)
    return tuple(_of_transfer(transfer, by_transfer[transfer]) for transfer in transfers)


def at_largest(part: Together | Errors) -> str:
    """Return the title of results at the largest rung, with its size."""
    return f"{part.title}, {count(part.ladder.sizes[-1])} images"


def _of_transfer(transfer: str, of_transfer: Sequence[LadderResults]) -> Findings:
    real = [ladder for ladder in of_transfer if is_real(ladder.targets[0])]
    several = over_targets(real)
    others = [ladder for ladder in of_transfer if not is_real(ladder.targets[0])]
    name = _namer(of_transfer)
    put_together = {_but_targets(ladder) for ladder in several}
    alone = [ladder for ladder in real if _but_targets(ladder) not in put_together]
    return Findings(
        transfer,
        tuple(OnTarget(name(each), each, growth(each), pair_growths(each)) for each in with_means(of_transfer)),
        tuple(Together(name(each), each, across_targets(each)) for each in [*several, *alone]),
        tuple(Errors(name(each), each, pair_consistencies(each)) for each in [*real, *others] if each.shots is None),
    )


def _namer(of_transfer: Sequence[LadderResults]) -> Callable[[LadderResults], str]:
    """Return a function that names a ladder by its targets, and by the settings in which the ladders differ."""
    names = ("image_size", "corpus", "subset_classes")
    says_size, says_corpus, says_classes = (
        len({getattr(ladder, name) for ladder in of_transfer}) > 1 for name in names
    )

    def name(ladder: LadderResults) -> str:
        several = f"mean of {len(ladder.targets)} real targets"
        parts = [several if len(ladder.targets) > 1 else marked(ladder.targets[0])]
        parts += [plural(ladder.shots, "shot")] if is_known(ladder.shots) and ladder.shots else []
        parts += [f"{ladder.image_size} px"] if says_size else []
        parts += [f"on {ladder.corpus}"] if says_corpus else []
        parts += [f"{ladder.subset_classes:,} classes"] if says_classes and ladder.subset_classes else []
        return ", ".join(parts)

    return name


def _but_targets(ladder: LadderResults) -> tuple[object, ...]:
    """Return everything that identifies a ladder except its targets."""
    way = (ladder.corpus, ladder.subset_classes, ladder.image_size, ladder.shots, ladder.match)
    return (*way, ladder.sizes)
