"""The resolved suite, which depends on no defaults, files or machine; stores contain it, and plans are made from it.

`resolve` makes it from a suite file. Imports no torch.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench import PROTOCOL_VERSION
from bench.analysis.targets import base
from bench.config.external_weights import SOURCES, ExternalModel, check_classes, check_external, external_models
from bench.config.ladder import ResolvedLadder, resolve_ladder
from bench.config.recipe import Recipe, RecipeStage, load_recipe
from bench.config.search_space import ChosenPoint, ResolvedTuning, members_of
from bench.config.suite import RecipeException, Suite, SuiteFields
from bench.config.target_choice import TargetChoice
from bench.config.validation import Strict
from bench.data.catalogue import CATALOGUE
from bench.data.formula import check_image_size
from bench.data.presence import is_present
from bench.data.sources.listing import follow_links
from bench.data.target import check_target, num_classes, target_identity
from bench.errors import InputError
from bench.machine.device import Device, Precision
from bench.training.settings import Settings
from models.spec.geometry import check
from models.spec.model_spec import SpecError, parse_spec


class ResolvedTarget(TargetChoice):
    """A target with the identity of its data, which has no paths."""

    identity: dict[str, Any]


class ResolvedException(Strict):
    """The recipes of one model that differ from those of all other models, in full."""

    model: str
    recipes: dict[RecipeStage, Recipe]
    reason: str


class ResolvedSuite(SuiteFields):
    """A suite that depends on no files and on no machine."""

    name: str
    protocol: int
    """Version of `docs/protocol.md` that the runs follow."""
    corpora: tuple[ResolvedLadder, ...]
    targets: tuple[ResolvedTarget, ...]
    seeds: tuple[int, ...]
    recipes: dict[RecipeStage, Recipe]
    recipe_exceptions: tuple[ResolvedException, ...]
    external_weights: tuple[ExternalModel, ...]
    """Models that start from external weights, with the identity of the weights."""
    tuning: ResolvedTuning | None
    """Tuning; its choices are also in the recipes."""
    precision: Precision
    device: Device

    def recipe_of(self, model: str, stage: RecipeStage) -> Recipe:
        """Return the recipe of a model in a stage."""
        exceptions = (exception.recipes for exception in self.recipe_exceptions if exception.model == model)
        return next(exceptions, {}).get(stage, self.recipes[stage])

    def untuned(self) -> "ResolvedSuite":
        """Return the suite with its recipes as written."""
        return self.tuned(()) if self.tuning is not None else self

    def tuned(self, chosen: tuple[ChosenPoint, ...]) -> "ResolvedSuite":
        """Return the suite with chosen points as its recipes' last exceptions, instead of the earlier choice."""
        assert self.tuning is not None, "the suite asks for no tuning"
        before, after = self.tuning, self.tuning.model_copy(update={"chosen": chosen})
        recipes = {}
        for stage, recipe in self.recipes.items():
            written = recipe.exceptions[: len(recipe.exceptions) - len(before.exceptions(stage))]
            recipes[stage] = recipe.model_copy(update={"exceptions": (*written, *after.exceptions(stage))})
        return self.model_copy(update={"recipes": recipes, "tuning": after})


def resolve(name: str, suite: Suite, *, device: Device, data_dir: Path, seed_offset: int = 0) -> ResolvedSuite:
    """Return a suite with its recipes, the identity of its data and the machine's settings filled in.

    Args:
        name: the suite's name.
        suite: the suite as written.
        device: the device of its runs.
        data_dir: the folder of the data sets.
        seed_offset: added to every seed.

    Raises:
        InputError: a recipe is unknown, a subset is larger than its corpus, data of a target that is not optional
            is missing, or a model of another library is not available.
    """
    if suite.follow_links:
        follow_links()
    _check_drawn_size(suite)
    tried = (*suite.trained_models, *members_of(suite.tuning))
    own_weights = [model for model in tried if not parse_spec(model).has_external_weights]
    check_external(own_weights, suite.image_size)
    resolved = ResolvedSuite(
        **{field: getattr(suite, field) for field in SuiteFields.model_fields},
        name=name,
        protocol=PROTOCOL_VERSION,
        corpora=tuple(resolve_ladder(ladder, data_dir) for ladder in suite.corpus),
        targets=tuple(_resolve_target(choice, data_dir, carved=suite.carve) for choice in suite.targets),
        seeds=tuple(seed + seed_offset for seed in suite.seeds),
        recipes={"pretrain": load_recipe(suite.recipes.pretrain), "transfer": load_recipe(suite.recipes.transfer)},
        recipe_exceptions=tuple(map(_resolve_exception, suite.recipes.exceptions)),
        precision=suite.precision_on(device),
        device=device,
        external_weights=external_models(suite.models, suite.image_size),
        tuning=ResolvedTuning(**dict(suite.tuning)) if suite.tuning is not None else None,
    )
    _refuse_same_data("targets", [(base(target.target), target.identity) for target in resolved.targets])
    _refuse_same_data("corpus", [(ladder.corpus.name, ladder.identity) for ladder in resolved.corpora])
    _check_groups(resolved)
    _check_sizes_of_recipes(resolved)
    _check_batches(resolved)
    for target in resolved.targets:
        as_it_is = target.has("external") and "none" in target.kinds(resolved.transfers)
        if as_it_is and is_present(target.ref.name, target.ref.path, data_dir):
            classes = num_classes(target.ref, data_dir)
            check_classes(resolved.external_weights, resolved.image_size, target.target, classes)
    if resolved.tuning is not None:
        _check_tuning(resolved, resolved.tuning)
    return resolved


