"""The section on recipes: every setting, every exception with its reason, and what no recipe decides."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.analysis.comparison import FINE_TUNE
from bench.analysis.format import ABSENT, text
from bench.report.layout import family_name
from bench.report.page import Section, Table
from bench.report.sections.design import has_own_models, starts_somewhere


def recipes(suite: Mapping[str, Any]) -> Section:
    """Every setting that some model trains with, and every exception with its reason."""
    trained = _trained(suite)
    said = (*_descriptions(trained), *_not_augmented(suite), *_from_libraries(suite))
    outside = (*_scalings(suite), *_outside_weights(suite))
    if not trained:
        return Section("Recipes", ("No network is trained.", *said), tables=outside)
    exceptions = _exceptions(suite, trained)
    if not exceptions:
        none = "Exceptions: none. Every family trains with the same settings."
        return Section("Recipes", (none, *said), tables=(_settings(trained, "the same for every family"), *outside))
    header = ("Stage", "Family or model", "Trains with", "Reason")
    listed = Table("Exceptions to them.", header, exceptions, len(header))
    table = _settings(trained, "the same for every family, but for the exceptions below")
    return Section("Recipes", said, tables=(table, listed, *outside))


def trained_apart(suite: Mapping[str, Any]) -> tuple[str, ...]:
    """A sentence on the models that have recipes of their own, for whoever compares their rows; none without any."""
    models = ", ".join(exception["model"] for exception in suite.get("recipe_exceptions", ()))
    return (f"Trained by recipes of their own, for reasons given under Recipes: {models}.",) if models else ()


@dataclass(frozen=True)
class _Trained:
    """A recipe that some models train with in a stage: all, or those that are an exception."""

    stage: str
    recipe: Mapping[str, Any]
    is_exception: bool

    @property
    def title(self) -> str:
        """Of its column."""
        return f"{self.stage}: {self.recipe['name']}" if self.is_exception else self.stage


def _trained(suite: Mapping[str, Any]) -> list[_Trained]:
    """Of the stages in which a network is trained, the suite's recipe and each other one, once."""
    fine_tunes = FINE_TUNE in suite.get("transfers", (FINE_TUNE,)) and starts_somewhere(suite)
    used = {"pretrain": has_own_models(suite) or bool(suite.get("ablations")), "transfer": fine_tunes}
    found = [_Trained(stage, recipe, False) for stage, recipe in suite["recipes"].items() if used[stage]]
    for exception in suite.get("recipe_exceptions", ()):
        own = [_Trained(stage, recipe, True) for stage, recipe in exception["recipes"].items() if used[stage]]
        found += [one for one in own if one not in found]
    return found


def _settings(trained: list[_Trained], of_whom: str) -> Table:
    """A column a recipe. A setting that came late stands only in the recipes that ask for it."""
    columns = [dict(_flatten(one.recipe)) for one in trained]
    names = dict.fromkeys(name for column in columns for name in column)
    rows = tuple((name, *(column.get(name, ABSENT) for column in columns)) for name in names)
    header = ("Setting", *(one.title for one in trained))
    dashes = " A dash: none, or the default of a setting that only others ask for."
    said = dashes if any(ABSENT in row for row in rows) else ""
    return Table(f"Resolved settings, {of_whom}.{said}", header, rows, len(header))


def _flatten(recipe: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """A recipe's settings by dotted name; its description and its exceptions stand elsewhere."""
    for name, value in recipe.items():
        if name in ("exceptions", "description"):
            continue
        if isinstance(value, Mapping):
            yield from _flatten(value, "" if name == "settings" else f"{prefix}{name}.")
        else:
            yield prefix + name, ABSENT if value is None else str(value)


def _descriptions(trained: list[_Trained]) -> tuple[str, ...]:
    """Each recipe in its own words."""
    words = {one.recipe["name"]: one.recipe.get("description") for one in trained}
    return tuple(f"{name}: {description}" for name, description in words.items() if description)


def _exceptions(suite: Mapping[str, Any], trained: list[_Trained]) -> tuple[tuple[str, ...], ...]:
    """Those that the suite makes for a model, then those that recipes make for a family."""
    stages = {one.stage for one in trained}
    of_models = tuple(
        (stage, exception["model"], f"recipe {recipe['name']}", exception["reason"])
        for exception in suite.get("recipe_exceptions", ())
        for stage, recipe in exception["recipes"].items()
        if stage in stages
    )
    of_families = tuple(
        _of_family(one.title, exception) for one in trained for exception in one.recipe.get("exceptions", ())
    )
    return of_models + of_families


def _of_family(title: str, exception: Mapping[str, Any]) -> tuple[str, ...]:
    settings = ", ".join(f"{name}: {value}" for name, value in exception.get("set", {}).items())
    return (title, family_name(str(exception.get("family", ABSENT))), settings, text(exception.get("reason")))


def _not_augmented(suite: Mapping[str, Any]) -> tuple[str, ...]:
    """The data sets whose images stand as they are, whatever the recipe says, if there are any."""
    known_as = [(ladder["corpus"]["name"], ladder.get("identity", {})) for ladder in suite["corpora"]]
    known_as += [(choice["target"], choice.get("identity", {})) for choice in suite["targets"]]
    names = dict.fromkeys(name for name, identity in known_as if not identity.get("augmentable", True))
    why = "never augmented, whatever the recipe says, since that could change its class or give it away"
    return (f"An image of {' or '.join(names)} is {why}.",) if names else ()


def _from_libraries(suite: Mapping[str, Any]) -> tuple[str, ...]:
    """What models of other libraries do without, if there are any."""
    own = ("Networks of timm and torchvision train without their library's own dropout and stochastic depth.",)
    return own if any(model.startswith(("timm:", "torchvision:")) for model in suite.get("models", ())) else ()


def _outside_weights(suite: Mapping[str, Any]) -> tuple[Table, ...]:
    """Where the weights from outside are from, if there are any."""
    rows = tuple(
        (one["model"], f"external:{one['sha256'][:12]}", one["source"], one["sha256"])
        for one in suite.get("external_weights", ())
    )
    header = ("Model", "Pretrained on", "Source", "SHA-256")
    return (Table("Weights from outside.", header, rows, len(header)),) if rows else ()


def _scalings(suite: Mapping[str, Any]) -> tuple[Table, ...]:
    """The models whose inputs are scaled otherwise than all others', if there are any."""
    rows = tuple(
        (one["model"], *(", ".join(f"{value:g}" for value in one[name]) for name in ("mean", "std")))
        for one in suite.get("external_weights", ())
        if {*one["mean"], *one["std"]} != {0.5}
    )
    caption = (
        "Exceptions to the scaling of inputs, which else have mean 0.5 and standard deviation 0.5 taken out: weights "
        "from outside get theirs as the library scales inputs for that name and tag, or as scaling= in a name says."
    )
    return (Table(caption, ("Model", "Mean", "Standard deviation"), rows, 3),) if rows else ()
