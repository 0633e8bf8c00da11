"""Tables with planted effects: what a store would hold if the families, or arms, differed by so much."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.analysis.claims.claim import Judgement
from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.judge import judge_claims
from bench.analysis.claims.literature import CLAIMS
from bench.analysis.correctness import COLUMNS, pack

Row = dict[str, Any]
Accuracy = Callable[[str, int, str], float]
"""The true accuracy of a family, at a size, on a target."""

MODELS = {"vit": "vit_pico/8", "cnn": "bit_resnet_pico", "hybrid": "r_pico+vit_pico/8"}
CELL_TYPES = dict.fromkeys(("subset_images", "subset_classes", "shots", "draw"), "Int64")
FINE_TUNE = {"transfer": "fine-tune", "shots": None}
FIVE_SHOT = {"transfer": "k-shot", "shots": 5}


class Study:
    """Collects cells, and makes evidence of them. Each seed and row has a small effect of its own."""

    def __init__(self, spread: float = 0.002) -> None:
        self.rng = np.random.default_rng(0)
        self.spread = spread
        self.cells: list[Row] = []
        self.runs: dict[str, Row] = {}
        self.answers: list[Row] = []
        self.references: dict[str, str] = {}
        self.seeds: Sequence[int] = (0, 1, 2, 3, 4)

    def ladder(
        self,
        accuracy: Accuracy,
        sizes: Sequence[int] = (1000, 10_000, 100_000),
        families: Sequence[str] = ("vit", "cnn", "hybrid"),
        targets: Sequence[str] = ("cifar10", "digits@100"),
        **same: Any,
    ) -> "Study":
        """Rows of each family at each size on each target."""
        for family in families:
            for size in sizes:
                for target in targets:
                    self.row(MODELS[family], target, accuracy(family, size, target), size, family=family, **same)
        return self

    def arms(
        self, ablation: str, arms: Mapping[str, tuple[str, float]], tokens: Mapping[str, int] | None = None, **same: Any
    ) -> "Study":
        """An ablation whose arms have these models and accuracies; the first is the reference."""
        self.references[ablation] = next(iter(arms))
        for arm, (model, accuracy) in arms.items():
            where = {"ablation": ablation, "arm": arm, "tokens": (tokens or {}).get(arm, 64)}
            self.row(model, "cifar10", accuracy, 100_000, **where, **same)
        return self

    def row(self, model: str, target: str, accuracy: float, size: int, **same: Any) -> None:
        """The cells of one row."""
        facts = {"family": "vit", "corpus": "fractals", "subset_classes": 1000, "ablation": "", "arm": ""} | FINE_TUNE
        facts |= {name: value for name, value in same.items() if name not in ("tokens", "flops")}
        for seed in self.seeds:
            name = "-".join(str(part) for part in (model, size, facts["ablation"], facts["arm"], seed))
            cell = {
                **facts,
                "model": model,
                "subset_images": size,
                "target": target,
                "draw": None,
                "seed": seed,
                "status": "ok",
                "reason": "",
                "notes": "",
                "accuracy": float(np.clip(accuracy + self.rng.normal(0, self.spread), 0, 1)),
                "pretrain_key": f"p-{name}",
                "transfer_key": f"t-{name}-{target}-{facts['transfer']}",
            }
            self.cells.append(cell)
            self.runs[cell["pretrain_key"]] = {"training_flops": same.get("flops")}
            self.runs[cell["transfer_key"]] = {"tokens": same.get("tokens"), "training_flops": 1}

    def answer(self, num_images: int = 400, *, alike: bool = False) -> "Study":
        """Keep answers to test images, the same ones for all rows of a target, and make accuracies of them.

        Where seeds are `alike`, a model finds the same images hard in each of them.
        """
        hard = {cell["model"]: self.rng.random(num_images) for cell in self.cells}
        for cell in self.cells:
            ids = np.arange(num_images) + 1000 * len(cell["target"].partition("@")[0])
            right = (hard[cell["model"]] if alike else self.rng.random(num_images)) < cell["accuracy"]
            self.answers.append(pack(cell["transfer_key"], ids, np.zeros(num_images, int), (~right).astype(int)))
            cell["accuracy"] = float(right.mean())
        return self

    def evidence(self, **more: Any) -> Evidence:
        """Of all that was collected."""
        runs = pd.DataFrame([{"key": key, "tokens": None} | run for key, run in self.runs.items()])
        runs = runs.astype({"tokens": "Int64", "training_flops": "float64"})
        tables = {"cells": pd.DataFrame(self.cells).astype(CELL_TYPES), "runs": runs}
        if self.answers:
            tables["correctness"] = pd.DataFrame(self.answers, columns=list(COLUMNS))
        return Evidence(tables, self.references, **more)


@pytest.fixture
def study() -> Study:
    return Study()


@pytest.fixture
def judge() -> Callable[[Evidence, str], Judgement]:
    """Judge one of the literature's claims, by itself."""

    def judged(evidence: Evidence, claim: str) -> Judgement:
        (found,) = judge_claims([one for one in CLAIMS if one.id == claim], evidence)
        assert (found.verdict == "undecided") == bool(found.would_decide)
        assert (found.verdict in ("supported", "refuted")) != bool(found.reason)
        return found

    return judged
