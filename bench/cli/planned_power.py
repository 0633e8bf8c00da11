"""`bench plan --power`: what a suite's claims can decide, planned from pilot seeds. Imports no torch."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from bench.analysis.claims.claim import Claim
from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.exact_check import CannotTell, has_arms
from bench.analysis.claims.judge import find_quantities, num_in_correction
from bench.analysis.claims.looks import Looks
from bench.analysis.claims.quantities import Difference, Finding
from bench.analysis.claims.shape_bias import ShareDifference
from bench.analysis.corpus_names import SCRATCH
from bench.analysis.format import decimal, finite_or_none, in_unit, percent, plural, share
from bench.analysis.seeds import expected_seeds
from bench.analysis.stats.crossed import CROSSED, SEEDS, Estimate
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.planning import (
    MOST_TIMES,
    images_for_margin,
    narrowest_margin,
    planned_half_width,
    seeds_for_margin,
    smallest_difference,
)
from bench.analysis.stats.power import MOST_SEEDS, POWER
from bench.analysis.stats.statistics_errors import AnalysisError, MissingRowError
from bench.cli.claims import all_claims, evidence_of
from bench.cli.grouped_table import grouped_table
from bench.cli.terminal import say
from bench.config.pilot import Pilot, PilotQuantity, PlannedText, design_of, pilot_path, read_pilot
from bench.config.resolved import ResolvedSuite
from bench.errors import InputError
from bench.files.atomic import write_atomically
from bench.store.store import Store
from bench.tables.build import build_tables

_HEADINGS = ("margin", "half-width", "decides")


@dataclass(frozen=True)
class PlannedQuantity:
    """What a suite will be able to say about one quantity of a claim; numbers are in its unit."""

    claim: str
    name: str
    unit: str
    margin: str
    half_widths: tuple[float, ...]
    """Half of the interval's width at each look."""
    decides: float
    """The smallest distance of the truth from a limit that is decided with a probability of `POWER`."""
    too_narrow: str
    """What the margin would take if it is too narrow to be supported, in words; else empty."""

    @property
    def figures(self) -> tuple[str, str, str]:
        """Return margin, half-widths and smallest difference as text."""
        places = 2 if self.unit.startswith("log odds") else 1
        widths = ", ".join(f"±{decimal(width, places)}" for width in self.half_widths)
        is_possible = self.unit != "points" or self.decides <= 100
        return self.margin, widths, decimal(self.decides, places) if is_possible else "over 100"


def plan_power(
    console: Console, named: str, suite: ResolvedSuite, pilot_store: Path | None, *, as_json_values: bool
) -> None:
    """Print the power of a suite by its pilot results, after keeping those of a store if one is given.

    Args:
        console: where to print.
        named: the suite's name or path that the user gave.
        suite: the suite.
        pilot_store: a store of pilot seeds; by default the results that the suite keeps.
        as_json_values: whether to print JSON.

    Raises:
        InputError: there are no pilot results, they are of another suite, or the suite has one seed.
    """
    path = pilot_path(named)
    pilot = kept_pilot(path, named, suite) if pilot_store is None else pilot_of(Store(pilot_store), suite)
    rows = planned_quantities(pilot, suite)
    if as_json_values:
        say(json.dumps([asdict(row) | finite_or_none({"decides": row.decides}) for row in rows], indent=1))
    else:
        _show(console, pilot, suite, rows)
    if pilot_store is not None:
        planned = PlannedText(num_seeds=len(suite.seeds), looks=suite.looks, text=_short(rows))
        pilot = pilot.model_copy(update={"planned": planned})
        write_atomically(path, (pilot.model_dump_json(indent=1) + "\n").encode())
        if not as_json_values:
            console.print(f"kept in {path}", highlight=False, soft_wrap=True)


def kept_pilot(path: Path, named: str, suite: ResolvedSuite) -> Pilot:
    """Return the pilot results that a suite keeps.

    Raises:
        InputError: there are none, or they are of another suite or protocol.
    """
    how = (
        f"`bench run {named} --seed-offset 1000 --results pilot`, then "
        f"`bench plan {named} --power --pilot pilot/{suite.name}` make them"
    )
    pilot = read_pilot(path)
    if pilot is None:
        raise InputError(f"{path}: no pilot results of the suite {suite.name!r}; {how}")
    if why := pilot.why_unfit(suite):
        raise InputError(f"{path}: {why}; {how}")
    return pilot


