"""What a suite has tuned: which settings of its recipes, between which values, and in how many trials.

One space, one number of trials and one way of pruning serve every family and stage: whatever is chosen, nobody had
more to choose from. `bench.tuning` carries it out. Imports no torch.
"""

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from bench.config.recipe import FamilyException
from bench.config.validation import Strict, distinct
from bench.errors import did_you_mean
from bench.training.settings import Settings

NOT_TUNED = frozenset({"image_size", "micro_batch", "fused", "compile", "channels_last"})
"""What would change what is compared, or only how it is computed."""

Stage = Literal["pretrain", "transfer"]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1)]
Value = bool | int | Finite | str | None
"""Of a setting; one that has several parts, such as `resized_crop`, is none to tune."""
Point = dict[str, Value]
"""A value for each setting of a space."""


def _rising(shares: tuple[float, ...]) -> tuple[float, ...]:
    """Refuse shares that are out of order, or twice the same."""
    if list(shares) != sorted(set(shares)):
        raise ValueError("each share has to be larger than the one before it")
    return shares


class Range(Strict):
    """Any number between two, each as likely as another, or, with `log`, each ratio."""

    low: Finite
    high: Finite
    log: bool = False

    @model_validator(mode="after")
    def _has_room(self) -> "Range":
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"log: true needs a low above 0, not {self.low:g}")
        return self

    @property
    def examples(self) -> tuple[float, ...]:
        """Both ends, and a number that is neither round nor whole."""
        return self.low, math.nextafter(self.low, self.high), self.high


Choices = Annotated[tuple[Value, ...], AfterValidator(distinct)]
"""Any of these, each as likely as another."""
Space = dict[str, Range | Choices]
"""By a setting's name."""


class Tuning(Strict):
    """So many trials for each family and stage, at the same points of one space, judged by validation images."""

    trials: Annotated[int, Field(gt=0)]
    space: Space
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1000
    """Of every trial's run, and of the draw of the points; none of the suite's own."""
    halvings: Annotated[tuple[Share, ...], AfterValidator(_rising)] = ()
    """Shares of the budget after which the worse half of the trials is given up; none are where there are none."""
    required: bool = False
    """Whether the suite is refused while it is not tuned; else its recipes stand as written until it is."""

    @field_validator("space")
    @classmethod
    def _known_settings(cls, value: Space) -> Space:
        known = sorted(Settings.model_fields.keys() - NOT_TUNED)
        distinct(tuple(value))
        for name in value:
            if name not in known:
                hint = did_you_mean(name, known)
                raise ValueError(f"{name} is no setting that can be tuned{hint}; allowed: {', '.join(known)}")
        return value

    def examples(self) -> Iterator[tuple[str, Value]]:
        """Values of each setting that a recipe has to take: all choices, and what a range holds."""
        for name, values in self.space.items():
            for value in values.examples if isinstance(values, Range) else values:
                yield name, value

    def drawing(self) -> dict[str, Any]:
        """All that decides which points are drawn."""
        space = {name: _as_json(values) for name, values in self.space.items()}
        return {"space": space, "trials": self.trials, "seed": self.seed}


class ChosenPoint(Strict):
    """What a family trains with in a stage, since it did best in one of its trials."""

    stage: Stage
    family: Literal["vit", "cnn", "hybrid"]
    model: str
    """That the trials were made with."""
    values: Point
    trial: int
    """Its number, from 0."""
    score: float
    """The accuracy on validation images, 0 to 1."""


class ResolvedTuning(Tuning):
    """A tuning with what came of it: a choice for each family and stage, or none as long as one lacks."""

    chosen: tuple[ChosenPoint, ...] = ()

    def exceptions(self, stage: Stage) -> tuple[FamilyException, ...]:
        """The choices as what they are in a recipe."""
        reason = f"tuned: best of {self.trials} trials on validation, equal for all families"
        return tuple(
            FamilyException(family=one.family, set=one.values, reason=reason)
            for one in self.chosen
            if one.stage == stage
        )


def _as_json(values: Range | tuple[Value, ...]) -> Any:
    return values.model_dump() if isinstance(values, Range) else list(values)
