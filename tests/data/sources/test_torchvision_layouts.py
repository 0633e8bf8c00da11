"""Published data sets, small, in the true formats of their publishers, and read by torchvision's own readers.

What is replaced are sums of files, since those written here are others, and the numbers in the catalogue.
"""

import hashlib
import io
import json
import struct
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
import torchvision
from numpy.typing import NDArray
from PIL import Image
from torchvision.datasets import imagenet

from bench.data.catalogue import CATALOGUE, SplitSizes
from bench.data.corpus import CorpusRef, load_subset
from bench.data.dataset import DataSet
from bench.data.opening import open_data
from bench.data.presence import fetch, is_present
from bench.data.target import load_target, parse_target
from bench.errors import InputError

Labels = list[int]
Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Written:
    """What was written: the labels of train, validation (where it is published) and test, in order of ids."""

    labels: Labels
    num_train: int
    num_validation: int
    """published, or to be carved"""
    num_classes: int


def md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes()).hexdigest()


def colours(index: int, label: int) -> NDArray[np.uint8]:
    """A colour that tells an image's place and label."""
    return np.array([index % 256, 16 * (index // 256), label], dtype=np.uint8)


def write_picture(file: Path, index: int, label: int) -> None:
    """Write a plain picture of 20 x 14 pixels."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.broadcast_to(colours(index, label), (14, 20, 3)).copy()).save(file, quality=100, subsampling=0)


def write_mnist(root: Path, patch: Patch) -> Written:
    labels = [index % 10 for index in range(130)]
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    images = np.broadcast_to(np.arange(130, dtype=np.uint8)[:, None, None], (130, 28, 28))
    for prefix, part in (("train", slice(0, 100)), ("t10k", slice(100, 130))):
        own, own_labels = images[part], np.array(labels[part], dtype=np.uint8)
        header = struct.pack(">iiii", 0x803, *own.shape)
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(header + own.tobytes())
        (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">ii", 0x801, len(own)) + own_labels.tobytes())
    return Written(labels, 100, 10, 10)


def write_svhn(root: Path, patch: Patch) -> Written:
    """The digit 0 has label 10 in the files, and is class 0."""
    labels = [index % 10 for index in range(130)]
    (root / "svhn").mkdir()
    listed = dict(torchvision.datasets.SVHN.split_list)
    for split, start, end in (("train", 0, 100), ("test", 100, 130)):
        pixels = np.stack([np.broadcast_to(colours(i, labels[i]), (32, 32, 3)) for i in range(start, end)], axis=3)
        file = root / "svhn" / f"{split}_32x32.mat"
        scipy.io.savemat(file, {"X": pixels, "y": np.array([[labels[i] or 10] for i in range(start, end)], np.uint8)})
        listed[split] = [*listed[split][:2], md5(file)]
    patch.setattr(torchvision.datasets.SVHN, "split_list", listed)
    return Written(labels, 100, 10, 10)


def write_stl10(root: Path, patch: Patch) -> Written:
    """Channels first, columns before rows, and labels from 1."""
    labels = [index % 10 for index in range(130)]
    folder = root / "stl10_binary"
    folder.mkdir()
    (folder / "class_names.txt").write_text("\n".join(f"kind {label}" for label in range(10)))
    (folder / "unlabeled_X.bin").write_bytes(bytes(3 * 96 * 96))
    for split, start, end in (("train", 0, 100), ("test", 100, 130)):
        pixels = np.zeros((end - start, 3, 96, 96), dtype=np.uint8)
        for index in range(start, end):
            pixels[index - start, :, :48] = colours(index, labels[index])[:, None, None]
        (folder / f"{split}_X.bin").write_bytes(pixels.tobytes())
        (folder / f"{split}_y.bin").write_bytes(bytes(label + 1 for label in labels[start:end]))
    for name in ("train_list", "test_list"):
        listed = [[file, md5(folder / file)] for file, _ in getattr(torchvision.datasets.STL10, name)]
        patch.setattr(torchvision.datasets.STL10, name, listed)
    return Written(labels, 100, 10, 10)


def write_flowers102(root: Path, patch: Patch) -> Written:
    """Images are numbered from 1 through all parts, mixed; two a class train, one validates, one tests."""
    folder, labels = root / "flowers-102", [number % 102 for number in range(408)]
    for number, label in enumerate(labels, 1):
        write_picture(folder / "jpg" / f"image_{number:05}.jpg", number - 1, label)
    numbers = np.arange(1, 409).reshape(4, 102)
    parts = {"trnid": [numbers[1:3].ravel()], "valid": [numbers[0]], "tstid": [numbers[3]]}
    scipy.io.savemat(folder / "setid.mat", parts)
    scipy.io.savemat(folder / "imagelabels.mat", {"labels": [np.array(labels) + 1]})
    sums = {kind: (file, md5(folder / file)) for kind, file in (("label", "imagelabels.mat"), ("setid", "setid.mat"))}
    reader = torchvision.datasets.Flowers102
    patch.setattr(reader, "_file_dict", {**reader._file_dict, **sums})
    order = np.concatenate([parts[name][0] for name in ("trnid", "valid", "tstid")]) - 1
    return Written([labels[index] for index in order], 204, 102, 102)


def write_pets(root: Path, patch: Patch) -> Written:
    """Breeds in order of label; names have underscores of their own."""
    folder, labels = root / "oxford-iiit-pet", [index % 37 for index in range(3 * 37)]
    (folder / "annotations").mkdir(parents=True)
    for split, start, end in (("trainval", 0, 74), ("test", 74, 111)):
        names = [f"shaggy_breed_{labels[index]:02}_{index}" for index in range(start, end)]
        for index, name in zip(range(start, end), names, strict=True):
            write_picture(folder / "images" / f"{name}.jpg", index, labels[index])
        lines = [f"{name} {labels[i] + 1} 1 1\n" for i, name in zip(range(start, end), names, strict=True)]
        (folder / "annotations" / f"{split}.txt").write_text("".join(lines))
    return Written(labels, 74, 37, 37)


def write_food101(root: Path, patch: Patch) -> Written:
    """A list of files by class for each part."""
    folder = root / "food-101"
    (folder / "meta").mkdir(parents=True)
    written: Labels = []
    for split, a_class in (("train", 2), ("test", 1)):
        listed: dict[str, list[str]] = {}
        for label in range(101):
            listed[f"dish_{label:03}"] = [f"dish_{label:03}/{split}{number}" for number in range(a_class)]
            for name in listed[f"dish_{label:03}"]:
                write_picture(folder / "images" / f"{name}.jpg", len(written), label)
                written.append(label)
        (folder / "meta" / f"{split}.json").write_text(json.dumps(listed))
    return Written(written, 202, 101, 101)


def imagenet_words(label: int) -> tuple[str, ...]:
    """Two synsets have the same words, as two of ImageNet's have."""
    return ("crane",) if label < 2 else (f"thing {label}", f"object {label}")


def write_imagenet(root: Path, patch: Patch, num_classes: int = 3) -> Written:
    """A folder for each synset, and the file that torchvision makes of the development kit."""
    written: Labels = []
    wnids = [f"n{label:08}" for label in range(num_classes)]
    for split, a_class in (("train", 14), ("val", 2)):
        for label, wnid in enumerate(wnids):
            for number in range(a_class):
                write_picture(root / "imagenet" / split / wnid / f"{number:02}.JPEG", len(written), label)
                written.append(label)
    words = {wnid: imagenet_words(label) for label, wnid in enumerate(wnids)}
    torch.save((words, wnids), root / "imagenet" / "meta.bin")
    return Written(written, 14 * num_classes, 10 * num_classes, num_classes)


WRITERS: dict[str, Callable[[Path, Patch], Written]] = {
    "mnist": write_mnist,
    "svhn": write_svhn,
    "stl10": write_stl10,
    "flowers102": write_flowers102,
    "oxford-pets": write_pets,
    "food101": write_food101,
    "imagenet": write_imagenet,
}


def write(name: str, root: Path, patch: Patch) -> Written:
    """Write a data set, and let the catalogue say that as much was published."""
    written = WRITERS[name](root, patch)
    publish(name, written, patch)
    return written


def publish(name: str, written: Written, patch: Patch) -> None:
    published = CATALOGUE[name].published
    is_carved = published is not None and "validation" not in published.arguments
    counts = SplitSizes(
        classes=written.num_classes,
        pool=written.num_train - is_carved * written.num_validation,
        validation=written.num_validation,
        test=len(written.labels) - written.num_train - (not is_carved) * written.num_validation,
    )
    patch.setitem(CATALOGUE, name, replace(CATALOGUE[name], sizes=counts))


@pytest.mark.parametrize("name", WRITERS)
def test_every_image_and_label_is_the_publishers(name: str, tmp_path: Path, monkeypatch: Patch) -> None:
    written = write(name, tmp_path, monkeypatch)
    assert is_present(name, None, tmp_path)
    data = open_data(name, None, tmp_path)
    assert data.labels.tolist() == written.labels
    assert sorted([*data.pool, *data.validation, *data.test]) == list(range(len(written.labels)))
    assert (len(data.pool), len(data.validation), len(data.test)) == CATALOGUE[name].sizes[1:]
    assert np.ptp(np.bincount(data.labels[data.validation])) == 0
    check_colours(name, data)


def check_colours(name: str, data: DataSet) -> None:
    """An image's colour is that of its label and, where ids have the order of writing, of its id."""
    ids = np.array([*data.pool[:40], *data.validation[:40], *data.test[:40]])
    images = data.read(ids, 12).astype(int)
    centres = images[:, :, 6, 1]
    for index, label, centre in zip(ids, data.labels[ids], centres, strict=True):
        if name == "mnist":
            assert centre.tolist() == [index] * 3
        elif name == "flowers102":
            assert abs(centre[2] - label) <= 3
        else:
            assert np.abs(centre - colours(index, label)).max() <= 3
    if name == "stl10":
        assert (images[:, :, :, 7:] == 0).all()
        assert images[:, 2, 11, 1].tolist() == data.labels[ids].tolist()


def test_class_names_are_the_publishers(tmp_path: Path, monkeypatch: Patch) -> None:
    named = {}
    for name in WRITERS:
        write(name, tmp_path, monkeypatch)
        named[name] = open_data(name, None, tmp_path).class_names
    assert named["mnist"][3] == "3 - three"
    assert named["svhn"] == tuple("0123456789")
    assert named["stl10"][2] == "kind 2"
    assert named["flowers102"][0] == "pink primrose"
    assert named["oxford-pets"][36] == "Shaggy Breed 36"
    assert named["food101"][100] == "dish_100"
    assert named["imagenet"] == ("crane (n00000000)", "crane (n00000001)", "thing 2, object 2 (n00000002)")


def test_only_digits_are_never_mirrored() -> None:
    assert {name for name, entry in CATALOGUE.items() if entry.published and not entry.flip} == {"mnist", "svhn"}


@pytest.mark.parametrize("name", ["svhn", "flowers102", "imagenet"])
def test_each_is_a_corpus_and_a_target(name: str, tmp_path: Path, monkeypatch: Patch) -> None:
    written = write(name, tmp_path, monkeypatch)
    subset = load_subset(CorpusRef(name=name), 2 * written.num_classes, 8, tmp_path)
    assert np.bincount(subset.train.labels).tolist() == [2] * written.num_classes
    splits = load_target(parse_target(f"{name}@{written.num_classes}"), seed=0, image_size=8, data_dir=tmp_path)
    assert np.bincount(splits.train.labels).tolist() == [1] * written.num_classes
    assert splits.flip == subset.flip == (name != "svhn")
    assert not {*splits.train.ids, *subset.train.ids} & {*splits.validation.ids, *splits.test.ids}


def test_the_planned_numbers_are_the_published_ones() -> None:
    """As the data sets' own pages give them: classes, images to train and validate, images to test."""
    counts = {name: entry.sizes for name, entry in CATALOGUE.items() if entry.published}
    assert {name: (c.classes, c.pool + c.validation, c.test) for name, c in counts.items()} == {
        "mnist": (10, 60_000, 10_000),
        "fashion-mnist": (10, 60_000, 10_000),
        "cifar10": (10, 50_000, 10_000),
        "cifar100": (100, 50_000, 10_000),
        "svhn": (10, 73_257, 26_032),
        "stl10": (10, 5_000, 8_000),
        "flowers102": (102, 2_040, 6_149),
        "oxford-pets": (37, 3_680, 3_669),
        "food101": (101, 75_750, 25_250),
        "imagenet": (1_000, 1_281_167, 50_000),
    }


@pytest.mark.parametrize(
    ("name", "damaged"),
    [
        ("mnist", "MNIST/raw/t10k-labels-idx1-ubyte"),
        ("svhn", "svhn/test_32x32.mat"),
        ("stl10", "stl10_binary/train_y.bin"),
        ("flowers102", "flowers-102/setid.mat"),
        ("oxford-pets", "oxford-iiit-pet/annotations/test.txt"),
        ("food101", "food-101/meta/train.json"),
        ("imagenet", "imagenet/meta.bin"),
    ],
)
def test_damaged_files_are_named_with_the_way_out(name: str, damaged: str, tmp_path: Path, monkeypatch: Patch) -> None:
    write(name, tmp_path, monkeypatch)
    whole = (tmp_path / damaged).read_bytes()
    for content in (whole[:20], b"\0what is this"):
        (tmp_path / damaged).write_bytes(content)
        with pytest.raises(InputError, match=rf"{name}: the files at .* are damaged .*bench data fetch {name} --data"):
            open_data(name, None, tmp_path)


def test_a_missing_image_is_named(tmp_path: Path, monkeypatch: Patch) -> None:
    write("food101", tmp_path, monkeypatch)
    (tmp_path / "food-101" / "images" / "dish_007" / "test0.jpg").unlink()
    data = open_data("food101", None, tmp_path)
    with pytest.raises(InputError, match=r"dish_007/test0\.jpg: not a readable image .*No such file"):
        data.read(data.test, 8)


def test_a_list_that_leads_out_of_its_folder_is_refused(tmp_path: Path, monkeypatch: Patch) -> None:
    write("food101", tmp_path, monkeypatch)
    write_picture(tmp_path / "secret.jpg", 0, 0)
    meta = tmp_path / "food-101" / "meta" / "test.json"
    listed = json.loads(meta.read_text())
    meta.write_text(json.dumps({**listed, "dish_000": ["../../secret"]}))
    with pytest.raises(InputError, match=r"images/\.\./\.\./secret\.jpg: leads out of .*food-101, to .*secret\.jpg"):
        open_data("food101", None, tmp_path)


def test_a_linked_data_set_is_read_and_a_link_out_of_it_refused(tmp_path: Path, monkeypatch: Patch) -> None:
    write("oxford-pets", tmp_path / "disk", monkeypatch)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "oxford-iiit-pet").symlink_to(tmp_path / "disk" / "oxford-iiit-pet")
    assert len(open_data("oxford-pets", None, tmp_path / "data").labels) == 111
    image = next((tmp_path / "disk" / "oxford-iiit-pet" / "images").iterdir())
    image.rename(tmp_path / "elsewhere.jpg")
    image.symlink_to(tmp_path / "elsewhere.jpg")
    with pytest.raises(InputError, match=rf"{image.name}: leads out of .*oxford-iiit-pet, to .*elsewhere\.jpg"):
        open_data("oxford-pets", None, tmp_path / "disk")


def test_labels_that_name_no_class_are_refused(tmp_path: Path, monkeypatch: Patch) -> None:
    write("mnist", tmp_path, monkeypatch)
    file = tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    file.write_bytes(file.read_bytes()[:-1] + b"\x0a")
    with pytest.raises(InputError, match=r"mnist in .*: test: image 29 has label 10, but there are 10 classes, 0 to 9"):
        open_data("mnist", None, tmp_path)


def test_a_class_folder_that_validation_lacks_is_named(tmp_path: Path, monkeypatch: Patch) -> None:
    write("imagenet", tmp_path, monkeypatch)
    val = tmp_path / "imagenet" / "val"
    for image in (val / "n00000001").iterdir():
        image.unlink()
    with pytest.raises(InputError, match=r"damaged .*no valid file for the classes n00000001"):
        open_data("imagenet", None, tmp_path)
    (val / "n00000001").rmdir()
    with pytest.raises(InputError, match=r'class is "crane \(n00000001\)" in train and "thing 2.*" in test'):
        open_data("imagenet", None, tmp_path)


def write_archives(root: Path, patch: Patch) -> None:
    """ImageNet as it is handed out: the development kit, and images in a tar of tars, or flat."""
    root.mkdir()

    def pack(file: Path, members: dict[str, bytes], mode: str = "w") -> None:
        with tarfile.open(file, mode) as archive:  # type: ignore[call-overload]
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))

    def picture(index: int, label: int) -> bytes:
        write_picture(root / "x.jpg", index, label)
        return (root / "x.jpg").read_bytes()

    fields = ("ILSVRC2012_ID", "WNID", "words", "gloss", "num_children")
    rows = [(label + 1, f"n{label:08}", ", ".join(imagenet_words(label)), "", 0) for label in range(3)]
    synsets = np.array([*rows, (4, "n00000009", "everything", "", 3)], dtype=[(field, object) for field in fields])
    scipy.io.savemat(root / "meta.mat", {"synsets": synsets.reshape(-1, 1)})
    truth = {
        "data/meta.mat": (root / "meta.mat").read_bytes(),
        "data/ILSVRC2012_validation_ground_truth.txt": b"2\n3\n1\n",
    }
    published = CATALOGUE["imagenet"].published
    assert published is not None
    kit, train, val = (root / name for name in published.archives)
    pack(kit, {f"ILSVRC2012_devkit_t12/{name}": content for name, content in truth.items()}, "w:gz")
    inner: dict[str, bytes] = {}
    for label in range(3):
        pack(root / "x.tar", {f"n{label:08}_{i}.JPEG": picture(14 * label + i, label) for i in range(14)})
        inner[f"n{label:08}.tar"] = (root / "x.tar").read_bytes()
    pack(train, inner)
    pack(val, {f"ILSVRC2012_val_{i:08}.JPEG": picture(0, label) for i, label in enumerate((1, 2, 0), 1)})
    files = {"devkit": kit, "train": train, "val": val}
    patch.setattr(imagenet, "ARCHIVE_META", {kind: (file.name, md5(file)) for kind, file in files.items()})


