"""How trials in a store change a suite, which suites are refused without them, and which suites a store accepts."""

import json

import pytest

from bench.errors import InputError
from bench.plan.expand import expand
from bench.store.store import Outcome, check_trials_belong, keep_suite, open_store, open_trials
from bench.tuning.choice import check_tuned, survey, tuned, tuning_store
from bench.tuning.halving import study_states
from bench.tuning.points import draw_points


@pytest.fixture
def make_trials(tmp_path, invented):
    """Keep invented records of all trials of a suite, or of so many rounds of them, in its store."""

    def make(suite, rounds: int = 9):
        root = tmp_path / suite.name
        store = open_trials(tuning_store(root).root)
        keep_suite(store, suite)
        for _ in range(rounds):
            for one in study_states(suite, store.look):
                for due in one.due:
                    invented.make(due.run)
                    record = {"schema_version": 1, "run": due.run.resolved(), "data": {}}
                    store.write(Outcome(record | invented.records[due.run.key]))
        return root

    return make


def test_a_suite_is_tuned_once_every_family_and_stage_is(tunable, make_trials, tmp_path):
    suite = tunable()
    assert tuned(suite, tmp_path / suite.name) == suite
    assert tuned(suite, make_trials(suite, rounds=1)) == suite, "pretraining alone"
    root = make_trials(suite)
    found = tuned(suite, root)
    best = max(point["learning_rate"] for point in draw_points(suite.tuning))
    assert {one.values["learning_rate"] for one in found.tuning.chosen} == {best}
    assert len(found.tuning.chosen) == 6
    assert {run.settings.learning_rate for run in expand(found).runs} == {best}
    assert tuned(found, root) == found


def test_trials_of_another_budget_recipe_or_space_choose_nothing_here(tunable, make_trials, tmp_path):
    root = make_trials(tunable())
    others = [
        tunable(images={"pretrain": 128, "transfer": 32}),
        tunable(recipes={"pretrain": "medium"}),
        tunable({"space": {"learning_rate": {"low": 1e-4, "high": 1e-3, "log": True}}}),
        tunable({"halvings": [0.5]}),
        tunable({"seed": 5}),
    ]
    assert [tuned(other, root).tuning.chosen for other in others] == [()] * 5


def test_a_suite_that_requires_tuning_is_refused_with_what_each_family_lacks(tunable, make_trials, tmp_path):
    suite = tunable({"required": True}, models=["vit_pico/8", "bit_resnet_pico"])
    check_tuned(tunable(), tmp_path / "tiny")
    with pytest.raises(InputError) as nothing:
        check_tuned(suite, tmp_path / "tiny")
    assert "has to be tuned (tuning.required: true) and is not: every family" in str(nothing.value)
    assert "`bench tune` of this suite makes what is missing" in str(nothing.value)
    root = make_trials(suite, rounds=1)
    with pytest.raises(InputError) as part:
        check_tuned(suite, root)
    assert "vit transfer (4 runs of its 4 trials are to be done), cnn transfer (4 runs" in str(part.value)
    assert "pretrain" not in str(part.value)
    make_trials(suite)
    check_tuned(tuned(suite, root), root)


def test_a_trial_with_a_damaged_record_counts_as_not_run(tunable, make_trials):
    suite = tunable(models=["vit_pico/8"])
    root = make_trials(suite)
    key = survey(suite, tuning_store(root))[-1].trials[0].runs[0].key
    path = tuning_store(root).run_folder(key) / "record.json"
    path.write_text(path.read_text(encoding="utf-8")[:50], encoding="utf-8")
    (transfer,) = [one for one in survey(suite, tuning_store(root)) if one.due]
    assert [one.run.key for one in transfer.due] == [key]
    assert tuned(suite, root) == suite


def test_a_store_accepts_its_tuned_suite_and_then_no_other_choice(tunable, make_trials, tmp_path):
    suite = tunable(models=["vit_pico/8"])
    open_store(tmp_path, suite)
    root = make_trials(suite)
    found = tuned(suite, root)
    assert open_store(tmp_path, found).suite() == found
    kept = json.loads((root / "suite.json").read_text(encoding="utf-8"))
    assert [one["stage"] for one in kept["tuning"]["chosen"]] == ["pretrain", "transfer"]
    open_store(tmp_path, tunable({"required": True}, models=["vit_pico/8"]).tuned(found.tuning.chosen))
    with pytest.raises(InputError, match=r"holds another suite.*differs in: recipes, tuning"):
        open_store(tmp_path, suite)
    other = (found.tuning.chosen[0].model_copy(update={"values": {"learning_rate": 0.5}}), *found.tuning.chosen[1:])
    with pytest.raises(InputError, match=r"holds another suite.*differs in: recipes, tuning"):
        open_store(tmp_path, suite.tuned(other))


def test_a_store_accepts_its_tuned_suite_after_a_targets_data_was_added(tunable, make_trials, tmp_path):
    """Both at once, as where neither was there when the store was made; the data of a target that is known stays."""
    suite = tunable(models=["vit_pico/8"])
    (target,) = suite.targets
    missing = target.model_copy(update={"identity": {**target.identity, "missing": "no data in data/"}})
    before = suite.model_copy(update={"targets": (missing,)})
    open_store(tmp_path, before)
    found = tuned(suite, make_trials(suite))
    assert found.tuning.chosen
    assert open_store(tmp_path, found).suite() == found
    other = target.model_copy(update={"identity": {**target.identity, "images": 7}})
    for changed in (found.model_copy(update={"targets": (other,)}), before):
        with pytest.raises(InputError, match=r"holds another suite.*differs in: .*targets"):
            open_store(tmp_path, changed)


def test_trials_are_not_made_beside_the_results_of_another_suite(tunable, tmp_path):
    suite = tunable()
    check_trials_belong(tmp_path / suite.name, suite)
    open_store(tmp_path, suite)
    check_trials_belong(tmp_path / suite.name, suite)
    with pytest.raises(InputError, match=r"holds another suite named 'tiny' \(it differs in: seeds\)"):
        check_trials_belong(tmp_path / suite.name, tunable(seeds=[0, 1]))
