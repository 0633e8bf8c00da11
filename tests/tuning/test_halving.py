"""How trials continue, are pruned and are chosen, with invented records; nothing is trained."""

import random

import pytest

from bench.errors import InputError
from bench.tuning import halving
from bench.tuning.halving import chosen, study_states
from bench.tuning.trials import trials_table

RATES = (0.001, 0.002, 0.003, 0.004)
FAILED = {"status": "diverged", "reason": "the loss was nan at step 3", "metrics": {}, "cost": {}}


@pytest.fixture(autouse=True)
def points(monkeypatch):
    """Give the four trials four learning rates that rise with their numbers."""
    points = tuple({"learning_rate": rate} for rate in RATES)
    monkeypatch.setattr(halving, "draw_points", lambda tuning: points)


def rates(followed, *statuses: str) -> list[float]:
    return [trial.point["learning_rate"] for trial in followed.trials if trial.status in statuses]


def make_all(suite, invented, order=lambda due: due) -> list[list[tuple[str, float, float]]]:
    """Make whatever is due until nothing is; returns what that was, round after round."""
    rounds = []
    while due := [due for one in study_states(suite, invented.records.get) for due in one.due]:
        for one in order(due):
            invented.make(one.run)
        rounds.append([(str(one.run.stage), one.run.settings.learning_rate, one.run.budget.amount) for one in due])
    return rounds


def test_every_family_and_stage_makes_the_same_trials_and_transfers_start_from_the_choice(tunable, invented):
    suite = tunable()
    first = study_states(suite, invented.records.get)
    assert [len(one.due) for one in first] == [4, 4, 4, 0, 0, 0], "of transfers none can begin"
    assert not chosen(first)
    assert {one.missing for one in first[3:]} == {"its pretraining is to be chosen first"}
    assert first[0].missing == "4 runs of its 4 trials are to be done"
    make_all(suite, invented)
    done = study_states(suite, invented.records.get)
    assert all(rates(one, "ok") == [0.001, 0.002, 0.003, 0.004] for one in done)
    best = {one.study.family: one.best.runs[-1] for one in done[:3]}
    assert all(one.starts_from == best[one.study.family] for one in done[3:])
    assert {(one.stage, one.family) for one in chosen(done)} == {
        (stage, family) for stage in ("pretrain", "transfer") for family in ("vit", "cnn", "hybrid")
    }
    assert {one.values["learning_rate"] for one in chosen(done)} == {0.004}


def test_the_half_with_the_higher_scores_continues_after_each_share_in_all_studies(tunable, invented):
    suite = tunable({"halvings": [0.25, 0.5]}, models=["vit_pico/8", "bit_resnet_pico"])
    rounds = make_all(suite, invented)
    each = [0.001, 0.002, 0.003, 0.004], [0.003, 0.004], [0.004]
    budgets = [("pretrain", (16, 32, 64)), ("transfer", (8, 16, 32))]
    expected = [
        [(stage, rate, amount) for rate in left] * 2
        for stage, amounts in budgets
        for left, amount in zip(each, amounts, strict=True)
    ]
    assert rounds == expected
    for one in study_states(suite, invented.records.get):
        assert [trial.status for trial in one.trials] == ["pruned", "pruned", "pruned", "ok"]
        assert [trial.share for trial in one.trials] == [0.25, 0.25, 0.5, 1.0]
        assert [len(trial.runs) for trial in one.trials] == [1, 1, 2, 3]
        assert one.trials[0].score == pytest.approx(0.1 + 50 * 0.001 + one.trials[0].runs[0].budget.amount / 1000)


MEMBERS = {"vit": ["vit_pico/8", "vit_pico/4"]}


def test_members_take_turns_and_transfers_train_the_member_of_the_best_trial(tunable, invented):
    suite = tunable({"members": MEMBERS}, models=["bit_resnet_pico", "vit_pico/8"])
    make_all(suite, invented)
    states = study_states(suite, invented.records.get)
    assert [[trial.model for trial in one.trials] for one in states] == [
        ["bit_resnet_pico"] * 4,
        ["vit_pico/8", "vit_pico/4", "vit_pico/8", "vit_pico/4"],
        ["bit_resnet_pico"] * 4,
        ["vit_pico/4"] * 4,
    ]
    assert all({run.model for run in trial.runs} == {trial.model} for one in states for trial in one.trials)
    assert all(rates(one, "ok") == list(RATES) for one in states), "the points are those of every family"
    assert states[3].trials[0].runs[0].starts_from == states[1].best.runs[-1].key
    assert [one.model for one in chosen(states)] == ["bit_resnet_pico", "vit_pico/4"] * 2
    assert trials_table(states)["model"].tolist()[4:8] == ["vit_pico/8", "vit_pico/4"] * 2


