"""Custom claims of a suite file: one row of the comparison is above, below or close to another row.

Claims change no run, so they may be added to and removed from a suite that has results. Imports no torch.
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from bench.analysis.corpus_names import SCRATCH
from bench.config.ladder import Subset
from bench.config.target_choice import KINDS_OF_ROWS, TargetChoice
from bench.config.validation import ModelName, Strict
from bench.data.target import parse_target
from bench.training.settings import NUMBER
from models.spec.model_spec import parse_spec

if TYPE_CHECKING:
    from bench.config.suite import Suite


def _canonical_target(text: str) -> str:
    return str(parse_target(text))


class ClaimedRow(Strict):
    """A row of the comparison, without its target."""

    model: ModelName
    corpus: str | None = None
    """Corpus, or `none` for training from scratch; by default that of the ladder or external weights."""
    subset: Subset | None = None
    """Rung of the corpus' ladder; by default the largest."""

    @model_validator(mode="after")
    def _scratch_has_no_subset(self) -> "ClaimedRow":
        if self.corpus == SCRATCH and self.subset is not None:
            raise ValueError(
                f"corpus {SCRATCH} means training from scratch, which has no subset; leave one of them out"
            )
        return self


class CustomClaim(Strict):
    """A sentence, and the difference between two rows for which it is true."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")]
    sentence: Annotated[str, Field(min_length=10)]
    published: str = ""
    """Published figure, which the report shows next to the estimate."""
    first: ClaimedRow
    second: ClaimedRow
    target: Annotated[str, AfterValidator(_canonical_target)]
    transfer: Literal["fine-tune", "linear", "k-shot", "none"] | None = None
    """Kind of transfer; by default the suite's first."""
    shots: Annotated[int, NUMBER, Field(gt=0)] | None = None
    """Shots of k-shot probes; by default 5 if the suite has 5, else the suite's largest number."""
    metric: Literal["accuracy", "balanced_accuracy"] = "accuracy"
    """What is compared; balanced accuracy is judged over seeds alone."""
    difference: Literal["above", "below", "within"]
    margin: Annotated[float, NUMBER, Field(ge=0, le=100)] = 0.0
    """Margin in percentage points."""

    @model_validator(mode="after")
    def _margin_leaves_room(self) -> "CustomClaim":
        if self.difference == "within" and self.margin == 0:
            raise ValueError("no difference is within a margin of 0 points; set margin to a number above 0")
        if self.id.upper().startswith("C") and self.id[1:].isdecimal():
            raise ValueError(f"id {self.id}: this form is for claims of the literature; choose another")
        return self


def check_claim(claim: CustomClaim, suite: "Suite") -> None:
    """Refuse a claim about rows that its suite does not have.

    Raises:
        ValueError: the error names what the suite has.
    """
    where = f"claim {claim.id}"
    targets = {choice.target: choice for choice in suite.targets}
    _require(claim.target, targets, f"{where}: target")
    choice = targets[claim.target]
    rungs: dict[str, Collection[Subset]] = {ladder.corpus.name: ladder.subsets for ladder in suite.corpus}
    if suite.from_scratch and choice.has("scratch"):
        rungs[SCRATCH] = ()
    on = f" on {claim.target}" if choice.rows or choice.transfers else ""
    for side, row in (("first", claim.first), ("second", claim.second)):
        _require(row.model, _models_on(choice, suite), f"{where}: {side}.model{on}")
        _check_pretraining(row, rungs, f"{where}: {side}", on)
    if claim.first == claim.second:
        raise ValueError(f"{where}: first and second are the same row")
    kinds = choice.kinds(suite.transfers)
    kind = claim.transfer or kinds[0]
    _require(kind, kinds, f"{where}: transfer{on}")
    if kind != "fine-tune" and SCRATCH in (claim.first.corpus, claim.second.corpus):
        raise ValueError(
            f"{where}: {kind} probes train no network, so they have no row from scratch (corpus: {SCRATCH})"
        )
    if claim.shots is not None:
        _require(claim.shots, suite.shots if kind == "k-shot" else (), f"{where}: shots of {kind}")


def _models_on(choice: TargetChoice, suite: "Suite") -> dict[str, None]:
    """Return the models and arms that are trained on a target."""
    arms = (ablation.arms.values() for ablation in suite.ablations if choice.has(ablation.name))
    is_compared = any(choice.has(row) for row in KINDS_OF_ROWS)
    return dict.fromkeys((*(suite.models if is_compared else ()), *(model for of_one in arms for model in of_one)))


def _check_pretraining(row: ClaimedRow, rungs: Mapping[str, Collection[Subset]], where: str, on: str) -> None:
    if parse_spec(row.model).has_external_weights and (row.corpus is not None or row.subset is not None):
        raise ValueError(f"{where}: {row.model} starts from external weights; leave corpus and subset out")
    if row.corpus is not None:
        _require(row.corpus, rungs, f"{where}.corpus{on}")
    if row.subset is not None:
        _require(row.subset, rungs[row.corpus] if row.corpus else next(iter(rungs.values()), ()), f"{where}.subset")


def _require(given: object, allowed: Collection[object], where: str) -> None:
    if given not in allowed:
        raise ValueError(f"{where}: {given} is not in this suite; allowed: {', '.join(map(str, allowed)) or 'none'}")
