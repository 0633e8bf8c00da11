"""Studies: each family is tuned in each stage, by runs of its first model or of members of its size class.

A trial is judged only by validation images, and its runs never read test images. It uses the tuning's seed and the
suite's budget of the stage, or a share of that budget before pruning. Imports no torch.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pydantic import ValidationError

from bench.config.external_weights import ExternalModel
from bench.config.recipe import FamilyException, RecipeStage
from bench.config.resolved import ResolvedSuite, ResolvedTarget
from bench.config.search_space import Point
from bench.config.target_choice import all_kinds
from bench.errors import InputError
from bench.plan.expand import Start, pretrain_run, scratch_run, transfer_run
from bench.plan.run import Run
from models.spec.families import Family
from models.spec.model_spec import parse_spec


@dataclass(frozen=True)
class Study:
    """One family in one stage."""

    stage: RecipeStage
    family: str
    model: str
    """First model of the family in the suite; the choice applies to all models of the family."""
    members: tuple[str, ...] = ()
    """Models among which the trials choose, if not the first model alone."""
    external: ExternalModel | None = None
    """External weights that the model starts from."""
    pretrained: bool = True
    """Whether the suite has a corpus; without a corpus, the pretraining recipe is tuned by training from scratch."""

    def model_of(self, number: int) -> str:
        """Return the model of a trial by its number; members take turns."""
        return self.members[number % len(self.members)] if self.members else self.model

    def __str__(self) -> str:
        """Return the study's name, such as `vit pretrain`."""
        return f"{self.family} {self.stage}"


def studies_of(suite: ResolvedSuite) -> tuple[Study, ...]:
    """Return the studies of all families in all stages that they train in, pretraining first.

    Raises:
        InputError: no model is trained in any stage, or a stage has no target for trials.
    """
    initial, external = suite.first_models, _first_external(suite)
    members = suite.tuning.members if suite.tuning is not None else {}
    studies = [
        Study("pretrain", family, model, members.get(family, ()), pretrained=bool(suite.corpora))
        for family, model in initial.items()
    ]
    if "fine-tune" in all_kinds(suite.targets, suite.transfers):
        for family in {**initial, **external}:
            if family in initial and suite.corpora:
                studies.append(Study("transfer", family, initial[family]))
            elif family in external:
                studies.append(Study("transfer", family, external[family].bare_model, external=external[family]))
    if not studies:
        raise InputError(f"suite {suite.name}: tuning: no model is trained, so there is nothing to tune")
    for study in studies:
        if not (study.stage == "pretrain" and study.pretrained) and not _targets(suite, study):
            raise InputError(
                f"suite {suite.name}: tuning: {study} needs a target that is not optional, and on which its models are "
                "trained in this stage"
            )
    return tuple(studies)


def trial_runs(suite: ResolvedSuite, study: Study, point: Point, share: float, start: Run | None) -> tuple[Run, ...]:
    """Return the runs of one trial: one run per target, or one pretraining.

    Args:
        suite: the suite with its recipes as written.
        study: the study of the trial, with the trial's model.
        point: the trial's settings.
        share: the share of the suite's budget, above 0 and at most 1.
        start: the chosen pretraining, which a transfer starts from.
    """
    assert suite.tuning is not None, "the suite asks for no tuning"
    runs = _runs(_with_point(suite, study, point), study, suite.tuning.seed, share, start)
    return tuple(replace(run, tests=False) if run.target is not None else run for run in runs)


def in_words(point: Point) -> str:
    """Return a point in words, such as `learning_rate 0.002, weight_decay 0.05`."""
    return ", ".join(f"{name} {'none' if value is None else value}" for name, value in point.items())


def _runs(suite: ResolvedSuite, study: Study, seed: int, share: float, start: Run | None) -> Iterator[Run]:
    if study.stage == "pretrain" and study.pretrained:
        ladder = suite.corpora[0]
        yield pretrain_run(suite, study.model, ladder, ladder.rungs[-1], seed, share)
        return
    for target in _targets(suite, study):
        if study.stage == "pretrain":
            yield scratch_run(suite, study.model, target, seed, share)
        else:
            starting_point = Start(study.model, seed, pretraining=start, external=study.external)
            yield transfer_run(suite, starting_point, target, share)


def _targets(suite: ResolvedSuite, study: Study) -> list[ResolvedTarget]:
    """Return the targets of a study; no optional ones, since the choice must not depend on which data is present."""
    row = "external" if study.external else "ladder" if suite.corpora else "scratch"
    is_transfer = study.stage == "transfer"
    return [
        target
        for target in suite.targets
        if not target.optional
        and target.has(row)
        and not (is_transfer and "fine-tune" not in target.kinds(suite.transfers))
    ]


def _with_point(suite: ResolvedSuite, study: Study, point: Point) -> ResolvedSuite:
    """Return the suite with a point as its recipe's last exception, like a choice.

    Raises:
        InputError: the recipe does not accept the point.
    """
    recipe = suite.recipes[study.stage]
    trial = FamilyException.model_validate({"family": study.family, "set": point, "reason": "a trial of the tuning"})
    changed = recipe.model_copy(update={"exceptions": (*recipe.exceptions, trial)})
    try:
        changed.for_family(study.family)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InputError(
            f"tuning.space: {in_words(point)} cannot be combined in recipe {recipe.name}: {reason}"
        ) from None
    return suite.model_copy(update={"recipes": suite.recipes | {study.stage: changed}})


def _first_external(suite: ResolvedSuite) -> dict[Family, ExternalModel]:
    """Return each family's first model with external weights."""
    first: dict[Family, ExternalModel] = {}
    for external in suite.external_weights:
        first.setdefault(parse_spec(external.model).family, external)
    return first
