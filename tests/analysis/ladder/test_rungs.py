"""Ladders hold the cells' accuracies and correctness, seeds in order, and report what is missing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.analysis.correctness import COLUMNS, pack
from bench.analysis.ladder.across_targets import across_targets
from bench.analysis.ladder.rungs import ladders, over_targets, problems
from bench.analysis.stats.crossed import CROSSED, SEEDS
from bench.analysis.targets import base

Row = dict[str, Any]
MakeCells = Callable[[list[Row]], pd.DataFrame]
MakeSeeds = Callable[..., list[Row]]

SIZES = (256, 1024)
MODELS = {"vit_pico/8": "vit", "bit_resnet_pico": "cnn"}
RIGHT = np.random.default_rng(6).random((2, 2, 3, 40)) < 0.6
"""(models, rungs, seeds, images)."""


@pytest.fixture
def rows(make_seeds: MakeSeeds) -> Callable[..., list[Row]]:
    """Two models on two rungs, three seeds; accuracies are those of `RIGHT`."""

    def build(target: str = "digits@100", **same: Any) -> list[Row]:
        return [
            row | {"transfer_key": f"{model}-{size}-{row['seed']}-{target}"}
            for of_model, (model, family) in zip(RIGHT, MODELS.items(), strict=True)
            for of_size, size in zip(of_model, SIZES, strict=True)
            for row in make_seeds(
                of_size.mean(axis=1).tolist(), model=model, family=family, subset_images=size, target=target, **same
            )
        ]

    return build


def _answers(rows: list[Row]) -> pd.DataFrame:
    """What the rows' runs answered, in another order of ids for each."""
    images = np.arange(40)
    packed = []
    for row, right in zip(rows, RIGHT.reshape(-1, 40), strict=True):
        order = np.random.default_rng(row["seed"]).permutation(40)
        packed.append(pack(row["transfer_key"], images[order], np.zeros(40, int), np.where(right, 0, 1)[order]))
    return pd.DataFrame(packed, columns=list(COLUMNS))


def _all(accuracy: float, rows: list[Row]) -> list[Row]:
    return [row | {"accuracy": accuracy} for row in rows]


def test_accuracies_stand_by_seed_and_rung(make_cells: MakeCells, rows: Callable[..., list[Row]]) -> None:
    """Of the ladder's pretrained rows alone, sizes ascending whatever the order of the cells."""
    others = [{"ablation": "position", "arm": "none"}, {"corpus": "none", "subset_images": 0, "subset_classes": None}]
    outside = {"corpus": "external:0123", "subset_images": None, "subset_classes": None}
    cells = make_cells([*rows()[::-1], *others, outside])
    (ladder,) = ladders(cells)
    assert (ladder.sizes, ladder.seeds, ladder.targets) == (SIZES, (0, 1, 2), ("digits@100",))
    assert (ladder.corpus, ladder.subset_classes, ladder.shots, ladder.method) == ("fractals", 32, None, SEEDS)
    for model in ladder.models:
        expected = RIGHT[list(MODELS).index(model.model)].mean(axis=2)
        (part,) = model.parts
        assert part.shape == (3, 1, 2)
        assert pytest.approx(expected) == part[:, 0].T
        assert (model.family, model.problem) == (MODELS[model.model], "")


def test_answers_stand_by_image(make_cells: MakeCells, rows: Callable[..., list[Row]]) -> None:
    """Aligned by the images' ids, whatever order each run had."""
    (ladder,) = ladders(make_cells(rows()), _answers(rows()))
    assert ladder.method == CROSSED
    for model, expected in zip(ladder.models, RIGHT, strict=True):
        assert (model.parts[0] == expected.transpose(1, 2, 0)).all()
    assert len({model.images for model in ladder.models}) == 1


def test_answers_that_are_not_all_kept_count_for_nobody(make_cells: MakeCells, rows: Callable[..., list[Row]]) -> None:
    """A pair has per-image correctness on both sides, or accuracies on both."""
    (ladder,) = ladders(make_cells(rows()), _answers(rows()).iloc[1:])
    assert ladder.method == SEEDS
    assert {model.parts[0].shape for model in ladder.models} == {(3, 1, 2)}
    assert pytest.approx(RIGHT[1].mean(axis=2)) == ladder.models[1].parts[0][:, 0].T


