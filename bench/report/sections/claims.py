"""Write the section on claims: verdicts, the numbers that decide them, and the runs behind them. Judges nothing."""

from collections.abc import Iterator, Sequence

from bench.analysis.claims.claim import Judgement
from bench.analysis.format import text
from bench.report.layout import CONFIDENCE
from bench.report.page import Charts, Details, Section, Table, TableCell, TableRow, folded, section

SIGNS = {"supported": "\N{CHECK MARK}", "refuted": "\N{BALLOT X}", "undecided": "?"}
"""Verdict -> its sign; other claims have a dash."""
_HOW = (
    "An interval decides each claim, except the exact one (C8). A claim is supported if the interval lies wholly "
    "within the claim's margin, and refuted if it lies wholly beyond. Otherwise it is undecided: these results cannot "
    "tell. A claim with several estimates is supported only if all of them are. The levels are corrected, so that all "
    f"verdicts of this page together hold at {CONFIDENCE}. Pairs are seeds. A claim about stated pretraining sizes is "
    f"judged at those sizes only. Further results are uncorrected {CONFIDENCE} intervals at this suite's own sizes, "
    "and no verdicts."
)


def claims(judgements: Sequence[Judgement], charts: Charts) -> tuple[Section, ...]:
    """Return the section with a row for each claim, and what is behind it folded; nothing without a judgement."""
    if not judgements:
        return ()
    rows = tuple(map(_row, judgements))
    of_units = [chart for (kind, *_), chart in charts.items() if kind == "claims"]
    verdicts = Table("Verdicts; each row unfolds.", ("Claim", "Verdict", "Sentence", "Estimate", "Published"), rows, 5)
    in_other_units = folded("Estimates in other units", *of_units[1:])
    how = folded("How claims are judged", _HOW)
    return (section("Claims", judgements[0].looks, *of_units[:1], in_other_units, verdicts, how),)


def sign(judgement: Judgement) -> str:
    """Return the sign of a verdict."""
    return SIGNS.get(judgement.verdict, "\N{EN DASH}")


def _row(judgement: Judgement) -> TableRow:
    claim = judgement.claim
    cells = (
        TableCell(claim.id, "custom claim of this suite" if claim.is_custom else ""),
        f"{sign(judgement)} {judgement.verdict}",
        claim.sentence,
        text(judgement.text),
        text(claim.published.figure),
    )
    facts = tuple((name, value) for name, value in _facts(judgement) if value)
    return TableRow(cells, f"claim-{claim.id}", details=Details(facts=facts))


def _facts(judgement: Judgement) -> Iterator[tuple[str, str]]:
    """Yield the names and values of what is behind a verdict; some are empty."""
    published = judgement.claim.published
    yield "Judged by", judgement.claim.margin
    yield "Why", judgement.reason
    yield "What would decide", judgement.would_decide
    yield "Pairs", judgement.pairs
    yield "Level", judgement.level_text
    for part in judgement.parts:
        yield part.name, "; ".join(filter(None, (part.text, part.word)))
    yield "Measured", judgement.measured
    for line in judgement.beside:
        yield "Further result", line
    yield "Published", "; ".join(filter(None, (published.figure, published.metric, published.source)))
    yield "Runs", ", ".join(judgement.keys)
