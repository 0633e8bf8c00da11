"""Turn judgements into a table and into JSON values, so that stored and printed judgements agree."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from bench.analysis.claims.claim import Judgement
from bench.analysis.format import in_unit
from bench.analysis.stats.intervals import Interval

_TEXTS = ("measured", "reason", "would_decide", "parts", "beside", "keys", "looks")
TYPES = {
    **dict.fromkeys(("claim", "sentence"), "str"),
    "is_custom": "bool",
    **dict.fromkeys(("verdict", "unit"), "str"),
    **dict.fromkeys(("estimate", "low", "high", "level"), "float64"),
    **dict.fromkeys(("num_pairs", "num_seeds", "look"), "Int64"),
    **dict.fromkeys(("margin", "published", "published_metric", "source", *_TEXTS), "str"),
}
"""The columns of the table `claims` and their types; estimates and their ends are in the row's unit."""


def claims_table(judgements: Sequence[Judgement]) -> pd.DataFrame:
    """Return the table `claims`, one row per claim: parts and further lines are joined by ` | `, keys by spaces."""
    return pd.DataFrame([_row(judgement) for judgement in judgements], columns=list(TYPES)).astype(TYPES)


def as_json(judgement: Judgement) -> dict[str, Any]:
    """Return a judgement as JSON values; unknown numbers and open ends are null."""
    parts = [
        {
            "name": part.name,
            "unit": part.unit,
            **_figures(part.interval, part.unit),
            "word": part.word,
            "equivalence": part.equivalence,
        }
        for part in judgement.parts
    ]
    row = _row(judgement) | {"keys": list(judgement.keys), "beside": list(judgement.beside)}
    return _finite(row) | {"parts": [_finite(part) for part in parts]}


def _row(judgement: Judgement) -> dict[str, Any]:
    claim = judgement.claim
    return {
        "claim": claim.id,
        "sentence": claim.sentence,
        "is_custom": claim.is_custom,
        "verdict": judgement.verdict,
        "unit": judgement.unit,
        **_figures(judgement.interval, judgement.unit),
        "level": judgement.level,
        "num_pairs": judgement.interval.n,
        "num_seeds": judgement.num_seeds,
        "look": judgement.look,
        "margin": claim.margin,
        "published": claim.published.figure,
        "published_metric": claim.published.metric,
        "source": claim.published.source,
        "measured": judgement.measured,
        "reason": judgement.reason,
        "would_decide": judgement.would_decide,
        "parts": " | ".join(f"{part.name}: {part.text}, {part.word}" for part in judgement.parts),
        "beside": " | ".join(judgement.beside),
        "keys": " ".join(judgement.keys),
        "looks": judgement.looks,
    }


def _figures(interval: Interval, unit: str) -> dict[str, float]:
    ends = (interval.mean, interval.low, interval.high)
    return dict(zip(("estimate", "low", "high"), (in_unit(end, unit) for end in ends), strict=True))


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with None in place of NaN and infinity."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }
