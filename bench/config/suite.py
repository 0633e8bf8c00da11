"""The suite file: which models meet which data, in YAML; checked here, with one clear error for a wrong one.

A suite is what a person writes; `bench.config.resolved` leaves nothing of it to defaults. Imports no torch.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from bench.config.custom_claims import SCRATCH, CustomClaim, Offered, check_claim
from bench.config.ladder import Ladder, Subset
from bench.config.search_space import Tuning
from bench.config.validation import ModelName, Strict, distinct, explain
from bench.data.corpus import FRACTALS
from bench.data.dataset import OnBadImage, WantedPipeline
from bench.data.target import parse_target
from bench.errors import InputError, did_you_mean
from models.spec.geometry import check
from models.spec.model_spec import SpecError, parse_spec
from models.spec.size_classes import Measure

SUITES = Path(__file__).parent / "suites"
EXAMPLES = {"flops": "1e12, transfer: 1e11", "seconds": "60, transfer: 10", "images": "16384, transfer: 2048"}
Positive = Annotated[int, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Match = Literal["images", "flops", "seconds"]
"""What all models get equally much of in training."""
Transfer = Literal["fine-tune", "linear", "k-shot"]


class TargetChoice(Strict):
    """A target, and whether its cells may be `not_run` when its data is not there."""

    target: str
    optional: bool = False

    @field_validator("target")
    @classmethod
    def _canonical(cls, value: str) -> str:
        return str(parse_target(value))


class Images(Strict):
    """How many images each stage sees. From scratch sees both together."""

    pretrain: Positive = 16384
    transfer: Annotated[int, Field(ge=0)] = 2048


class Amounts(Strict):
    """How many training FLOPs, or seconds, each stage gets. From scratch gets both together."""

    pretrain: Annotated[float, Field(gt=0)]
    transfer: Annotated[float, Field(ge=0)]


class RecipeException(Strict):
    """The recipes of one model that differ from all others', and why."""

    model: ModelName
    pretrain: str | None = None
    transfer: str | None = None
    reason: Annotated[str, Field(min_length=10)]


class RecipeNames(Strict):
    """The recipe of each stage. From scratch trains with the pretraining recipe."""

    pretrain: str = "small"
    transfer: str = "small"
    exceptions: tuple[RecipeException, ...] = ()

    @field_validator("exceptions")
    @classmethod
    def _one_a_model(cls, value: tuple[RecipeException, ...]) -> tuple[RecipeException, ...]:
        distinct(tuple(exception.model for exception in value), may_be_empty=True)
        return value


