"""The store: atomic writes, no mixing of suites, and failures that are never used as results."""

import json
import subprocess
import sys
import textwrap

import pandas as pd
import pytest
import timm
from safetensors.torch import save_file

from bench.errors import InputError
from bench.files.atomic import StoreError
from bench.files.locks import acquire
from bench.store.records import DamagedRun
from bench.store.store import Outcome, Store, open_store
from bench.tables.build import build_tables

KEY, OTHER = "0123456789abcdef", "1123456789abcdef"


def record(status: str = "ok", key: str = KEY) -> dict[str, object]:
    reason = "" if status == "ok" else "why"
    return {"schema_version": 1, "key": key, "status": status, "reason": reason, "run": {"seed": 0}, "data": {}}


@pytest.fixture
def store(tmp_path, resolve_suite) -> Store:
    return open_store(tmp_path / "results", resolve_suite())


def test_a_written_outcome_reads_back(store):
    table = pd.DataFrame({"id": [1, 2], "label": [0, 1], "prediction": [1, 1]})
    store.write(Outcome(record(), history=table, predictions=table, weights=b"weights"))
    assert store.is_finished(KEY)
    assert store.read(KEY)["status"] == "ok"
    assert store.weights(KEY) == b"weights"
    pd.testing.assert_frame_equal(store.predictions(KEY), table)
    assert [found["key"] for found in store.records()] == [KEY]


@pytest.mark.parametrize("status", ["failed", "diverged", "out_of_memory", "not_run"])
def test_a_failure_is_stored_but_not_finished_and_a_later_success_replaces_it(store, status):
    store.write(Outcome(record(status), traceback="Traceback …"))
    assert store.read(KEY)["status"] == status
    assert not store.is_finished(KEY)
    store.write(Outcome(record(), weights=b"weights"))
    assert store.is_finished(KEY)
    assert sorted(path.name for path in store.run_folder(KEY).iterdir()) == ["record.json", "weights.safetensors"]


def test_nothing_temporary_is_left(store):
    store.write(Outcome(record("failed")))
    store.write(Outcome(record()))
    store.write_tables({"cells": pd.DataFrame({"a": [1]})})
    assert [path.name for path in (store.root / "runs").iterdir()] == [KEY]
    assert sorted(path.name for path in store.root.rglob("*.*")) == [
        "cells.csv",
        "cells.parquet",
        "record.json",
        "suite.json",
    ]


