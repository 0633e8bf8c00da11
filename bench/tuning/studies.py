"""What is tuned: each family in each stage, by runs of one of its models. Imports no torch.

A trial is judged by validation images alone: its runs never read those of a test. It trains with the tuning's own
seed, and with what the suite gives to every run of its stage, or with a share of that before trials are given up.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pydantic import ValidationError

from bench.config.external_weights import ExternalModel
from bench.config.recipe import FamilyException
from bench.config.resolved import ResolvedSuite
from bench.config.search_space import Point, Stage
from bench.errors import InputError
from bench.plan.expand import Start, pretrain_run, scratch_run, transfer_run
from bench.plan.run import Run
from models.spec.model_spec import parse_spec


@dataclass(frozen=True)
class Study:
    """One family in one stage."""

    stage: Stage
    family: str
    model: str
    """The first of its family in the suite; all others of the family train with what is chosen by it."""
    external: ExternalModel | None = None
    """Where the model starts from external weights."""
    pretrained: bool = True
    """Whether there is a corpus to pretrain on; else pretraining's recipe is tuned from scratch."""

    def __str__(self) -> str:
        """For people: `vit pretrain`."""
        return f"{self.family} {self.stage}"


def studies_of(suite: ResolvedSuite) -> tuple[Study, ...]:
    """Every family in every stage that it trains in: pretraining first, since transfers start from what it chose.

    Raises:
        InputError: no model is trained in any stage.
    """
    own, external = _own_models(suite), _external_models(suite)
    found = [Study("pretrain", family, model, pretrained=bool(suite.corpora)) for family, model in own.items()]
    if "fine-tune" in suite.transfers:
        for family in {**own, **external}:
            if family in own and suite.corpora:
                found.append(Study("transfer", family, own[family]))
            elif family in external:
                found.append(Study("transfer", family, external[family].bare_model, external[family]))
    if not found:
        raise InputError(f"suite {suite.name}: tuning: no model is trained, so there is nothing to tune")
    return tuple(found)


def trial_runs(suite: ResolvedSuite, study: Study, point: Point, share: float, start: Run | None) -> tuple[Run, ...]:
    """The runs of one trial, for a share of the budget: one a target, or one of pretraining.

    Args:
        suite: with its recipes as written.
        start: the chosen pretraining, which a transfer starts from.
    """
    asked = _with_point(suite, study, point)
    assert suite.tuning is not None, "the suite asks for no tuning"
    runs = _runs(asked, study, suite.tuning.seed, share, start)
    return tuple(replace(run, tests=False) if run.target is not None else run for run in runs)


def in_words(point: Point) -> str:
    """Such as `learning_rate 0.002, weight_decay 0.05`."""
    return ", ".join(f"{name} {'none' if value is None else value}" for name, value in point.items())


def _runs(suite: ResolvedSuite, study: Study, seed: int, share: float, start: Run | None) -> Iterator[Run]:
    if study.stage == "pretrain" and study.pretrained:
        ladder = suite.corpora[0]
        yield pretrain_run(suite, study.model, ladder, ladder.rungs[-1], seed, share)
        return
    for target in suite.targets:
        if target.optional:  # whether its data is there must not decide what is chosen
            continue
        if study.stage == "pretrain":
            yield scratch_run(suite, study.model, target, seed, share)
        else:
            begun = Start(study.model, seed, pretraining=start, external=study.external)
            yield transfer_run(suite, begun, target, share)


def _with_point(suite: ResolvedSuite, study: Study, point: Point) -> ResolvedSuite:
    """The suite with a point in its recipe, as what is chosen will stand there; InputError where it doesn't fit."""
    recipe = suite.recipes[study.stage]
    own = FamilyException.model_validate({"family": study.family, "set": point, "reason": "a trial of the tuning"})
    tried = recipe.model_copy(update={"exceptions": (*recipe.exceptions, own)})
    try:
        tried.for_family(study.family)
    except ValidationError as error:
        what = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InputError(
            f"tuning.space: {in_words(point)} do not go together in recipe {recipe.name}: {what}"
        ) from None
    return suite.model_copy(update={"recipes": suite.recipes | {study.stage: tried}})


def _own_models(suite: ResolvedSuite) -> dict[str, str]:
    """Of each family the first model that is trained from random initial weights; ablation arms come last."""
    external = {one.model for one in suite.external_weights}
    found: dict[str, str] = {}
    for model in suite.trained_models:
        if model not in external:
            found.setdefault(parse_spec(model).family, model)
    return found


def _external_models(suite: ResolvedSuite) -> dict[str, ExternalModel]:
    """Of each family the first model that starts from external weights."""
    found: dict[str, ExternalModel] = {}
    for one in suite.external_weights:
        found.setdefault(parse_spec(one.bare_model).family, one)
    return found