class Ablation(Strict):
    """Arms that differ in one thing, and the arm they are compared with.

    Each is pretrained on the largest subset of the first ladder, or trained from scratch where there is no ladder.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    reference: str
    arms: Annotated[dict[str, ModelName], Field(min_length=2)]

    @field_validator("arms")
    @classmethod
    def _grid(cls, value: dict[str, str]) -> dict[str, str]:
        distinct(tuple(value.values()))
        for arm, model in value.items():
            if parse_spec(model).has_external_weights:
                raise ValueError(
                    f"arm {arm!r} is {model}; arms are pretrained alike, on the suite's corpus, which weights from "
                    "outside are not; list it under models"
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
    factors: tuple[Annotated[float, Field(gt=0)], ...]

    @field_validator("factors")
    @classmethod
    def _grid(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if 1 not in value:
            raise ValueError("the factor 1, which the others are compared with, is missing")
        return distinct(value)


class Suite(Strict):
    """A suite file as written, with its defaults."""

    description: str = ""
    limits: str = ""
    """What the report's paragraph on limits says of this suite's difficulty and budget."""
    image_size: Positive = 32
    corpus: tuple[Ladder, ...]
    """Empty where nothing is to be pretrained."""
    models: tuple[ModelName, ...]
    targets: tuple[TargetChoice, ...]
    seeds: tuple[Seed, ...] = (0, 1, 2)
    recipes: RecipeNames = RecipeNames()
    images: Images = Images()
    match: Match = "images"
    """What is equal for all models; the field of this name says how much of it there is."""
    flops: Amounts | None = None
    seconds: Amounts | None = None
    transfers: tuple[Transfer, ...] = ("fine-tune",)
    shots: tuple[Positive, ...] = (1, 5, 10, 25)
    """Training images of each class, of k-shot probes."""
    draws: Positive = 3
    """Of each number of shots, for a seed."""
    carve: bool = True
    """Whether targets keep images for validation out of their training; only where nothing is chosen by them."""
    deterministic: bool = False
    """Whether CUDA repeats itself bit for bit, which costs speed; a CPU always does."""
    from_scratch: bool = True
    ablations: tuple[Ablation, ...] = ()
    budgets: BudgetFactors | None = None
    tuning: Tuning | None = None
    """What is chosen for each family by its trials, instead of the recipes' own settings."""
    claims: tuple[CustomClaim, ...] = ()
    """Put to the test beside those of the literature; they change no run."""
    pipeline: WantedPipeline = "auto"
    """How images reach the device; `auto` goes by size and memory, and no result depends on it."""
    on_bad_image: OnBadImage = "fail"
    """What happens to an image that cannot be read: its run fails, or skips and counts it."""
    size_class: Measure | None = None
    """By which measure each model has to have a partner of its size in each other family."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto` is bf16 on CUDA and fp32 on a CPU."""
    threads: Positive = 1
    """Threads of one run on a CPU; sums depend on it, so it is part of a run's key."""

    def precision_on(self, device: Literal["cpu", "cuda"]) -> Literal["fp32", "bf16"]:
        """That of its runs on a device."""
        if self.precision == "auto":
            return "bf16" if device == "cuda" else "fp32"
        return self.precision

    @model_validator(mode="before")
    @classmethod
    def _one_ladder_or_many(cls, value: Any) -> Any:
        """`corpus: NAME` with `subsets` and the like beside it is short for a list of one ladder."""
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

    @field_validator("corpus", "models", "targets", "seeds", "transfers", "shots", "ablations")
    @classmethod
    def _grids(cls, value: tuple[Any, ...], info: Any) -> tuple[Any, ...]:
        names = tuple(getattr(item, "target", getattr(item, "name", item)) for item in value)
        distinct(names, may_be_empty=info.field_name in ("ablations", "corpus"))
        return value

    @field_validator("claims")
    @classmethod
    def _one_an_id(cls, value: tuple[CustomClaim, ...]) -> tuple[CustomClaim, ...]:
        distinct(tuple(claim.id for claim in value), may_be_empty=True)
        return value

    @model_validator(mode="after")
    def _patches_tile(self) -> "Suite":
        arms = [spec for ablation in self.ablations for spec in ablation.arms.values()]
        for spec in (*self.models, *arms):
            _check_model(spec, self.image_size)
        return self

    @model_validator(mode="after")
    def _only_formulas_are_generated(self) -> "Suite":
        if self.pipeline == "generated" and all(ladder.corpus.name != FRACTALS for ladder in self.corpus):
            raise ValueError(f"pipeline generated draws the corpus {FRACTALS}, which this suite lacks; use streaming")
        return self

    @model_validator(mode="after")
    def _budget_is_of_what_is_matched(self) -> "Suite":
        given = [name for name in ("images", "flops", "seconds") if name in self.model_fields_set]
        if others := [name for name in given if name != self.match]:
            raise ValueError(f"match: {self.match} takes its budget from `{self.match}`; leave out {', '.join(others)}")
        if getattr(self, self.match) is None:
            raise ValueError(
                f"match: {self.match} needs a budget, such as {self.match}: {{pretrain: {EXAMPLES[self.match]}}}"
            )
        return self

    @model_validator(mode="after")
    def _transfers_have_a_budget(self) -> "Suite":
        starts = bool(self.corpus) or any(parse_spec(model).has_external_weights for model in self.models)
        if starts and "fine-tune" in self.transfers and getattr(self, self.match).transfer == 0:
            raise ValueError(f"{self.match}.transfer is 0, but models are fine-tuned; give it a number above 0")
        return self

    @model_validator(mode="after")
    def _probes_have_a_validation_split(self) -> "Suite":
        if not self.carve and (probes := [kind for kind in self.transfers if kind != "fine-tune"]):
            asked = " and ".join(probes)
            raise ValueError(f"carve: false leaves no validation images, by which {asked} probes choose their strength")
        return self

    @model_validator(mode="after")
    def _exceptions_are_of_models(self) -> "Suite":
        known = {*self.models, *(model for ablation in self.ablations for model in ablation.arms.values())}
        for exception in self.recipes.exceptions:
            if exception.model not in known:
                allowed = ", ".join(sorted(known))
                raise ValueError(f"recipes.exceptions: {exception.model} is no model of this suite; allowed: {allowed}")
        return self

    @model_validator(mode="after")
    def _claims_are_of_this_suite(self) -> "Suite":
        arms = (model for ablation in self.ablations for model in ablation.arms.values())
        offered = Offered(
            models=dict.fromkeys((*self.models, *arms)),
            rungs={ladder.corpus.name: ladder.subsets for ladder in self.corpus}
            | ({SCRATCH: ()} if self.from_scratch else {}),
            targets=[choice.target for choice in self.targets],
            transfers=self.transfers,
            shots=self.shots,
        )
        for claim in self.claims:
            check_claim(claim, offered)
        return self

    @model_validator(mode="after")
    def _something_is_trained(self) -> "Suite":
        if not self.corpus and not self.from_scratch:
            raise ValueError("corpus is empty and from_scratch false, so nothing is trained; one has to be asked for")
        return self

    @model_validator(mode="after")
    def _trials_can_be_judged(self) -> "Suite":
        if self.tuning is None:
            return self
        if not self.carve:
            raise ValueError("tuning: carve: false leaves no validation images, by which trials are judged")
        if all(choice.optional for choice in self.targets):
            raise ValueError("tuning: every target is optional; trials are judged on those that are not")
        if self.recipes.exceptions:
            raise ValueError("tuning: recipes.exceptions give a model what no trial chose; leave one of the two out")
        return self

    @model_validator(mode="after")
    def _budgets_are_on_a_rung(self) -> "Suite":
        rungs = self.corpus[0].subsets if self.corpus else ()
        if self.budgets is not None and self.budgets.subset not in rungs:
            allowed = ", ".join(map(str, rungs)) or "none, since nothing is pretrained"
            raise ValueError(f"budgets.subset {self.budgets.subset} is no rung; allowed: {allowed}")
        return self


