"""The search space of a suite's tuning: the tuned settings, their values, and the number of trials.

Every family and stage has the same space, number of trials and pruning, so that no family has an advantage.
`bench.tuning` runs the trials. Imports no torch.
"""

import math
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator, model_validator

from bench.config.recipe import FamilyException, RecipeStage
from bench.config.validation import ModelName, Strict, distinct
from bench.training.settings import NUMBER, Settings
from models.spec.families import Family
from models.spec.model_error import did_you_mean

NOT_TUNED = frozenset({"image_size", "micro_batch", "fused", "compile", "channels_last"})
"""Settings that cannot be tuned: they change what is compared, or only how it is computed."""

Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, NUMBER, Field(gt=0, lt=1)]
Value = bool | int | Finite | str | None
"""A setting's value; settings with several parts, such as `resized_crop`, can't be tuned."""
Point = dict[str, Value]
"""One value per setting of a space."""


def _rising(shares: tuple[float, ...]) -> tuple[float, ...]:
    """Return the shares; refuse shares that do not increase."""
    if list(shares) != sorted(set(shares)):
        raise ValueError("each share has to be larger than the one before it")
    return shares


class Range(Strict):
    """A range of numbers; all numbers are equally likely or, with `log`, all ratios."""

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
        """Both ends, and the smallest number above the low end, so that a float between them is tried."""
        return self.low, math.nextafter(self.low, self.high), self.high


Choices = Annotated[tuple[Value, ...], AfterValidator(distinct)]
"""A list of values, each equally likely."""
Members = Annotated[tuple[ModelName, ...], AfterValidator(distinct)]
"""Models of one family."""
Space = dict[str, Range | Choices]
"""Setting -> its range or choices."""


class Tuning(Strict):
    """Trials of each family and stage, at the same points of one space, judged by validation images."""

    trials: Annotated[int, NUMBER, Field(gt=0, le=10_000)]
    space: Space
    seed: Annotated[int, NUMBER, Field(ge=0, lt=2**31)] = 1000
    """Seed of the points and of every trial's runs; it must not be one of the suite's seeds."""
    halvings: Annotated[tuple[Share, ...], AfterValidator(_rising)] = ()
    """Shares of the budget, each followed by pruning the worse half of the trials."""
    members: dict[Family, Members] = Field(default_factory=dict)
    """Models of one size class, by family, among which the trials of pretraining choose."""
    required: bool = False
    """Whether `bench run` refuses the suite before it is tuned; otherwise it uses the recipes as written."""

    @field_validator("space")
    @classmethod
    def _known_settings(cls, value: Space) -> Space:
        known = sorted(Settings.model_fields.keys() - NOT_TUNED)
        distinct(tuple(value))
        for name in value:
            if name not in known:
                hint = did_you_mean(name, known)
                raise ValueError(f"{name} is not a setting that can be tuned{hint}; allowed: {', '.join(known)}")
        return value

    def examples(self) -> Iterator[tuple[str, Value]]:
        """Yield values of each setting that every recipe must take: all choices, and examples of a range."""
        for name, values in self.space.items():
            for value in values.examples if isinstance(values, Range) else values:
                yield name, value


def members_of(tuning: Tuning | None) -> tuple[str, ...]:
    """Return the members of all families; none without a tuning."""
    return tuple(member for members in tuning.members.values() for member in members) if tuning is not None else ()


class ChosenPoint(Strict):
    """The point of the best trial of a family in a stage."""

    stage: RecipeStage
    family: Family
    model: str
    """Model of the trial."""
    values: Point
    trial: int
    """Number of the trial, from 0."""
    score: float
    """Accuracy on validation images, 0 to 1."""


class ResolvedTuning(Tuning):
    """A tuning with its choices: one per family and stage, or none until every study is complete."""

    chosen: tuple[ChosenPoint, ...] = ()

    def exceptions(self, stage: RecipeStage) -> tuple[FamilyException, ...]:
        """Return a stage's choices as exceptions of its recipe."""
        reason = f"tuned: best of {self.trials} trials on validation, equal for all families"
        return tuple(
            FamilyException(family=choice.family, set=choice.values, reason=reason)
            for choice in self.chosen
            if choice.stage == stage
        )
