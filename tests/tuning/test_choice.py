"""How trials in a store change a suite, which suites are refused without them, and which suites a store accepts."""

import json
import re

import pytest
from typer.testing import CliRunner

from bench.cli.app import app
from bench.errors import InputError
from bench.plan.expand import expand
from bench.store.store import check_trials_belong, open_store
from bench.tuning.choice import change_to_make, check_tuned, survey, tuned, tuning_store
from bench.tuning.points import draw_points


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


@pytest.fixture
def best_at_4(tunable, make_trials):
    """A function that makes a suite whose trials chose vit_pico/4, with one of the members as its first model."""
    best = max(range(4), key=[point["learning_rate"] for point in draw_points(tunable().tuning)].__getitem__)
    members = ["vit_pico/8", "vit_pico/4"] if best % 2 else ["vit_pico/4", "vit_pico/8"]

    def make(model: str):
        arms = {"learned": model, "none": f"{model}:pos=none"}
        ablations = [
            {"name": "position", "reference": "learned", "arms": arms},
            {"name": "depth", "reference": "whole", "arms": {"whole": "bit_resnet_pico", "half": "bit_resnet_nano"}},
        ]
        return tunable({"members": {"vit": members}}, models=[model, "bit_resnet_pico"], ablations=ablations)

    return make


def test_a_choice_of_another_member_is_refused_until_the_suite_has_it(best_at_4, make_trials, tmp_path):
    suite = best_at_4("vit_pico/8")
    root = make_trials(suite)
    with pytest.raises(InputError) as other:
        tuned(suite, root)
    assert str(other.value) == (
        "suite tiny: its trials chose vit_pico/4 instead of vit_pico/8. Write what they chose under `models` and in "
        "the arms of position; no trial is repeated"
    )
    where = ["--results", str(tmp_path), "--data", str(tmp_path)]
    said = CliRunner().invoke(app, ["tune", str(tmp_path / "tiny.yaml"), *where])
    assert said.exit_code == 1
    assert said.output.splitlines()[-1] == f"to change: {other.value}"
    assert re.search(r"chosen for vit transfer: trial \d \(learning_rate", said.output)
    assert re.search(r"chosen for vit pretrain: trial \d of vit_pico/4 \(learning_rate", said.output)
    changed = best_at_4("vit_pico/4")
    states = survey(changed, tuning_store(root))
    assert not [due for state in states for due in state.due], "no trial is repeated"
    assert change_to_make(changed, states) == ""
    assert [one.model for one in tuned(changed, root).tuning.chosen] == ["vit_pico/4", "bit_resnet_pico"] * 2
    assert CliRunner().invoke(app, ["tune", str(tmp_path / "tiny.yaml"), *where]).exit_code == 0


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
