"""The question of a user, and what of a suite's results it is about: pretraining, numbers of images, machine.

Nothing is carried over to what was not measured: another pretraining, another machine, other kinds of images, another
image size, or far more classes. Such a question is refused, and the refusal says what would help.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.rows import Transfer
from bench.analysis.comparison import FINE_TUNE, SCRATCH
from bench.analysis.format import listed
from bench.analysis.frames import split
from bench.analysis.recommend.candidates import (
    LATENCY,
    MEMORY,
    Latencies,
    Pretraining,
    cells_at,
    latencies_of,
    not_measured,
)
from bench.analysis.recommend.messages import FIELDS, message
from bench.analysis.stats.statistics_errors import AnalysisError
from bench.analysis.targets import base, is_in_domain, is_real
from bench.errors import InputError

PERCENTILES = (50, 95, 99)
MOST_TIMES_CLASSES = 10
"""A target with more than this many times the classes of the measured one is another task."""
MOST_IMAGES = 10**12
SCRATCH_NAME = "scratch"


class NoRecommendationError(AnalysisError):
    """There is no recommendation."""

    def __init__(self, reason: str, would_help: str) -> None:
        """Take the reason, and what would help."""
        super().__init__(reason)
        self.would_help = would_help


@dataclass(frozen=True)
class Question:
    """What a user asks for."""

    images: int
    """The labelled images that the user has, of all classes together."""
    target: str
    """The target that the user's images are most like, with or without its number of images."""
    pretraining: str = ""
    """`scratch`, a rung of the first corpus, or `CORPUS:RUNG`; by default the largest rung of the first corpus."""
    transfer: str = FINE_TUNE
    machine: str = ""
    percentile: int = 95
    most: Mapping[str, float] = field(default_factory=dict)
    """Limit -> the most that a model may have: `LATENCY`, `MEMORY`, `PARAMETERS`."""
    within: float = 1.0
    """The percentage points that the user would give up for a cheaper model."""
    image_size: int | None = None
    """The size of the user's images in pixels, if it is asked for."""
    classes: int | None = None
    """The number of the user's classes, if it is asked for."""


@dataclass(frozen=True)
class Measured:
    """A suite's results and speeds."""

    suite: str
    tables: Mapping[str, pd.DataFrame]
    """`cells` and `runs`, and `correctness` if it is kept."""
    rungs: Mapping[str, Mapping[str, int]]
    """Corpus -> its rungs in the suite's order, smallest first: the name or number of each, and its images."""
    speeds: Mapping[str, pd.DataFrame]
    """Machine -> the latest records of the suite's models and of the references, of one precision, with figures."""


@dataclass(frozen=True)
class QuestionScope:
    """What of a suite's results a question is about."""

    pretraining: Pretraining
    transfer: Transfer
    sizes: Mapping[int, str]
    """Number of labelled images -> target, ascending."""
    image_size: int
    classes: int | None
    """None if no record has their number."""
    machine: str
    """The machine whose latencies are used; empty if none is."""
    latencies: Latencies


def targets_like(question: Question, evidence: Evidence) -> list[str]:
    """Return the targets of a suite that a question may be about.

    Raises:
        InputError: A number of the question means nothing, or the suite has no such target.
    """
    _check(question)
    names = list(dict.fromkeys(evidence.cells["target"]))
    if targets := [name for name in names if question.target in (name, base(name))]:
        return targets
    known = ", ".join(dict.fromkeys(map(base, names)))
    raise InputError(message("wrong target", target=question.target, known=known))


def scope_of(question: Question, measured: Measured, evidence: Evidence, targets: Sequence[str]) -> QuestionScope:
    """Return what of a suite's results a question is about.

    Raises:
        NoRecommendationError: It was not measured.
        InputError: Several machines were measured, and the question does not say which one it is about.
    """
    _require_real(evidence, targets)
    pretraining, transfer = pretraining_of(question.pretraining, measured), Transfer(question.transfer)
    sizes = _sizes(evidence, targets, pretraining, transfer)
    cells = pd.concat([cells_at(evidence, target, pretraining, transfer) for target in sizes.values()])
    image_size = int(cells.loc[cells["ablation"] == "", "image_size"].iloc[0])
    classes = _num_classes(evidence, cells)
    _require_same_task(question, image_size, classes)
    machine = _machine(question, measured, image_size)
    latencies = latencies_of(measured.speeds[machine], image_size, question.percentile) if machine else not_measured
    return QuestionScope(pretraining, transfer, sizes, image_size, classes, machine, latencies)


def _check(question: Question) -> None:
    """Refuse numbers that mean nothing.

    Raises:
        InputError: Names the wrong number, and what is allowed.
    """
    if not 1 <= question.images <= MOST_IMAGES:
        raise InputError(message("wrong images", images=question.images, most=f"{MOST_IMAGES:,}"))
    if question.percentile not in PERCENTILES:
        known = ", ".join(map(str, PERCENTILES))
        raise InputError(message("wrong percentile", percentile=question.percentile, known=known))
    if not 0 <= question.within <= 100:
        raise InputError(message("wrong points", points=f"{question.within:g}"))
    for part, number in (("pixels", question.image_size), ("classes", question.classes)):
        if number is not None and number < 1:
            raise InputError(message("wrong number", field=FIELDS[part].option, number=number))
    for name, most in question.most.items():
        if not (math.isfinite(most) and most > 0):
            raise InputError(message("wrong limit", field=FIELDS[name].option, limit=f"{most:g}"))


