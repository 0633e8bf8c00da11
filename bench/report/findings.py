"""What the ladders of a suite show, transfer by transfer: computed once, for figures and pages alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from bench.analysis.comparison import FINE_TUNE
from bench.analysis.format import count, is_known, plural
from bench.analysis.ladder.across_targets import AcrossTargets, across_targets
from bench.analysis.ladder.error_consistency import PairConsistency, pair_consistencies
from bench.analysis.ladder.growth import Growth, PairGrowth, growth, pair_growths
from bench.analysis.ladder.rungs import LadderResults, ladders, over_targets
from bench.analysis.targets import is_real
from bench.report.layout import marked


@dataclass(frozen=True)
class OnTarget:
    """One ladder: a panel of a figure, a column of a table."""

    title: str
    ladder: LadderResults
    growth: tuple[Growth, ...]
    duels: tuple[PairGrowth, ...]


@dataclass(frozen=True)
class Together:
    """The real targets of a ladder; one of them, where there are not several."""

    title: str
    ladder: LadderResults
    across: AcrossTargets


@dataclass(frozen=True)
class Errors:
    """Whose errors are alike on one target."""

    title: str
    ladder: LadderResults
    likenesses: tuple[PairConsistency, ...]


@dataclass(frozen=True)
class Findings:
    """Of one way of transfer."""

    transfer: str
    targets: tuple[OnTarget, ...]
    """Real targets, their mean where they are several, and those that are not real last."""
    together: tuple[Together, ...]
    errors: tuple[Errors, ...]
    """Empty where answers to single images are averaged, as over the draws of k-shot probes."""


def findings(tables: Mapping[str, pd.DataFrame]) -> tuple[Findings, ...]:
    """What came out, fine-tuning first; nothing where no model stands on a ladder.

    Args:
        tables: `cells`, and `correctness` where it is there.
    """
    found = ladders(tables["cells"], tables.get("correctness"))
    transfers = sorted(dict.fromkeys(ladder.transfer for ladder in found), key=lambda one: one != FINE_TUNE)
    return tuple(_of_transfer(one, [ladder for ladder in found if ladder.transfer == one]) for one in transfers)


def at_largest(found: Together | Errors) -> str:
    """Its title, and the rung that it is about: the largest."""
    return f"{found.title}, {count(found.ladder.sizes[-1])} images"


def _of_transfer(transfer: str, found: Sequence[LadderResults]) -> Findings:
    real = [ladder for ladder in found if is_real(ladder.targets[0])]
    several = over_targets(real)
    apart = [ladder for ladder in found if not is_real(ladder.targets[0])]
    name = _Names(found)
    put_together = {_but_targets(ladder) for ladder in several}
    alone = [ladder for ladder in real if _but_targets(ladder) not in put_together]
    return Findings(
        transfer,
        tuple(OnTarget(name(one), one, growth(one), pair_growths(one)) for one in [*real, *several, *apart]),
        tuple(Together(name(one), one, across_targets(one)) for one in [*several, *alone]),
        tuple(Errors(name(one), one, pair_consistencies(one)) for one in [*real, *apart] if one.shots is None),
    )


class _Names:
    """What to call a ladder: its targets, and what else tells it from the others of its transfer."""

    def __init__(self, found: Sequence[LadderResults]) -> None:
        """Look at all of them."""
        self.says_size = len({ladder.image_size for ladder in found}) > 1
        self.says_corpus = len({ladder.corpus for ladder in found}) > 1
        self.says_classes = len({ladder.subset_classes for ladder in found}) > 1

    def __call__(self, ladder: LadderResults) -> str:
        parts = [_targets(ladder)]
        parts += [plural(ladder.shots, "shot")] if is_known(ladder.shots) and ladder.shots else []
        parts += [f"{ladder.image_size} px"] if self.says_size else []
        parts += [f"on {ladder.corpus}"] if self.says_corpus else []
        parts += [f"{ladder.subset_classes:,} classes"] if self.says_classes and ladder.subset_classes else []
        return ", ".join(parts)


def _targets(ladder: LadderResults) -> str:
    if len(ladder.targets) > 1:
        return f"mean of {len(ladder.targets)} real targets"
    (target,) = ladder.targets
    return marked(target)


def _but_targets(ladder: LadderResults) -> tuple[object, ...]:
    return (
        ladder.corpus,
        ladder.subset_classes,
        ladder.image_size,
        ladder.shots,
        ladder.match,
        ladder.sizes,
    )