def test_members_are_pruned_together(tunable, invented):
    suite = tunable({"members": MEMBERS, "halvings": [0.5]}, models=["vit_pico/8"], transfers=["linear"])
    make_all(suite, invented)
    (study,) = study_states(suite, invented.records.get)
    assert rates(study, "pruned") == [0.001, 0.002]
    assert [trial.model for trial in study.trials if trial.status == "ok"] == ["vit_pico/8", "vit_pico/4"]


def test_the_order_in_which_runs_end_has_no_effect(tunable, invented):
    suite = tunable({"halvings": [0.5]})
    make_all(suite, invented)
    in_order = trials_table(study_states(suite, invented.records.get))
    records = {**invented.records}
    invented.records.clear()
    make_all(suite, invented, order=lambda due: random.Random(3).sample(due, len(due)))
    assert invented.records == records
    assert trials_table(study_states(suite, invented.records.get)).equals(in_order)


AT_CHANCE = {"metrics": {"validation_accuracy": 0.106, "validation_loss": 1.0}}
"""Of 10,000 images, a constant answer to a tenth of them and two standard errors are 10.6 %."""
NOT_AFTER_A_QUARTER = (
    "nothing was pruned after 25 % of the budget, since the median trial of cnn pretrain was not above the best "
    "constant answer"
)


def test_no_family_is_pruned_while_the_median_trial_of_one_is_at_chance(tunable, invented):
    suite = tunable({"halvings": [0.25, 0.5]}, models=["vit_pico/8", "bit_resnet_pico"], transfers=["linear"])
    invented.changes = {("cnn", rate, 16): AT_CHANCE for rate in RATES[:3]}
    rounds = make_all(suite, invented)
    assert [len(due) for due in rounds] == [8, 8, 4]
    states = study_states(suite, invented.records.get)
    for one in states:
        assert [trial.status for trial in one.trials] == ["pruned", "pruned", "ok", "ok"]
        assert [trial.share for trial in one.trials] == [0.5, 0.5, 1.0, 1.0]
        assert one.unpruned == (NOT_AFTER_A_QUARTER,)
    assert set(trials_table(states)["unpruned"]) == {NOT_AFTER_A_QUARTER}


def test_a_family_that_never_leaves_chance_leaves_all_trials_their_whole_budget(tunable, invented):
    suite = tunable({"halvings": [0.25]}, models=["vit_pico/8", "bit_resnet_pico"], transfers=["linear"])
    invented.changes = {("cnn", rate, amount): AT_CHANCE for rate in RATES for amount in (16, 64)}
    make_all(suite, invented)
    states = study_states(suite, invented.records.get)
    assert [[trial.status for trial in one.trials] for one in states] == [["ok"] * 4] * 2
    assert states[0].unpruned == (NOT_AFTER_A_QUARTER,)


def test_records_without_the_constant_answer_are_pruned_as_they_were(tunable, invented):
    suite = tunable({"halvings": [0.25]}, models=["vit_pico/8"], transfers=["linear"])
    invented.changes = {("vit", rate, 16): AT_CHANCE | {"data": {}} for rate in RATES}
    make_all(suite, invented)
    (study,) = study_states(suite, invented.records.get)
    assert [trial.status for trial in study.trials] == ["ok", "ok", "pruned", "pruned"]


def test_a_family_waits_for_the_others_before_it_is_pruned(tunable, invented):
    suite = tunable({"halvings": [0.5]}, models=["vit_pico/8", "bit_resnet_pico"], transfers=["linear"])
    for due in study_states(suite, invented.records.get)[0].due:
        invented.make(due.run)
    vit, cnn = study_states(suite, invented.records.get)
    assert (vit.due, vit.missing, vit.best) == ((), "it waits for the other families", None)
    assert [len(trial.runs) for trial in vit.trials] == [1] * 4
    assert rates(vit, "not_run") == list(RATES)
    assert len(cnn.due) == 4


def test_a_transfer_waits_for_those_whose_pretraining_is_not_chosen_yet(tunable, invented):
    suite = tunable({"halvings": [0.5]}, models=["vit_pico/8", "bit_resnet_pico"])
    while due := [one for state in study_states(suite, invented.records.get)[::2] for one in state.due]:
        for one in due:
            invented.make(one.run)
        for one in study_states(suite, invented.records.get)[1].due:
            if one.run.budget.amount == 32:
                invented.make(one.run)
    states = study_states(suite, invented.records.get)
    assert [state.missing for state in states] == [
        "",
        "2 runs of its 4 trials are to be done",
        "it waits for the other families",
        "its pretraining is to be chosen first",
    ]


def test_an_incomplete_round_prunes_and_chooses_nothing(tunable, invented):
    suite = tunable({"halvings": [0.5]}, models=["vit_pico/8"])
    (first, _) = study_states(suite, invented.records.get)
    for due in first.due[:3]:
        invented.make(due.run)
    (half, _) = study_states(suite, invented.records.get)
    assert [one.trial.number for one in half.due] == [3]
    assert rates(half, "not_run") == [0.001, 0.002, 0.003, 0.004]
    assert half.best is None


