"""All traits by name, and the choice among them. Imports no torch."""

from collections.abc import Sequence

from bench.config.trait_names import TraitName
from bench.errors import InputError
from bench.traits.cue_conflict import CueConflict
from bench.traits.trait import Trait
from models.spec.model_error import did_you_mean

TRAITS: dict[TraitName, Trait] = {trait.name: trait for trait in (CueConflict(),)}


def traits_named(names: Sequence[str]) -> tuple[Trait, ...]:
    """Return the traits with some names, each once.

    Raises:
        InputError: a name is unknown.
    """
    known = {str(name): trait for name, trait in TRAITS.items()}
    if unknown := [name for name in names if name not in known]:
        hint = did_you_mean(unknown[0], known)
        raise InputError(f'trait "{unknown[0]}" is unknown{hint}; known: {", ".join(known)}')
    return tuple(known[name] for name in dict.fromkeys(names))