def _require_real(evidence: Evidence, targets: Sequence[str]) -> None:
    """Refuse targets whose images are not real."""
    if is_real(targets[0]):
        return
    real = list(dict.fromkeys(base(name) for name in evidence.cells["target"] if is_real(name)))
    what = "drawn by the formula of a corpus" if is_in_domain(targets[0]) else "made for one purpose"
    reason = f"the images of {base(targets[0])} are {what}, so results on it say nothing about a user's images"
    if real:
        raise NoRecommendationError(reason, message("real target", known=listed(real)))
    raise NoRecommendationError(
        f"{reason}; the suite has no real target", "a suite with a real target, such as digits@100 or a folder:PATH@N"
    )


def pretraining_names(measured: Measured) -> list[str]:
    """Return the names by which a question can ask for the pretrainings of a suite, `scratch` first."""
    corpora = {corpus: of_corpus for corpus, of_corpus in measured.rungs.items() if of_corpus}
    named = [(corpus, rung) for corpus, of_corpus in corpora.items() for rung in of_corpus]
    return [SCRATCH_NAME, *(f"{corpus}:{rung}" if len(corpora) > 1 else rung for corpus, rung in named)]


def pretraining_of(name: str, measured: Measured) -> Pretraining:
    """Return the pretraining that is asked for, or the largest rung of the first corpus.

    Raises:
        NoRecommendationError: The suite did not run it.
    """
    rungs = {corpus: dict(of_corpus) for corpus, of_corpus in measured.rungs.items() if of_corpus}
    if name == SCRATCH_NAME or not (name or rungs):
        return Pretraining(SCRATCH, 0)
    corpus, _, rung = name.rpartition(":")
    corpus = corpus or next(iter(rungs), "")
    of_corpus = rungs.get(corpus, {})
    if not name:
        return Pretraining(corpus, max(of_corpus.values()))
    images = of_corpus.get(rung.replace(",", ""))
    if images is None:
        raise NoRecommendationError(
            message("pretraining", suite=measured.suite, name=name),
            message("other pretraining", known=" or ".join(pretraining_names(measured))),
        )
    return Pretraining(corpus, images)


def _sizes(evidence: Evidence, targets: Sequence[str], pretraining: Pretraining, transfer: Transfer) -> dict[int, str]:
    """Return number of labelled images -> target, ascending, of the ladder's rows."""
    sizes: dict[int, str] = {}
    for target in targets:
        cells = cells_at(evidence, target, pretraining, transfer)
        known = cells.loc[cells["ablation"] == "", "target_images"].dropna()
        if len(known):
            sizes[int(known.iloc[0])] = target
    if not sizes:
        of_targets = evidence.ladder[evidence.ladder["target"].isin(targets) & evidence.ladder["subset_images"].notna()]
        rows = split(of_targets, ["corpus", "subset_images", "transfer"])
        has = [f"{kind} {Pretraining(corpus, images)}" for (corpus, images, kind), _ in rows]
        raise NoRecommendationError(
            f"the suite has no row with {transfer} on {listed(list(targets))} {pretraining}",
            f"one of the rows that it has there: {listed(has)}" if has else "a suite that pretrains its models itself",
        )
    return dict(sorted(sizes.items()))


def _num_classes(evidence: Evidence, cells: pd.DataFrame) -> int | None:
    counted = evidence.runs.get("num_classes", pd.Series(dtype="Int64")).reindex(list(cells["transfer_key"])).dropna()
    return None if counted.empty else int(counted.iloc[0])


def _require_same_task(question: Question, image_size: int, classes: int | None) -> None:
    """Refuse another image size, and far more classes than the target has."""
    if question.image_size not in (None, image_size):
        values = {"pixels": image_size, "asked": question.image_size}
        raise NoRecommendationError(message("other pixels", **values), message("suite at pixels", **values))
    if question.classes is None:
        return
    if classes is None:
        raise NoRecommendationError(message("no classes"), message("present code"))
    if question.classes > MOST_TIMES_CLASSES * classes:
        counts = {"classes": f"{classes:,}", "asked": f"{question.classes:,}"}
        reason = message("more classes", times=MOST_TIMES_CLASSES, **counts)
        raise NoRecommendationError(reason, message("suite of classes"))


def _machine(question: Question, measured: Measured, image_size: int) -> str:
    """Return the machine that a question is about; empty if it is about none."""
    is_limited = [name for name in (LATENCY, MEMORY) if name in question.most]
    if not (question.machine or is_limited):
        return ""
    known = listed(list(measured.speeds)) or "none"
    if question.machine and question.machine not in measured.speeds:
        reason = message("machine", machine=question.machine, pixels=image_size, known=known)
        raise NoRecommendationError(reason, message("measure"))
    if not measured.speeds:
        raise NoRecommendationError(message("no machine", pixels=image_size), message("measure"))
    if not question.machine and len(measured.speeds) > 1:
        raise InputError(message("which machine", known=known))
    return question.machine or next(iter(measured.speeds))
