"""The store: written whole or not at all, never mixed up, and a failure is never taken for a result."""

import json
import os
import subprocess
import sys
import textwrap

import pandas as pd
import pytest
import timm
from safetensors.torch import save_file

from bench.errors import InputError
from bench.store import Outcome, Store, open_store
from bench.tables import build_tables

KEY = "0123456789abcdef"


def record(status: str = "ok", key: str = KEY) -> dict[str, object]:
    return {"schema_version": 1, "key": key, "status": status, "reason": "" if status == "ok" else "why"}


@pytest.fixture
def store(tmp_path, resolve_suite) -> Store:
    return open_store(tmp_path / "results", resolve_suite())


def test_a_written_outcome_reads_back(store):
    table = pd.DataFrame({"id": [1, 2], "label": [0, 1]})
    store.write(Outcome(record(), history=table, predictions=table, weights=b"weights"))
    assert store.is_finished(KEY)
    assert store.read(KEY)["status"] == "ok"
    assert store.weights(KEY) == b"weights"
    pd.testing.assert_frame_equal(store.predictions(KEY), table)
    assert [found["key"] for found in store.records()] == [KEY]


@pytest.mark.parametrize("status", ["failed", "diverged", "out_of_memory", "not_run"])
def test_a_failure_is_kept_but_not_finished_and_a_later_success_replaces_it(store, status):
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
        import bench.store as store
        write = store._write_flushed
        def write_and_die(path, content):
            write(path, content)
            if path.name == "weights.safetensors":
                os.kill(os.getpid(), signal.SIGKILL)
        store._write_flushed = write_and_die
        store.Store(Path({str(store.root)!r})).write(store.Outcome({record()!r}, weights=b"half"))
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert ended.returncode == -9
    assert store.read(KEY) is None
    leftovers = list((store.root / "runs").iterdir())
    assert len(leftovers) == 1
    open_store(store.root.parent, resolve_suite())
    assert list((store.root / "runs").iterdir()) == []


def test_what_a_living_process_is_writing_stays(store, resolve_suite):
    folder = store.root / "runs" / f".tmp-{KEY}-{os.getpid()}"
    folder.mkdir()
    open_store(store.root.parent, resolve_suite())
    assert folder.is_dir()


def test_another_suite_of_the_same_name_is_refused(store, resolve_suite):
    open_store(store.root.parent, resolve_suite())
    with pytest.raises(InputError, match=r"another suite named 'tiny' \(it differs in: seeds\).*--results DIR"):
        open_store(store.root.parent, resolve_suite(seeds=[5]))


def test_a_suite_may_change_its_words(store, resolve_suite):
    open_store(store.root.parent, resolve_suite(description="said better"))
    assert store.suite().description == "said better"


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
    with pytest.raises(InputError, match=r"it differs in: models, outside_weights"):
        open_store(tmp_path / "results", resolve_suite(models=["vit_pico/8", f"{spec},scaling=imagenet"]))


def test_a_results_folder_that_cannot_be_made_is_named(tmp_path, resolve_suite):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(InputError, match=r"--results .*file.*cannot be written"):
        open_store(tmp_path / "file", resolve_suite())


def test_a_damaged_record_is_named(store):
    store.write(Outcome(record()))
    path = store.run_folder(KEY) / "record.json"
    path.write_text(path.read_text(encoding="utf-8")[:20], encoding="utf-8")
    with pytest.raises(InputError, match=r"record.json: damaged"):
        store.read(KEY)


def test_a_record_of_another_schema_is_refused(store):
    store.write(Outcome(record()))
    path = store.run_folder(KEY) / "record.json"
    path.write_text(json.dumps(record() | {"schema_version": 99}), encoding="utf-8")
    with pytest.raises(InputError, match=r"schema version 99"):
        store.read(KEY)


def test_no_results_say_what_makes_them(tmp_path):
    with pytest.raises(InputError, match="bench run"):
        Store(tmp_path / "nothing").suite()
