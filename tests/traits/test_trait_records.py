"""The traits of a store: what is planned and why not, records, damage, failures, and the tables that follow."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest

from bench.config.trait_names import TraitName
from bench.errors import InputError
from bench.files.locks import acquire
from bench.plan.expand import expand
from bench.plan.run import Run
from bench.store.new_record import failure
from bench.store.slim import write_slim
from bench.store.store import WEIGHTS, Outcome, Store, open_store
from bench.tables.build import build_tables
from bench.traits.known_traits import TRAITS, traits_named
from bench.traits.measuring import measure
from bench.traits.trait import TraitOfRun
from bench.traits.trait_plan import TraitPlan, plan_traits
from bench.traits.trait_record import DamagedTrait, read_answers, read_trait, trait_folder
from tests.traits.conftest import CHANGES

CUES = traits_named(["cue-conflict"])
RESULTS = Path(__file__).parents[2] / "results"


def planned(store: Store, **options: bool) -> TraitPlan:
    return plan_traits(store, expand(store.suite()), CUES, **options)


def measured(store: Store, *tasks: TraitOfRun) -> list:
    return [measure(task, store, store.root, "cpu") for task in tasks]


def on_shapes(runs: tuple[Run, ...]) -> Iterator[Run]:
    return (run for run in runs if run.target is not None and run.target.name == "shapes-heldout")


@pytest.fixture
def task(runs, finish) -> TraitOfRun:
    run = next(on_shapes(runs))
    finish(run)
    return TraitOfRun(CUES[0], run)


def test_the_largest_rung_and_from_scratch_are_measured(store, runs, finish):
    finish(*runs)
    found = [task.run for task in planned(store).todo]
    assert {(run.stage, run.pretraining and run.pretraining.subset_images) for run in found} == {
        ("scratch", None),
        ("transfer", 32),
    }
    assert len(found) == 4
    assert len(planned(store, every_row=True).todo) == 6
    only = planned(store).left_out
    assert only == (
        "cue-conflict of 4 runs: trained on digits@20, and only the target shapes-heldout teaches both cues",
    )


def test_what_cannot_be_measured_is_named_once_per_reason(store, runs, finish):
    whole, bare, *others = [
        run for run in on_shapes(runs) if run.stage == "scratch" or run.pretraining.subset_images == 32
    ]
    finish(whole, bare)
    (store.run_folder(bare.key) / WEIGHTS).unlink()
    store.write(Outcome(failure(others[0], "diverged", "the loss is not finite")))
    found = planned(store)
    assert [task.run for task in found.todo] == [whole]
    assert sorted(found.left_out) == [
        "cue-conflict of 1 run: not run yet",
        "cue-conflict of 1 run: the run ended 'diverged', so there is no network",
        "cue-conflict of 1 run: the run's weights were not kept",
        "cue-conflict of 4 runs: trained on digits@20, and only the target shapes-heldout teaches both cues",
    ]


def test_a_record_says_what_was_measured_and_no_run_changes(store, task):
    before = {path: path.read_bytes() for path in store.run_folder(task.run.key).iterdir()}
    (record,) = measured(store, task)
    assert record.status == "ok", record.reason
    assert (record.of, record.trait, record.settings) == (
        task.run.key,
        "cue-conflict",
        {"target": "shapes-conflict", "renderer": 1},
    )
    assert [one.name for one in record.measures] == ["shape_bias", "outline_share", "texture_share", "neither_share"]
    assert sum(one.value for one in record.measures[1:]) == pytest.approx(1)
    assert len(read_answers(store, record, task.trait)) == 2000
    assert before == {path: path.read_bytes() for path in store.run_folder(task.run.key).iterdir()}
    assert not store.running_folder(task.key).exists()
    again = planned(store)
    assert (len(again.todo), again.num_finished) == (0, 1)


def test_measuring_twice_gives_the_same_answers(store, task):
    (first,) = measured(store, task)
    files = {path.name: path.read_bytes() for path in trait_folder(store, task.key).iterdir()}
    assert measured(store, task) == [first]  # it is not measured again
    (trait_folder(store, task.key) / "record.json").unlink()
    (second,) = measured(store, task)
    assert second.measures == first.measures
    assert (trait_folder(store, task.key) / "answers.parquet").read_bytes() == files["answers.parquet"]


def test_the_key_depends_on_the_run_and_on_nothing_else(task, runs):
    assert TraitOfRun(task.trait, task.run).key == task.key
    keys = {TraitOfRun(task.trait, run).key for run in on_shapes(runs)}
    assert len(keys) == 6
    assert task.resolved()["of"] == task.run.key


@pytest.mark.parametrize("name", ["record.json", "answers.parquet"])
def test_a_damaged_trait_is_moved_away_and_measured_again(store, task, name):
    measured(store, task)
    path = trait_folder(store, task.key) / name
    path.write_bytes(path.read_bytes()[:-7])
    assert build_tables(store).keys().isdisjoint({"traits"})
    found = planned(store)
    assert found.todo == (task,)
    assert f"damaged/{task.key}-1" in found.set_aside[0]
    assert (store.root / "damaged" / f"{task.key}-1" / name).is_file()
    assert measured(store, task)[0].status == "ok"


def test_a_record_of_other_shape_is_refused(store, task):
    measured(store, task)
    path = trait_folder(store, task.key) / "record.json"
    record = json.loads(path.read_bytes())
    for changes in ({"measures": [{"name": "x"}]}, {"key": "0" * 16}, {"status": "fine"}, {"schema_version": 2}):
        path.write_text(json.dumps(record | changes), encoding="utf-8")
        with pytest.raises(DamagedTrait, match="damaged"):
            read_trait(store, task.key)


def test_altered_weights_are_a_failure_and_other_traits_go_on(store, runs, finish):
    one, other = [run for run in on_shapes(runs) if run.stage == "scratch"]
    finish(one, other)
    path = store.run_folder(one.key) / WEIGHTS
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    failed, whole = measured(store, TraitOfRun(CUES[0], one), TraitOfRun(CUES[0], other))
    assert failed.status == "failed"
    assert "SHA-256 differs" in failed.reason
    assert whole.status == "ok"
    assert [task.run.key for task in planned(store).todo] == [one.key]
    assert set(build_tables(store)["traits"]["transfer_key"]) == {other.key}


def test_a_trait_that_another_process_measures_is_left_to_it(store, task):
    with acquire(store.running_folder(task.key)):
        assert measured(store, task) == [None]


def test_tables_have_a_row_per_run_and_measure_and_survive_a_slim_copy(store, runs, finish, tmp_path):
    finish(*runs)
    measured(store, *planned(store).todo)
    tables = build_tables(store)
    traits = tables["traits"]
    assert len(traits) == 16
    assert set(traits["subset_images"]) == {0, 32}
    assert traits.loc[traits["measure"] == "shape_bias", "value"].between(0, 1).all()
    assert len(tables["trait_rows"]) == 16
    assert (tables["trait_rows"]["reason"] == "one seed shows no spread; an interval needs two").all()
    differences = tables["trait_differences"]
    assert set(differences["model"]) == {"vit_pico/16"}
    assert set(differences["reference"]) == {"bit_resnet_pico"}
    store.write_tables(tables)
    write_slim(store, tmp_path / "slim")
    slim = Store(tmp_path / "slim")
    for name in ("traits", "trait_answers", "trait_rows", "trait_differences"):
        pd.testing.assert_frame_equal(build_tables(slim)[name], tables[name])
    assert planned(slim).num_finished == 4  # although the weights of transfers are not in the copy


def test_a_store_without_traits_has_none_of_the_tables(store, runs, finish):
    finish(*runs)
    assert not [name for name in build_tables(store) if name.startswith("trait")]


def test_unknown_traits_are_refused():
    with pytest.raises(InputError, match=r'"cue-conflit" is unknown, did you mean cue-conflict\?; known: cue-conflict'):
        traits_named(["cue-conflit"])
    assert [trait.name for trait in traits_named(["cue-conflict", "cue-conflict"])] == ["cue-conflict"]


def test_each_trait_has_the_name_that_suites_know():
    assert tuple(TRAITS) == get_args(TraitName)


def test_the_field_changes_no_key_and_no_stored_suite_without_it(resolve_suite, tmp_path):
    plain, named = resolve_suite(**CHANGES), resolve_suite(**CHANGES, traits=["cue-conflict"])
    assert "traits" not in plain.model_dump(mode="json")
    assert named.model_dump(mode="json")["traits"] == ["cue-conflict"]
    assert [run.key for run in expand(plain).runs] == [run.key for run in expand(named).runs]
    for suite in (plain, named, plain):
        assert open_store(tmp_path, suite).suite().traits == suite.traits


def test_stores_from_before_the_field_keep_their_bytes():
    for path in sorted(RESULTS.glob("reference-*/suite.json")):
        suite = Store(path.parent).suite()
        assert (json.dumps(suite.model_dump(mode="json"), indent=1) + "\n").encode() == path.read_bytes()
