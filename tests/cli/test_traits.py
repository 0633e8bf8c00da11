"""`bench traits`, and the traits that `bench run` measures at its end."""

import json

import pandas as pd
import pytest

from tests.in_process import bench

CHANGES = {
    "corpus": [],
    "subsets": None,
    "models": ["vit_pico/16"],
    "targets": ["shapes-heldout@32"],
    "seeds": [0, 1],
    "images": {"pretrain": 32, "transfer": 32},
}


def test_a_suite_measures_its_traits_once_and_keeps_them(write_suite, tmp_path):
    suite = write_suite(traits=["cue-conflict"], **CHANGES)
    ended = bench("run", suite, "--tracker", "none", folder=tmp_path)
    assert (ended.code, ended.errors) == (0, "")
    assert "measuring 2 traits with" in ended.said
    table = pd.read_parquet(tmp_path / "results/tiny/tables/traits.parquet")
    assert sorted(table["seed"].unique()) == [0, 1]
    (of_all,) = (
        pd.read_parquet(tmp_path / "results/tiny/tables/trait_rows.parquet")
        .query("measure == 'shape_bias'")
        .itertuples()
    )
    assert (of_all.num_seeds, of_all.num_images, of_all.method) == (2, 2000, "seeds and images")
    again = bench("traits", "tiny", folder=tmp_path)
    assert again.code == 0
    assert "2 traits measured before will be skipped" in again.said
    assert "measuring" not in again.said


def test_traits_are_added_to_a_store_that_ran_without_them(write_suite, tmp_path):
    suite = write_suite(**CHANGES | {"seeds": [0]})
    assert bench("run", suite, "--tracker", "none", folder=tmp_path).code == 0
    stored = (tmp_path / "results/tiny/suite.json").read_bytes()
    assert "traits" not in json.loads(stored)
    unknown = bench("traits", "tiny", "--trait", "size", folder=tmp_path)
    assert (unknown.code, unknown.errors.count("\n")) == (2, 1)
    assert 'trait "size" is unknown' in unknown.errors
    (key,) = (path.name for path in (tmp_path / "results/tiny/runs").iterdir())
    ended = bench("traits", "tiny", "--trait", "cue-conflict", "--only", key, "--workers", "1", folder=tmp_path)
    assert ended.code == 0
    assert (tmp_path / "results/tiny/tables/traits.csv").is_file()
    assert bench("run", write_suite(traits=["cue-conflict"], **CHANGES | {"seeds": [0]}), folder=tmp_path).code == 0


def test_a_target_without_the_trait_is_one_message(write_suite, tmp_path):
    suite = write_suite(**CHANGES | {"seeds": [0], "targets": ["digits@20"]})
    assert bench("run", suite, "--tracker", "none", folder=tmp_path).code == 0
    ended = bench("traits", "tiny", folder=tmp_path)
    assert (ended.code, ended.errors.count("\n")) == (2, 1)
    assert "no trait can be measured; cue-conflict of 1 run: trained on digits@20" in ended.errors


@pytest.mark.parametrize("given", [["cue-conflit"], ["cue-conflict", "cue-conflict"]])
def test_wrong_traits_of_a_suite_are_refused(write_suite, tmp_path, given):
    ended = bench("plan", write_suite(traits=given), folder=tmp_path)
    assert (ended.code, ended.errors.count("\n")) == (2, 1)
    assert "traits" in ended.errors
