"""Compare by which cue families decide, and how much like people's their errors are.

The first part is judged by the trait `cue-conflict`: networks that learned outlines and textures together answer images
in which the two disagree. The second part needs people's answers to images that the networks answer, too; a suite of
drawn images has none, so it stays open, and the claim can be refuted by its first part alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.model_pairs import FAMILY_NAMES, choose
from bench.analysis.claims.quantities import ANY, Finding
from bench.analysis.claims.rows import CompleteRow, RowId, Transfer
from bench.analysis.comparison import FINE_TUNE, SCRATCH
from bench.analysis.format import Unit, listed, percent, plural, quantity_interval
from bench.analysis.frames import split
from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.intervals import LEVEL, Interval, unknown
from bench.analysis.stats.power import Limits, Needed, seeds_needed
from bench.analysis.stats.share_ratios import HitCounts, share_difference, share_estimate
from bench.analysis.stats.statistics_errors import IncompleteRowError, MissingRowError
from bench.analysis.stats.verdicts import verdict_interval
from bench.analysis.traits.packed_hits import by_measure, unpack_hits

TRAIT, SHAPE_BIAS, NEITHER = "cue-conflict", "shape_bias", "neither_share"
PEOPLE = "people's answers to images that the models answer, too, which this suite lacks"
_PAIR = ("vit", "cnn")
_LESS = f"{FAMILY_NAMES[_PAIR[0]]} less {FAMILY_NAMES[_PAIR[1]]}"


@dataclass(frozen=True)
class ShareDifference:
    """A share of images of one row less that of another, paired by seed and image."""

    name: str
    first: HitCounts
    second: HitCounts
    limits: Limits
    unit: Unit = "points of shape bias"
    equivalence: None = None
    """No test of equivalence, since the claim is not about equality."""

    @property
    def question(self) -> str:
        """Return what it is about."""
        return self.name

    @cached_property
    def estimate(self) -> Estimate:
        """Return the estimate over seeds and images.

        Raises:
            AnalysisError: There is one seed, or no image counts.
        """
        return share_difference(self.first, self.second)

    @property
    def num_images(self) -> int:
        """Return the number of images, or of their clusters."""
        return int(self.first.values.shape[1])

    def interval(self, level: float) -> Interval:
        """Return the interval that verdicts use."""
        return verdict_interval(self.estimate, level)

    def needed(self, level: float) -> Needed | str:
        """Return the number of seeds that would decide, from the observed spread."""
        return seeds_needed(self.estimate, self.limits, level)


@dataclass(frozen=True)
class Unmeasured:
    """A part of a claim that the suite measures nothing of, so it is undecided."""

    name: str
    limits: Limits
    needs: str
    num_seeds: int
    unit: Unit = "kappa"
    equivalence: None = field(default=None, init=False)

    @property
    def question(self) -> str:
        """Return what it is about."""
        return self.name

    def interval(self, level: float) -> Interval:
        """Return that there is no value."""
        return unknown(self.num_seeds)

    def needed(self, level: float) -> Needed | str:
        """Return what it needs."""
        return self.needs


@dataclass(frozen=True)
class Place:
    """A pretraining, or none, and the target on which networks learned both cues."""

    corpus: str
    size: int
    target: str

    def __str__(self) -> str:
        """Return `after 4,096 images of shapes, on shapes-heldout`."""
        start = "from scratch" if self.corpus == SCRATCH else f"after {plural(self.size, 'image')} of {self.corpus}"
        return f"{start}, on {self.target}"


@dataclass(frozen=True)
class MoreLikePeople:
    """ViT decides more by shape than ResNet, and its errors are more consistent with people's."""

    limits: Limits

    def find(self, evidence: Evidence) -> Finding:
        """Return the difference in shape bias on the largest rung, and the part about people.

        Raises:
            AnalysisError: The trait is not measured, or a seed is missing or failed to train.
        """
        models, how = choose(evidence, _PAIR)
        names = listed([f"{FAMILY_NAMES[family]} {model}" for family, model in models.items()])
        pretrained = [place for place in _places(evidence, models) if place.corpus != SCRATCH]
        if not pretrained:
            raise MissingRowError(f"the trait {TRAIT} of {names} is not measured after the same pretraining")
        difference, rows = _compared(evidence, models, pretrained[0], self.limits)
        people = Unmeasured(f"errors as people's, {_LESS}", self.limits, PEOPLE, rows[0].num_seeds)
        return Finding((difference, people), f"{names} ({how}), {pretrained[0]}", rows)

    def beside(self, evidence: Evidence) -> Iterator[str]:
        """Yield the difference from scratch, and how the models' answers divide."""
        models, _ = choose(evidence, _PAIR)
        places = _places(evidence, models)
        for place in [place for place in places if place.corpus == SCRATCH]:
            difference, _ = _compared(evidence, models, place, ANY)
            found = difference.interval(LEVEL)
            value, pairs = quantity_interval(found, difference.unit), plural(found.n, "pair")
            yield f"{difference.name}: {value}, {pairs}, {percent(LEVEL, places=0)}"
        for place in places:
            for family, model in models.items():
                row = _row(evidence, model, place)
                bias, neither = (_shares(evidence, row, place.target, name) for name in (SHAPE_BIAS, NEITHER))
                found = share_estimate(bias).interval(LEVEL)
                shown = percent(found.mean, found.low, found.high)
                yield f"{FAMILY_NAMES[family]} {place}: shape bias {shown}, neither cue in {percent(neither.share)}"


