"""What a suite tunes: which settings of its recipes, between which values, and in how many trials.

Every family and stage has the same space, the same number of trials and the same pruning, so none has more to choose
from. `bench.tuning` carries it out. Imports no torch.
"""

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from bench.config.recipe import FamilyException
from bench.config.validation import Strict, distinct
from bench.training.settings import Settings
from models.spec.model_error import did_you_mean

NOT_TUNED = frozenset({"image_size", "micro_batch", "fused", "compile", "channels_last"})
"""Settings that would change what is compared, or change only how it is computed."""

Stage = Literal["pretrain", "transfer"]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1)]
Value = bool | int | Finite | str | None
"""A setting's value; settings with several parts, such as `resized_crop`, can't be tuned."""
Point = dict[str, Value]
"""A value for each setting of a space."""


def _rising(shares: tuple[float, ...]) -> tuple[float, ...]:
    """Refuse shares that are out of order or stand twice."""
    if list(shares) != sorted(set(shares)):
        raise ValueError("each share has to be larger than the one before it")
    return shares


class Range(Strict):
    """Any number between two; each number is equally likely or, with `log`, each ratio."""

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
        """Both ends, and a number that is not an integer."""
        return self.low, math.nextafter(self.low, self.high), self.high


Choices = Annotated[tuple[Value, ...], AfterValidator(distinct)]
"""Any of these values, each equally likely."""
Space = dict[str, Range | Choices]
"""Setting -> its values."""


class Tuning(Strict):
    """Trials of each family and stage, at the same points of one space, judged by validation images."""

    trials: Annotated[int, Field(gt=0)]
    space: Space
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1000
    """The seed of every trial's run and of the points; none of the suite's seeds."""
    halvings: Annotated[tuple[Share, ...], AfterValidator(_rising)] = ()
    """Shares of the budget after which the worse half of the trials is pruned."""
    required: bool = False
    """Whether an untuned suite is refused; otherwise it runs with its recipes as written."""

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
        """Yield values of each setting that every recipe must take: all choices, and examples of a range."""
        for name, values in self.space.items():
            for value in values.examples if isinstance(values, Range) else values:
                yield name, value


class ChosenPoint(Strict):
    """The point that a family trains with in a stage, since its trial was the best."""

    stage: Stage
    family: Literal["vit", "cnn", "hybrid"]
    model: str
    """The model of the trials."""
    values: Point
    trial: int
    """The trial's number, from 0."""
    score: float
    """Accuracy on validation images, 0 to 1."""


class ResolvedTuning(Tuning):
    """A tuning with its choices: one for each family and stage, or none until every study is complete."""

    chosen: tuple[ChosenPoint, ...] = ()

    def exceptions(self, stage: Stage) -> tuple[FamilyException, ...]:
        """Return a stage's choices as the exceptions that they are in a recipe."""
        reason = f"tuned: best of {self.trials} trials on validation, equal for all families"
        return tuple(
            FamilyException(family=choice.family, set=choice.values, reason=reason)
            for choice in self.chosen
            if choice.stage == stage
        )
