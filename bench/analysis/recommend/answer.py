"""Answer which model to take for so many labelled images, or refuse and say what would help."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.analysis.claims.evidence import Evidence
from bench.analysis.format import listed, plural, short_count
from bench.analysis.recommend.candidates import (
    LATENCY,
    MEMORY,
    PARAMETERS,
    Candidate,
    Collected,
    collect,
    from_scratch,
    gap_estimates,
    gaps,
)
from bench.analysis.recommend.decide import Alternative, Decision, Gap, Standing, decide, judge
from bench.analysis.recommend.messages import message
from bench.analysis.recommend.question import (
    Measured,
    NoRecommendationError,
    Question,
    QuestionScope,
    scope_of,
    targets_like,
)
from bench.analysis.recommend.words import nothing_fits, why_not, would_tell
from bench.analysis.stats.intervals import Interval
from bench.analysis.stats.statistics_errors import IncompleteRowError
from bench.analysis.targets import base

SIZE_FACTOR = 2
"""A number of images is like a measured one if neither is more than this many times the other."""
FEWEST_SEEDS = 2
ROWS = {"fine-tune": "fine-tuned", "linear": "linear probes"}
_PLACES = {"best": 0, "as good": 0, "cannot tell": 1, "worse": 2, "fit unknown": 3, "does not fit": 4}


@dataclass(frozen=True)
class JudgedCandidate:
    """A candidate with its standing."""

    candidate: Candidate
    standing: Standing
    gap: Gap
    """How much more accurate the best candidate that fits is; without bounds for that one, and if none fits."""
    num_compared: int
    """Over how many comparisons the level of the interval is corrected; 0 without an interval."""
    reason: str
    """Why it does not fit, or why that or the difference cannot be told; empty otherwise."""
    seeds: int | None
    """The number of seeds of a new suite that would probably tell; None if it is told, or if no number is known."""

    @property
    def interval(self) -> tuple[float, float]:
        """Return the interval of the gap at the level at which it was judged; NaN if there is none."""
        return self.gap.bounds[self.num_compared - 1] if self.num_compared and self.gap.bounds else (math.nan, math.nan)


@dataclass(frozen=True)
class JudgedSize:
    """The candidates with one number of labelled images."""

    target: str
    images: int
    judged: tuple[JudgedCandidate, ...]
    """The best and those as good by price, then the others by accuracy."""
    recommended: str
    """The model's spec; empty if none fits."""
    left_out: tuple[str, ...]
    scratch: Interval | None = None
    """The recommended model's accuracy from scratch, if that is shown to be as good as with the pretraining."""

    @property
    def candidates(self) -> list[Candidate]:
        """Return the candidates without their standings."""
        return [each.candidate for each in self.judged]


