"""Published data sets in the formats that their publishers use, written here; and the real ones where they lie.

The real files are read from the folder that `BENCH_DATA` names.
"""

import hashlib
import io
import json
import os
import pickle
import struct
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torchvision
from numpy.typing import NDArray
from PIL import Image

from bench.data import opening
from bench.data.catalogue import CATALOGUE, SplitSizes
from bench.data.corpus import CorpusRef, load_subset
from bench.data.dataset import Splits
from bench.data.opening import open_data
from bench.data.presence import fetch, is_present
from bench.data.target import load_target, parse_target
from bench.errors import InputError

CIFAR10_NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]


def load(text: str, data_dir: Path, seed: int = 0, image_size: int = 32) -> Splits:
    return load_target(parse_target(text), seed=seed, image_size=image_size, data_dir=data_dir)


def pictures(count: int, shape: tuple[int, ...], num_classes: int, seed: int) -> Arrays:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (count, *shape), dtype=np.uint8), np.arange(count) % num_classes


@pytest.fixture
def fashion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Arrays, Arrays]:
    """Fashion-MNIST's four idx files, with 200 and 50 pictures."""
    publish(monkeypatch, "fashion-mnist")
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    train, test = pictures(200, (28, 28), 10, 0), pictures(50, (28, 28), 10, 1)
    for prefix, (images, labels) in (("train", train), ("t10k", test)):
        header = struct.pack(">iiii", 0x803, *images.shape)
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        header = struct.pack(">ii", 0x801, len(labels))
        (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(header + labels.astype(np.uint8).tobytes())
    return tmp_path, train, test


@pytest.fixture
def cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Arrays, Arrays]:
    """CIFAR-10's pickled batches, with 200 and 50 pictures, and the sums that torchvision checks."""
    publish(monkeypatch, "cifar10")
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    train, test = pictures(200, (32, 32, 3), 10, 0), pictures(50, (32, 32, 3), 10, 1)

    def write(name: str, content: object) -> tuple[str, str]:
        data = pickle.dumps(content)
        (folder / name).write_bytes(data)
        return name, hashlib.md5(data).hexdigest()

    def batch(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> dict[str, object]:
        return {"data": images.transpose(0, 3, 1, 2).reshape(len(images), -1), "labels": labels.tolist()}

    reader = torchvision.datasets.CIFAR10
    halves = [batch(train[0][part], train[1][part]) for part in (slice(0, 100), slice(100, 200))]
    listed = [write(f"data_batch_{index}", half) for index, half in enumerate(halves, 1)]
    monkeypatch.setattr(reader, "train_list", listed)
    monkeypatch.setattr(reader, "test_list", [write("test_batch", batch(*test))])
    name, md5 = write("batches.meta", {"label_names": CIFAR10_NAMES})
    monkeypatch.setattr(reader, "meta", {"filename": name, "key": "label_names", "md5": md5})
    return tmp_path, train, test


def write_shard(file: Path, images: NDArray[np.uint8], labels: NDArray[np.int64], form: str = "WEBP") -> None:
    """Write a shard as the hub has it: encoded pictures, labels, and the features' names."""
    encoded = []
    for image in images:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, form, **({"lossless": True} if form == "WEBP" else {}))
        encoded.append({"bytes": buffer.getvalue(), "path": "x"})
    features = {"img": {"_type": "Image"}, "label": {"names": CIFAR10_NAMES, "_type": "ClassLabel"}}
    table = pa.table({"img": encoded, "label": labels})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata(metadata), file, row_group_size=30)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Arrays, Arrays]:
    """CIFAR-10 as the hub has it, with 200 pictures in two shards of either encoding, and 50."""
    publish(monkeypatch, "cifar10")
    train, test = pictures(200, (32, 32, 3), 10, 0), pictures(50, (32, 32, 3), 10, 1)
    folder = tmp_path / "cifar10"
    write_shard(folder / "train-00000-of-00002.parquet", train[0][:130], train[1][:130])
    write_shard(folder / "train-00001-of-00002.parquet", train[0][130:], train[1][130:], "PNG")
    write_shard(folder / "test-00000-of-00001.parquet", *test)
    return tmp_path, train, test


def check_splits(splits: Splits, train: Arrays, test: Arrays) -> None:
    """Every image under its id is the publisher's; validation is a tenth of each class of train."""
    assert np.bincount(splits.train.labels).tolist() == [18] * 10
    assert np.bincount(splits.validation.labels).tolist() == [2] * 10
    assert splits.test.ids.tolist() == list(range(200, 250))
    assert sorted([*splits.train.ids, *splits.validation.ids]) == list(range(200))
    images, labels = np.concatenate([train[0], test[0]]), np.concatenate([train[1], test[1]])
    for part in (splits.train, splits.validation, splits.test):
        assert np.array_equal(part.labels, labels[part.ids])
        expected = images[part.ids]
        expected = expected.transpose(0, 3, 1, 2) if expected.ndim == 4 else expected[:, None].repeat(3, axis=1)
        assert np.array_equal(part.images, expected)