def test_what_is_missing_is_said(make_cells: MakeCells, rows: Callable[..., list[Row]]) -> None:
    """A seed that diverged on one rung, a rung that a model has no row of; the other model is as it was."""
    cells = rows()
    cells[2] |= {"status": "diverged", "accuracy": None}
    first, second = ladders(make_cells(cells))[0].models
    assert (first.problem, first.parts) == ("at 256 images seed 2 failed to train: diverged", ())
    assert second.parts[0].shape == (3, 1, 2)
    (ladder,) = ladders(make_cells(rows()[:-3]))
    assert [model.problem for model in ladder.models] == ["", "at 1,024 images no row"]
    assert [model.model for model in ladder.complete] == ["vit_pico/8"]


def test_rungs_of_other_classes_stand_on_ladders_of_their_own(
    make_cells: MakeCells, rows: Callable[..., list[Row]]
) -> None:
    """As do other corpora, sizes of images, transfers and shots."""
    others = ({"subset_classes": 64}, {"corpus": "imagenet"}, {"image_size": 64}, {"transfer": "linear"})
    found = ladders(make_cells([*rows(), *(row for other in others for row in rows(**other))]))
    assert len(found) == 5
    assert {ladder.sizes for ladder in found} == {SIZES}
    named = [row | {"subset_classes": 32 if row["subset_images"] == 256 else 64} for row in rows()]
    assert [ladder.sizes for ladder in ladders(make_cells(named))] == [(256,), (1024,)]


def test_other_test_images_are_refused(make_cells: MakeCells, rows: Callable[..., list[Row]]) -> None:
    """Within a model, where it has no arrays; between two, which then have no pairs."""
    moved = [row | {"transfer_key": row["transfer_key"] + "-moved"} for row in rows()]
    table = pd.concat([_answers(rows()), _answers(moved)])
    table.loc[table["transfer_key"].str.endswith("-moved"), "images"] = "others"
    cells = [*rows()[:5], *moved[5:6], *rows()[6:]]
    (ladder,) = ladders(make_cells(cells), table)
    assert ladder.models[0].problem.startswith("cells of one row were tested on different images")
    (ladder,) = ladders(make_cells([*rows()[:3], *moved[3:6], *rows()[6:]]), table)
    assert ladder.models[0].problem.startswith("tested on different images")
    (ladder,) = ladders(make_cells([*rows()[:6], *moved[6:]]), table)
    assert ladder.method == CROSSED
    assert problems(*ladder.models) == "tested on different images: vit_pico/8, bit_resnet_pico"
    assert problems(ladder.models[0]) == ""


def test_targets_are_put_together(make_cells: MakeCells, rows: Callable[..., list[Row]]) -> None:
    """A part each, slices of one target averaged; one target alone stays alone."""
    three = ladders(make_cells(rows() + _all(0.5, rows("digits@500")) + _all(0.25, rows("cifar10"))))
    (together,) = over_targets(three)
    assert together.targets == ("digits@100", "digits@500", "cifar10")
    for model, expected in zip(together.models, RIGHT, strict=True):
        digits, cifar = model.parts
        assert pytest.approx(expected.mean(axis=2) / 2 + 0.25) == digits[:, 0].T
        assert (cifar == 0.25).all()
    assert over_targets(three[:1]) == ()
    assert over_targets([three[0], *ladders(make_cells(rows("cifar10", transfer="linear")))]) == ()


def test_a_path_may_hold_an_at_sign(make_cells: MakeCells, rows: Callable[..., list[Row]]) -> None:
    """It cuts nothing off: two folders under it are two targets, slices of one are one."""
    names = ["folder:/data@home/birds@50", "folder:/data@home/birds", "folder:/data@home/cars@50"]
    assert [base(name) for name in names] == [names[1], names[1], "folder:/data@home/cars"]
    (together,) = over_targets(ladders(make_cells([row for name in names for row in rows(name)])))
    assert [len(model.parts) for model in together.models] == [2, 2]
    assert across_targets(together).num_targets == 2


def test_a_model_that_lacks_a_target_says_so(make_cells: MakeCells, rows: Callable[..., list[Row]]) -> None:
    """By the target's name."""
    cells = rows() + rows("cifar10")[:6] + [row | {"status": "failed"} for row in rows("cifar10")[6:7]]
    first, second = over_targets(ladders(make_cells(cells)))[0].models
    assert len(first.parts) == 2
    assert (
        second.problem
        == "on cifar10 at 256 images seed 0 ended with an error; seeds 1, 2 missing; at 1,024 images no row"
    )
