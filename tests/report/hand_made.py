"""A hand-made suite and the tables that its store would hold, with plausible numbers and what tests change in them."""

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bench import PROTOCOL_VERSION
from bench.analysis.ablations import ablations
from bench.analysis.comparison import comparison
from bench.analysis.correctness import COLUMNS, pack

Row = dict[str, Any]
Tables = dict[str, pd.DataFrame]

FAMILIES = {"vit_pico/8": "vit", "bit_resnet_pico": "cnn", "r_pico+vit_pico/8": "hybrid"}
SIZES = {
    "vit_pico/8": (207_146, 3_310_000, 16),
    "bit_resnet_pico": (214_000, 9_800_000, None),
    "r_pico+vit_pico/8": (201_300, 5_200_000, 16),
    "vit_pico/8:pos=none": (206_122, 3_310_000, 16),
    "vit_pico/8:pos=learned-1d": (208_170, 3_310_000, 16),
    "vit_pico/16": (243_000, 900_000, 4),
    "vit_pico/16:padding=4,stride=8": (243_800, 3_900_000, 16),
}
ABILITY = {"vit": (0.22, 0.13), "cnn": (0.55, 0.05), "hybrid": (0.42, 0.09)}
"""Accuracy from scratch, and what each fourfold of pretraining adds."""
LAWS = {"vit": (0.04, 0.55), "cnn": (0.16, 0.22), "hybrid": (0.10, 0.32)}
"""Floor of the error, and what is above it at 256 images; the exponent is 0.35."""
ARMS = {
    "position": {
        "none": ("vit_pico/8:pos=none", -0.06),
        "learned-1d": ("vit_pico/8:pos=learned-1d", -0.004),
        "sincos-2d": ("vit_pico/8", 0.0),
    },
    "overlap": {
        "/16": ("vit_pico/16", -0.09),
        "/16, stride 8": ("vit_pico/16:padding=4,stride=8", 0.015),
        "/8": ("vit_pico/8", 0.0),
    },
}
REFERENCES = {"position": "sincos-2d", "overlap": "/8"}
CLASSES = {"digits@100": 10, "fractals-heldout": 16}
SETTINGS = {"optimizer": "adamw", "learning_rate": 0.001, "betas": [0.9, 0.999], "clip_norm": 1.0, "batch_size": 32}
ENVIRONMENT = {
    "device": "cpu",
    "precision": "fp32",
    "python": "3.11.2",
    "torch": "2.15.0",
    "torchvision": "0.30.0",
    "timm": "1.0.31",
    "numpy": "2.4.0",
    "pandas": "3.1.1",
    "platform": "Linux-6.1-x86_64",
    "processor": "AMD EPYC 9654",
    "git_commit": "0123abc",
    "sources_hash": "5f1c2a",
    "started_at": "2026-01-01T00:00:00Z",
    "threads": 1,
    "num_resumes": 0,
    "repeats": "bit for bit",
}
CELL_TYPES = dict.fromkeys(["subset_images", "subset_classes", "target_images", "shots", "draw"], "Int64")
RUN_INTEGERS = [
    "num_classes",
    "subset_images",
    "images_seen",
    "parameters",
    "macs",
    "tokens",
    "training_flops",
    "peak_memory_bytes",
]
METRICS = ["train_loss", "validation_loss", "validation_accuracy", "test_accuracy", "test_loss"]


def break_seed(cells: pd.DataFrame, *, reason: str = "loss is NaN at step 312", **where: Any) -> pd.DataFrame:
    """Return cells in which seed 2 of some rows diverged."""
    broken = cells["seed"] == 2
    for column, value in where.items():
        broken &= cells[column].eq(value).fillna(False)
    assert broken.any()
    cells.loc[broken, ["status", "reason", "accuracy"]] = ["diverged", reason, math.nan]
    return cells