def pilot_of(store: Store, suite: ResolvedSuite) -> Pilot:
    """Return the spread of the quantities of a suite's claims in a store of pilot seeds.

    Raises:
        InputError: there is no store, it is of another suite or protocol, or has seeds of the suite.
    """
    stored = store.suite()
    empty = PlannedText(num_seeds=0, looks=(), text="")
    pilot = Pilot(
        protocol=stored.protocol,
        suite=stored.name,
        design=design_of(stored.model_copy(update={"claims": suite.claims})),
        seeds=stored.seeds,
        num_judged=1,
        quantities=(),
        lacking={},
        planned=empty,
    )
    if why := pilot.why_unfit(suite):
        raise InputError(f"--pilot {store.root}: {why}")
    if own := sorted({*stored.seeds} & {*suite.seeds}):
        raise InputError(
            f"--pilot {store.root}: seeds {', '.join(map(str, own))} are the suite's own, and no design may follow "
            "from them; pilot seeds are others, as `--seed-offset 1000` makes them"
        )
    tables = build_tables(store)
    evidence = evidence_of(store, stored, tables)
    claims = all_claims(stored, suite.claims)
    found = [find_quantities(claim, evidence) for claim in claims]
    quantities: list[PilotQuantity] = []
    lacking = {}
    for claim, (finding, error) in zip(claims, found, strict=True):
        of_claim = [] if finding is None or error is not None else list(_spreads(claim, finding))
        quantities += of_claim
        if not of_claim:
            lacking[claim.id] = _why_lacking(claim, finding, error, evidence)
    seeds = expected_seeds(evidence.cells)
    if len(seeds) < 2:
        raise InputError(f"--pilot {store.root}: {plural(len(seeds), 'seed')}, which shows no spread; two are needed")
    return pilot.model_copy(
        update={
            "seeds": tuple(seeds),
            "num_judged": num_in_correction(found),
            "quantities": tuple(quantities),
            "lacking": lacking,
        }
    )


def _spreads(claim: Claim, finding: Finding) -> Iterator[PilotQuantity]:
    """Yield the spread of each difference; other quantities have no interval that follows from a variance."""
    questions = len({quantity.question for quantity in finding.quantities})
    for quantity in finding.quantities:
        if not isinstance(quantity, Difference | ShareDifference):
            continue
        try:
            estimate = quantity.estimate
        except AnalysisError:  # log odds of an accuracy of 0 or 100 %
            continue
        limits = finite_or_none({"low": quantity.limits.low, "high": quantity.limits.high})
        yield PilotQuantity(
            claim=claim.id,
            name=quantity.name,
            unit=quantity.unit,
            low=limits["low"],
            high=limits["high"],
            num_questions=questions,
            num_seeds=estimate.num_seeds,
            seeds_variance=estimate.seeds_variance,
            rest_variance=estimate.rest_variance,
            images_variance=estimate.images_variance,
            images_degrees=finite_or_none({"degrees": estimate.images_degrees})["degrees"],
            num_images=quantity.num_images,
        )


def _why_lacking(claim: Claim, finding: Finding | None, error: AnalysisError | None, evidence: Evidence) -> str:
    if error is not None:
        return f"{error}; it needs {claim.needs}" if isinstance(error, MissingRowError) else str(error)
    if finding is not None:
        return "its interval does not follow from a variance, so it is not planned"
    if isinstance(claim.comparison, CannotTell) and has_arms(evidence.cells):
        return "no interval decides it: an exact check of the suite's own arms does"
    return f"no interval decides it; it needs {claim.needs}"


def planned_quantities(pilot: Pilot, suite: ResolvedSuite) -> list[PlannedQuantity]:
    """Return what a suite will be able to say about each quantity of its claims.

    Raises:
        InputError: the suite has one seed.
    """
    if len(suite.seeds) < 2:
        raise InputError(f"--power: {suite.name!r} has one seed, which shows no spread; list two seeds at the least")
    shown = [quantity for quantity in pilot.quantities if _most_seeds(quantity.claim, suite) > 1]
    return [_planned(quantity, suite, pilot.num_judged) for quantity in shown]


def _planned(quantity: PilotQuantity, suite: ResolvedSuite, num_judged: int) -> PlannedQuantity:
    looks, most = _looks(suite), _most_seeds(quantity.claim, suite)
    levels = {look: corrected_level(num_judged, looks.level(look)) for look in looks.at}
    estimate, last = _estimate(quantity), min(looks.at[-1], most)
    level = levels[looks.at[-1]]
    decisive = corrected_level(quantity.num_questions, level)
    return PlannedQuantity(
        quantity.claim,
        quantity.name,
        quantity.unit,
        _margin(quantity),
        tuple(
            in_unit(planned_half_width(estimate, min(look, most), at_look), quantity.unit)
            for look, at_look in levels.items()
        ),
        in_unit(smallest_difference(estimate, last, decisive), quantity.unit),
        _too_narrow(quantity, estimate, last, level),
    )


