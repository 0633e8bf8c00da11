"""Studies and the runs of a trial: equal for all families, with their own seed, and without test images."""

from dataclasses import replace

import pytest
import safetensors.torch
import timm

from bench.errors import InputError
from bench.plan.expand import expand
from bench.plan.run import Run
from bench.tuning.studies import Study, studies_of, trial_runs

POINT = {"learning_rate": 0.004}


def test_every_family_is_tuned_in_every_stage_by_its_first_model(tunable):
    suite = tunable(models=["bit_resnet_pico", "vit_pico/8", "vit_pico/16"])
    assert [(one.stage, one.family, one.model) for one in studies_of(suite)] == [
        ("pretrain", "cnn", "bit_resnet_pico"),
        ("pretrain", "vit", "vit_pico/8"),
        ("transfer", "cnn", "bit_resnet_pico"),
        ("transfer", "vit", "vit_pico/8"),
    ]


def test_a_family_of_ablation_arms_alone_is_tuned_too(tunable):
    arms = {"one": "vit_pico/8:pos=none", "other": "vit_pico/8"}
    suite = tunable(models=["bit_resnet_pico"], ablations=[{"name": "position", "reference": "other", "arms": arms}])
    assert ("pretrain", "vit", "vit_pico/8:pos=none") in [(s.stage, s.family, s.model) for s in studies_of(suite)]


def test_a_stage_without_training_is_not_tuned(tunable):
    probed = tunable(transfers=["linear"])
    assert {one.stage for one in studies_of(probed)} == {"pretrain"}
    from_scratch = tunable(corpus=[], subsets=None)
    assert {one.stage for one in studies_of(from_scratch)} == {"pretrain"}


def outside_model(tmp_path) -> str:
    path = tmp_path / "external.safetensors"
    safetensors.torch.save_file(timm.create_model("test_vit", num_classes=10).state_dict(), path)
    return f"timm:test_vit:weights={path}"


def test_external_weights_are_tuned_in_transfer_if_their_family_has_no_other_model(tunable, tmp_path):
    outside = outside_model(tmp_path)
    suite = tunable(models=["bit_resnet_pico", outside])
    assert [(one.stage, one.family) for one in studies_of(suite)] == [
        ("pretrain", "cnn"),
        ("transfer", "cnn"),
        ("transfer", "vit"),
    ]
    (run,) = trial_runs(suite, studies_of(suite)[-1], POINT, 1.0, None)
    assert (run.stage, run.external, run.settings.learning_rate) == ("transfer", suite.external_weights[0], 0.004)
    own = studies_of(tunable(models=["vit_pico/8", outside]))
    assert [(one.stage, one.model) for one in own] == [("pretrain", "vit_pico/8"), ("transfer", "vit_pico/8")]
    with pytest.raises(InputError, match="no model is trained, so there is nothing to tune"):
        studies_of(tunable(models=[outside], transfers=["linear"]))


def runs_of(suite, stage: str, share: float = 1.0, start: Run | None = None) -> dict[str, tuple[Run, ...]]:
    return {
        study.family: trial_runs(suite, study, POINT, share, start)
        for study in studies_of(suite)
        if study.stage == stage
    }


def test_a_trial_of_pretraining_is_on_the_largest_subset_with_the_tuning_s_seed_and_equal_for_all(tunable):
    suite = tunable(tuning={"seed": 77}, seeds=[0, 1])
    runs = runs_of(suite, "pretrain")
    assert set(runs) == {"vit", "cnn", "hybrid"}
    for (run,) in runs.values():
        assert (run.seed, run.subset_images, run.budget.amount) == (77, 32, 64)
        assert run.settings.learning_rate == 0.004
    assert len({run.settings for (run,) in runs.values()}) == 1
    (shorter,) = runs_of(suite, "pretrain", share=0.25)["vit"]
    assert shorter.budget.amount == 16
    assert not {run.key for (run,) in runs.values()} & {run.key for run in expand(suite).runs}


def test_a_trial_of_transfer_is_on_every_target_that_is_not_optional(tunable):
    targets = ["digits@20", "fractals-heldout@40", {"target": "cifar10", "optional": True}]
    suite = tunable(targets=targets)
    (start,) = runs_of(suite, "pretrain")["vit"]
    vit = next(one for one in studies_of(suite) if (one.stage, one.family) == ("transfer", "vit"))
    runs = trial_runs(suite, vit, POINT, 1.0, start)
    assert [str(run.target) for run in runs] == ["digits@20", "fractals-heldout@40"]
    assert {run.starts_from for run in runs} == {start.key}
    assert {run.settings.learning_rate for run in runs} == {0.004}


def test_a_trial_of_transfer_leaves_out_targets_to_which_the_suite_does_not_fine_tune(tunable):
    probed = {"target": "fractals-heldout@40", "transfers": ["linear"]}
    suite = tunable(targets=["digits@20", probed])
    (start,) = runs_of(suite, "pretrain")["vit"]
    assert [str(run.target) for run in runs_of(suite, "transfer", start=start)["vit"]] == ["digits@20"]
    optional = {"target": "digits@20", "optional": True}
    with pytest.raises(InputError, match="vit transfer needs a target that is not optional, and on which"):
        studies_of(tunable(targets=[optional, probed]))


def test_no_trial_reads_test_images_and_its_key_says_so(tunable):
    suite = tunable(corpus=[], subsets=None)
    (run,) = runs_of(suite, "pretrain")["vit"]
    assert run.stage == "scratch"
    assert run.budget.amount == 96
    assert not run.tests
    assert run.resolved()["data"]["tests"] is False
    tested = replace(run, tests=True)
    assert "tests" not in tested.resolved()["data"]
    assert tested.key != run.key


def test_a_contradictory_point_is_refused_before_anything_runs(tunable):
    space = {"schedule": ["cosine", "constant"], "final_rate": [0.0, 0.1]}
    suite = tunable(tuning={"space": space})
    point = {"schedule": "constant", "final_rate": 0.1}
    study = Study("pretrain", "vit", "vit_pico/8")
    with pytest.raises(InputError, match=r"schedule constant, final_rate 0\.1 cannot be combined in recipe small"):
        trial_runs(suite, study, point, 1.0, None)