def _refuse_same_data(field: str, named: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Refuse the same images under two names, such as a folder and a link to it: they would count twice."""
    names: dict[str, str] = {}
    for name, identity in named:
        content = identity.get("fingerprint")
        if content is not None and names.setdefault(content, name) != name:
            raise InputError(f"{field}: {names[content]} and {name} hold the same images; leave one of them")


def _check_groups(suite: ResolvedSuite) -> None:
    """Refuse other groups for slices of one target, and a corpus whose images a target splits by groups."""
    groups: dict[str, str | None] = {}
    for target in suite.targets:
        if groups.setdefault(base(target.target), target.groups) != target.groups:
            raise InputError(
                f"targets: slices of {base(target.target)} share test images; give all of them equal groups"
            )
    grouped = {target.identity.get("fingerprint"): target.target for target in suite.targets if target.groups}
    for ladder in suite.corpora:
        content = ladder.identity.get("fingerprint")
        if content is not None and content in grouped:
            raise InputError(
                f"corpus: {ladder.corpus.name} has the images of the target {grouped[content]}. A corpus is not split "
                "by groups, so test images could be pretrained on; use another corpus, or leave groups out"
            )


def _check_drawn_size(suite: Suite) -> None:
    """Refuse an image size at which the suite's corpora or targets can't be drawn."""
    if any(ladder.corpus.formula for ladder in suite.corpus):
        check_image_size(suite.image_size)
    names = {ladder.corpus.name for ladder in suite.corpus} | {
        choice.target.partition("@")[0] for choice in suite.targets
    }
    for name in names & CATALOGUE.keys():
        CATALOGUE[name].check_size(suite.image_size)


def _resolve_target(choice: TargetChoice, data_dir: Path, *, carved: bool) -> ResolvedTarget:
    ref = choice.ref
    if not choice.optional:
        check_target(ref, data_dir, carved=carved)
    return ResolvedTarget(**dict(choice), identity=target_identity(ref, data_dir, carved=carved))


def _resolve_exception(exception: RecipeException) -> ResolvedException:
    names = {"pretrain": exception.pretrain, "transfer": exception.transfer}
    recipes = {stage: load_recipe(name) for stage, name in names.items() if name is not None}
    return ResolvedException(model=exception.model, recipes=recipes, reason=exception.reason)


def _check_sizes_of_recipes(suite: ResolvedSuite) -> None:
    """Refuse a recipe's image size if a model can't be built for it."""
    for model in (*suite.trained_models, *members_of(suite.tuning)):
        for stage in suite.recipes:
            recipe = suite.recipe_of(model, stage)
            image_size = recipe.for_family(parse_spec(model).family).image_size
            try:
                check(parse_spec(model), image_size or suite.image_size)
                if image_size:
                    check_external([model], image_size)
            except (SpecError, InputError) as error:
                raise InputError(f"recipe {recipe.name}: image_size {image_size}: model {model}: {error}") from None


def _check_batches(suite: ResolvedSuite) -> None:
    """Refuse batches and micro-batches of one image, of the recipes or the tuning, for networks with BatchNorm."""
    tuned = {value for name, value in suite.tuning.examples() if name == "batch_size"} if suite.tuning else ()
    refused: dict[str, list[str]] = {}
    models = dict.fromkeys((*suite.trained_models, *members_of(suite.tuning)))
    for model, stage in product(models, suite.recipes):
        recipe, spec = suite.recipe_of(model, stage), parse_spec(model)
        settings = recipe.for_family(spec.family)
        where = f"recipe {recipe.name}: " + ("batch_size" if settings.batch_size == 1 else "micro_batch")
        if 1 in tuned:
            where = "tuning.space.batch_size"
        elif 1 not in (settings.batch_size, settings.micro_batch):
            continue
        from models.batch_norm import fewest_images  # imports torch, which few suites need here

        if fewest_images(str(spec.without(*SOURCES)), settings.image_size or suite.image_size) > 1:
            refused.setdefault(where, []).append(model)
    for where, of_batch in refused.items():
        names = ", ".join(dict.fromkeys(of_batch))
        raise InputError(f"{where}: 1: BatchNorm needs two images or more at a time; it is part of {names}")


def _check_tuning(suite: ResolvedSuite, tuning: ResolvedTuning) -> None:
    """Refuse a tuning with one of the suite's seeds, or with values that a recipe does not accept."""
    if tuning.seed in suite.seeds:
        raise InputError(
            f"tuning.seed {tuning.seed} is one of the suite's seeds, and nothing may be chosen by their results; "
            "choose another seed, or another --seed-offset if one is given"
        )
    families = dict.fromkeys(parse_spec(model).family for model in suite.trained_models)
    for recipe, family, (name, value) in product(suite.recipes.values(), families, tuning.examples()):
        try:
            Settings.model_validate(recipe.for_family(family).model_dump() | {name: value})
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise InputError(f"tuning.space.{name}: {value!r} is not valid in recipe {recipe.name}: {reason}") from None
