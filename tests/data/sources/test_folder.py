"""`folder:PATH`: splits by sorted names, a fingerprint of the content, every picture made a square RGB array."""

import os
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.data.corpus import CorpusRef, corpus_identity, corpus_size, load_subset
from bench.data.dataset import PassedOver, Splits
from bench.data.sources.folder import fingerprint
from bench.data.sources.user_cache import cache_path
from bench.data.target import check_target, load_target, parse_target, target_identity
from bench.errors import InputError


def write_folder(root: Path, counts: dict[str, int], suffix: str = "png") -> Path:
    """Write pictures of 20 x 14 pixels, of which each class has its own range of brightness."""
    generator = np.random.default_rng(0)
    for label, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True)
        for index in range(count):
            pixels = generator.integers(40 * label, 40 * label + 40, (14, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{index:03}.{suffix}")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "pets", {"cat": 20, "dog": 30, "emu": 10})


def load(path: Path, images: str = "", image_size: int = 16) -> Splits:
    return load_target(parse_target(f"folder:{path}{images}"), seed=0, image_size=image_size, data_dir=Path("x"))


def decode(splits: Splits) -> None:
    """Decode every image."""
    for part in (splits.train, splits.validation, splits.test):
        assert len(part.images) == len(part)


def test_each_class_gives_its_share_to_each_split(folder: Path) -> None:
    splits = load(folder)
    assert splits.class_names == ("cat", "dog", "emu")
    assert np.bincount(splits.test.labels).tolist() == [4, 6, 2]
    assert np.bincount(splits.validation.labels).tolist() == [2, 3, 1]
    assert np.bincount(splits.train.labels).tolist() == [14, 21, 7]
    ids = np.concatenate([splits.train.ids, splits.validation.ids, splits.test.ids])
    assert sorted(ids) == list(range(60))
    assert not splits.flip
    for part in (splits.train, splits.validation, splits.test):
        assert np.array_equal(part.images.mean(axis=(1, 2, 3)) // 40, part.labels)


def test_the_publishers_test_folder_is_kept(tmp_path: Path) -> None:
    write_folder(tmp_path / "train", {"cat": 10, "dog": 10})
    write_folder(tmp_path / "test", {"cat": 3, "dog": 1})
    splits = load(tmp_path)
    assert np.bincount(splits.test.labels).tolist() == [3, 1]
    assert len(splits.train) == 18
    (tmp_path / "test" / "emu").mkdir()
    with pytest.raises(InputError, match=r"class emu is not in .*train"):
        load(tmp_path)


def test_the_split_depends_on_the_names_and_not_on_the_pixels(folder: Path, tmp_path: Path) -> None:
    before = load(folder).split_hash
    Image.new("RGB", (5, 5)).save(folder / "cat" / "003.png")
    assert load(folder).split_hash == before
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    assert load(moved).split_hash == before


def test_the_identity_is_the_content_and_no_path(folder: Path, tmp_path: Path) -> None:
    ref = parse_target(f"folder:{folder}@5")
    first = target_identity(ref, Path("x"))
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    assert target_identity(parse_target(f"folder:{moved}@5"), Path("x")) == first
    assert str(tmp_path) not in str(first)
    assert first["images"] == 5
    Image.new("RGB", (5, 5)).save(folder / "cat" / "003.png")
    assert target_identity(ref, Path("x"))["fingerprint"] != first["fingerprint"]
    (folder / "cat" / "003.png").rename(folder / "cat" / "0030.png")
    renamed = target_identity(ref, Path("x"))["fingerprint"]
    (folder / "cat" / "0030.png").rename(folder / "dog" / "0030.png")
    assert target_identity(ref, Path("x"))["fingerprint"] != renamed


def test_a_folder_is_a_corpus_too(folder: Path) -> None:
    ref = CorpusRef(name=f"folder:{folder}")
    small, large = (load_subset(ref, count, 16, Path("x")) for count in (9, 30))
    assert corpus_size(ref, Path("x")) == 42
    assert np.array_equal(small.train.ids, large.train.ids[:9])
    assert np.bincount(small.train.labels).tolist() == [3, 3, 3]
    assert np.bincount(large.train.labels).tolist() == [12, 11, 7]
    assert str(folder) not in str(corpus_identity(ref, Path("x")))
    with pytest.raises(InputError, match="has 42 images to pretrain on; the subset is 43"):
        load_subset(ref, 43, 16, Path("x"))


def test_an_empty_class_folder_is_named(folder: Path) -> None:
    (folder / "fox").mkdir()
    (folder / "fox" / "notes.txt").write_text("no image")
    with pytest.raises(InputError, match=r"fox: 0 images found; a class needs at least 3"):
        check_target(parse_target(f"folder:{folder}"), Path("x"))


def test_an_empty_class_folder_of_the_test_part_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path / "test" / "train", {"cat": 10, "dog": 10})
    write_folder(tmp_path / "test" / "test", {"cat": 3, "dog": 0})
    with pytest.raises(InputError, match=r"test/dog: 0 images found; a class needs at least 1"):
        load(tmp_path / "test")
    write_folder(tmp_path / "flat" / "test", {"cat": 10, "dog": 2})
    with pytest.raises(InputError, match=r"test/dog: 2 images found; a class needs at least 3"):
        load(tmp_path / "flat" / "test")


def test_a_missing_or_flat_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: there is no such folder"):
        check_target(parse_target(f"folder:{tmp_path / 'nowhere'}"), Path("x"))
    (tmp_path / "only").mkdir()
    with pytest.raises(InputError, match=r"1 subfolders found; it needs at least two"):
        check_target(parse_target(f"folder:{tmp_path}"), Path("x"))
    assert target_identity(parse_target("folder:nowhere@5"), Path("x")) == {
        "name": "folder",
        "version": 1,
        "fingerprint": None,
        "images": 5,
    }


def test_a_link_that_leads_out_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "cat" / "003.png").rename(tmp_path / "secret.png")
    (folder / "cat" / "003.png").symlink_to(Path("..") / ".." / "secret.png")
    with pytest.raises(InputError, match=r"cat/003\.png: leads out of .*pets, to .*secret\.png\. .* put a copy"):
        load(folder)
    (folder / "cat" / "003.png").unlink()
    (folder / "cat" / "003.png").symlink_to("004.png")
    linked = tmp_path / "linked"
    linked.symlink_to(folder)
    assert len(load(linked).train) == 42
    (folder / "dog").rename(tmp_path / "dog")
    (folder / "dog").symlink_to(tmp_path / "dog")
    with pytest.raises(InputError, match=r"dog/000\.png: leads out of"):
        load(folder)


def test_a_link_to_nothing_is_named(folder: Path) -> None:
    (folder / "cat" / "003.png").unlink()
    (folder / "cat" / "003.png").symlink_to("nothing.png")
    with pytest.raises(InputError, match=r"cat/003\.png: not a readable image .*No such file"):
        decode(load(folder))
    with pytest.raises(InputError, match=r"cat/003\.png: cannot be read \(No such file"):
        target_identity(parse_target(f"folder:{folder}"), Path("x"))


def test_hidden_files_and_other_files_are_left_out(folder: Path) -> None:
    (folder / "cat" / ".hidden.png").write_bytes(b"")
    (folder / "cat" / "notes.txt").write_text("")
    (folder / ".cache").mkdir()
    assert len(load(folder).train) == 42


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"),
        ("Train", "valid", "Test"),
        ("training", "validation", "testing"),
        ("train", "dev", "TEST"),
    ],
)
def test_a_validation_folder_is_the_validation_split(tmp_path: Path, train: str, validation: str, test: str) -> None:
    for name, count in ((train, 5), (validation, 2), (test, 3)):
        write_folder(tmp_path / name, {"cat": count, "dog": count})
    splits = load(tmp_path)
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [10, 4, 6]
    assert splits.source_facts["split_sources"] == {"train": "train", "validation": "validation", "test": "test"}
    assert splits.notes == ()
    before = target_identity(parse_target(f"folder:{tmp_path}"), Path("x"))
    Image.new("RGB", (5, 5)).save(tmp_path / validation / "cat" / "000.png")
    assert target_identity(parse_target(f"folder:{tmp_path}"), Path("x")) != before


