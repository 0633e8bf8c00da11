"""Claims of one's own in a suite file: one row of the comparison less another, and what is said of it.

They change no run, so they may come and go while a store stays. What a claim leaves out, its suite fills in. Imports no
torch.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from bench.config.ladder import Subset
from bench.config.validation import ModelName, Strict
from bench.data.target import parse_target
from models.spec.model_spec import parse_spec

SCRATCH = "none"
"""The corpus of a row that was not pretrained."""


def _canonical_target(text: str) -> str:
    return str(parse_target(text))


class ClaimedRow(Strict):
    """A row of the comparison, but for its target."""

    model: ModelName
    corpus: str | None = None
    """`none` is from scratch; left out, it is the first ladder's, that of the external weights, or none."""
    subset: Subset | None = None
    """A rung of the corpus' ladder; left out, it is the largest."""

    @model_validator(mode="after")
    def _scratch_has_no_subset(self) -> "ClaimedRow":
        if self.corpus == SCRATCH and self.subset is not None:
            raise ValueError(f"corpus {SCRATCH} is from scratch, which has no subset; leave one of them out")
        return self


class CustomClaim(Strict):
    """A sentence, and when it holds: by how much the first row lies above the second, or below, or how close."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")]
    sentence: Annotated[str, Field(min_length=10)]
    published: str = ""
    """A figure of the literature, which the report shows beside the estimate."""
    first: ClaimedRow
    second: ClaimedRow
    target: Annotated[str, AfterValidator(_canonical_target)]
    transfer: Literal["fine-tune", "linear", "k-shot"] | None = None
    """Left out, it is the suite's first."""
    shots: Annotated[int, Field(gt=0)] | None = None
    """Of k-shot probes; left out, it is 5 where the suite has it, else its most."""
    difference: Literal["above", "below", "within"]
    margin: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """In percentage points."""

    @model_validator(mode="after")
    def _margin_leaves_room(self) -> "CustomClaim":
        if self.difference == "within" and self.margin == 0:
            raise ValueError("within a margin of 0 points nothing lies; give margin: a number above 0")
        if self.id.upper().startswith("C") and self.id[1:].isdecimal():
            raise ValueError(f"id {self.id}: C and a number are the claims of the literature; take another")
        return self


@dataclass(frozen=True)
class Offered:
    """What a suite has for a claim to be about."""

    models: Collection[str]
    """Arms of ablations included."""
    rungs: Mapping[str, Collection[Subset]]
    """Corpus -> its subsets; the first is the first ladder's. From scratch is the corpus `none`, without any."""
    targets: Collection[str]
    transfers: Collection[str]
    """The first is what a claim that names none is about."""
    shots: Collection[int]


def check_claim(claim: CustomClaim, offered: Offered) -> None:
    """Refuse a claim about what its suite does not have.

    Raises:
        ValueError: says what the suite has instead.
    """
    where = f"claim {claim.id}"
    for side, row in (("first", claim.first), ("second", claim.second)):
        _require(row.model, offered.models, f"{where}: {side}.model")
        _check_pretraining(row, offered.rungs, f"{where}: {side}")
    if claim.first == claim.second:
        raise ValueError(f"{where}: first and second are the same row")
    _require(claim.target, offered.targets, f"{where}: target")
    kind: str = claim.transfer or next(iter(offered.transfers))
    _require(kind, offered.transfers, f"{where}: transfer")
    if kind != "fine-tune" and SCRATCH in (claim.first.corpus, claim.second.corpus):
        raise ValueError(
            f"{where}: {kind} probes train no network, so they have no row from scratch (corpus: {SCRATCH})"
        )
    if claim.shots is not None:
        _require(claim.shots, offered.shots if kind == "k-shot" else (), f"{where}: shots of {kind}")


def _check_pretraining(row: ClaimedRow, rungs: Mapping[str, Collection[Subset]], where: str) -> None:
    if parse_spec(row.model).has_external_weights and (row.corpus is not None or row.subset is not None):
        raise ValueError(f"{where}: {row.model} starts from external weights; leave corpus and subset out")
    if row.corpus is not None:
        _require(row.corpus, rungs, f"{where}.corpus")
    if row.subset is not None:
        _require(row.subset, rungs[row.corpus] if row.corpus else next(iter(rungs.values()), ()), f"{where}.subset")


def _require(given: object, offered: Collection[object], where: str) -> None:
    if given not in offered:
        raise ValueError(f"{where}: {given} is not in this suite; allowed: {', '.join(map(str, offered)) or 'none'}")