def _places(evidence: Evidence, models: Mapping[str, str]) -> list[Place]:
    """Return where the shape bias of all these models is measured: per corpus and target the largest rung."""
    table = evidence.tables.get("traits")
    if table is None:
        return []
    is_meant = (table["trait"] == TRAIT) & (table["measure"] == SHAPE_BIAS) & (table["ablation"] == "")
    found: dict[tuple[str, str], list[int]] = {}
    for (corpus, size, target), rows in split(table[is_meant], ["corpus", "subset_images", "target"]):
        if size is not None and {*models.values()} <= {*rows["model"]}:
            found.setdefault((corpus, target), []).append(int(size))
    return [Place(corpus, max(sizes), target) for (corpus, target), sizes in found.items()]


def _compared(
    evidence: Evidence, models: Mapping[str, str], place: Place, limits: Limits
) -> tuple[ShareDifference, list[CompleteRow]]:
    """Return the difference in shape bias of two models, and their rows.

    Raises:
        AnalysisError: A seed is missing or failed to train, or its trait is not measured.
    """
    rows = [_row(evidence, model, place) for model in models.values()]
    first, second = (_shares(evidence, row, place.target, SHAPE_BIAS) for row in rows)
    return ShareDifference(f"shape bias, {_LESS} {place}", first, second, limits), rows


def _row(evidence: Evidence, model: str, place: Place) -> CompleteRow:
    row = evidence.row(RowId(model, place.corpus, place.size, Transfer(FINE_TUNE)), place.target)
    if row.results.failed:
        message = f"{row.id} on {place.target}: {row.results.failures}, and has no shape bias then"
        raise IncompleteRowError(message, len(row.results.succeeded), row.num_seeds)
    return row


def _shares(evidence: Evidence, row: CompleteRow, target: str, measure: str) -> HitCounts:
    """Return which images a row's seeds hit.

    Raises:
        IncompleteRowError: The trait of a seed is not measured.
        AnalysisError: Seeds answered different images.
    """
    table, packed = evidence.tables["traits"], by_measure(evidence.tables.get("trait_answers"))
    of_row = table[table["transfer_key"].isin(row.transfer_keys) & (table["trait"] == TRAIT)]
    of_measure = of_row[(of_row["measure"] == measure) & (of_row["target"] == target)]
    keys = dict(zip(of_measure["seed"].tolist(), of_measure["trait_key"], strict=True))
    hits = {seed: packed[key, "", measure] for seed, key in keys.items() if (key, "", measure) in packed}
    if lacking := sorted({*row.results.succeeded} - hits.keys()):
        seeds = ", ".join(map(str, lacking))
        message = f"{row.id} on {target}: the trait {TRAIT} of seeds {seeds} is not measured (`bench traits` does it)"
        raise IncompleteRowError(message, len(hits), row.num_seeds)
    return unpack_hits(hits)
