"""Judge claims on a suite's own tables, by intervals, each with the runs behind it.

`CLAIMS` are those of the literature; a suite file may add custom ones. `docs/claims.md` says how they are judged.
"""

from bench.analysis.claims.claim import Citation, Claim, Judgement
from bench.analysis.claims.custom import CustomDifference, NamedRow
from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.judge import judge_claims
from bench.analysis.claims.literature import CLAIMS
from bench.analysis.claims.rows import Transfer

__all__ = [
    "CLAIMS",
    "Citation",
    "Claim",
    "CustomDifference",
    "Evidence",
    "Judgement",
    "NamedRow",
    "Transfer",
    "judge_claims",
]
