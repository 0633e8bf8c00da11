"""Which models and rungs a claim about a ladder is read from.

Of several models of a family the first ones of one size are taken, by the size classes that the suite's models fall
into, else the first of each family; what was measured says which. Claims name ResNets, so no other CNN stands for them.
Trends and crossings use rungs of equal class count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.rows import Place, Row, Transfer
from bench.analysis.format import listed
from bench.analysis.frames import split
from bench.analysis.stats.statistics_errors import MissingRowError
from bench.analysis.targets import base

FAMILY_NAMES = {"vit": "ViT", "cnn": "ResNet", "hybrid": "hybrid"}
"""As claims of the literature name them."""
TOLERANCE = 0.1
"""By what share a rung may differ from a stated size."""


@dataclass(frozen=True)
class Contest:
    """A model of each of some families, on the same corpus and with the same transfer."""

    evidence: Evidence
    models: Mapping[str, str]
    """Family -> model."""
    corpus: str
    sizes: tuple[int, ...]
    """Rungs that all of them have, ascending."""
    classes: Mapping[int, int | None]
    """Rung -> classes of its images, where known."""
    transfer: Transfer
    how_chosen: str
    targets: tuple[str, ...]
    """Real ones."""
    in_domain: tuple[str, ...]
    left_out: tuple[str, ...]
    """Targets that nothing was transferred to."""

    def rows(self, families: Sequence[str], sizes: Sequence[int], targets: Sequence[str]) -> dict[str, list[Row]]:
        """Target -> rows: of the first family at each size, then of the next.

        Raises:
            AnalysisError: one is missing, or not whole.
        """
        places = [Place(self.models[family], self.corpus, size, self.transfer) for family in families for size in sizes]
        return {target: [self.evidence.row(place, target) for place in places] for target in targets}

    @property
    def trend_sizes(self) -> tuple[int, ...]:
        """The rungs of one class count: of those counts, the one that most rungs have."""
        counts = [self.classes[size] for size in self.sizes]
        most = max(counts, key=counts.count)
        return tuple(size for size in self.sizes if self.classes[size] == most)

    def describe(self) -> str:
        """Models, transfer and targets, in a few words."""
        models = listed([f"{FAMILY_NAMES[family]} {model}" for family, model in self.models.items()])
        without = f"; left out, as nothing was run on it: {listed(self.left_out)}" if self.left_out else ""
        return f"{models} ({self.how_chosen}), {self.transfer}, on {listed(self.targets)}{without}"


def contest(evidence: Evidence, families: Sequence[str], stated: Sequence[int] = ()) -> Contest:
    """The models, rungs and targets that families meet on.

    Args:
        evidence: the tables.
        families: a model of each is taken.
        stated: sizes that a claim is about; the first corpus that has rungs of these is taken, else the first that all
            models are pretrained on.

    Raises:
        MissingRowError: a family, a common rung or a real target is missing.
    """
    models, how = choose(evidence, families)
    ladder = evidence.ladder
    cells = ladder[ladder["model"].isin(models.values()) & ladder["subset_images"].gt(0).fillna(False)]
    rungs = {corpus: _common_sizes(of_corpus, models) for (corpus,), of_corpus in split(cells, ["corpus"])}
    known = [corpus for corpus, sizes in rungs.items() if sizes]
    if not known:
        raise MissingRowError(f"{listed(list(models.values()))} have no rung of a ladder in common")
    corpus = next((name for name in known if all(near(rungs[name], size) for size in stated)), known[0])
    of_corpus = cells[cells["corpus"] == corpus]
    transfer = evidence.transfer(of_corpus)
    targets = evidence.targets(of_corpus, transfer)
    inside, left_out = evidence.in_domain(of_corpus, transfer), evidence.left_out(of_corpus, transfer)
    return Contest(
        *(evidence, models, corpus, rungs[corpus], _classes(of_corpus), transfer, how),
        *(tuple(targets), tuple(inside), tuple(left_out)),
    )


def near(rungs: Sequence[int], size: int) -> int | None:
    """The rung that is of a stated size, within a tenth; the nearest if there are several."""
    within = [rung for rung in rungs if abs(rung / size - 1) <= TOLERANCE]
    return min(within, key=lambda rung: abs(rung / size - 1)) if within else None


def choose(evidence: Evidence, families: Sequence[str]) -> tuple[dict[str, str], str]:
    """A model of each family, and how they were chosen.

    Raises:
        MissingRowError: the suite pretrains no model of a family.
    """
    known = {family: _candidates(evidence, family) for family in families}
    if missing := [FAMILY_NAMES[family] for family, models in known.items() if not models]:
        raise MissingRowError(f"the suite pretrains no {listed(missing)}")
    classes = evidence.size_classes
    for first in known[families[0]]:
        name = classes.get(first)
        partners = {family: [model for model in known[family] if classes.get(model) == name] for family in families[1:]}
        if name is not None and all(partners.values()):
            chosen = {families[0]: first} | {family: models[0] for family, models in partners.items()}
            return chosen, "within 20 % of the ViT's parameters"
    only = all(len(models) == 1 for models in known.values())
    alike = "not of one size by their parameters, or of unknown size"
    return {
        family: models[0] for family, models in known.items()
    }, f"{alike}; {'the only' if only else 'the first'} ones"


def slices(targets: Sequence[str]) -> list[tuple[str, ...]]:
    """Targets that share their test images, together."""
    found: dict[str, list[str]] = {}
    for target in targets:
        found.setdefault(base(target), []).append(target)
    return [tuple(same) for same in found.values()]


def _candidates(evidence: Evidence, family: str) -> list[str]:
    return [model for model in evidence.models(family) if family != "cnn" or "resnet" in model]


def _common_sizes(cells: pd.DataFrame, models: Mapping[str, str]) -> tuple[int, ...]:
    of_model = [set(cells.loc[cells["model"] == model, "subset_images"].astype(int)) for model in models.values()]
    return tuple(sorted(set.intersection(*of_model)))


def _classes(cells: pd.DataFrame) -> dict[int, int | None]:
    """Classes of each rung: as its pretrainings found them, or as planned."""
    return {
        int(size): None if (known := rows["subset_classes"].dropna()).empty else int(known.iloc[0])
        for (size,), rows in split(cells, ["subset_images"])
    }
