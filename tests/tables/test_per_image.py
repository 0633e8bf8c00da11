"""Per-image correctness is computed once, outlives the predictions, and is used only if its record has its hash."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.plan.expand import expand
from bench.store.new_record import build_record
from bench.store.store import Outcome, Store, open_store
from bench.tables.build import build_tables

CHANGES = {"models": ["vit_pico/8"], "subsets": [16], "seeds": [0, 1, 2]}
NUM_IMAGES = 200
LABELS = np.arange(NUM_IMAGES) % 10


@pytest.fixture
def store(resolve_suite, tmp_path) -> Store:
    """Return a store of three seeds from scratch and pretrained, with their predictions."""
    suite = resolve_suite(**CHANGES)
    store = open_store(tmp_path, suite)
    generator = np.random.default_rng(0)
    for run in expand(suite).runs:
        right = generator.random(NUM_IMAGES) < (0.9 if run.stage == "transfer" else 0.5)
        predictions = pd.DataFrame(
            {"id": np.arange(NUM_IMAGES)[::-1], "label": LABELS, "prediction": np.where(right, LABELS, LABELS + 1)}
        )
        metrics = {"test_accuracy": float(right.mean()) if run.target else None}
        record = build_record(run, status="ok", metrics=metrics)
        store.write(Outcome(record, predictions=predictions if run.target else None))
    return store


def test_every_tested_run_has_a_row(store):
    tables = build_tables(store)
    rows = tables["correctness"].set_index("transfer_key")
    cells = tables["cells"].set_index("transfer_key")
    assert set(rows.index) == set(cells.index)
    assert set(rows["num_images"]) == {NUM_IMAGES}
    assert rows["images"].nunique() == 1
    for key, row in rows.iterrows():
        bits = np.unpackbits(np.frombuffer(row["correct"], dtype=np.uint8), count=NUM_IMAGES)
        assert bits.mean() == pytest.approx(cells.loc[key, "accuracy"])
        predictions = store.predictions(key).sort_values("id")
        assert bits.tolist() == (predictions["prediction"] == predictions["label"]).astype(int).tolist()


def test_intervals_are_over_seeds_and_images(store):
    """Intervals of accuracies and of the gain are over seeds alone if per-image correctness is lost."""
    table = build_tables(store)["comparison"]
    assert table["method"].tolist() == ["seeds and images"] * 2
    assert table["gain_method"].tolist() == ["", "seeds and images"]
    _without_predictions(store)
    table = build_tables(store)["comparison"]
    assert table["method"].tolist() == ["seeds"] * 2
    assert table["gain_method"].tolist() == ["", "seeds"]


def _with_clusters(store: Store) -> None:
    """Give the predictions a column of clusters, of ten images each."""
    for record in list(store.records()):
        if "predictions.parquet" in record["files"]:
            predictions = store.predictions(record["key"])
            path = store.run_folder(record["key"]) / "predictions.parquet"
            predictions.assign(cluster=predictions["id"] // 10).to_parquet(path)
            record["files"]["predictions.parquet"] = hashlib.sha256(path.read_bytes()).hexdigest()
            (path.parent / "record.json").write_text(json.dumps(record))


def test_clusters_of_the_predictions_are_those_of_the_table(store):
    """And those of the intervals, while the accuracies stay."""
    before = build_tables(store)
    _with_clusters(store)
    after = build_tables(store)
    assert set(before["correctness"]["cluster"]) == {None}
    assert set(after["correctness"]["cluster"]) == {bytes((np.arange(NUM_IMAGES) // 10).tolist())}
    rows, clustered = before["comparison"], after["comparison"]
    assert clustered["accuracy"].to_numpy() == pytest.approx(rows["accuracy"].to_numpy())
    assert clustered["method"].tolist() == ["seeds and images"] * 2
    assert (clustered["low"] != rows["low"]).any()


def test_a_table_without_clusters_is_read(store):
    """As of an earlier version: each image is its own cluster."""
    tables = build_tables(store)
    store.write_tables({"correctness": tables["correctness"].drop(columns="cluster")})
    _without_predictions(store)
    pd.testing.assert_frame_equal(build_tables(store)["correctness"], tables["correctness"])


def test_the_table_outlives_the_predictions(store):
    """A store that is passed on with its tables gives the same ones again."""
    tables = build_tables(store)
    store.write_tables(tables)
    assert not (store.tables / "correctness.csv").exists()
    _without_predictions(store)
    again = build_tables(store)
    for name, table in tables.items():
        pd.testing.assert_frame_equal(again[name], table)


def test_a_row_with_another_hash_than_in_the_record_is_not_used(store):
    """Neither altered predictions nor a row of other predictions are taken."""
    store.write_tables(build_tables(store))
    rows = pd.read_parquet(store.tables / "correctness.parquet")
    rows.loc[0, "predictions"] = "0" * 64
    store.write_tables({"correctness": rows})
    key = rows.loc[0, "transfer_key"]
    (store.run_folder(key) / "predictions.parquet").write_bytes(b"altered")
    assert key not in set(build_tables(store)["correctness"]["transfer_key"])


@pytest.mark.parametrize("content", [b"", b"no parquet", None])
def test_a_damaged_table_is_made_again(store, content):
    """Also one of another version, whose columns are others."""
    tables = build_tables(store)
    store.write_tables(tables)
    if content is None:
        store.write_tables({"correctness": pd.DataFrame({"transfer_key": ["a"]})})
    else:
        (store.tables / "correctness.parquet").write_bytes(content)
    pd.testing.assert_frame_equal(build_tables(store)["correctness"], tables["correctness"])


def test_a_suite_that_never_ran_has_an_empty_table(resolve_suite, tmp_path):
    table = build_tables(open_store(tmp_path, resolve_suite(**CHANGES)))["correctness"]
    assert table.empty
    assert list(table) == ["transfer_key", "images", "num_images", "correct", "cluster", "predictions"]


def _without_predictions(store: Store) -> None:
    paths: list[Path] = list(store.root.glob("runs/*/predictions.parquet"))
    assert paths
    for path in paths:
        path.unlink()