def test_a_validation_folder_is_the_test_split_if_there_is_no_other(tmp_path: Path) -> None:
    write_folder(tmp_path / "train", {"cat": 10, "dog": 10})
    write_folder(tmp_path / "val", {"cat": 3, "dog": 3})
    splits = load(tmp_path)
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [18, 2, 6]
    assert splits.source_facts["split_sources"] == {"train": "train", "validation": "train", "test": "validation"}
    assert splits.notes == ("tested on the publisher's validation part, since there is no test part",)


def test_folders_of_splits_that_do_not_fit_together_are_named(tmp_path: Path) -> None:
    write_folder(tmp_path / "val", {"cat": 3, "dog": 3})
    write_folder(tmp_path / "other", {"cat": 3, "dog": 3})
    with pytest.raises(InputError, match="has the folder val, but none of the split train; add the folder train"):
        load(tmp_path)
    write_folder(tmp_path / "train", {"cat": 3, "dog": 3})
    write_folder(tmp_path / "valid", {"cat": 3, "dog": 3})
    with pytest.raises(InputError, match="val and valid are both of the split validation; leave one of them"):
        load(tmp_path)


def test_classes_may_be_named_as_splits_are(tmp_path: Path) -> None:
    write_folder(tmp_path, {"test": 5, "train": 5, "val": 5})
    assert load(tmp_path).class_names == ("test", "train", "val")


