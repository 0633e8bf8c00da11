"""Judgements as a table, and as JSON values: what is kept and what is printed come from the same place."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from bench.analysis.claims.claim import Judgement
from bench.analysis.format import in_unit

COLUMNS = (
    *("claim", "sentence", "is_own", "verdict", "unit", "estimate", "low", "high", "level", "num_pairs", "num_seeds"),
    *(
        "margin",
        "published",
        "published_metric",
        "source",
        "measured",
        "reason",
        "would_decide",
        "parts",
        "beside",
        "keys",
    ),
)
FIGURES = ("estimate", "low", "high")
"""In the row's unit."""
TYPES = (
    dict.fromkeys(COLUMNS, "str")
    | dict.fromkeys(("estimate", "low", "high", "level"), "float64")
    | dict.fromkeys(("num_pairs", "num_seeds"), "Int64")
    | {"is_own": "bool"}
)


def claims_table(judgements: Sequence[Judgement]) -> pd.DataFrame:
    """The table `claims`: a row a claim; parts and lines beside are joined by ` | `, keys by spaces."""
    rows = [_row(one) for one in judgements]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(TYPES)


def as_json(one: Judgement) -> dict[str, Any]:
    """A judgement as JSON values; what is not known, or open, is null."""
    row = _row(one) | {"keys": list(one.keys), "beside": list(one.beside)}
    parts = [vars(part) | {name: in_unit(getattr(part, name), part.unit) for name in FIGURES} for part in one.parts]
    return {name: _finite(value) for name, value in row.items()} | {
        "parts": [{name: _finite(value) for name, value in part.items()} for part in parts]
    }


def _row(one: Judgement) -> dict[str, Any]:
    claim = one.claim
    return {
        "claim": claim.id,
        "sentence": claim.sentence,
        "is_own": claim.is_own,
        "verdict": one.verdict,
        "unit": one.unit,
        **{name: in_unit(getattr(one, name), one.unit) for name in FIGURES},
        "level": one.level,
        "num_pairs": one.num_pairs,
        "num_seeds": one.num_seeds,
        "margin": claim.margin,
        "published": claim.published.figure,
        "published_metric": claim.published.metric,
        "source": claim.published.source,
        "measured": one.measured,
        "reason": one.reason,
        "would_decide": one.would_decide,
        "parts": " | ".join(f"{part.name}: {part.text}, {part.word}" for part in one.parts),
        "beside": " | ".join(one.beside),
        "keys": " ".join(one.keys),
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