@dataclass(frozen=True)
class Answer:
    """A recommendation, or why there is none."""

    question: Question
    suite: str
    recommended: str = ""
    """The model's spec; empty if there is a refusal."""
    refusal: str = ""
    """Why there is no recommendation; empty if there is one."""
    would_help: str = ""
    """What would make an answer possible; empty if there is one."""
    scope: QuestionScope | None = None
    """What of the suite's results the answer is about; None if that was refused."""
    at_sizes: tuple[JudgedSize, ...] = ()
    """The measured numbers of images that are used; if there is a refusal, what is known nearest to the question."""

    @property
    def machine(self) -> str:
        """Return the machine whose latencies are used; empty if none is."""
        return self.scope.machine if self.scope else ""

    @property
    def cost(self) -> str:
        """Return by what the cheapest model is chosen."""
        if not self.machine:
            return message("macs cost")
        return message("latency cost", percentile=self.question.percentile, machine=self.machine)

    @property
    def is_limited(self) -> bool:
        """Return whether a model may not fit."""
        return bool(self.machine or self.question.most)

    @property
    def compared(self) -> str:
        """Return which rows are compared; empty if none are."""
        if not (self.scope and self.at_sizes):
            return ""
        name = "rows" if self.question.pretraining else "default rows"
        return message(name, rows=ROWS[self.scope.transfer.kind], pretraining=self.scope.pretraining)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a reader of the answer should know."""
        notes = [message("left out", row=row) for at_size in self.at_sizes for row in at_size.left_out]
        candidates = [each for at_size in self.at_sizes for each in at_size.candidates]
        of_models = [(each.model, each.note) for each in candidates]
        of_models += [(each.model, each.failure_note) for each in candidates]
        notes += [message("of model", model=model, note=note) for model, note in of_models if note]
        sizes = [each.amounts[PARAMETERS].value for each in candidates]
        known = [size for size in sizes if not math.isnan(size)]
        if self.scope and known:
            ends = " to ".join(dict.fromkeys([short_count(min(known)), short_count(max(known))]))
            notes.append(message("sizes", sizes=ends, pixels=self.scope.image_size))
        return tuple(dict.fromkeys(notes))


def recommend(question: Question, measured: Measured) -> Answer:
    """Recommend the cheapest model that is shown to be as good as the best one that fits.

    Args:
        question: What the user asks for.
        measured: The tables and speeds of a suite.

    Raises:
        InputError: The question is wrong, or does not say which of several machines it is about.
        MissingColumnError, DuplicateRowError: A table lacks a column or holds a row twice.
    """
    evidence = Evidence(measured.tables)
    targets = targets_like(question, evidence)
    scope: QuestionScope | None = None
    at_sizes: tuple[JudgedSize, ...] = ()
    try:
        scope = scope_of(question, measured, evidence, targets)
        used = _sizes_like(question.images, list(scope.sizes))
        if far := _far(question, scope, used):
            at_sizes = _known(question, measured.suite, evidence, scope, used[0])
            raise NoRecommendationError(*far)
        at_sizes = tuple(_at_size(question, measured.suite, evidence, scope, size) for size in used)
        recommended = _agreed(question, at_sizes)
    except NoRecommendationError as error:
        return Answer(question, measured.suite, "", str(error), error.would_help, scope, at_sizes)
    return Answer(question, measured.suite, recommended, scope=scope, at_sizes=at_sizes)


def _far(question: Question, scope: QuestionScope, used: Sequence[int]) -> tuple[str, str] | None:
    """Return that the user's number of images is neither like a measured one nor between two, and what would help."""
    images = question.images
    if len(used) > 1 or _alike(images, used[0]):
        return None
    sizes = listed([f"{size:,}" for size in scope.sizes])
    target = base(scope.sizes[used[0]])
    values = {"sizes": sizes, "images": f"{images:,}", "are": "is" if images == 1 else "are"}
    reason = message("far", target=target, times=_times(images, used[0]), **values)
    return reason, message("other size", target=target, images=images)


def _known(
    question: Question, suite: str, evidence: Evidence, scope: QuestionScope, size: int
) -> tuple[JudgedSize, ...]:
    """Return what is known with another number of images than the user's; nothing if that is refused, too."""
    try:
        return (_at_size(question, suite, evidence, scope, size),)
    except NoRecommendationError:
        return ()


def _agreed(question: Question, at_sizes: Sequence[JudgedSize]) -> str:
    """Return the model that is recommended with each number of images.

    Raises:
        NoRecommendationError: There is none, or they differ.
    """
    for at_size in at_sizes:
        if not at_size.recommended:
            untold = [each.candidate.model for each in at_size.judged if each.standing == "fit unknown"]
            raise NoRecommendationError(*nothing_fits(at_size.candidates, question.most, untold))
    models = [at_size.recommended for at_size in at_sizes]
    if len(set(models)) > 1:
        turns = [message("at size", model=each.recommended, size=f"{each.images:,}") for each in at_sizes]
        first, second = (f"{at_size.images:,}" for at_size in at_sizes)
        raise NoRecommendationError(
            message("turns", first=first, second=second, models=" and ".join(turns)),
            message("other size", target=base(at_sizes[0].target), images=question.images),
        )
    return models[0]


def _sizes_like(images: int, sizes: Sequence[int]) -> list[int]:
    """Return the measured size that is used for a number of images, or the two around it if none is near."""
    nearest = min(sizes, key=lambda size: abs(math.log(size) - math.log(images)))
    below, above = [size for size in sizes if size < images], [size for size in sizes if size > images]
    return [nearest] if _alike(images, nearest) or not (below and above) else [below[-1], above[0]]


def _alike(images: int, size: int) -> bool:
    return max(images, size) <= SIZE_FACTOR * min(images, size)


def _times(images: int, size: int) -> str:
    """Return how far a number of images is from a measured one."""
    ratio = max(images, size) / min(images, size)
    times = f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"
    return message("more" if images > size else "fewer", times=times, size=f"{size:,}")


