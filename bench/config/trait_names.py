"""The names of all traits, so that a suite file can be checked before a trait's code is loaded. Imports no torch."""

from typing import Literal

TraitName = Literal["cue-conflict"]
"""A measure of finished runs beside their accuracy; `bench.traits.known_traits` has the code of each."""
