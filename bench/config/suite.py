"""The suite file in YAML: models, data, budgets and seeds; a wrong file is refused with a clear error.

`bench.config.resolved` fills in everything that a suite file leaves out. Imports no torch.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from bench.config.custom_claims import CustomClaim, check_claim
from bench.config.ladder import Ladder, Subset
from bench.config.search_space import Tuning, members_of
from bench.config.target_choice import TargetChoice, Transfer, all_kinds, check_rows
from bench.config.trait_names import TraitName
from bench.config.validation import ModelName, Strict, distinct, explain
from bench.config.yaml_file import name_of, path_of, read_yaml
from bench.data.corpus import FORMULAS
from bench.data.dataset import OnBadImage, WantedPipeline
from bench.errors import InputError
from bench.machine.device import Device, Precision
from bench.training.settings import NUMBER, ImageSize
from models.spec.families import Family
from models.spec.geometry import check
from models.spec.model_spec import SpecError, parse_spec
from models.spec.size_classes import Measure

SUITES = Path(__file__).parent / "suites"
EXAMPLES = {"flops": "1e12, transfer: 1e11", "seconds": "60, transfer: 10", "images": "16384, transfer: 2048"}
MAX_IMAGES = 10**12
Positive = Annotated[int, NUMBER, Field(gt=0, le=MAX_IMAGES)]
Seed = Annotated[int, NUMBER, Field(ge=0, lt=2**31)]
Match = Literal["images", "flops", "seconds"]
"""Name of the amount of training that is equal for all models."""


class Images(Strict):
    """Number of images seen in each stage; training from scratch sees the sum of both."""

    pretrain: Positive = 16384
    transfer: Annotated[int, NUMBER, Field(ge=0, le=MAX_IMAGES)] = 2048


class Amounts(Strict):
    """Training FLOPs or seconds of each stage; training from scratch gets the sum of both."""

    pretrain: Annotated[float, NUMBER, Field(gt=0, le=1e30)]
    transfer: Annotated[float, NUMBER, Field(ge=0, le=1e30)]


class RecipeException(Strict):
    """The recipes of one model that differ from those of all other models, and the reason."""

    model: ModelName
    pretrain: str | None = None
    transfer: str | None = None
    reason: Annotated[str, Field(min_length=10)]


class RecipeNames(Strict):
    """The recipe of each stage; training from scratch uses the pretraining recipe."""

    pretrain: str = "small"
    transfer: str = "small"
    exceptions: tuple[RecipeException, ...] = ()

    @field_validator("exceptions")
    @classmethod
    def _one_per_model(cls, value: tuple[RecipeException, ...]) -> tuple[RecipeException, ...]:
        distinct(tuple(exception.model for exception in value), may_be_empty=True)
        return value


class Ablation(Strict):
    """Arms that differ in one property, and the reference arm that the others are compared with.

    Each arm is pretrained on the largest subset of the first ladder, or trained from scratch if there is no ladder.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    reference: str
    pretrained: bool = True
    """If false, arms train from scratch although there is a ladder, with the budget of a transfer."""
    arms: Annotated[dict[str, ModelName], Field(min_length=2)]

    @field_validator("arms")
    @classmethod
    def _grid(cls, value: dict[str, str]) -> dict[str, str]:
        distinct(tuple(value.values()))
        for arm, model in value.items():
            if parse_spec(model).has_external_weights:
                raise ValueError(
                    f"arm {arm!r} is {model}; arms are pretrained on the suite's corpus, so external weights can't be "
                    "one; list it under models"
                )
        return value

    @model_validator(mode="after")
    def _reference_is_an_arm(self) -> "Ablation":
        if self.reference not in self.arms:
            raise ValueError(f"reference {self.reference!r} is not an arm; allowed: {', '.join(self.arms)}")
        return self


