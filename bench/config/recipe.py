"""Recipes: all settings of training except the model, the same for all families.

A recipe is a YAML file in `bench/config/recipes/` or at any path. A family can only be trained differently by an
exception with a reason, which the report prints. Imports no torch.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from bench.config.validation import Strict, explain
from bench.config.yaml_file import name_of, read_yaml
from bench.errors import InputError
from bench.training.settings import Settings

RECIPES = Path(__file__).parent / "recipes"
RecipeStage = Literal["pretrain", "transfer"]
"""A stage that has a recipe of its own; training from scratch has that of pretraining."""


class FamilyException(Strict):
    """Settings that differ for one family, and the reason."""

    family: Literal["vit", "cnn", "hybrid"]
    set: dict[str, Any]
    reason: Annotated[str, Field(min_length=10)]

    def __hash__(self) -> int:
        # A dict has no hash, so `set` is left out.
        return hash((self.family, self.reason))


class Recipe(Strict):
    """A named set of settings with its exceptions."""

    name: str
    description: str = ""
    settings: Settings = Settings()
    exceptions: tuple[FamilyException, ...] = ()

    def for_family(self, family: str) -> Settings:
        """Return the settings that a family trains with."""
        values = self.settings.model_dump()
        for exception in self.exceptions:
            if exception.family == family:
                values |= exception.set
        return Settings.model_validate(values)


def load_recipe(name: str) -> Recipe:
    """Read a shipped recipe by its name, or any recipe by its path.

    Raises:
        InputError: there is no such recipe, or it is wrong in a field.
    """
    path, content = read_yaml("recipe", name, RECIPES)
    return parse_recipe(content, path)


def parse_recipe(content: dict[str, Any], path: Path) -> Recipe:
    """Return the recipe in a file's content, after checking its settings and exceptions.

    Raises:
        InputError: a field is wrong.
    """
    outer = {key: content[key] for key in ("description", "exceptions") if key in content}
    settings = {key: value for key, value in content.items() if key not in outer}
    try:
        recipe = Recipe(name=name_of(path), settings=Settings.model_validate(settings), **outer)
        for exception in recipe.exceptions:
            recipe.for_family(exception.family)
    except ValidationError as error:
        raise InputError(explain(error, f"recipe {path}", Settings)) from None
    return recipe
