"""The targets of a suite file, and which rows of the comparison are trained on each. Imports no torch."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator, model_validator

from bench.config.validation import Strict, distinct
from bench.data.sources.groups import MAX_PATTERN
from bench.data.target import TargetRef, parse_target
from models.spec.model_error import did_you_mean
from models.spec.model_spec import parse_spec

if TYPE_CHECKING:
    from bench.config.suite import Suite

Transfer = Literal["fine-tune", "linear", "k-shot", "none"]
KINDS_OF_ROWS = ("ladder", "scratch", "budgets", "external")
"""Kinds of rows that a target may ask for, beside the names of the suite's ablations."""
_WHERE_FROM = {
    "ladder": "subsets of the ladder are pretrained on",
    "scratch": "from_scratch is true",
    "budgets": "budgets are given",
    "external": "models have external weights",
}


class TargetChoice(Strict):
    """A target; if it is optional and its data is missing, its cells are `not_run`."""

    target: str
    optional: bool = False
    groups: Annotated[str, Field(min_length=1, max_length=MAX_PATTERN)] | None = None
    """Column, or pattern on names, that says which images of a source stay together in one split."""
    rows: tuple[str, ...] | None = None
    """Rows that are trained on this target: `KINDS_OF_ROWS` and names of ablations; by default all."""
    transfers: tuple[Transfer, ...] | None = None
    """Kinds of transfer on this target; by default those of the suite."""

    @field_validator("target")
    @classmethod
    def _canonical(cls, value: str) -> str:
        return str(parse_target(value))

    @field_validator("rows", "transfers")
    @classmethod
    def _grid(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return distinct(value) if value is not None else None

    @model_validator(mode="after")
    def _grouped(self) -> "TargetChoice":
        parse_target(self.target, self.groups)
        return self

    @property
    def ref(self) -> TargetRef:
        """The target with its groups."""
        return parse_target(self.target, self.groups)

    def has(self, row: str) -> bool:
        """Return whether a kind of row, or an ablation, is trained on this target."""
        return self.rows is None or row in self.rows

    def kinds(self, of_suite: tuple[Transfer, ...]) -> tuple[Transfer, ...]:
        """Return the kinds of transfer on this target, given those of its suite."""
        return of_suite if self.transfers is None else self.transfers


def all_kinds(targets: Iterable[TargetChoice], of_suite: tuple[Transfer, ...]) -> tuple[Transfer, ...]:
    """Return the kinds of transfer of all targets, each once, given those of their suite."""
    return tuple(dict.fromkeys(kind for choice in targets for kind in choice.kinds(of_suite)))


def check_rows(suite: "Suite") -> None:
    """Refuse rows that the suite does not have, and rows of the suite that no target has.

    Raises:
        ValueError: the error names what is allowed.
    """
    for ablation in suite.ablations:
        if ablation.name in KINDS_OF_ROWS:
            raise ValueError(
                f"ablations: {ablation.name} is a kind of row that a target may ask for ({', '.join(KINDS_OF_ROWS)}); "
                "choose another name"
            )
    known = _rows_of(suite)
    for choice in suite.targets:
        for row in choice.rows or ():
            if row not in known:
                why = f": a suite has such rows if {_WHERE_FROM[row]}" if row in KINDS_OF_ROWS else ""
                raise ValueError(
                    f"targets: {choice.target}: rows: {row} is not a row of this suite{did_you_mean(row, known)}{why}; "
                    f"allowed: {', '.join(known)}"
                )
    for row in known:
        if not any(choice.has(row) for choice in suite.targets):
            raise ValueError(f"targets: no target has the rows {row}; add {row} to the rows of one, or {known[row]}")


def _rows_of(suite: "Suite") -> dict[str, str]:
    """Return the kinds of rows and the ablations that a suite has, and how a suite leaves each out."""
    external = [parse_spec(model).has_external_weights for model in suite.models]
    has = {
        "ladder": (bool(suite.corpus) and not all(external), "set `corpus: []`"),
        "scratch": (suite.from_scratch and not all(external), "set `from_scratch: false`"),
        "budgets": (suite.budgets is not None and not all(external), "leave out `budgets`"),
        "external": (any(external), "leave out the models with external weights"),
    }
    rows = {row: instead for row, (given, instead) in has.items() if given}
    return rows | {ablation.name: f"leave out the ablation {ablation.name}" for ablation in suite.ablations}
