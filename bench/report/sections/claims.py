"""The section on claims: what became of each, by which figures, and what stands behind it. Judges nothing itself."""

from collections.abc import Sequence

from bench.analysis.claims import Judgement
from bench.analysis.format import ABSENT
from bench.analysis.stats.intervals import LEVEL
from bench.report.page import Cell, Section, Table

_HOW = (
    "Each claim is judged by an interval, but for what is exact (C8): supported where it lies wholly within the "
    "claim's margin, refuted where it lies wholly beyond, else undecided, which says that these results can't tell. "
    f"The levels are corrected, so that all verdicts of this page together hold at {LEVEL:.0%}. Pairs are seeds. A "
    "claim about stated pretraining sizes is judged at those sizes alone; what this suite's own sizes show stands "
    "beside the verdicts, and is none. The keys of the runs behind each claim stand at the end of this section."
)


def claims(judgements: Sequence[Judgement]) -> tuple[Section, ...]:
    """Verdicts, what was found, what stands beside, and the keys of the runs; nothing where nothing was judged."""
    if not judgements:
        return ()
    tables = (_verdicts(judgements), _found(judgements), _beside(judgements))
    return (
        Section(
            "Claims",
            paragraphs=(_HOW,),
            tables=tuple(table for table in tables if table.rows),
            code=_keys(judgements),
        ),
    )


def _verdicts(judgements: Sequence[Judgement]) -> Table:
    caption = "Verdicts, each with the estimate that decides it, its interval and the published figure."
    header = ("Claim", "Sentence", "Verdict", "Estimate", "Pairs", "Published", "Why undecided, and what would decide")
    return Table(caption, header, tuple(_verdict(one) for one in judgements), len(header))


def _verdict(one: Judgement) -> tuple[str | Cell, ...]:
    claim = one.claim
    source = "; ".join(filter(None, (claim.published.metric, claim.published.source)))
    would = f"would decide: {one.would_decide}" if one.would_decide else ""
    return (
        Cell(claim.id, "this suite's own" if claim.is_custom else ""),
        Cell(claim.sentence, f"judged by: {claim.margin}" if claim.margin else ""),
        one.verdict,
        one.text or ABSENT,
        one.pairs or ABSENT,
        Cell(claim.published.figure or ABSENT, source),
        Cell(one.reason or ABSENT, would),
    )


def _found(judgements: Sequence[Judgement]) -> Table:
    caption = "What was found, at the corrected level; a claim with several lines needs all of them supported."
    rows = [
        (one.claim.id, part.name, part.text, part.word, one.measured, one.level_text)
        for one in judgements
        for part in one.parts
    ]
    return Table(caption, ("Claim", "Difference", "Estimate", "Verdict", "Measured", "Level"), tuple(rows), 6)


def _beside(judgements: Sequence[Judgement]) -> Table:
    caption = f"Beside the verdicts, and none: uncorrected intervals, {LEVEL:.0%}."
    rows = [(one.claim.id, line) for one in judgements for line in one.beside]
    return Table(caption, ("Beside", "What these results show"), tuple(rows), 2)


def _keys(judgements: Sequence[Judgement]) -> str:
    """The runs behind each claim, as YAML."""
    return "\n".join(f"{one.claim.id}: [{', '.join(one.keys)}]" for one in judgements if one.keys)
