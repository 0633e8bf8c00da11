"""Give the page's recommender what it needs to follow the rules of `bench recommend` on any question of its form.

The page's script fills the same templates and takes the same decisions (`templates/script/recommender.js`). What its
questions cannot change stands here as text: the refusals of a target, a pretraining and a number of images. Fine-tuned
rows alone are offered.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import Any

import pandas as pd
from scipy import stats

from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.rows import CompleteRow
from bench.analysis.comparison import FINE_TUNE, SCRATCH
from bench.analysis.format import share, steady
from bench.analysis.recommend.answer import ROWS, SIZE_FACTOR, collected_at
from bench.analysis.recommend.candidates import PARAMETERS, Candidate, from_scratch, gap_estimates, latencies_of
from bench.analysis.recommend.decide import Amount
from bench.analysis.recommend.messages import FIELDS, MESSAGES
from bench.analysis.recommend.question import (
    MOST_IMAGES,
    MOST_TIMES_CLASSES,
    PERCENTILES,
    Measured,
    NoRecommendationError,
    Question,
    QuestionScope,
    pretraining_names,
    pretraining_of,
    scope_of,
    targets_like,
)
from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.power import MOST_SEEDS, seed_factors
from bench.analysis.stats.verdicts import FEW_SEEDS
from bench.analysis.targets import base, is_real

Values = dict[str, Any]


def rungs_of(suite: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Return corpus -> its rungs, smallest first: the name or number of each, and its images.

    Args:
        suite: The resolved suite, as in `suite.json`.
    """
    found: dict[str, dict[str, int]] = {}
    for ladder in suite["corpora"]:
        images = {
            str(one): one if isinstance(one, int) else ladder["named"][one]["images"] for one in ladder["subsets"]
        }
        found[ladder["corpus"]["name"]] = dict(sorted(images.items(), key=lambda rung: rung[1]))
    return found


def recommender(measured: Measured, with_weights: Collection[str] = ()) -> Values | None:
    """Return what the page's form and script need, as JSON values; None if the suite has no target.

    Args:
        measured: The tables and speeds of a suite.
        with_weights: The keys of the runs whose weights are in the store.

    Raises:
        MissingColumnError, DuplicateRowError: A table lacks a column or holds a row twice.
    """
    evidence = Evidence(measured.tables)
    targets = list(dict.fromkeys(map(base, evidence.cells["target"])))
    if not targets:
        return None
    names = pretraining_names(measured)
    pretrainings = {name: pretraining_of(name, measured) for name in names}
    models = list(dict.fromkeys(evidence.cells["model"]))
    scopes = {target: [_scope(measured, evidence, target, name, models) for name in names] for target in targets}
    known = [scope for of_target in scopes.values() for scope in of_target if "sizes" in scope]
    sizes = [size for scope in known for size in scope["sizes"] if "candidates" in size]
    for candidate in (each for size in sizes for each in size["candidates"]):
        candidate["network"] = _network(candidate.pop("row"), with_weights)
    most = max((len(size["candidates"]) for size in sizes), default=0)
    estimates = [estimate for size in sizes for pair in size["pairs"] if pair[0] for estimate in pair]
    default = list(pretrainings.values()).index(pretraining_of("", measured))
    first = next(filter(is_real, targets), targets[0])
    return {
        "suite": measured.suite,
        "messages": MESSAGES,
        "targets": targets,
        "not_real": [target for target in targets if not is_real(target)],
        "like": first,
        "images": max((size["images"] for size in scopes[first][default].get("sizes", ())), default=100),
        "pretrainings": [(name, str(one).removeprefix("after ")) for name, one in pretrainings.items()],
        "default": default,
        "machines": list(measured.speeds),
        "percentiles": PERCENTILES,
        "labels": {part: field.label for part, field in FIELDS.items()},
        "most_images": MOST_IMAGES,
        "size_factor": SIZE_FACTOR,
        "times_classes": MOST_TIMES_CLASSES,
        "rows": ROWS[FINE_TUNE],
        "models": models,
        "scopes": scopes,
        "costs": {
            pixels: _costs(measured.speeds, pixels, models) for pixels in sorted({one["pixels"] for one in known})
        },
        "levels": [_level(number) for number in range(1, max(most, 2))],
        "level": share(LEVEL),
        "seed_factors": {number: seed_factors(number) for number in sorted({estimate[1] for estimate in estimates})},
        "few_seeds": FEW_SEEDS,
        "most_seeds": MOST_SEEDS,
    }