def test_idx_files_are_read(fashion: tuple[Path, Arrays, Arrays]) -> None:
    data_dir, train, test = fashion
    splits = load("fashion-mnist", data_dir, image_size=28)
    check_splits(splits, train, test)
    assert splits.flip
    assert splits.class_names[0] == "T-shirt/top"
    assert load("fashion-mnist@20", data_dir).train.images.shape == (20, 3, 32, 32)


def test_pickled_batches_are_read(cifar: tuple[Path, Arrays, Arrays]) -> None:
    data_dir, train, test = cifar
    splits = load("cifar10", data_dir)
    check_splits(splits, train, test)
    assert splits.class_names == tuple(CIFAR10_NAMES)


def test_the_hubs_parquet_is_read(hub: tuple[Path, Arrays, Arrays]) -> None:
    data_dir, train, test = hub
    splits = load("cifar10", data_dir)
    check_splits(splits, train, test)
    assert splits.class_names == tuple(CIFAR10_NAMES)
    subset = load_subset(CorpusRef(name="cifar10"), 50, 32, data_dir)
    assert np.bincount(subset.train.labels).tolist() == [5] * 10
    assert subset.flip


def test_both_layouts_give_the_same_splits(
    hub: tuple[Path, Arrays, Arrays], cifar: tuple[Path, Arrays, Arrays], tmp_path: Path
) -> None:
    """The hub's files and the publisher's, in one folder: the publisher's are read, under the same ids."""
    both = load("cifar10@30", tmp_path)
    (tmp_path / "cifar-10-batches-py").rename(tmp_path / "aside")
    opening._opened.cache_clear()
    alone = load("cifar10@30", tmp_path)
    assert both.split_hash == alone.split_hash
    assert np.array_equal(both.train.images, alone.train.images)


def test_damaged_files_are_named_with_the_way_out(
    cifar: tuple[Path, Arrays, Arrays], fashion: tuple[Path, Arrays, Arrays], tmp_path: Path
) -> None:
    with (tmp_path / "cifar-10-batches-py" / "data_batch_2").open("ab") as file:
        file.write(b"x")
    with pytest.raises(InputError, match=r"cifar-10-batches-py are damaged .* bench data fetch cifar10 --data"):
        load("cifar10@10", tmp_path)
    images = tmp_path / "FashionMNIST" / "raw" / "train-images-idx3-ubyte"
    for content in (images.read_bytes()[:1000], b"", b"what is this"):
        images.write_bytes(content)
        with pytest.raises(InputError, match=r"are damaged .* bench data fetch fashion-mnist --data"):
            load("fashion-mnist@10", tmp_path)
    (images.parent / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(InputError, match=r"are damaged .* bench data fetch fashion-mnist --data"):
        load("fashion-mnist@10", tmp_path)


def test_half_of_a_data_set_is_missing(hub: tuple[Path, Arrays, Arrays]) -> None:
    (hub[0] / "cifar10" / "test-00000-of-00001.parquet").unlink()
    assert not is_present("cifar10", None, hub[0])
    with pytest.raises(InputError, match=r"cifar10/\*\*/test-\*\.parquet.*bench data fetch cifar10"):
        load("cifar10@10", hub[0])


def test_a_fetch_without_a_network_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    for name in {name for name, entry in CATALOGUE.items() if entry.published} - {"imagenet"}:
        with pytest.raises(
            InputError, match=rf"{name}: could not be fetched into .*no route to host.*check the network"
        ):
            fetch(name, tmp_path)


def publish(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let the catalogue say that as many images were published as are written here."""
    monkeypatch.setitem(CATALOGUE, name, replace(CATALOGUE[name], sizes=SplitSizes(10, 180, 20, 50)))


def test_missing_images_are_noticed(hub: tuple[Path, Arrays, Arrays]) -> None:
    (hub[0] / "cifar10" / "train-00001-of-00002.parquet").unlink()
    with pytest.raises(InputError, match=r"10 classes, 130 images .* but were published with 10 classes, 200 images"):
        load("cifar10@10", hub[0])


@pytest.mark.skipif("BENCH_DATA" not in os.environ, reason="BENCH_DATA names no folder with the real data sets")
@pytest.mark.parametrize("name", ["cifar10", "fashion-mnist"])
def test_the_real_files_hold_what_the_catalogue_says(name: str) -> None:
    data_dir, entry = Path(os.environ["BENCH_DATA"]), CATALOGUE[name]
    if not is_present(name, None, data_dir):
        pytest.skip(f"{name} is not in {data_dir}")
    data = open_data(name, None, data_dir)
    assert (len(data.class_names), len(data.pool), len(data.validation), len(data.test)) == entry.sizes
    assert np.ptp(np.bincount(data.labels)) == 0
    images = data.read(data.test[:100], 32)
    assert 60 < images.mean() < 140
    assert images.std() > 40
