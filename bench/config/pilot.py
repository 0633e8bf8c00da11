"""Pilot results, which a suite keeps beside its file: the spread of each claim's quantities over pilot seeds.

They hold no estimate, so that nothing in a design can be chosen by who leads. Imports neither SciPy nor pandas.
"""

import hashlib
import json
from pathlib import Path

from pydantic import ValidationError

from bench import PROTOCOL_VERSION
from bench.analysis.format import Unit
from bench.config.resolved import ResolvedSuite
from bench.config.suite import beside
from bench.config.validation import Strict, explain
from bench.errors import InputError


class PilotQuantity(Strict):
    """A quantity of a claim, with its limits and the parts of its variance over pilot seeds."""

    claim: str
    name: str
    unit: Unit
    low: float | None
    """Lower limit; null if there is none."""
    high: float | None
    """Upper limit; null if there is none."""
    num_questions: int
    """Number of comparisons over which a refutation of the claim is stepped down."""
    num_seeds: int
    seeds_variance: float
    """Part of the mean's variance that more seeds reduce."""
    rest_variance: float
    """Part of `seeds_variance` that more test images reduce, too."""
    images_variance: float
    """Part of the mean's variance that only more test images reduce."""
    images_degrees: float | None
    """Degrees of freedom of `images_variance`; null if that is 0."""
    num_images: int
    """Number of test images, or of their clusters; 0 if per-image correctness is not kept."""


class PlannedText(Strict):
    """What a plan prints of the power of a suite with these seeds and looks."""

    num_seeds: int
    looks: tuple[int, ...]
    text: str


class Pilot(Strict):
    """The pilot results of one suite."""

    protocol: int
    """Version of `docs/protocol.md` that the runs followed."""
    suite: str
    design: dict[str, str]
    """Hash of each field of the suite that changes the spread."""
    seeds: tuple[int, ...]
    num_judged: int
    """Number of claims over which the level is corrected."""
    quantities: tuple[PilotQuantity, ...]
    lacking: dict[str, str]
    """Claim -> why its interval cannot be planned."""
    planned: PlannedText

    def why_unfit(self, suite: ResolvedSuite) -> str:
        """Return why the results say nothing about a suite; empty if they do."""
        design = design_of(suite)
        if self.protocol != PROTOCOL_VERSION:
            return f"its runs follow protocol version {self.protocol}, and this program's version {PROTOCOL_VERSION}"
        names = [name for name in {**design, **self.design} if design.get(name) != self.design.get(name)]
        return (
            f"it is of a suite {self.suite!r} that differs from {suite.name!r} in: {', '.join(names)}" if names else ""
        )


def design_of(suite: ResolvedSuite) -> dict[str, str]:
    """Return a hash of each field of a suite that changes the spread of its results; the data counts by its names."""
    same = {"name", "description", "limits", "protocol", "device", "precision", "pipeline"}
    same |= {"seeds", "scratch_seeds", "looks"}
    fields = suite.model_dump(mode="json", exclude=same)
    for name in ("corpora", "targets"):
        fields[name] = [entry | {"identity": None} for entry in fields[name]]
    written = {name: json.dumps(value, sort_keys=True) for name, value in fields.items()}
    return {name: hashlib.sha256(text.encode()).hexdigest()[:12] for name, text in written.items()}


def pilot_path(suite: str) -> Path:
    """Return where the pilot results of a suite are kept, given its shipped name or the path of its file."""
    return beside(suite, ".pilot.json")


def read_pilot(path: Path) -> Pilot | None:
    """Return pilot results; None if there are none.

    Raises:
        InputError: The file is damaged.
    """
    if not path.is_file():
        return None
    try:
        return Pilot.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(explain(error, f"pilot results {path}", Pilot)) from None