class BudgetFactors(Strict):
    """Multiples of pretraining's budget, for every model at one rung of the first ladder."""

    subset: Subset
    factors: tuple[Annotated[float, NUMBER, Field(gt=0, le=1e6)], ...]

    @field_validator("factors")
    @classmethod
    def _grid(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if 1 not in value:
            raise ValueError("the factor 1, which the others are compared with, is missing")
        return distinct(value)


def _is_empty(value: tuple[Any, ...]) -> bool:
    return not value


class SuiteFields(Strict):
    """The fields of a suite file that resolving leaves as they are."""

    description: str = ""
    limits: str = ""
    """Text about this suite's difficulty and budget for the report's paragraph on limits."""
    image_size: ImageSize = 32
    models: tuple[ModelName, ...]
    images: Images = Images()
    match: Match = "images"
    """Name of the amount that is equal for all models; the field with this name has the budget."""
    flops: Amounts | None = None
    seconds: Amounts | None = None
    transfers: tuple[Transfer, ...] = ("fine-tune",)
    shots: tuple[Positive, ...] = (1, 5, 10, 25)
    """Numbers of training images per class of k-shot probes."""
    draws: Annotated[int, NUMBER, Field(gt=0, le=1000)] = 3
    """Number of draws per number of shots and seed."""
    carve: bool = True
    """Whether targets exclude validation images from training; false is allowed only if nothing is chosen by them."""
    deterministic: bool = False
    """Whether runs on CUDA repeat bit for bit, which costs speed; runs on a CPU always do."""
    from_scratch: bool = True
    scratch_seeds: Positive | None = None
    """Number of seeds, from the first, that also train from scratch; by default all."""
    ablations: tuple[Ablation, ...] = ()
    budgets: BudgetFactors | None = None
    claims: tuple[CustomClaim, ...] = ()
    """Custom claims, judged together with the claims of the literature; they change no run."""
    looks: tuple[Positive, ...] = ()
    """Numbers of seeds at which claims are judged; by default once, at all seeds. They change no run."""
    traits: Annotated[tuple[TraitName, ...], Field(exclude_if=_is_empty)] = ()
    """Traits that `bench run` measures of finished runs; they change no run. An empty field is not written, so that
    stores from before it keep their bytes."""
    pipeline: WantedPipeline = "auto"
    """Pipeline that brings images to the device; `auto` decides by size and memory. No result depends on it."""
    on_bad_image: OnBadImage = "fail"
    """Whether a run fails at an image that cannot be read, or skips and counts it."""
    size_class: Measure | None = None
    """Measure of size by which each model must have a partner in each other family."""
    threads: Annotated[int, NUMBER, Field(gt=0, le=1024)] = 1
    """Number of threads per run on a CPU; sums depend on it, so it is part of a run's key."""

    @property
    def trained_models(self) -> tuple[str, ...]:
        """The models and the arms of all ablations."""
        return (*self.models, *(model for ablation in self.ablations for model in ablation.arms.values()))

    @property
    def first_models(self) -> dict[Family, str]:
        """Each family's first model that starts from random weights."""
        first: dict[Family, str] = {}
        for spec in map(parse_spec, self.trained_models):
            if not spec.has_external_weights:
                first.setdefault(spec.family, str(spec))
        return first


class Suite(SuiteFields):
    """A suite file as written, with its defaults."""

    corpus: tuple[Ladder, ...]
    """Ladders; empty if nothing is pretrained."""
    targets: tuple[TargetChoice, ...]
    seeds: tuple[Seed, ...] = (0, 1, 2)
    recipes: RecipeNames = RecipeNames()
    follow_links: bool = False
    """Whether files outside a data set's folder are read if links in it lead there."""
    tuning: Tuning | None = None
    """Search for settings per family, which replace the recipes' settings."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Precision of training; `auto` is bf16 on CUDA and fp32 on a CPU."""

    def precision_on(self, device: Device) -> Precision:
        """Return the precision of the suite's runs on a device."""
        if self.precision == "auto":
            return "bf16" if device == "cuda" else "fp32"
        return self.precision

    @model_validator(mode="before")
    @classmethod
    def _one_ladder_or_many(cls, value: Any) -> Any:
        """Turn `corpus: NAME` and `subsets` into a list of one ladder."""
        if not isinstance(value, dict) or isinstance(value.get("corpus"), list):
            return value
        short = {key: value[key] for key in Ladder.model_fields if key in value}
        rest = {key: item for key, item in value.items() if key not in short}
        return rest | ({"corpus": [short]} if short else {})

    @field_validator("targets", mode="before")
    @classmethod
    def _targets_by_name(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return [{"target": item} if isinstance(item, str) else item for item in value]

    @field_validator("corpus", "models", "targets", "seeds", "transfers", "shots", "ablations", "claims", "traits")
    @classmethod
    def _grids(cls, value: tuple[Any, ...], info: Any) -> tuple[Any, ...]:
        names = {"targets": "target", "ablations": "name", "claims": "id"}
        name = names.get(info.field_name)
        may_be_empty = info.field_name in ("ablations", "corpus", "claims", "traits")
        distinct(tuple(getattr(item, name) for item in value) if name else value, may_be_empty=may_be_empty)
        return value

    @model_validator(mode="after")
    def _fields_go_together(self) -> "Suite":
        for check_fields in (
            _check_models,
            _check_budget,
            check_rows,
            _check_stages,
            _check_scratch_seeds,
            _check_exceptions,
            _check_tuning,
            _check_members,
            _check_looks,
        ):
            check_fields(self)
        for claim in self.claims:
            check_claim(claim, self)
        return self


def _check_models(suite: Suite) -> None:
    """Refuse a model that can't be built for the image size."""
    for model in (*suite.trained_models, *members_of(suite.tuning)):
        try:
            check(parse_spec(model), suite.image_size)
        except SpecError as error:
            raise ValueError(f"model {model}: {error}") from None


def _check_budget(suite: Suite) -> None:
    """Refuse a missing budget, and budgets of other amounts than `match`."""
    given = [name for name in ("images", "flops", "seconds") if name in suite.model_fields_set]
    if others := [name for name in given if name != suite.match]:
        raise ValueError(f"match: {suite.match} takes its budget from `{suite.match}`; leave out {', '.join(others)}")
    budget = getattr(suite, suite.match)
    if budget is None:
        example = EXAMPLES[suite.match]
        raise ValueError(f"match: {suite.match} needs a budget, such as {suite.match}: {{pretrain: {example}}}")
    if _starts(suite) and "fine-tune" in all_kinds(suite.targets, suite.transfers) and budget.transfer == 0:
        raise ValueError(f"{suite.match}.transfer is 0, but models are fine-tuned; give it a number above 0")
    rungs = suite.corpus[0].subsets if suite.corpus else ()
    if suite.budgets is not None and suite.budgets.subset not in rungs:
        allowed = ", ".join(map(str, rungs)) or "none, since nothing is pretrained"
        raise ValueError(f"budgets.subset {suite.budgets.subset} is not a rung; allowed: {allowed}")


def _check_stages(suite: Suite) -> None:
    """Refuse a suite that trains nothing, uses `generated` without fractals, or probes without validation images."""
    bare = [model for model in suite.trained_models if not parse_spec(model).has_external_weights]
    if not suite.corpus and not suite.from_scratch and bare:
        raise ValueError("corpus is empty and from_scratch is false, so nothing is trained; set one of them")
    if suite.pipeline == "generated" and not any(ladder.corpus.formula for ladder in suite.corpus):
        drawn = " or ".join(FORMULAS)
        raise ValueError(f"pipeline generated draws the corpus {drawn}, and this suite has neither; use streaming")
    as_they_are = [choice for choice in suite.targets if "none" in choice.kinds(suite.transfers)]
    if bare and any(choice.rows != ("external",) for choice in as_they_are):
        raise ValueError(
            f"transfers: none evaluates weights as they are, but {bare[0]} has none; give it weights=FILE, leave "
            "one of the two out, or give the target `rows: [external]`"
        )
    kinds_of_all = all_kinds(suite.targets, suite.transfers)
    if not suite.carve and (probes := [kind for kind in kinds_of_all if kind not in ("fine-tune", "none")]):
        kinds = " and ".join(probes)
        raise ValueError(f"carve: false leaves no validation images, but {kinds} probes need them")


def _starts(suite: Suite) -> bool:
    """Return whether a model starts from pretrained or external weights."""
    return bool(suite.corpus) or any(parse_spec(model).has_external_weights for model in suite.models)


def _check_scratch_seeds(suite: Suite) -> None:
    """Refuse a number of seeds from scratch that the suite does not have, or that would limit all of its rows."""
    if suite.scratch_seeds is None:
        return
    if not suite.from_scratch:
        raise ValueError("scratch_seeds: from_scratch is false, so no seed trains from scratch; leave one of them out")
    if not _starts(suite):
        raise ValueError("scratch_seeds: nothing is pretrained, so every row trains from scratch; shorten `seeds`")
    if suite.scratch_seeds > len(suite.seeds):
        raise ValueError(
            f"scratch_seeds: {suite.scratch_seeds} is more than the suite's {len(suite.seeds)} seeds; list more seeds"
        )


def _check_exceptions(suite: Suite) -> None:
    """Refuse an exception for a model that the suite does not have."""
    known = set(suite.trained_models)
    for exception in suite.recipes.exceptions:
        if exception.model not in known:
            allowed = ", ".join(sorted(known))
            raise ValueError(f"recipes.exceptions: {exception.model} is not a model of this suite; allowed: {allowed}")


def _check_tuning(suite: Suite) -> None:
    """Refuse a tuning without validation images or required targets, or with exceptions that would override it."""
    if suite.tuning is None:
        return
    if not suite.carve:
        raise ValueError("tuning: carve: false leaves no validation images, and trials are judged by them")
    if all(choice.optional for choice in suite.targets):
        raise ValueError("tuning: every target is optional; trials need at least one target that is not optional")
    if suite.recipes.exceptions:
        raise ValueError("tuning: recipes.exceptions would override what trials choose; leave out one of the two")


def _check_members(suite: Suite) -> None:
    """Refuse members that lack the suite's own model, are of another family, or outnumber the trials."""
    if suite.tuning is None:
        return
    for family, members in suite.tuning.members.items():
        where, first = f"tuning.members.{family}", suite.first_models.get(family)
        if first is None:
            raise ValueError(f"{where}: no {family} of this suite starts from random weights; leave it out")
        if first not in members:
            raise ValueError(f"{where}: {first}, the suite's first {family}, has to be a member; add it")
        for spec in map(parse_spec, members):
            if spec.family != family:
                raise ValueError(f"{where}: {spec} is of the family {spec.family}")
            if spec.has_external_weights:
                raise ValueError(f"{where}: {spec} starts from external weights; members start from random weights")
        if len(members) > suite.tuning.trials:
            raise ValueError(
                f"{where}: {len(members)} members need as many trials at the least; tuning.trials is "
                f"{suite.tuning.trials}"
            )


def _check_looks(suite: Suite) -> None:
    """Refuse looks at a single seed, in another order, or at more seeds than the suite has."""
    if 1 in suite.looks:
        raise ValueError("looks: 1 seed shows no spread, so no claim can be judged by it; look at 2 or more")
    if list(suite.looks) != sorted(set(suite.looks)):
        raise ValueError(f"looks {list(suite.looks)}: each must be greater than the one before, such as [6, 10, 20]")
    if suite.looks and suite.looks[-1] > len(suite.seeds):
        raise ValueError(
            f"looks: {suite.looks[-1]} is more than the suite's {len(suite.seeds)} seeds; list more seeds, or look at "
            f"{len(suite.seeds)} at most"
        )


def beside(named: str, ending: str) -> Path:
    """Return the path of a file that is kept beside a suite's file.

    Args:
        named: the suite's shipped name or the path of its file.
        ending: the end of the kept file's name, such as `.pilot.json`, which replaces `.yaml`.
    """
    return (path_of(named) or SUITES / f"{named}.yaml").with_suffix(ending)


def load_suite(name: str) -> tuple[str, Suite]:
    """Read a shipped suite by its name, or any suite by its path.

    Returns:
        The suite's name and its content.

    Raises:
        InputError: there is no such suite, it is unreadable or not YAML, or a field is wrong.
    """
    path, content = read_yaml("suite", name, SUITES)
    try:
        return name_of(path), Suite.model_validate(content)
    except ValidationError as error:
        raise InputError(explain(error, f"suite {path}", Suite)) from None


def default_data_dir() -> Path:
    """Return the folder of the data sets if `--data` is not given: `$BENCH_DATA`, else `data/`."""
    return Path(os.environ.get("BENCH_DATA") or "data")
