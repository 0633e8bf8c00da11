"""The tables show how runs were done: in the rows of the runs, and in the cells that depend on them."""

import re

import pandas as pd
import pytest

from bench.analysis.duplicates import SEVERAL_CLASSES, SHARED, duplicate_warnings
from bench.analysis.format import ABSENT
from bench.report.rendering import as_markdown
from bench.report.sections.design import left_out
from bench.report.write import build_page
from bench.store.new_record import build_record
from bench.store.record_shape import wrong_field
from bench.store.store import Outcome, open_store
from bench.tables.build import build_tables, with_known_classes

MODEL = {"models": ["vit_pico/8"], "subsets": [16]}
PARTS = "batches of 32 went through the model in parts of 16"


def _keep(store, run, **fields):
    """A record of a run that ended ok, with some fields as a test has them."""
    record = build_record(run, status="ok", metrics={"test_accuracy": 0.5}, cost={"images_seen": 64, "micro_batch": 16})
    store.write(Outcome(record | fields))


def test_notes_of_a_run_are_in_all_its_cells(resolve_suite, plan_suite, tmp_path):
    changes = MODEL | {"transfers": ["fine-tune", "linear"]}
    store = open_store(tmp_path, resolve_suite(**changes))
    for run in plan_suite(**changes).runs:
        probe = {"probe": {"notes": ["did not converge"]}} if run.probe else {}
        _keep(store, run, notes=[PARTS] if run.stage == "pretrain" else [], **probe)
    tables = build_tables(store)
    runs = tables["runs"].set_index("kind")["notes"].to_dict()
    assert runs == {"scratch": "", "pretrain": PARTS, "transfer": "", "probe": "did not converge"}
    assert tables["cells"]["notes"].tolist() == [
        "",
        f"in pretraining: {PARTS}",
        f"in pretraining: {PARTS}; did not converge",
    ]
    assert tables["comparison"]["notes"].tolist() == tables["cells"]["notes"].tolist()


def test_a_runs_row_says_how_the_run_was_done(resolve_suite, plan_suite, tmp_path):
    changes = MODEL | {"corpus": [], "subsets": None}
    store = open_store(tmp_path, resolve_suite(**changes))
    (run,) = plan_suite(**changes).runs
    _keep(store, run, num_resumes=2, resumed_at_step=[3, 17])
    (row,) = build_tables(store)["runs"].to_dict("records")
    names = ("micro_batch", "num_resumes", "resumed_at_step", "repeats")
    assert tuple(row[name] for name in names) == (16, 2, "3, 17", "bit for bit")


def test_records_from_before_there_were_notes_have_none(resolve_suite, plan_suite, tmp_path):
    store = open_store(tmp_path, resolve_suite(**MODEL))
    for run in plan_suite(**MODEL).runs:
        record = build_record(run, status="ok", metrics={"test_accuracy": 0.5})
        store.write(
            Outcome({name: record[name] for name in record if name not in ("notes", "repeats", "resumed_at_step")})
        )
    tables = build_tables(store)
    assert set(tables["cells"]["notes"]) == set(tables["runs"]["notes"]) == {""}
    assert set(tables["runs"]["resumed_at_step"]) == set(tables["runs"]["repeats"]) == {""}


def test_a_probe_s_row_has_the_amount_that_its_suite_matches(resolve_suite, tmp_path):
    flops = {"images": None, "match": "flops", "flops": {"pretrain": 1e12, "transfer": 1e11}}
    suite = resolve_suite(**MODEL, **flops, transfers=["fine-tune", "linear"])
    assert set(build_tables(open_store(tmp_path, suite))["cells"]["match"]) == {"flops"}


def test_rows_that_a_target_or_a_seed_has_not_are_no_rows(resolve_suite, plan_suite, tmp_path):
    """Gains are paired by the seed from scratch; nothing is missing or undecided for what the suite leaves out."""
    arms = {"with": "vit_pico/8", "none": "vit_pico/8:pos=none"}
    probed = {"target": "digits@40", "rows": ["ladder"], "transfers": ["linear"]}
    changes = {
        "seeds": [0, 1, 2],
        "scratch_seeds": 2,
        "subsets": [16],
        "targets": ["digits@20", probed, {"target": "arrangement", "rows": ["position"]}],
        "ablations": [{"name": "position", "reference": "with", "arms": arms}],
    }
    suite = resolve_suite(**changes)
    store = open_store(tmp_path, suite)
    for run in plan_suite(**changes).runs:
        record = build_record(
            run, status="ok", metrics={"test_accuracy": 0.5 + 0.01 * run.seed**2 * (run.stage != "scratch")}
        )
        store.write(Outcome(record))
    tables = build_tables(store)
    comparison = tables["comparison"].set_index(["model", "target", "corpus"]).loc["vit_pico/8"]
    assert comparison["num_seeds"].to_dict() == {
        ("digits@20", "none"): 2,
        ("digits@20", "fractals"): 3,
        ("digits@40", "fractals"): 3,
    }
    assert set(tables["comparison"]["status"]) == set(tables["ablations"]["status"]) == {"complete"}
    gain = comparison.loc[("digits@20", "fractals")]
    assert (gain["gain"], gain["num_pairs"], gain["gain_status"]) == (pytest.approx(0.005), 2, "complete")
    assert tables["ablations"]["target"].unique().tolist() == ["digits@20", "arrangement"]
    page = as_markdown(build_page(suite.model_dump(mode="json"), tables, {}))
    assert "arrangement (rows: position)" in page
    assert "The suite trains 2 of its 3 seeds from scratch; gains are paired by these." in page
    assert not re.search(r"\bmissing\b", page.replace("if a seed of either side is missing", ""))