def test_what_is_no_image_of_a_class_is_counted_and_named(folder: Path) -> None:
    picture = folder / "cat" / "000.png"
    for name in ("a.JFIF", "b.PNG", "c.jpe"):
        shutil.copy(picture, folder / "cat" / name)
    (folder / "cat" / "deeper").mkdir()
    for number in range(5):
        shutil.copy(picture, folder / "cat" / "deeper" / f"{number}.png")
    for name in (".DS_Store", "dog/.hidden.png", "dog/notes.txt", "dog/picture", "dog/old.jp2", "README.md"):
        (folder / name).write_bytes(b"")
    os.mkfifo(folder / "emu" / "pipe.png")
    splits = load(folder)
    facts = {part["reason"]: (part["num"], part["names"]) for part in splits.source_facts["passed_over"]}
    assert len(splits.train) == 42 + 2
    assert facts == {
        "hidden files or folders": (2, [".DS_Store", "dog/.hidden.png"]),
        "files outside the folders of classes": (1, ["README.md"]),
        "files or folders deeper than the folder of a class": (
            5,
            ["cat/deeper/0.png", "cat/deeper/1.png", "cat/deeper/2.png"],
        ),
        "files with a suffix of no image that is read": (2, ["dog/notes.txt", "dog/old.jp2"]),
        "files without a suffix": (1, ["dog/picture"]),
        "entries that are neither files nor folders": (1, ["emu/pipe.png"]),
    }


def test_what_lies_beside_the_splits_is_counted(tmp_path: Path) -> None:
    for name in ("train", "test", "unlabelled"):
        write_folder(tmp_path / name, {"cat": 5, "dog": 5})
    (tmp_path / "train" / "labels.csv").write_text("")
    assert [str(PassedOver(**part)) for part in load(tmp_path).source_facts["passed_over"]] == [
        "passed over 1 folders that are named for no split (unlabelled)",
        "passed over 1 files outside the folders of classes (train/labels.csv)",
    ]


def test_an_accent_that_is_written_in_two_ways_is_one_class(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    write_folder(tmp_path / "train", {composed: 5, "bar": 5})
    write_folder(tmp_path / "test", {decomposed: 3, "bar": 3})
    splits = load(tmp_path)
    assert splits.class_names == ("bar", composed)
    assert np.bincount(splits.test.labels).tolist() == [3, 3]
    write_folder(tmp_path / "train", {decomposed: 5})
    with pytest.raises(InputError, match="two subfolders are named café, in two forms of Unicode"):
        load(tmp_path)


def test_names_of_classes_are_kept_as_they_are(tmp_path: Path) -> None:
    names = ["A", "a", "a,b", "a=b", "a@50", "line\nbreak"]
    write_folder(tmp_path, dict.fromkeys(names, 5))
    splits = load(tmp_path)
    assert splits.class_names == tuple(sorted(names))
    assert len(splits.test) == 6


def test_files_are_hashed_again_only_after_a_change(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    picture = folder / "cat" / "000.png"
    first, state = fingerprint(folder), picture.stat()
    content = picture.read_bytes()
    picture.write_bytes(content[::-1])
    changed = fingerprint(folder)
    assert changed != first
    os.utime(picture, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert fingerprint(folder) == first
    (cached,) = [file for file in tmp_path.rglob("*.txt") if file.read_text() == first]
    cached.write_text("damaged")
    assert fingerprint(folder) == changed
    monkeypatch.setenv("XDG_CACHE_HOME", str(picture))
    picture.write_bytes(content)
    assert fingerprint(folder) == first


def test_a_relative_cache_folder_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the XDG standard says; each folder in which a command starts would get one of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for named in ("relative", ""):
        monkeypatch.setenv("XDG_CACHE_HOME", named)
        assert cache_path("contents", "words", ".txt").is_relative_to(tmp_path / ".cache")


@pytest.mark.parametrize("path", ["/", "/proc"])
def test_the_folders_of_the_machine_are_no_data_set(path: str) -> None:
    with pytest.raises(InputError, match=f"{path}.*(images found|subfolders found|none of the split|cannot be read)"):
        check_target(parse_target(f"folder:{path}"), Path("x"))
