"""Write the section on claims: verdicts, the numbers that decide them, and the runs behind them. Judges nothing."""

from collections.abc import Sequence

from bench.analysis.claims.claim import Judgement
from bench.analysis.format import text
from bench.report.layout import CONFIDENCE
from bench.report.page import Code, Section, Table, TableCell, folded, section, table

_HOW = (
    "An interval decides each claim, except the exact one (C8). A claim is supported if the interval lies wholly "
    "within the claim's margin, and refuted if it lies wholly beyond. Otherwise it is undecided: these results cannot "
    f"tell. The levels are corrected, so that all verdicts of this page together hold at {CONFIDENCE}. Pairs are "
    "seeds. A claim about stated pretraining sizes is judged at those sizes only. The table of further results shows "
    "the results at this suite's own sizes, which are no verdicts. The keys of the runs behind each claim are listed "
    "at the end of this section."
)


def claims(judgements: Sequence[Judgement]) -> tuple[Section, ...]:
    """Return the section with verdicts, quantities, further results and keys of runs; nothing without a judgement."""
    if not judgements:
        return ()
    keys = "\n".join(f"{each.claim.id}: [{', '.join(each.keys)}]" for each in judgements if each.keys)
    looks = judgements[0].looks
    behind = folded("Keys of the runs behind each claim", Code(keys)) if keys else None
    parts = (_HOW, looks, _verdicts(judgements), _quantities(judgements), _further(judgements), behind)
    return (section("Claims", *parts),)


def _verdicts(judgements: Sequence[Judgement]) -> Table:
    return table(
        "Verdicts, each with the estimate that decides it, its interval and the published number.",
        {
            "Claim": _name,
            "Sentence": lambda each: TableCell(each.claim.sentence, _noted("judged by", each.claim.margin)),
            "Verdict": lambda each: each.verdict,
            "Estimate": lambda each: text(each.text),
            "Pairs": lambda each: text(each.pairs),
            "Published": _published,
            "Why undecided, and what would decide": lambda each: TableCell(
                text(each.reason), _noted("would decide", each.would_decide)
            ),
        },
        judgements,
    )


def _name(judgement: Judgement) -> TableCell:
    return TableCell(judgement.claim.id, "custom claim of this suite" if judgement.claim.is_custom else "")


def _noted(what: str, value: str) -> str:
    return f"{what}: {value}" if value else ""


def _published(judgement: Judgement) -> TableCell:
    published = judgement.claim.published
    return TableCell(text(published.figure), "; ".join(filter(None, (published.metric, published.source))))


def _quantities(judgements: Sequence[Judgement]) -> Table:
    rows = [
        (each.claim.id, part.name, part.text, part.word, each.measured, each.level_text)
        for each in judgements
        for part in each.parts
    ]
    caption = "Estimates at the corrected level. A claim with several lines is supported only if all of them are."
    return Table(caption, ("Claim", "Difference", "Estimate", "Verdict", "Measured", "Level"), tuple(rows), 6)


def _further(judgements: Sequence[Judgement]) -> Table:
    rows = [(each.claim.id, line) for each in judgements for line in each.beside]
    caption = f"Further results, which are no verdicts: uncorrected {CONFIDENCE} intervals."
    return Table(caption, ("Claim", "What these results show"), tuple(rows), 2)
