"""The stores whose reports are opened in a browser: hand-made ones, quick to make, and the committed ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from bench.analysis.claims.claim import Judgement
from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.judge import judge_claims
from bench.analysis.claims.literature import CLAIMS
from bench.analysis.claims.own_rows import own_rows
from bench.analysis.ladder.ladder_tables import ladder_tables
from bench.cli.claims import evidence_of
from bench.report.write import write_report
from bench.store.store import Store
from bench.tables.build import build_tables
from tests.report.hand_made import (
    ABILITY,
    REFERENCES,
    add_probes,
    break_seed,
    make_answers,
    make_cells,
    make_ladder_cells,
    make_suite,
    make_tables,
)
from tests.speed_rows import measurement

ROOT = Path(__file__).parents[3]
HOSTILE = (
    "</script><img src=x onerror=window.X=1>",
    "<b>bold</b>",
    "${x}{{ x }}{% x %}",
    "__proto__",
    "\N{RIGHT-TO-LEFT OVERRIDE}\N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET}",
    "long" * 75,
)
"""Texts that names of classes, models, arms and suites, and messages of errors may hold."""
GPU = {"machine": "cuda-nvidia-h100", "device": "cuda", "device_name": "NVIDIA H100", "processor": "Intel Xeon"}


@dataclass(frozen=True)
class Content:
    """What a report is written from."""

    suite: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    speeds: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    judgements: Sequence[Judgement] = ()

    def write(self, out: Path) -> Path:
        """Write the report; returns the path of `index.html`."""
        return write_report(self.suite, self.tables, out, (), self.speeds, self.judgements)


def hand_made(cells: pd.DataFrame, *machines: pd.DataFrame, answers: bool = True, **suite: Any) -> Content:
    """Return a hand-made store with the claims judged by it, with the speeds of some machines."""
    ladder = cells[cells["ablation"] == ""]
    ablations = filter(None, cells["ablation"].unique())
    shown: dict[str, Any] = {
        "models": list(ladder["model"].unique()),
        "targets": [
            {"target": name, "optional": False, "identity": {"name": name}} for name in cells["target"].unique()
        ],
        "seeds": sorted(map(int, cells["seed"].unique())),
        "ablations": [{"name": name, "reference": REFERENCES[name]} for name in ablations],
    }
    per_image = make_answers(cells) if answers else None
    speeds = {str(machine["machine"].iloc[0]): machine for machine in machines}
    return _judged(make_suite(**shown | suite), make_tables(cells, per_image), per_image, speeds)


def committed(root: Path) -> Content:
    """Return a store of the repository, with tables built from its records; nothing is written."""
    store = Store(root)
    tables, suite = build_tables(store), store.suite()
    judgements = judge_claims(CLAIMS, evidence_of(store, suite, tables), suite.looks)
    return Content(suite.model_dump(mode="json"), tables, {}, judgements)


def half_finished_gpu() -> Content:
    """Return a store of the suite `gpu` in which one of three seeds has ended, on two of three targets."""
    store = Store(ROOT / "results" / "reference-h100" / "gpu")
    suite, cells = store.suite().model_dump(mode="json"), build_tables(store)["cells"]
    rungs = cells["subset_images"].rank(method="dense") - 1
    base, step = (cells["family"].map({family: of[part] for family, of in ABILITY.items()}) for part in (0, 1))
    done = (cells["seed"] == 0) & (cells["target"] != "cifar10")
    cells.loc[done, "accuracy"] = (base + step * rungs)[done]
    cells.loc[done, ["status", "reason"]] = ["ok", ""]
    references = {ablation["name"]: ablation["reference"] for ablation in suite["ablations"]}
    answers = make_answers(cells)
    return _judged(suite, make_tables(cells, answers, references), answers, {}, references)


def _judged(
    suite: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    answers: pd.DataFrame | None,
    speeds: Mapping[str, pd.DataFrame],
    references: Mapping[str, str] = REFERENCES,
) -> Content:
    known = {**tables} if answers is None else {**tables, "correctness": answers}
    known |= ladder_tables(known["cells"], answers)
    own = own_rows({"cells": known["cells"], "runs": known["runs"], "correctness": answers})
    known |= {} if own.empty else {"own_rows": own}
    return Content(suite, known, speeds, judge_claims(CLAIMS, Evidence(known, references, {})))


def many(*, models: int = 3, targets: int = 2, seeds: int = 3) -> pd.DataFrame:
    """Return cells of many rows: models by threes, one of each family, of several depths."""
    names = ("digits@100", *(f"folder:photos-{number}@100" for number in range(1, targets)))
    cells = make_cells(targets=names, seeds=tuple(range(seeds)), arms=False)
    of_depths = [
        cells.assign(
            model=cells["model"] + (f":depth={depth}" if depth else ""),
            transfer_key=cells["transfer_key"] + f"-{depth}",
            pretrain_key=cells["pretrain_key"].where(cells["pretrain_key"] == "", cells["pretrain_key"] + f"-{depth}"),
            accuracy=cells["accuracy"] - 0.01 * depth,
        )
        for depth in range(models // 3)
    ]
    return pd.concat(of_depths, ignore_index=True)


def arms_elsewhere() -> pd.DataFrame:
    """Return cells with a target on which arms alone are tested."""
    cells = make_cells()
    arms = cells[(cells["ablation"] == "position") & (cells["target"] == "digits@100")]
    elsewhere = arms.assign(target="arrangement", transfer_key="e-" + arms["transfer_key"])
    return pd.concat([cells, elsewhere], ignore_index=True)


def half_finished() -> pd.DataFrame:
    """Return cells of which the second and third seeds have not begun, and the hybrid has no result at all."""
    cells = make_cells()
    open_ = (cells["seed"] > 0) | (cells["family"] == "hybrid")
    cells.loc[open_, ["status", "reason", "accuracy"]] = ["not_run", "not run yet", float("nan")]
    return cells


def failed() -> pd.DataFrame:
    """Return cells with seeds that diverged, some of all targets and an arm's."""
    cells = break_seed(make_cells(), model="vit_pico/8", subset_images=256)
    return break_seed(cells, model="vit_pico/16", reason="out of memory at step 1")