def _most_seeds(claim: str, suite: ResolvedSuite) -> int:
    """Return the number of seeds that a claim is judged by after the last of them."""
    from_scratch = (SCRATCH in (own.first.corpus, own.second.corpus) for own in suite.claims if own.id == claim)
    return suite.scratch_seeds if suite.scratch_seeds and any(from_scratch) else len(suite.seeds)


def _looks(suite: ResolvedSuite) -> Looks:
    return Looks(suite.seeds, suite.looks or (len(suite.seeds),), 0)


def _estimate(quantity: PilotQuantity) -> Estimate:
    return Estimate(
        0.0,
        quantity.num_seeds,
        quantity.seeds_variance,
        quantity.num_seeds - 1,
        quantity.images_variance,
        math.inf if quantity.images_degrees is None else quantity.images_degrees,
        CROSSED if quantity.num_images else SEEDS,
        rest_variance=quantity.rest_variance,
    )


def _margin(quantity: PilotQuantity) -> str:
    low, high = (
        None if limit is None else f"{in_unit(limit, quantity.unit):g}".replace("-", "\N{MINUS SIGN}")
        for limit in (quantity.low, quantity.high)
    )
    if low is None or high is None:
        return f"above {low}" if high is None else f"below {high}"
    return f"±{high}" if quantity.low == -(quantity.high or 0) else f"{low} to {high}"


def _too_narrow(quantity: PilotQuantity, estimate: Estimate, num_seeds: int, level: float) -> str:
    """Return what it takes to support a truth amid two limits with `POWER`; empty if nothing, or if one is open."""
    if quantity.low is None or quantity.high is None:
        return ""
    margin = (quantity.high - quantity.low) / 2
    if narrowest_margin(estimate, num_seeds, level) <= margin:
        return ""
    now = quantity.num_images
    images = images_for_margin(estimate, num_seeds, now, margin, level) if now else None
    seeds = seeds_for_margin(estimate, margin, level)
    by_seeds = f"{plural(seeds, 'seed')}" if seeds else f"more than {MOST_SEEDS:,} seeds"
    by_images = f"more than {MOST_TIMES:,} times as many test images" if now else "an unknown number of test images"
    by_images = by_images if images is None else f"{images:,} test images (or clusters of them) instead of {now:,}"
    return f"too narrow for {plural(num_seeds, 'seed')}: it takes {by_seeds}, or {by_images}"


def _show(console: Console, pilot: Pilot, suite: ResolvedSuite, rows: Sequence[PlannedQuantity]) -> None:
    """Print a table of the quantities, then what is too narrow or cannot be planned."""
    at, level = _looks(suite).at, corrected_level(pilot.num_judged)
    heading = (
        f"power of the suite {suite.name} at {', '.join(map(str, at))} seeds, from pilot seeds {_span(pilot.seeds)}; "
        f"level {share(level)} for {plural(pilot.num_judged, 'claim')}" + (", spent over looks" if len(at) > 1 else "")
    )
    console.print(heading, highlight=False, soft_wrap=True)
    console.print(grouped_table("claim", _HEADINGS, [(row.claim, row.name, row.figures) for row in rows]))
    notes = [
        "half-width: of the interval" + (", at each look" if len(at) > 1 else ""),
        f"decides: the smallest distance of the truth from a limit that is decided with {percent(POWER, places=0)} "
        "chance, given the error of the pilot's spread",
        "both in points, or in the unit that is named; slopes per tenfold images",
        *(f"{row.claim} {row.name}: margin {row.margin} is {row.too_narrow}" for row in rows if row.too_narrow),
        *(f"{claim} not planned: {why}" for claim, why in pilot.lacking.items()),
    ]
    for note in notes:
        console.print(note, highlight=False, soft_wrap=True)


def _short(rows: Sequence[PlannedQuantity]) -> str:
    """Return the widest quantity of each claim, in points, with the smallest difference that it decides."""
    widest: dict[str, PlannedQuantity] = {}
    for row in rows:
        if row.unit.startswith("points") and row.decides > getattr(widest.get(row.claim), "decides", 0):
            widest[row.claim] = row
    texts = []
    for row in widest.values():
        _, widths, decides = row.figures
        narrow = f", margin {row.margin} too narrow" if row.too_narrow else ""
        texts.append(f"{row.claim} {widths.rpartition(' ')[2]} (decides {decides}{narrow})")
    return "; ".join(texts)


def _span(seeds: Sequence[int]) -> str:
    return f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(seeds[0])
