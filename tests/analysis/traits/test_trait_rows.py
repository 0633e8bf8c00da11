"""Traits over seeds: means of rows with intervals, and families compared after the same pretraining."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.analysis.stats.crossed import mean_interval, paired_interval
from bench.analysis.stats.statistics_errors import CorrectnessError, DifferentImagesError
from bench.analysis.traits.packed_hits import COLUMNS, pack_hits, unpack_hits
from bench.analysis.traits.trait_rows import trait_differences, trait_rows

MODELS = {"vit_pico/8": "vit", "bit_resnet_pico": "cnn", "r_pico+vit_pico/8": "hybrid"}
NUM_IMAGES = 200


def measured(
    values: dict[str, list[float]], *, per_image: bool = True, **same: Any
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of models whose seeds hit this share of the images."""
    rows, answers = [], []
    for model, of_seeds in values.items():
        for seed, value in enumerate(of_seeds):
            key = f"{model} {seed}"
            hit = np.arange(NUM_IMAGES) * 7 % NUM_IMAGES < round(NUM_IMAGES * value)
            facts = {"corpus": "shapes", "subset_images": 32, "target": "shapes-heldout", "ablation": "", "arm": ""}
            names = {"trait": "cue-conflict", "setting": "", "measure": "outline_share", "trait_key": key}
            facts |= {"model": model, "family": MODELS[model], "seed": seed, **names, **same}
            rows.append({**facts, "value": value, "num_images": NUM_IMAGES})
            if per_image:
                answers.append(pack_hits(key, "", "outline_share", np.arange(NUM_IMAGES), hit, None))
    return pd.DataFrame(rows).astype({"subset_images": "Int64"}), pd.DataFrame(answers, columns=list(COLUMNS))


VALUES = {"vit_pico/8": [0.6, 0.7, 0.65], "bit_resnet_pico": [0.3, 0.35, 0.45], "r_pico+vit_pico/8": [0.5, 0.5, 0.6]}


def test_a_row_has_the_mean_over_seeds_and_an_interval_over_seeds_and_images():
    table = trait_rows(*measured(VALUES)).set_index("model")
    assert table["value"].to_dict() == pytest.approx(
        {"vit_pico/8": 0.65, "bit_resnet_pico": 11 / 30, "r_pico+vit_pico/8": 8 / 15}
    )
    assert (table["method"] == "seeds and images").all()
    assert (table["num_seeds"] == 3).all()
    assert (table["num_images"] == NUM_IMAGES).all()
    assert table["low"].between(0, table["value"]).all()


def test_without_answers_per_image_intervals_are_over_seeds():
    traits, _ = measured(VALUES, per_image=False)
    table = trait_rows(traits).set_index("model").loc["vit_pico/8"]
    expected = mean_interval(VALUES["vit_pico/8"])
    assert (table["value"], table["low"], table["high"]) == pytest.approx((expected.mean, expected.low, expected.high))
    assert table["method"] == "seeds"
    differences = trait_differences(traits)
    (row,) = differences[differences["reference_family"].eq("cnn") & differences["family"].eq("vit")].to_dict("records")
    expected = paired_interval(*(dict(enumerate(VALUES[name])) for name in ("vit_pico/8", "bit_resnet_pico")))
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((expected.mean, expected.low, expected.high))


def test_families_are_compared_after_the_same_pretraining_alone():
    large, scratch = measured(VALUES), measured({"vit_pico/8": [0.2, 0.3]}, corpus="none", subset_images=0)
    traits = pd.concat([large[0], scratch[0]], ignore_index=True)
    table = trait_differences(traits, large[1])
    assert [(row.family, row.reference_family) for row in table.itertuples()] == [
        ("vit", "hybrid"),
        ("vit", "cnn"),
        ("hybrid", "cnn"),
    ]
    assert table["difference"].tolist() == pytest.approx([0.65 - 8 / 15, 0.65 - 11 / 30, 8 / 15 - 11 / 30])
    assert (table["num_pairs"] == 3).all()
    assert trait_differences(traits.assign(ablation="position"), large[1]).empty


def test_rows_are_paired_by_the_seeds_that_both_have():
    table = trait_differences(*measured({"vit_pico/8": [0.6, 0.7, 0.65], "bit_resnet_pico": [0.3, 0.35]}))
    assert table["num_pairs"].tolist() == [2]
    assert table["difference"].tolist() == pytest.approx([0.65 - 0.325])


def test_a_measure_that_is_not_defined_says_so():
    traits, _ = measured({"vit_pico/8": [0.5, 0.5]}, per_image=False)
    (row,) = trait_rows(traits.assign(value=np.nan)).to_dict("records")
    assert (row["num_seeds"], row["reason"], row["method"]) == (0, "the measure is defined for no seed", "")
    assert pd.isna(row["value"])


def test_seeds_of_other_images_and_damaged_bits_are_refused():
    first = pack_hits("a", "", "m", np.arange(9), np.ones(9, bool), None)
    other = pack_hits("b", "", "m", np.arange(1, 10), np.ones(9, bool), None)
    with pytest.raises(DifferentImagesError, match="answered different images"):
        unpack_hits({0: first, 1: other})
    traits, answers = measured(VALUES)
    answers.loc[0, "images"] = "others"
    table = trait_rows(traits, answers).set_index("model")
    assert table["reason"]["vit_pico/8"].startswith("seeds of one row answered different images")
    assert table["reason"]["bit_resnet_pico"] == ""
    differences = trait_differences(traits, answers)
    assert differences["reason"].str.startswith("seeds of one row").tolist() == [True, True, False]
    with pytest.raises(CorrectnessError, match="3 bytes for the bits of 9 images"):
        unpack_hits({0: first | {"hit": b"abc"}})
