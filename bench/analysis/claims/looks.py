"""State at how many seeds a suite's claims are judged, and how the risk of an error is spent over these looks.

Whoever looks at each new seed and stops when a claim is decided errs far more often than at one look. So looks are
declared before the runs. By default there is one, at all of the suite's seeds.

With several looks, the risk that is spent up to a look grows with the square of its share of the last look's seeds:
the spending function of Kim and DeMets, Design and analysis of group sequential tests based on the type I error
spending rate function (1987), with exponent 2. A look is judged at the risk that it adds. The risks add up to the whole
for any dependence between looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench.analysis.format import listed, plural
from bench.analysis.stats.intervals import LEVEL

_EXPONENT = 2


@dataclass(frozen=True)
class Looks:
    """The looks of a suite, and how many of its seeds have begun."""

    seeds: tuple[int, ...]
    """The suite's seeds, in its order."""
    at: tuple[int, ...]
    """Numbers of seeds, ascending."""
    num_begun: int
    """The number of seeds that have begun, counted up to the first that has not."""

    @property
    def reached(self) -> tuple[int, ...]:
        """Return the looks whose seeds have all begun."""
        return tuple(look for look in self.at if look <= self.num_begun)

    @property
    def next(self) -> int | None:
        """Return the look that comes next; None after the last one."""
        return next((look for look in self.at if look > self.num_begun), None)

    def level(self, look: int, level: float = LEVEL) -> float:
        """Return the level of one look, given the level of all looks together."""
        before = max((one for one in self.at if one < look), default=0)
        return 1 - (1 - level) * (look**_EXPONENT - before**_EXPONENT) / self.at[-1] ** _EXPONENT

    def __str__(self) -> str:
        """Return when claims are judged, and which seeds no verdict uses."""
        if len(self.at) == 1:
            parts = [f"Claims are judged once, at {plural(self.at[0], 'seed')}"]
        else:
            parts = [f"Claims are judged at {listed(list(map(str, self.at)))} seeds, over which the level is spent"]
        if self.next and self.num_begun not in self.at:
            parts.append(f"{plural(self.num_begun, 'seed')} of the {self.next} of the next look have begun")
        if beyond := self.seeds[self.at[-1] : self.num_begun]:
            parts.append(f"{plural(len(beyond), 'further seed')} beyond the last look are in no verdict")
        return "; ".join(parts) + "."


def looks_of(cells: pd.DataFrame, declared: Sequence[int] = ()) -> Looks:
    """Return the looks of a suite from its cells, which are in the order of its seeds, and its declared looks.

    A seed has begun once the ladder and each ablation that has any result have begun it: otherwise an ablation would be
    judged by the seeds before, and then again.
    """
    seeds = tuple(dict.fromkeys(cells["seed"].tolist()))
    tried = cells[cells["status"] != "not_run"]
    begun_by_part = [set(part["seed"]) for _, part in tried.groupby("ablation")]
    begun = set.intersection(*begun_by_part) if begun_by_part else set()
    num_begun = next((number for number, seed in enumerate(seeds) if seed not in begun), len(seeds))
    return Looks(seeds, tuple(declared) or (len(seeds),), num_begun)