def make_suite(**other: Any) -> Row:
    """Return a resolved suite, with what a test changes in it."""
    recipe = {"name": "small", "description": "AdamW.", "settings": SETTINGS, "exceptions": []}
    return {
        "name": "hand-made",
        "protocol": PROTOCOL_VERSION,
        "description": "Three families on three rungs.",
        "limits": "Chosen so that all families learn.",
        "image_size": 32,
        "corpora": [{"corpus": {"name": "fractals", "classes": 32, "difficulty": {}}, "subsets": [256, 1024, 4096]}],
        "models": list(FAMILIES),
        "targets": [
            {"target": target, "optional": False, "identity": {"name": target}}
            for target in ("digits@100", "fractals-heldout")
        ],
        "seeds": [0, 1, 2],
        "recipes": {"pretrain": recipe, "transfer": recipe},
        "images": {"pretrain": 16384, "transfer": 2048},
        "match": "images",
        "from_scratch": True,
        "ablations": [{"name": name, "reference": REFERENCES[name]} for name in ARMS],
        "precision": "fp32",
        "device": "cpu",
        "threads": 1,
    } | other


def make_cells(
    *,
    targets: tuple[str, ...] = ("digits@100", "fractals-heldout"),
    seeds: tuple[int, ...] = (0, 1, 2),
    arms: bool = True,
) -> pd.DataFrame:
    """Return the cells of such a suite, from scratch and pretrained, with ablation arms."""
    noise = np.random.default_rng(0)
    rows = []
    for seed in seeds:
        for target in targets:
            for model, family in FAMILIES.items():
                for rung, images in enumerate([0, 256, 1024, 4096]):
                    base, step = ABILITY[family]
                    accuracy = base + 0.15 * (target == "fractals-heldout") * (rung > 0) + step * rung
                    rows.append(_cell(model, family, images, target, seed, accuracy + noise.normal(0, 0.012)))
            for ablation, of_ablation in ARMS.items() if arms else ():
                for arm, (model, worse) in of_ablation.items():
                    accuracy = 0.61 + worse + noise.normal(0, 0.01)
                    rows.append(_cell(model, "vit", 4096, target, seed, accuracy) | {"ablation": ablation, "arm": arm})
    return pd.DataFrame(rows).astype(CELL_TYPES)


def add_probes(cells: pd.DataFrame) -> pd.DataFrame:
    """Return cells followed by those of probes: linear, and two draws of 1 and of 5 shots."""
    pretrained = cells[cells["corpus"] != "none"].assign(transfer_recipe="")
    probes = [
        (None, None, -0.05),
        *((shots, draw, 0.02 * shots - 0.3 + 0.01 * draw) for shots in (1, 5) for draw in (0, 1)),
    ]
    found = [
        pretrained.assign(
            target=pretrained["target"].str.partition("@")[0] if shots else pretrained["target"],
            transfer="k-shot" if shots else "linear",
            shots=shots,
            draw=draw,
            accuracy=pretrained["accuracy"] + better,
            transfer_key=pretrained["transfer_key"] + f"-{shots}-{draw}-" + pretrained["arm"],
        )
        for shots, draw, better in probes
    ]
    return pd.concat([cells, *(rows.astype(CELL_TYPES) for rows in found)], ignore_index=True)


def make_tables(
    cells: pd.DataFrame, answers: pd.DataFrame | None = None, references: Mapping[str, str] = REFERENCES
) -> Tables:
    """Return all tables that follow from cells, and from per-image correctness if given."""
    runs = _runs(cells)
    references = {name: references[name] for name in cells["ablation"].unique() if name}
    return {
        "cells": cells,
        "runs": runs,
        "comparison": comparison(cells, answers),
        "ablations": ablations(cells, runs, references, answers),
    }


def make_answers(cells: pd.DataFrame, num_images: int = 400) -> pd.DataFrame:
    """Return the table `correctness`: each run is right on its share of the images, mostly the easy ones."""
    noise = np.random.default_rng(1)
    images = np.arange(num_images)
    hard = {target: noise.random(num_images) for target in cells["target"].unique()}
    rows = {}
    for _, cell in cells[cells["status"] == "ok"].iterrows():
        order = np.argsort(hard[cell["target"]] + noise.random(num_images))
        wrong = np.isin(images, order[round(cell["accuracy"] * num_images) :]).astype(int)
        rows[cell["transfer_key"]] = pack(cell["transfer_key"], images, np.zeros(num_images, int), wrong)
    return pd.DataFrame(list(rows.values()), columns=list(COLUMNS))