def test_a_failed_trial_counts_with_the_worst_score_and_displaces_no_other(tunable, invented):
    suite = tunable({"halvings": [0.5]}, models=["vit_pico/8", "bit_resnet_pico"])
    invented.changes = {("vit", 0.004, 32): FAILED, ("vit", 0.003, 64): FAILED | {"status": "out_of_memory"}}
    make_all(suite, invented)
    vit, cnn, *_ = study_states(suite, invented.records.get)
    assert [trial.status for trial in vit.trials] == ["pruned", "ok", "out_of_memory", "diverged"]
    assert [trial.score for trial in vit.trials][2:] == [0.0, 0.0]
    assert vit.trials[3].reason == "the loss was nan at step 3"
    assert vit.best.point == {"learning_rate": 0.002}
    assert len(vit.trials) == len(cnn.trials) == 4
    assert cnn.best.point == {"learning_rate": 0.004}


def test_a_family_none_of_whose_trials_ended_ok_leaves_all_families_untuned(tunable, invented):
    suite = tunable(models=["vit_pico/8", "bit_resnet_pico"])
    invented.changes = {("vit", rate, 64): FAILED for rate in RATES}
    make_all(suite, invented)
    followed = study_states(suite, invented.records.get)
    assert [one.missing for one in followed] == [
        "none of its 4 trials ended ok",
        "",
        "its pretraining is to be chosen first",
        "",
    ]
    assert chosen(followed) == ()


def test_equal_scores_are_decided_by_the_loss_and_then_by_the_number(tunable, invented):
    suite = tunable(models=["vit_pico/8"], transfers=["linear"])
    same = {"validation_accuracy": 0.5, "validation_loss": 1.0}
    invented.changes = {("vit", rate, 64): {"metrics": same} for rate in RATES}
    make_all(suite, invented)
    (study,) = study_states(suite, invented.records.get)
    assert study.best.number == 0
    key = study.trials[2].runs[0].key
    invented.records[key]["metrics"] = same | {"validation_loss": 0.9}
    assert study_states(suite, invented.records.get)[0].best.number == 2


def test_a_score_is_the_mean_over_targets_and_the_worst_if_one_fails(tunable, invented):
    suite = tunable(corpus=[], subsets=None, models=["vit_pico/8"], targets=["digits@20", "fractals-heldout@40"])
    make_all(suite, invented)
    (study,) = study_states(suite, invented.records.get)
    first, second = study.trials[3].runs
    invented.records[first.key]["metrics"] = {"validation_accuracy": 0.2, "validation_loss": 3.0}
    invented.records[second.key]["metrics"] = {"validation_accuracy": 0.8, "validation_loss": None}
    (study,) = study_states(suite, invented.records.get)
    assert study.trials[3].score == pytest.approx(0.5)
    invented.records[second.key] |= FAILED
    (study,) = study_states(suite, invented.records.get)
    assert (study.trials[3].status, study.trials[3].score) == ("diverged", 0.0)


def test_a_target_without_validation_images_is_named(tunable, invented):
    suite = tunable(corpus=[], subsets=None, models=["vit_pico/8"])
    make_all(suite, invented)
    for record in invented.records.values():
        record["metrics"]["validation_accuracy"] = None
    with pytest.raises(InputError, match="digits@20 has no validation images"):
        study_states(suite, invented.records.get)


def test_the_table_has_a_row_per_trial_with_the_cost_of_all_its_runs(tunable, invented):
    suite = tunable({"halvings": [0.5]}, models=["vit_pico/8"])
    invented.changes = {("vit", 0.001, 32): FAILED}
    make_all(suite, invented)
    table = trials_table(study_states(suite, invented.records.get))
    assert table["stage"].tolist() == ["pretrain"] * 4 + ["transfer"] * 4
    assert table["point"].iloc[1] == '{"learning_rate": 0.002}'
    pretrain = table[table["stage"] == "pretrain"]
    assert pretrain["status"].tolist() == ["diverged", "pruned", "ok", "ok"]
    assert pretrain["is_chosen"].tolist() == [False, False, False, True]
    assert pretrain["images_seen"].tolist()[1:] == [32, 96, 96]
    assert pretrain["images_seen"].isna().tolist() == [True, False, False, False]
    assert pretrain["train_seconds"].tolist()[1:] == [0.5, 1.0, 1.0]
    assert pretrain["score"].iloc[0] == 0.0
    keys = [key for row in table["keys"] for key in row.split(", ")]
    assert set(keys) == set(invented.records)
    untouched = trials_table(study_states(suite, {}.get))
    assert set(untouched["status"]) == {"not_run"}
    assert untouched[["score", "loss", "share"]].isna().all(axis=None)
