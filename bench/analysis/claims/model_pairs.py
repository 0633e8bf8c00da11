"""Choose the models and rungs that a claim about a ladder is judged on.

If a family has several models, the first ones that share a size class are taken, or else the first of each family; the
judgement says which. Claims name ResNets, so no other CNN replaces them. Trends and crossings use rungs of equal class
count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from bench.analysis.claims.evidence import Evidence, Scope
from bench.analysis.claims.rows import CompleteRow, RowId
from bench.analysis.format import listed
from bench.analysis.frames import split
from bench.analysis.stats.statistics_errors import MissingRowError

FAMILY_NAMES = {"vit": "ViT", "cnn": "ResNet", "hybrid": "hybrid"}
"""The names of families in the claims of the literature."""
TOLERANCE = 0.1
"""The share by which a rung may differ from a stated size."""


@dataclass(frozen=True)
class FamilyModels:
    """A model of each of some families, on the same corpus and with the same transfer."""

    evidence: Evidence
    models: Mapping[str, str]
    """Family -> model."""
    how_chosen: str
    corpus: str
    sizes: tuple[int, ...]
    """The rungs that all models have, in pretraining images, ascending."""
    classes: Mapping[int, int | None]
    """Rung -> number of classes of its images, if known."""
    scope: Scope

    def rows(
        self, families: Sequence[str], sizes: Sequence[int], targets: Sequence[str]
    ) -> dict[str, list[CompleteRow]]:
        """Return target -> rows: those of the first family at each size, then those of the next.

        Raises:
            AnalysisError: A row is missing or incomplete.
        """
        transfer = self.scope.transfer
        row_ids = [RowId(self.models[family], self.corpus, size, transfer) for family in families for size in sizes]
        return self.evidence.rows(row_ids, targets)

    @property
    def trend_sizes(self) -> tuple[int, ...]:
        """Return the rungs with the class count that most rungs have."""
        counts = [self.classes[size] for size in self.sizes]
        most = max(counts, key=counts.count)
        return tuple(size for size in self.sizes if self.classes[size] == most)

    def __str__(self) -> str:
        """Return models, transfer and targets, in a few words."""
        models = listed([f"{FAMILY_NAMES[family]} {model}" for family, model in self.models.items()])
        return f"{models} ({self.how_chosen}), {self.scope}"


def family_models(evidence: Evidence, families: Sequence[str], stated: Sequence[int] = ()) -> FamilyModels:
    """Return a model of each family, with the rungs and targets that they have in common.

    Args:
        evidence: The tables of a suite.
        families: The families to compare.
        stated: Sizes that a claim is about, in images. The first corpus with rungs of these sizes is taken, or else the
            first that all models are pretrained on.

    Raises:
        MissingRowError: A family, a common rung or a real target is missing.
    """
    models, how_chosen = choose(evidence, families)
    ladder = evidence.ladder
    cells = ladder[ladder["model"].isin(models.values()) & ladder["subset_images"].gt(0).fillna(False)]
    rungs = {corpus: _common_sizes(of_corpus, models) for (corpus,), of_corpus in split(cells, ["corpus"])}
    common = [corpus for corpus, sizes in rungs.items() if sizes]
    if not common:
        raise MissingRowError(f"{listed(list(models.values()))} have no rung of a ladder in common")
    corpus = next((name for name in common if all(near(rungs[name], size) for size in stated)), common[0])
    of_corpus = cells[cells["corpus"] == corpus]
    scope = evidence.scope(of_corpus)
    return FamilyModels(evidence, models, how_chosen, corpus, rungs[corpus], _classes(of_corpus), scope)


def near(rungs: Sequence[int], size: int) -> int | None:
    """Return the rung nearest to a stated size, or None if none is within a tenth of it."""
    within = [rung for rung in rungs if abs(rung / size - 1) <= TOLERANCE]
    return min(within, key=lambda rung: abs(rung / size - 1)) if within else None


def choose(evidence: Evidence, families: Sequence[str]) -> tuple[dict[str, str], str]:
    """Return a model of each family, and how they were chosen.

    Raises:
        MissingRowError: The suite pretrains no model of a family.
    """
    candidates = {family: _candidates(evidence, family) for family in families}
    if missing := [FAMILY_NAMES[family] for family, models in candidates.items() if not models]:
        raise MissingRowError(f"the suite pretrains no {listed(missing)}")
    classes = evidence.size_classes
    for first in candidates[families[0]]:
        name = classes.get(first)
        partners = {
            family: [model for model in candidates[family] if classes.get(model) == name] for family in families[1:]
        }
        if name is not None and all(partners.values()):
            chosen = {families[0]: first} | {family: models[0] for family, models in partners.items()}
            return chosen, "within 20 % of the ViT's parameters"
    which = "the only" if all(len(models) == 1 for models in candidates.values()) else "the first"
    how_chosen = f"not of one size by their parameters, or of unknown size; {which} ones"
    return {family: models[0] for family, models in candidates.items()}, how_chosen


def _candidates(evidence: Evidence, family: str) -> list[str]:
    return [model for model in evidence.models(family) if family != "cnn" or "resnet" in model]


def _common_sizes(cells: pd.DataFrame, models: Mapping[str, str]) -> tuple[int, ...]:
    of_model = [set(cells.loc[cells["model"] == model, "subset_images"].astype(int)) for model in models.values()]
    return tuple(sorted(set.intersection(*of_model)))


def _classes(cells: pd.DataFrame) -> dict[int, int | None]:
    """Return the number of classes of each rung, as its pretraining runs counted them or as planned."""
    return {
        int(size): None if (known := rows["subset_classes"].dropna()).empty else int(known.iloc[0])
        for (size,), rows in split(cells, ["subset_images"])
    }