def test_imagenet_says_how_it_is_placed_and_is_unpacked(tmp_path: Path, monkeypatch: Patch) -> None:
    root = tmp_path / "imagenet"
    with pytest.raises(
        InputError, match=r"cannot be downloaded .*image-net\.org, put ILSVRC2012_devkit.* into .*imagenet"
    ):
        fetch("imagenet", tmp_path)
    write_archives(root, monkeypatch)
    assert not is_present("imagenet", None, tmp_path)
    fetch("imagenet", tmp_path)
    publish("imagenet", Written([0] * 14 + [1] * 14 + [2] * 14 + [0, 1, 2], 42, 30, 3), monkeypatch)
    data = open_data("imagenet", None, tmp_path)
    assert data.labels.tolist() == [0] * 14 + [1] * 14 + [2] * 14 + [0, 1, 2]
    centres = data.read(np.arange(45), 8)[:, 2, 4, 4]
    assert np.abs(centres.astype(int) - data.labels).max() <= 3


def test_an_archive_with_another_sum_is_not_unpacked(tmp_path: Path, monkeypatch: Patch) -> None:
    write_archives(tmp_path / "imagenet", monkeypatch)
    with (tmp_path / "imagenet" / "ILSVRC2012_img_val.tar").open("ab") as file:
        file.write(b"x")
    with pytest.raises(InputError, match=r"img_val\.tar \(10,241 bytes\): its MD5 is \w+, but \w+ was published"):
        fetch("imagenet", tmp_path)
    assert not is_present("imagenet", None, tmp_path)
