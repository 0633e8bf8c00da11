"""Say in short what a reader must know before the first number, each with the section that has the details."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from bench.analysis.duplicates import duplicate_warnings
from bench.analysis.format import decimal, plural
from bench.analysis.frames import split
from bench.report.first_screen.naming import family_word
from bench.report.page import Warned
from bench.report.sections.provenance import failed_seeds, same_predictions, shortcomings

MOST_WORDS = 30
_MOST_ARMS = 2


def notices(suite: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> tuple[Warned, ...]:
    """Return the warnings of a suite with the sections' anchors, those about runs first, and its own limits last."""
    duplicates = set(duplicate_warnings(tables["cells"], tables.get("left_out")))
    compared = (tables["comparison"], tables["ablations"])
    found = [
        *((text, "fairness" if text in duplicates else "runs") for text in shortcomings(suite, tables)),
        *((text, "compare") for text in failed_seeds(*compared)),
        *((text, "compare") for text in same_predictions(*compared)),
        *((text, "ablations") for text in _ahead(tables.get("own_rows"))),
        *((text, "limits") for text in _limits(suite.get("limits") or "")),
    ]
    return tuple(Warned(shortened(text), anchor) for text, anchor in found)


def shortened(text: str) -> str:
    """Return a text of at most 30 words: without what is in brackets, or cut, if it is longer."""
    text = text.removesuffix(" They are listed below.")
    if len(text.split()) > MOST_WORDS:
        text = re.sub(r" \([^()]*\)", "", text)
    words = text.split()
    return " ".join(words) if len(words) <= MOST_WORDS else " ".join(words[: MOST_WORDS - 1]).rstrip(",;:") + " …"


def _ahead(own_rows: pd.DataFrame | None) -> Iterator[str]:
    """Yield a sentence for each arm that is ahead of its own family, or one for all if they are many."""
    if own_rows is None or not own_rows["is_ahead"].any():
        return
    ahead = own_rows[own_rows["is_ahead"]]
    arms = [rows.sort_values("difference").iloc[0] for _, rows in split(ahead, ["ablation", "arm"])]
    best = sorted(arms, key=lambda row: -row["difference"])
    if len(arms) > _MOST_ARMS:
        yield f"{plural(len(arms), 'arm')} are ahead of the ladder's own rows of their families. {_arm(best[0])}"
        return
    yield from map(_arm, best)


def _arm(row: pd.Series) -> str:
    points, low, high = (decimal(100 * row[name], 1) for name in ("difference", "low", "high"))
    return (
        f"Another {family_word(row['family'])} here, {row['model']}, is {points} points ({low} to {high}) better than "
        f"the ladder's {row['own_model']} on {row['targets']}."
    )


def _limits(limits: str) -> Iterator[str]:
    """Yield the first sentence that says of what the suite shows nothing, or else its first one."""
    sentences = [sentence for sentence in re.split(r"(?<=[.!?])\s+", limits.strip()) if sentence]
    yield from [sentence for sentence in sentences if re.search(r"\bnothing\b", sentence)][:1] or sentences[:1]
