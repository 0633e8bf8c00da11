"""The trials that a suite keeps beside its file: what is kept, who uses it, and how a damaged file is refused."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli.app import app
from bench.cli.tune import Trials
from bench.config.resolved import ResolvedSuite
from bench.config.suite import SUITES
from bench.errors import InputError
from bench.plan.expand import expand
from bench.store.store import Outcome, Store
from bench.tuning.choice import check_tuned, survey, tuned, tuning_store
from bench.tuning.kept import KeptTrials, kept_path, read_kept, take_up, write_kept
from bench.tuning.trials import trials_table


@pytest.fixture
def suite(tunable) -> ResolvedSuite:
    return tunable({"halvings": [0.5], "required": True}, models=["vit_pico/8", "bit_resnet_pico"])


@pytest.fixture
def kept(suite, make_trials, tmp_path) -> KeptTrials:
    """The trials of the suite, kept beside its file."""
    path = kept_path(str(tmp_path / "tiny.yaml"))
    assert path == tmp_path / "tiny.trials.json"
    assert kept_path("cpu") == SUITES / "cpu.trials.json"
    write_kept(path, suite, survey(suite, tuning_store(make_trials(suite))))
    return read_kept(path)


def bench(folder: Path, *words: str, results: str) -> tuple[int, str]:
    where = ["--results", str(folder / results), "--data", str(folder), "--device", "cpu"]
    said = CliRunner().invoke(app, [words[0], str(folder / "tiny.yaml"), *words[1:], *where])
    return said.exit_code, said.output


def test_what_is_kept_chooses_the_same_where_no_trial_was_made(suite, kept, tmp_path):
    own, fresh = tmp_path / "tiny", tmp_path / "fresh" / "tiny"
    expected = trials_table(survey(suite, tuning_store(own)))
    found = tuned(suite, fresh, kept)
    assert found == tuned(suite, own)
    assert found.tuning.chosen
    check_tuned(found, fresh, kept)
    assert not fresh.exists(), "a plan writes nothing"
    for _ in range(2):
        take_up(found, tuning_store(fresh), kept)
        assert trials_table(survey(suite, tuning_store(fresh))).equals(expected)
    assert tuning_store(fresh).suite() == suite
    (record, *_) = tuning_store(fresh).records()
    assert record["run"] == Store(tuning_store(own).root).read(record["key"])["run"]


def test_bench_tune_keeps_its_trials_in_the_same_bytes_and_has_nothing_to_do_elsewhere(kept, tmp_path):
    content = kept.path.read_bytes()
    keys = [line[1:17] for line in content.decode().splitlines()[1:-1]]
    assert keys == sorted(json.loads(content)["trials"]) == sorted(kept.records)
    assert len(content) < 500 * len(keys)
    kept.path.unlink()
    assert bench(tmp_path, "tune", "--keep", results="")[0] == 0
    assert kept.path.read_bytes() == content
    code, said = bench(tmp_path, "tune", "--keep", results="fresh")
    assert code == 0, said
    assert "runs for" not in said
    assert kept.path.read_bytes() == content
    first, second = (bench(tmp_path, "plan", "--json", results=results)[1] for results in ("", "other"))
    assert first == second
    assert not (tmp_path / "other").exists()


def test_of_a_suite_with_more_trials_only_the_new_ones_are_made(kept, tunable, invented, tmp_path, monkeypatch):
    new = []

    def make(trials: Trials, *_) -> None:
        while due := [one.run for _, of_study in trials.due() for one in of_study]:
            for run in due:
                invented.make(run)
                trials.store.write(Outcome({"schema_version": 1, "run": run.resolved()} | invented.records[run.key]))
                new.append(run.key)

    monkeypatch.setattr("bench.cli.tune._run_trials", make)
    invented.records.clear()
    suite = tunable({"trials": 5, "halvings": [0.5]}, models=["vit_pico/8", "bit_resnet_pico"])
    code, said = bench(tmp_path, "tune", results="fresh")
    assert code == 0, said
    assert not {*new} & {*kept.records}
    kept.path.unlink()
    states = survey(suite, tuning_store(tmp_path / "fresh" / "tiny"))
    assert all(state.best for state in states)
    made = {run.key for state in states for trial in state.trials for run in trial.runs}
    assert made & {*kept.records}
    assert {*new} <= made


def test_an_incomplete_tuning_is_not_kept(suite, make_trials, tmp_path, monkeypatch):
    make_trials(suite, rounds=1)
    monkeypatch.setattr("bench.cli.tune._run_trials", lambda *_: None)
    code, said = bench(tmp_path, "tune", "--keep", results="")
    assert code == 1
    assert said.splitlines()[-1] == f"not kept in {tmp_path / 'tiny.trials.json'}, since a choice is missing"
    assert not (tmp_path / "tiny.trials.json").exists()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"device": "cuda"}, "of device cpu"),
        ({"device": "cuda", "precision": "bf16"}, "of device cpu, precision fp32"),
        ({"protocol": 0}, "of protocol {protocol}"),
        ({"image_size": 16}, "of a suite that differs"),
    ],
)
def test_trials_of_another_suite_device_or_protocol_choose_nothing(suite, kept, tmp_path, change, why):
    other = suite.model_copy(update=change)
    assert not tuned(other, tmp_path / "fresh", kept).tuning.chosen
    said = f"the trials in {kept.path} are {why.format(protocol=suite.protocol)}, so they choose nothing here"
    assert kept.why_unused(other) == said
    with pytest.raises(InputError, match="has to be tuned") as refused:
        check_tuned(other, tmp_path / "fresh", kept)
    assert str(refused.value).endswith(f"; {said}")
    take_up(other, tuning_store(tmp_path / "fresh"), kept)
    assert not (tmp_path / "fresh").exists()


def test_a_plan_says_that_kept_trials_are_of_another_suite(kept, tmp_path, write_suite):
    write_suite(tuning={"trials": 4, "space": {"learning_rate": [0.001, 0.002]}})
    code, said = bench(tmp_path, "plan", results="fresh")
    assert code == 0
    assert f"the trials in {kept.path} are of a suite that differs, so they choose nothing here" in said
    assert "until then `bench run` trains with the recipes as written" in said


def test_own_trials_have_priority_over_kept_ones(suite, kept, tmp_path):
    (state, *_) = survey(suite, tuning_store(tmp_path / "tiny"))
    run = state.best.runs[-1]
    store = tuning_store(tmp_path / "fresh")
    failed = kept.records[run.key] | {"run": run.resolved(), "status": "diverged", "reason": "nan", "metrics": {}}
    store.write(Outcome(failed))
    (changed, *_) = survey(suite, store, kept)
    assert changed.best.number != state.best.number
    take_up(suite, store, kept)
    assert store.read(run.key)["status"] == "diverged"


def test_a_kept_trial_that_failed_is_not_tried_again(suite, kept, tmp_path):
    (state, *_) = survey(suite, tuning_store(tmp_path / "tiny"))
    key = state.best.runs[-1].key
    failed = kept.records | {key: kept.records[key] | {"status": "out_of_memory"}}
    trials = Trials(
        suite, tuning_store(tmp_path / "fresh"), is_adopted=False, kept=KeptTrials(kept.path, failed, kept.made_for)
    )
    assert key not in [due.run.key for _, due_now in trials.due() for due in due_now]


HEAD = {"schema_version": 1, "device": "cpu", "precision": "fp32", "protocol": 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no JSON"),
        ("[]", "it needs the fields device, precision, protocol, schema_version, trials"),
        (json.dumps(HEAD | {"trials": [1]}), "it needs the fields"),
        (json.dumps(HEAD | {"trials": {"../..": {}}}), "'../..' is no key with a record"),
        (json.dumps(HEAD | {"trials": {"0" * 16: []}}), "is no key with a record"),
        (json.dumps(HEAD | {"trials": {"0" * 16: {"reason": ""}}}), "run 0000000000000000: field status is missing"),
        (json.dumps(HEAD | {"trials": {"0" * 16: {"reason": "", "status": "not_run"}}}), "it was not run"),
        (
            json.dumps(
                HEAD | {"trials": {"0" * 16: {"reason": "", "status": "ok", "data": {"num_validation_images": "9"}}}}
            ),
            "field data.num_validation_images is wrong",
        ),
    ],
)
def test_a_damaged_file_is_refused_with_one_message(tmp_path, content, said):
    path = tmp_path / "tiny.trials.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as refused:
        read_kept(path)
    assert str(refused.value).startswith(f"{path}: damaged (")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_of_another_version_is_refused(tmp_path):
    path = tmp_path / "tiny.trials.json"
    path.write_text(json.dumps(HEAD | {"schema_version": 2, "trials": {}}), encoding="utf-8")
    with pytest.raises(InputError, match="schema version 2; this version reads 1"):
        read_kept(path)


def test_the_runs_of_a_suite_that_keeps_trials_are_those_of_the_tuned_suite(suite, kept, tmp_path):
    planned = json.loads(bench(tmp_path, "plan", "--json", results="fresh")[1])["runs"]
    assert [run["key"] for run in planned] == [run.key for run in expand(tuned(suite, tmp_path / "tiny")).runs]


@pytest.mark.parametrize(
    "changed",
    [{"data": {"constant_validation_answer": 0.5, "num_validation_images": 0}}, {"cost": None, "data": None}],
)
def test_kept_trials_that_lack_what_only_the_table_needs_choose_all_the_same(suite, kept, tmp_path, changed):
    content = json.loads(kept.path.read_text(encoding="utf-8"))
    for record in content["trials"].values():
        record |= changed
        for part in [part for part, value in changed.items() if value is None]:
            del record[part]
    kept.path.write_text(json.dumps(content), encoding="utf-8")
    states = survey(suite, tuning_store(tmp_path / "fresh"), read_kept(kept.path))
    assert trials_table(states)["is_chosen"].sum() == 4
