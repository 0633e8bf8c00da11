"""Under which conditions two sides were measured, and what is refused because of them. Imports no torch."""

from collections.abc import Iterable, Mapping

from bench.errors import InputError

Conditions = Mapping[str, frozenset[str]]
"""What one side was measured under: all values of each condition."""


def differences(old: Conditions, new: Conditions) -> tuple[str, ...]:
    """Each condition that is not one and the same on both sides, in words that say both."""
    return tuple(
        f"{name}: OLD {_listed(old[name])}, NEW {_listed(new[name])}"
        for name in old
        if old[name] and new[name] and (old[name] != new[name] or len(old[name]) > 1)
    )


def refuse(found: Iterable[str], *, force: bool) -> None:
    """Refuse to compare what was measured under other conditions, unless it is forced.

    Raises:
        InputError: says the conditions of both sides.
    """
    if (listed := "; ".join(found)) and not force:
        raise InputError(f"OLD and NEW are not comparable: {listed}. --force compares them anyway, and says so")


def _listed(values: Iterable[str]) -> str:
    return " and ".join(sorted(values))
