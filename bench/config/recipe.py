"""Recipes: everything about training that is not the model, one for all families.

A recipe is a YAML file in `bench/config/recipes/` (or any path). An exception for a family is an entry with its
reason, which the report prints; there is no other way to train one family differently. Imports no torch.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.config.validation import explain
from bench.errors import InputError, did_you_mean
from bench.training.settings import Settings

RECIPES = Path(__file__).parent / "recipes"


class FamilyException(BaseModel):
    """Settings that one family trains with instead, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: Literal["vit", "cnn", "hybrid"]
    set: dict[str, Any]
    reason: Annotated[str, Field(min_length=10)]

    def __hash__(self) -> int:
        """Of all but `set`, since a dict has none."""
        return hash((self.family, self.reason))


class Recipe(BaseModel):
    """A named set of settings with its exceptions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    description: str = ""
    settings: Settings = Settings()
    exceptions: tuple[FamilyException, ...] = ()

    def for_family(self, family: str) -> Settings:
        """The settings that a family trains with."""
        values = self.settings.model_dump()
        for exception in self.exceptions:
            if exception.family == family:
                values |= exception.set
        return Settings.model_validate(values)


def known_recipes() -> list[str]:
    """Names of the shipped recipes."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def load_recipe(name: str) -> Recipe:
    """Read a shipped recipe by name, or any recipe by the path of its YAML file."""
    is_path = name.endswith((".yaml", ".yml"))
    if not is_path and name not in known_recipes():
        raise InputError(
            f"unknown recipe {name!r}{did_you_mean(name, known_recipes())}; known: {', '.join(known_recipes())}, "
            "or the path of a .yaml file"
        )
    path = Path(name) if is_path else RECIPES / f"{name}.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"recipe {name}: cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise InputError(f"recipe {path}: not valid YAML: {error}") from None
    return parse_recipe(content, path)


def parse_recipe(content: Any, path: Path) -> Recipe:
    """Check a recipe file's content, its exceptions included."""
    if not isinstance(content, dict):
        raise InputError(f"recipe {path}: given {type(content).__name__}; a mapping of settings is needed")
    outer = {key: content[key] for key in ("description", "exceptions") if key in content}
    settings = {key: value for key, value in content.items() if key not in outer}
    try:
        recipe = Recipe(name=path.stem, settings=Settings.model_validate(settings), **outer)
        for exception in recipe.exceptions:
            recipe.for_family(exception.family)
    except ValidationError as error:
        raise InputError(explain(error, f"recipe {path}", Settings)) from None
    return recipe