def external() -> Content:
    """Return a store with a row that starts from external weights."""
    cells = make_cells(arms=False)
    outside = cells[cells["subset_images"] == 4096].assign(
        corpus="external:0123456789ab", subset_images=pd.NA, subset_classes=pd.NA, pretrain_recipe="", pretrain_key=""
    )
    outside["transfer_key"] = "o-" + outside["transfer_key"]
    weights = {
        "model": "vit_pico/8",
        "sha256": "0123456789ab" + "0" * 52,
        "source": "a.safetensors",
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
    }
    return hand_made(pd.concat([cells, outside.astype(cells.dtypes)], ignore_index=True), external_weights=[weights])


def hostile() -> Content:
    """Return a store in which every text that users choose is hostile: one after the other in each place."""
    cells = break_seed(make_cells(), reason=" ".join(HOSTILE), model="bit_resnet_pico")
    arms = dict(zip(("none", "learned-1d", "/16", "/16, stride 8"), HOSTILE, strict=False))
    cells["arm"] = cells["arm"].replace(arms)
    models = dict(zip(sorted(cells.loc[cells["ablation"] != "", "model"].unique()), HOSTILE[::-1], strict=False))
    cells["model"] = cells["model"].replace({name: f"{name}:{text}" for name, text in models.items()})
    cells["target"] = cells["target"].replace({"fractals-heldout": f"folder:{HOSTILE[0]}{HOSTILE[1]}@100"})
    cells.loc[cells["seed"] == 1, "notes"] = HOSTILE[0]
    return hand_made(cells, name=HOSTILE[0], description=" ".join(HOSTILE), limits=" ".join(HOSTILE))


STORES: dict[str, Callable[[], Content]] = {
    "usual": lambda: hand_made(make_cells(), measurement()),
    "probes": lambda: hand_made(add_probes(make_cells()), measurement()),
    "two machines": lambda: hand_made(make_cells(), measurement(), measurement(**GPU)),
    "no speeds": lambda: hand_made(make_cells()),
    "half-finished": lambda: hand_made(half_finished()),
    "nothing run": lambda: hand_made(
        make_cells().assign(status="not_run", reason="not run yet", accuracy=float("nan")), answers=False
    ),
    "one seed": lambda: hand_made(make_cells(seeds=(0,))),
    "one family": lambda: hand_made(make_cells(arms=False).query("family == 'vit'").reset_index(drop=True)),
    "arms alone on a target": lambda: hand_made(arms_elsewhere()),
    "one target": lambda: hand_made(make_cells(targets=("digits@100",))),
    "five rungs": lambda: hand_made(make_ladder_cells()),
    "failed runs": lambda: hand_made(failed()),
    "external weights": external,
    "hostile": hostile,
    "20 targets, 12 models": lambda: hand_made(many(models=12, targets=20)),
    "400 runs": lambda: hand_made(many(models=6, targets=2, seeds=6)),
    "1,000 runs": lambda: hand_made(many(models=12, targets=2, seeds=8)),
    "reference-cpu": lambda: committed(ROOT / "results" / "reference-cpu"),
    "half-finished gpu": half_finished_gpu,
}
"""Name -> a function that makes the store."""
