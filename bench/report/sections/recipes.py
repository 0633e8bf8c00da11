"""Write the section on recipes: every setting, every exception with its reason, and what recipes do not decide."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.analysis.comparison import FINE_TUNE
from bench.analysis.format import ABSENT, text
from bench.report.layout import family_name
from bench.report.page import Section, Table, section, table
from bench.report.sections.design import all_transfers, has_own_models, starts_somewhere


def recipes(suite: Mapping[str, Any]) -> Section:
    """Return every setting that a model trains with, and every exception with its reason."""
    trained = _trained(suite)
    exceptions = _exceptions(suite, trained)
    header = ("Stage", "Family or model", "Trains with", "Reason")
    none = "Exceptions: none. Every family trains with the same settings." if trained else "No network is trained."
    but = ", except as listed below" if exceptions else ""
    return section(
        "Recipes",
        None if exceptions else none,
        *_descriptions(trained),
        _not_augmented(suite),
        _from_libraries(suite),
        _settings(trained, f"the same for every family{but}") if trained else None,
        Table("Exceptions.", header, exceptions, len(header)),
        _scalings(suite),
        _external_weights(suite),
    )


def trained_apart(suite: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a sentence on the models that have their own recipes; nothing if no model has."""
    models = ", ".join(exception["model"] for exception in suite.get("recipe_exceptions", ()))
    return (f"Trained by recipes of their own, for reasons given under Recipes: {models}.",) if models else ()


@dataclass(frozen=True)
class _Trained:
    """A recipe in a stage: of all models, or of those that are an exception."""

    stage: str
    recipe: Mapping[str, Any]
    is_exception: bool

    @property
    def title(self) -> str:
        """The heading of the recipe's column."""
        return f"{self.stage}: {self.recipe['name']}" if self.is_exception else self.stage


def _trained(suite: Mapping[str, Any]) -> list[_Trained]:
    """Return the suite's recipe, then each other recipe once, of every stage in which a network is trained."""
    fine_tunes = FINE_TUNE in all_transfers(suite) and starts_somewhere(suite)
    used = {"pretrain": has_own_models(suite) or bool(suite.get("ablations")), "transfer": fine_tunes}
    trained = [_Trained(stage, recipe, False) for stage, recipe in suite["recipes"].items() if used[stage]]
    for exception in suite.get("recipe_exceptions", ()):
        others = [_Trained(stage, recipe, True) for stage, recipe in exception["recipes"].items() if used[stage]]
        trained += [other for other in others if other not in trained]
    return trained


def _settings(trained: list[_Trained], of_whom: str) -> Table:
    """Return a table with a column per recipe; an optional setting is missing from recipes that do not set it."""
    columns = [dict(_flatten(each.recipe)) for each in trained]
    names = dict.fromkeys(name for column in columns for name in column)
    rows = tuple((name, *(column.get(name, ABSENT) for column in columns)) for name in names)
    header = ("Setting", *(each.title for each in trained))
    dashes = " A dash: none, or the default of a setting that only other recipes set."
    return Table(
        f"Resolved settings, {of_whom}.{dashes * any(ABSENT in row for row in rows)}", header, rows, len(header)
    )


def _flatten(recipe: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield a recipe's settings by dotted name, without its description and its exceptions."""
    for name, value in recipe.items():
        if name in ("exceptions", "description"):
            continue
        if isinstance(value, Mapping):
            yield from _flatten(value, "" if name == "settings" else f"{prefix}{name}.")
        else:
            yield prefix + name, ABSENT if value is None else str(value)


def _descriptions(trained: list[_Trained]) -> tuple[str, ...]:
    """Return each recipe's own description."""
    words = {each.recipe["name"]: each.recipe.get("description") for each in trained}
    return tuple(f"{name}: {description}" for name, description in words.items() if description)


def _exceptions(suite: Mapping[str, Any], trained: list[_Trained]) -> tuple[tuple[str, ...], ...]:
    """Return the exceptions that the suite makes for a model, then those that recipes make for a family."""
    stages = {each.stage for each in trained}
    of_models = tuple(
        (stage, exception["model"], f"recipe {recipe['name']}", exception["reason"])
        for exception in suite.get("recipe_exceptions", ())
        for stage, recipe in exception["recipes"].items()
        if stage in stages
    )
    of_families = tuple(
        _of_family(each.title, exception) for each in trained for exception in each.recipe.get("exceptions", ())
    )
    return of_models + of_families


def _of_family(title: str, exception: Mapping[str, Any]) -> tuple[str, ...]:
    settings = ", ".join(f"{name}: {value}" for name, value in exception.get("set", {}).items())
    return (title, family_name(str(exception.get("family", ABSENT))), settings, text(exception.get("reason")))


def _not_augmented(suite: Mapping[str, Any]) -> str:
    """Return a sentence on the data sets that are never augmented; empty if there are none."""
    data = [(ladder["corpus"]["name"], ladder.get("identity", {})) for ladder in suite["corpora"]]
    data += [(choice["target"], choice.get("identity", {})) for choice in suite["targets"]]
    names = dict.fromkeys(name for name, identity in data if not identity.get("augmentable", True))
    why = "never augmented, whatever the recipe says, since that could change its class or give it away"
    return f"An image of {' or '.join(names)} is {why}." if names else ""


def _from_libraries(suite: Mapping[str, Any]) -> str:
    """Return a sentence on what is switched off in models of other libraries; empty if there are none."""
    without = "Networks of timm and torchvision train without their library's own dropout and stochastic depth."
    return without if any(model.startswith(("timm:", "torchvision:")) for model in suite.get("models", ())) else ""


def _external_weights(suite: Mapping[str, Any]) -> Table:
    columns = {
        "Model": lambda weights: weights["model"],
        "Pretrained on": lambda weights: f"external:{weights['sha256'][:12]}",
        "Source": lambda weights: weights["source"],
        "SHA-256": lambda weights: weights["sha256"],
    }
    return table("External weights.", columns, suite.get("external_weights", ()))


def _scalings(suite: Mapping[str, Any]) -> Table:
    """Return a table of the models whose inputs are scaled in another way than those of the other models."""
    columns = {
        "Model": lambda weights: weights["model"],
        "Mean": lambda weights: ", ".join(f"{value:g}" for value in weights["mean"]),
        "Standard deviation": lambda weights: ", ".join(f"{value:g}" for value in weights["std"]),
    }
    scaled = [weights for weights in suite.get("external_weights", ()) if {*weights["mean"], *weights["std"]} != {0.5}]
    caption = (
        "Exceptions to the scaling of inputs, which otherwise subtracts 0.5 and divides by 0.5. Inputs to external "
        "weights are scaled as their library does for that name and tag, or as scaling= in a name says."
    )
    return table(caption, columns, scaled)