def test_what_sources_passed_over_has_a_table_and_a_section(resolve_suite, plan_suite, tmp_path):
    store = open_store(tmp_path, resolve_suite(**MODEL))
    assert "left_out" not in build_tables(store)
    facts = {
        "passed_over": [{"reason": "hidden files or folders", "num": 5, "names": ["a/.x", "b/.x"]}],
        "num_single_colour": {"train": 2, "validation": None, "test": 1},
        "num_shared_between_splits": {"validation": 0, "test": 4},
        "num_under_several_classes": 6,
    }
    for run in plan_suite(**MODEL).runs:
        _keep(store, run, data=facts if run.target else {})
    table = build_tables(store)["left_out"]
    single = "images of a single colour, which runs use"
    (target,) = {str(run.target) for run in plan_suite(**MODEL).runs if run.target}
    assert table.to_numpy().tolist() == [
        [target, "hidden files or folders", 5, "a/.x, b/.x"],
        [target, single, 3, ""],
        [target, SHARED["test"], 4, ""],
        [target, SEVERAL_CLASSES, 6, ""],
    ]
    (section,) = left_out(table)
    assert section.tables[0].rows == (
        (target, "hidden files or folders", "a/.x, b/.x", "5"),
        (target, single, ABSENT, "3"),
        (target, SHARED["test"], ABSENT, "4"),
        (target, SEVERAL_CLASSES, ABSENT, "6"),
    )
    assert left_out(None) == ()


def test_both_tables_say_what_a_constant_answer_reaches_and_whether_a_run_gives_one(
    resolve_suite, plan_suite, tmp_path
):
    """Older records do not say it; then it is missing."""
    store = open_store(tmp_path, resolve_suite(**MODEL))
    facts = {
        "constant_answer": 0.7,
        "num_contaminated": 2,
        "num_test_images": 100,
        "smallest_test_class_images": 10,
        "largest_test_class_images": 70,
    }
    metrics = {"test_accuracy": 0.5, "test_balanced_accuracy": 0.25, "num_answers": 1}
    for run in plan_suite(**MODEL).runs:
        if run.stage == "transfer":
            _keep(store, run, data=facts, metrics=metrics)
        else:
            _keep(store, run)
    expected = facts | {"balanced_accuracy": 0.25, "num_answers": 1}
    tables = build_tables(store)
    for table, kind in (("cells", tables["cells"]["corpus"] != "none"), ("runs", tables["runs"]["kind"] == "transfer")):
        assert tables[table].loc[kind, list(expected)].to_dict("records") == [expected]
        assert tables[table].loc[~kind, list(expected)].isna().all(axis=None)


@pytest.mark.parametrize(
    "facts",
    [{"num_test_images": -1}, {"num_under_several_classes": 0.5}, {"num_shared_between_splits": {"test": "many"}}],
)
def test_counts_that_are_none_make_a_record_damaged(plan_suite, facts):
    record = build_record(plan_suite(**MODEL).runs[0], status="diverged", data=facts)
    assert next(iter(facts)) in wrong_field(record)


def test_draws_that_share_different_numbers_of_images_give_the_largest(resolve_suite, plan_suite, tmp_path):
    changes = MODEL | {"seeds": [0, 1, 2], "corpus": [], "subsets": None}
    store = open_store(tmp_path, resolve_suite(**changes))
    for run, shared in zip(plan_suite(**changes).runs, (2, 5, None), strict=True):
        _keep(store, run, data={"num_shared_between_splits": shared and {"validation": 0, "test": shared}})
    tables = build_tables(store)
    assert tables["left_out"][["reason", "num"]].to_numpy().tolist() == [[SHARED["test"], 5]]
    assert len(list(duplicate_warnings(tables["cells"], tables["left_out"]))) == 1


def test_a_seed_that_is_not_run_yet_has_the_classes_of_the_others():
    sizes, classes = [0, 16, 16, 32, 64], [None, 200, None, 200, None]
    cells = pd.DataFrame({"corpus": ["none", *["photos"] * 4], "subset_images": sizes, "subset_classes": classes})
    filled = with_known_classes(cells.astype({"subset_images": "Int64", "subset_classes": "Int64"}))
    assert filled["subset_classes"].tolist() == [pd.NA, 200, 200, 200, pd.NA]


def test_training_flops_may_exceed_the_largest_integer_of_a_table(resolve_suite, plan_suite, tmp_path):
    """A ViT-B's on ImageNet do."""
    store = open_store(tmp_path, resolve_suite(**MODEL))
    for run in plan_suite(**MODEL).runs:
        _keep(store, run, cost={"images_seen": 115_000_000, "training_flops": 6 * 17_582_740_224 * 115_000_000})
    assert build_tables(store)["runs"]["training_flops"].unique().tolist() == [pytest.approx(1.2132e19, rel=1e-4)]