def known_suites() -> list[str]:
    """Names of the shipped suites."""
    return sorted(path.stem for path in SUITES.glob("*.yaml"))


def load_suite(name: str) -> tuple[str, Suite]:
    """Read a shipped suite by name, or any suite by its path; returns its name and content.

    Raises:
        InputError: no such suite, unreadable, not YAML, or wrong in a field.
    """
    path = _suite_path(name)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"suite {path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise InputError(f"suite {path}: not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"suite {path}: given {type(content).__name__}; a mapping of fields is needed")
    try:
        return path.stem, Suite.model_validate(content)
    except ValidationError as error:
        raise InputError(explain(error, f"suite {path}", Suite)) from None


def default_data_dir() -> Path:
    """Where data sets lie when `--data` is not given: `$BENCH_DATA`, else `data/`."""
    return Path(os.environ.get("BENCH_DATA") or "data")


def _suite_path(name: str) -> Path:
    if name.endswith((".yaml", ".yml")) or "/" in name:
        return Path(name)
    if name not in known_suites():
        raise InputError(
            f"unknown suite {name!r}{did_you_mean(name, known_suites())}; known: {', '.join(known_suites())}, "
            "or the path of a .yaml file"
        )
    return SUITES / f"{name}.yaml"


def _check_model(spec: str, image_size: int) -> None:
    try:
        check(parse_spec(spec), image_size)
    except SpecError as error:
        raise ValueError(f"model {spec}: {error}") from None


class _UniqueKeys(yaml.SafeLoader):
    """YAML's own loader keeps the last of two equal keys in silence."""


def _mapping(loader: _UniqueKeys, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = next((key for number, key in enumerate(keys) if key in keys[:number]), None)
    if twice is not None:
        raise yaml.constructor.ConstructorError(None, None, f"field {twice!r} stands twice", node.start_mark)
    return loader.construct_mapping(node, deep=True)


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