def _scope(measured: Measured, evidence: Evidence, target: str, pretraining: str, models: Sequence[str]) -> Values:
    """Return what the suite has on a target after a pretraining, or why a question about it is refused."""
    question = Question(images=1, target=target, pretraining=pretraining)
    try:
        scope = scope_of(question, measured, evidence, targets_like(question, evidence))
    except NoRecommendationError as error:
        return _refusal(error)
    sizes = [_size(measured, evidence, scope, images, models) for images in scope.sizes]
    return {"pretraining": str(scope.pretraining), "pixels": scope.image_size, "classes": scope.classes, "sizes": sizes}


def _size(measured: Measured, evidence: Evidence, scope: QuestionScope, images: int, models: Sequence[str]) -> Values:
    """Return the candidates with one number of images, the most accurate one first, and each two compared."""
    at_size: Values = {"images": images, "target": scope.sizes[images]}
    try:
        collected = collected_at(evidence, measured.suite, scope, images)
    except NoRecommendationError as error:
        return at_size | _refusal(error)
    # In this order the first of two is never the less accurate one, as the script compares them.
    candidates = sorted(collected.candidates, key=lambda each: -each.alternative(by_latency=False).mean)
    scratch = from_scratch(evidence, scope.sizes[images], scope.pretraining, scope.transfer)
    return at_size | {
        "left_out": collected.left_out,
        "candidates": [
            _candidate(each, models.index(each.model)) | {"scratch": _compared(each, scratch.get(each.model))}
            for each in candidates
        ],
        "pairs": [_pair(first, second) for first, second in combinations(candidates, 2)],
    }


def _candidate(candidate: Candidate, number: int) -> Values:
    accuracy, row = candidate.accuracy, candidate.row
    return {
        "model": number,
        "family": candidate.family,
        "mean": steady(candidate.mean),
        "accuracy": _ends(accuracy),
        "macs": _known(candidate.macs),
        "parameters": _known(candidate.amounts[PARAMETERS].value),
        "row": row,
        "note": candidate.failure_note,
    }


def _network(row: CompleteRow, with_weights: Collection[str]) -> Values:
    """Return which run's network may be loaded: one that was tested if its weights are kept, else what it starts from.

    From scratch without kept weights there is none: the model has to be built.
    """
    kept = [key for key in row.transfer_keys if key in with_weights]
    starts = [] if row.id.corpus == SCRATCH else list(row.pretrain_keys)
    key = next(iter([*kept, *(key for key in starts if key in with_weights), *starts]), "")
    return {"key": key, "is_tested": bool(kept), "is_kept": key in with_weights}


def _compared(candidate: Candidate, scratch: Candidate | None) -> Values | None:
    """Return a model's accuracy from scratch, and how much more accurate it is with its pretraining."""
    if scratch is None:
        return None
    return {"accuracy": _ends(scratch.accuracy), "gap": _pair(candidate, scratch)}


def _ends(accuracy: Interval) -> list[float | None]:
    return [_known(end) for end in (accuracy.mean, accuracy.low, accuracy.high)]


def _pair(first: Candidate, second: Candidate) -> list[Any]:
    """Return how much more accurate the first candidate is, twice if seeds failed; or None, and why that is unknown."""
    found = gap_estimates(first, second)
    return [None, found] if isinstance(found, str) else [_estimate(one) for one in found if one]


def _estimate(estimate: Estimate) -> list[float | None]:
    """Return the numbers from which the script computes intervals, without the bits in which processors differ."""
    variances = (estimate.seeds_variance, estimate.images_variance, estimate.images_degrees, estimate.images_third)
    return [steady(estimate.mean), estimate.num_seeds, *map(_known, variances)]


def _costs(speeds: Mapping[str, pd.DataFrame], pixels: int, models: Sequence[str]) -> list[list[list[Values | None]]]:
    """Return the costs of each model on images of a size, for each machine and percentile."""
    found = [[latencies_of(records, pixels, percentile) for percentile in PERCENTILES] for records in speeds.values()]
    return [[[_cost(*latencies(model)) for model in models] for latencies in of_machine] for of_machine in found]


def _cost(latency: Amount, memory: Amount, note: str) -> Values | None:
    if math.isnan(latency.value) and math.isnan(memory.value):
        return None
    bounds = [_known(latency.value), _known(latency.low), _known(latency.high)]
    return {"latency": bounds, "memory": _known(memory.value), "note": note}


def _level(num_compared: int) -> list[Any]:
    """Return the level of intervals as text, the probability below the upper end, and its normal quantile."""
    level = corrected_level(num_compared)
    return [share(level), (1 + level) / 2, float(stats.norm.ppf((1 + level) / 2))]


def _refusal(error: NoRecommendationError) -> Values:
    return {"refusal": str(error), "would_help": error.would_help}


def _known(value: float) -> float | None:
    """Return a number without the bits in which processors differ; None if it is unknown or infinite."""
    return steady(value) if math.isfinite(value) else None