def test_a_process_killed_while_writing_leaves_no_run(store, resolve_suite):
    """The process dies by SIGKILL between the files of a run's folder."""
    script = f"""
        import os, signal
        from pathlib import Path
        import bench.store.store as store
        import bench.files.atomic as atomic
        write = atomic.write_flushed
        def write_and_die(path, content):
            write(path, content)
            if path.name == "weights.safetensors":
                os.kill(os.getpid(), signal.SIGKILL)
        atomic.write_flushed = write_and_die
        store.Store(Path({str(store.root)!r})).write(store.Outcome({record()!r}, weights=b"half"))
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert ended.returncode == -9
    assert store.read(KEY) is None
    leftovers = list((store.root / "runs").iterdir())
    assert len(leftovers) == 1
    open_store(store.root.parent, resolve_suite())
    assert list((store.root / "runs").iterdir()) == []


def test_another_suite_of_the_same_name_is_refused(store, resolve_suite):
    open_store(store.root.parent, resolve_suite())
    with pytest.raises(
        InputError,
        match=r"it differs in: seeds\) \(seeds are fixed by the first run.*--results DIR",
    ):
        open_store(store.root.parent, resolve_suite(seeds=[5]))
    with pytest.raises(InputError, match=r"it differs in: scratch_seeds\) \(scratch_seeds are fixed by the first run"):
        open_store(store.root.parent, resolve_suite(scratch_seeds=1))
    with pytest.raises(InputError, match=r"it differs in: targets\); keep both"):
        open_store(store.root.parent, resolve_suite(targets=[{"target": "digits@20", "transfers": ["linear"]}]))


def test_a_store_from_before_targets_chose_their_rows_is_still_that_of_its_suite(store, resolve_suite):
    path = store.root / "suite.json"
    older = json.loads(path.read_text(encoding="utf-8"))
    del older["scratch_seeds"]
    for target in older["targets"]:
        del target["rows"], target["transfers"]
    path.write_text(json.dumps(older), encoding="utf-8")
    suite = open_store(store.root.parent, resolve_suite()).suite()
    assert (suite.scratch_seeds, suite.targets[0].rows, suite.targets[0].transfers) == (None, None, None)


def test_a_suite_may_change_its_texts(store, resolve_suite):
    open_store(store.root.parent, resolve_suite(description="said better"))
    assert store.suite().description == "said better"


def test_recipes_and_exceptions_may_change_their_texts_but_no_setting(tmp_path, resolve_suite):
    def suite(words, rate=0.01, model="vit_pico/8"):
        recipe = tmp_path / "mine.yaml"
        exception = f"{{family: cnn, set: {{warmup: 0.2}}, reason: {words} for a CNN}}"
        recipe.write_text(f"description: {words}\nlearning_rate: {rate}\nexceptions: [{exception}]\n", encoding="utf-8")
        own = {"model": model, "pretrain": str(recipe), "reason": f"{words} for a model"}
        return resolve_suite(recipes={"pretrain": str(recipe), "exceptions": [own]})

    results = tmp_path / "results"
    open_store(results, suite("said one way"))
    store = open_store(results, suite("said another way"))
    assert store.suite().recipe_exceptions[0].reason == "said another way for a model"
    with pytest.raises(InputError, match=r"differs in: recipes, recipe_exceptions\)"):
        open_store(results, suite("said another way", rate=0.02))
    with pytest.raises(InputError, match=r"differs in: recipe_exceptions\)"):
        open_store(results, suite("said another way", model="bit_resnet_pico"))


def test_a_suite_may_ask_for_a_size_class_later(store, resolve_suite):
    open_store(store.root.parent, resolve_suite(size_class="parameters"))
    assert store.suite().size_class == "parameters"
    open_store(store.root.parent, resolve_suite())


def test_a_suite_may_ask_for_even_classes_later_but_not_for_other_rungs(store, resolve_suite):
    again = open_store(store.root.parent, resolve_suite(balance="strict"))
    assert again.suite().corpora[0].balance == "strict"
    with pytest.raises(InputError, match="differs in: corpora"):
        open_store(store.root.parent, resolve_suite(subsets=[16, "big"], largest=4000))


def test_cells_say_how_many_classes_a_rung_has_before_anything_ran(tmp_path, resolve_suite):
    suite = resolve_suite(corpus={"name": "digits", "classes": 9}, subsets=[60, "small", "medium", "big"])
    cells = build_tables(open_store(tmp_path / "named", suite))["cells"]
    sizes = cells[["subset_images", "subset_classes"]].drop_duplicates()
    rungs = {(rung.images, rung.classes) for rung in suite.corpora[0].rungs}
    assert {(row.subset_images, row.subset_classes) for row in sizes.dropna().itertuples()} == rungs
    assert sizes["subset_classes"].isna().sum() == 1  # from scratch


def test_a_moved_file_of_weights_is_the_same_suite_and_another_scaling_is_not(tmp_path, resolve_suite):
    here, there = tmp_path / "here.safetensors", tmp_path / "there.safetensors"
    save_file(timm.create_model("test_resnet").state_dict(), here)
    open_store(tmp_path / "results", resolve_suite(models=["vit_pico/8", f"timm:test_resnet:weights={here}"]))
    here.rename(there)
    spec = f"timm:test_resnet:weights={there}"
    moved = open_store(tmp_path / "results", resolve_suite(models=["vit_pico/8", spec]))
    assert moved.suite().models == ("vit_pico/8", spec)
    with pytest.raises(InputError, match=r"it differs in: models, external_weights"):
        open_store(tmp_path / "results", resolve_suite(models=["vit_pico/8", f"{spec},scaling=imagenet"]))


def test_a_results_folder_that_cannot_be_made_is_named(tmp_path, resolve_suite):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(StoreError, match=r"file/tiny: cannot be written .*--results DIR"):
        open_store(tmp_path / "file", resolve_suite())


WHOLE = json.dumps(record())
DAMAGES = {
    "empty": ("", "it is empty"),
    "cut short": (WHOLE[:40], "no JSON"),
    "cut between fields": (WHOLE[: WHOLE.index(', "run"')] + "}", "field run is missing"),
    "no JSON": ("status: ok", "no JSON"),
    "no text": (b"\xff\xfe\x00".decode("latin-1"), "no JSON"),
    "too deep": ("[" * 100_000, "no JSON"),
    "a list": (f"[{WHOLE}]", "it contains a list instead of a record's fields"),
    "no status": (json.dumps({**record(), "status": None}), "field status is wrong"),
    "another run's": (json.dumps(record(key="fedcba9876543210")), "it belongs to run fedcba9876543210"),
}


@pytest.fixture(params=DAMAGES)
def damage(store, request) -> str:
    """A finished run whose record is damaged, and what is said of that."""
    store.write(Outcome(record(), weights=b"weights"))
    content, said = DAMAGES[request.param]
    (store.run_folder(KEY) / "record.json").write_text(content, encoding="latin-1")
    return said


def test_a_damaged_record_is_named_and_counts_as_none(store, damage):
    with pytest.raises(DamagedRun, match=rf"runs/{KEY}/record.json: damaged \({damage}.*`bench run` does it again"):
        store.read(KEY)
    assert store.finished([KEY]) == set()
    assert list(store.records()) == []
    assert store.look(KEY)["status"] == "not_run"
    assert damage in store.look(KEY)["reason"]


def test_a_record_that_is_a_folder_is_damaged_too(store):
    (store.run_folder(KEY) / "record.json").mkdir(parents=True)
    with pytest.raises(DamagedRun, match="it is no regular file"):
        store.read(KEY)


def test_a_damaged_suite_is_named(store):
    (store.root / "suite.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"suite.json: damaged.*move it away"):
        store.suite()


@pytest.mark.parametrize("content", [b"weigh", b"weighTs", b""], ids=["cut short", "altered", "empty"])
def test_weights_with_another_hash_than_in_the_record_are_refused(store, content):
    store.write(Outcome(record(), weights=b"weights"))
    (store.run_folder(KEY) / "weights.safetensors").write_bytes(content)
    with pytest.raises(DamagedRun, match=rf"{KEY}/weights.safetensors: damaged.*`bench run` does it again"):
        store.weights(KEY)
    assert store.is_finished(KEY)


def test_missing_files_are_named_and_the_run_stays_finished(store):
    store.write(Outcome(record()))
    with pytest.raises(DamagedRun, match=r"weights.safetensors: damaged \(it is missing"):
        store.weights(KEY)
    with pytest.raises(DamagedRun, match=r"predictions.parquet: damaged \(it is missing"):
        store.predictions(KEY)
    assert store.is_finished(KEY)


def test_a_failure_never_replaces_a_result(store):
    store.write(Outcome(record(), weights=b"weights"))
    store.write(Outcome(record("failed"), traceback="late"))
    assert store.is_finished(KEY)
    assert store.weights(KEY) == b"weights"


def test_a_run_killed_after_its_record_was_written_leaves_nothing_running(store, resolve_suite):
    for key in (KEY, OTHER):
        with acquire(store.running_folder(key)):
            (store.running_folder(key) / "checkpoint").touch()
    store.write(Outcome(record()))
    open_store(store.root.parent, resolve_suite())
    assert [folder.name for folder in (store.root / "running").iterdir()] == [OTHER]


def test_four_processes_open_and_write_one_store_over_and_over(tmp_path, resolve_suite):
    """Half-written files of dead processes lie about, which all four want to remove."""
    script = """
        import os, platform, sys
        from pathlib import Path
        import pandas as pd
        from bench.store.store import Outcome, open_store
        from bench.config.resolved import ResolvedSuite
        results, number = Path(sys.argv[1]), int(sys.argv[2])
        suite = ResolvedSuite.model_validate_json(Path(sys.argv[3]).read_bytes())
        record = {"schema_version": 1, "status": "not_run", "reason": "", "run": {}, "data": {}}
        for turn in range(8):
            store = open_store(results, suite)
            (store.root / "runs" / f".tmp-{turn:016x}-{2**22 + number}@{platform.node()}").mkdir(exist_ok=True)
            (store.root / f".tmp-suite.json-{2**22 + turn}@{platform.node()}").touch()
            store.write(Outcome(record | {"key": f"{turn:016x}"}))
            store.write_tables({"cells": pd.DataFrame({"a": range(100)})})
            assert store.read(f"{turn:016x}")["status"] == "not_run"
    """
    suite = tmp_path / "suite.json"
    suite.write_text(resolve_suite().model_dump_json(), encoding="utf-8")
    results = tmp_path / "results"
    command = [sys.executable, "-c", textwrap.dedent(script), str(results)]
    processes = [
        subprocess.Popen([*command, str(number), str(suite)], stderr=subprocess.PIPE, text=True) for number in range(4)
    ]
    errors = [process.communicate()[1] for process in processes]
    assert errors == [""] * 4
    store = open_store(results, resolve_suite())
    assert sorted(path.name for path in (store.root / "runs").iterdir()) == [f"{turn:016x}" for turn in range(8)]
    assert [path.name for path in results.rglob(".*")] == []
    assert len(pd.read_parquet(store.tables / "cells.parquet")) == 100


def test_a_record_of_another_schema_is_refused(store):
    store.write(Outcome(record()))
    path = store.run_folder(KEY) / "record.json"
    path.write_text(json.dumps(record() | {"schema_version": 99}), encoding="utf-8")
    with pytest.raises(InputError, match=r"schema version 99"):
        store.read(KEY)


def test_a_missing_store_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(InputError, match="bench run"):
        Store(tmp_path / "nothing").suite()