def make_ladder_cells(
    *, num_rungs: int = 5, targets: tuple[str, ...] = ("digits@100", "cifar10", "fractals-heldout"), seeds: int = 3
) -> pd.DataFrame:
    """Return cells of the three families on rungs of 256 images and fourfold each: laws with floors that cross."""
    noise = np.random.default_rng(2)
    rows = []
    for seed in range(seeds):
        for target in targets:
            for model, family in FAMILIES.items():
                floor, drop = LAWS[family]
                for rung in range(num_rungs):
                    error = floor + drop * 4 ** (-0.35 * rung) + 0.1 * (target == "cifar10") + noise.normal(0, 0.004)
                    rows.append(_cell(model, family, 256 * 4**rung, target, seed, 1 - error))
    return pd.DataFrame(rows).astype(CELL_TYPES)


def _cell(model: str, family: str, images: int, target: str, seed: int, accuracy: float) -> Row:
    pretrain = f"p-{model}-{images}-{seed}" if images else ""
    return {
        "model": model,
        "family": family,
        "corpus": "fractals" if images else "none",
        "subset_images": images,
        "subset_classes": 32 if images else None,
        "subset_hash": "ab12" if images else "",
        "target": target,
        "target_images": 100,
        "image_size": 32,
        "transfer": "fine-tune",
        "shots": None,
        "draw": None,
        "pretrain_recipe": "small" if images else "",
        "transfer_recipe": "small",
        "match": "images",
        "ablation": "",
        "arm": "",
        "seed": seed,
        "status": "ok",
        "reason": "",
        "notes": "",
        "accuracy": accuracy,
        "pretrain_key": pretrain,
        "transfer_key": f"t-{model}-{images}-{target}-{seed}",
    }


def _runs(cells: pd.DataFrame) -> pd.DataFrame:
    begun = set(cells.loc[cells["status"] != "not_run", "pretrain_key"])
    rows: dict[str, Row] = {}
    for _, cell in cells.iterrows():
        pretrain, transfer = cell["pretrain_key"], cell["transfer_key"]
        if pretrain:
            rows.setdefault(pretrain, _run(cell, "pretrain", "ok" if pretrain in begun else "not_run"))
        rows.setdefault(transfer, _run(cell, "scratch" if cell["corpus"] == "none" else "transfer", cell["status"]))
    return pd.DataFrame(list(rows.values())).astype(dict.fromkeys(RUN_INTEGERS, "Int64"))


def _run(cell: pd.Series, kind: str, status: str) -> Row:
    pretrains = kind == "pretrain"
    parameters, macs, tokens = SIZES.get(cell["model"].partition(":depth")[0], SIZES["vit_pico/8"])
    measured = (0.9, 1.1, 0.71, math.nan, math.nan) if pretrains else (0.3, 0.8, 0.7, cell["accuracy"], 0.9)
    finished = status == "ok"
    return {
        "key": cell["pretrain_key"] if pretrains else cell["transfer_key"],
        "kind": kind,
        "status": status,
        "reason": "" if pretrains else cell["reason"],
        "model": cell["model"],
        "family": cell["family"],
        "corpus": cell["corpus"] if pretrains else "none",
        "subset_images": cell["subset_images"] if pretrains else None,
        "target": "" if pretrains else cell["target"],
        "image_size": cell["image_size"],
        "recipe": "small",
        "notes": "",
        "resumed_at_step": "",
        "seed": cell["seed"],
        "starts_from": cell["pretrain_key"] if kind == "transfer" else "",
        "images_seen": {"pretrain": 16384, "transfer": 2048, "scratch": 18432}[kind] if finished else None,
        "num_classes": (32 if pretrains else CLASSES.get(cell["target"], 10)) if status != "not_run" else None,
        "parameters": parameters if status != "not_run" else None,
        "macs": macs if status != "not_run" else None,
        "tokens": tokens if status != "not_run" else None,
        "training_flops": 6 * macs * 2048 if finished else None,
        **dict(zip(METRICS, measured if finished else [math.nan] * 5, strict=True)),
        "images_per_second": 850.0 if finished else math.nan,
        "train_seconds": 20.5 if finished else math.nan,
        "total_seconds": 22.0 if finished else math.nan,
        "peak_memory_bytes": None,
        **(ENVIRONMENT if status != "not_run" else dict.fromkeys(ENVIRONMENT, "")),
    }


def without_scripts(html: str) -> str:
    """Return a page without its scripts, whose words are no results."""
    return re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)