def collected_at(evidence: Evidence, suite: str, scope: QuestionScope, size: int) -> Collected:
    """Collect the candidates with one number of images.

    Raises:
        NoRecommendationError: A row is not complete, or there are too few seeds.
    """
    target = scope.sizes[size]
    try:
        collected = collect(evidence, target, scope.pretraining, scope.transfer, scope.latencies)
    except IncompleteRowError as error:
        reason = f"a model of the ladder is not complete, which would favour the others: {error}"
        raise NoRecommendationError(reason, f"`bench run {suite}` goes on") from None
    _require_seeds(collected.candidates, target)
    return collected


def _at_size(question: Question, suite: str, evidence: Evidence, scope: QuestionScope, size: int) -> JudgedSize:
    """Decide among the candidates with one number of images.

    Raises:
        NoRecommendationError: They cannot be compared, or none of them has what is limited.
    """
    collected = collected_at(evidence, suite, scope, size)
    candidates = collected.candidates
    limits = dict(question.most)
    if scope.machine:  # without a latency there, a model is not recommended for the machine
        limits.setdefault(LATENCY, math.inf)
    _require_amounts(candidates, limits, scope)
    alternatives = [each.alternative(by_latency=bool(scope.machine)) for each in candidates]
    differences, within = gaps(candidates), question.within / 100
    decision = decide(alternatives, differences, limits, within)
    judged = _judged(candidates, differences, decision, limits, within)
    order = sorted(range(len(judged)), key=lambda number: _order(judged[number].standing, alternatives[number]))
    ordered, target = tuple(judged[number] for number in order), scope.sizes[size]
    if decision.recommended is None:
        return JudgedSize(target, size, ordered, "", collected.left_out)
    recommended = candidates[decision.recommended]
    scratch = from_scratch(evidence, target, scope.pretraining, scope.transfer).get(recommended.model)
    as_good = scratch is not None and judge(gaps([recommended, scratch])[0, 1], 1, within) == "as good"
    accuracy = scratch.accuracy if scratch is not None and as_good else None
    return JudgedSize(target, size, ordered, recommended.model, collected.left_out, accuracy)


def _order(standing: Standing, alternative: Alternative) -> tuple[float, float, float]:
    """Return what sorts candidates: those that may be recommended by price, the others by accuracy."""
    return _PLACES[standing], alternative.price if standing in ("best", "as good") else 0.0, -alternative.mean


def _require_seeds(candidates: Sequence[Candidate], target: str) -> None:
    num_seeds = min(each.row.num_seeds for each in candidates)
    if num_seeds < FEWEST_SEEDS:
        reason = f"{plural(num_seeds, 'seed')} on {target} shows no spread, so nothing can be told apart"
        raise NoRecommendationError(reason, f"a suite with {FEWEST_SEEDS} seeds or, better, 6 and more")


def _require_amounts(candidates: Sequence[Candidate], limits: Mapping[str, float], scope: QuestionScope) -> None:
    """Refuse a limit of which no candidate has the amount."""
    reasons = {
        LATENCY: (message("no latency", machine=scope.machine, pixels=scope.image_size), message("measure")),
        MEMORY: (message("no memory", machine=scope.machine), message("other machine")),
        PARAMETERS: (message("no parameters"), message("present code")),
    }
    for name in limits:
        if all(math.isnan(each.amounts[name].value) for each in candidates):
            raise NoRecommendationError(*reasons[name])


def _judged(
    candidates: Sequence[Candidate],
    differences: Mapping[tuple[int, int], Gap],
    decision: Decision,
    limits: Mapping[str, float],
    within: float,
) -> list[JudgedCandidate]:
    """Return each candidate with its standing, and with what would tell if it cannot be told."""
    judged, best = [], decision.best
    for number, (candidate, standing) in enumerate(zip(candidates, decision.standings, strict=True)):
        gap, compared, reason, seeds = Gap(math.nan, ()), decision.compared[number], "", None
        if standing in ("does not fit", "fit unknown"):
            reason = why_not(candidate, limits, "does not fit" if standing == "does not fit" else "cannot tell")
        elif best is not None and number != best:
            gap = differences[best, number] if best < number else -differences[number, best]
            found = gap_estimates(candidates[best], candidate)
            if standing == "cannot tell":
                reason, seeds = (found, None) if isinstance(found, str) else would_tell(found[0], compared, within, gap)
        judged.append(JudgedCandidate(candidate, standing, gap, compared, reason, seeds))
    return judged
