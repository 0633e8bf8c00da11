"""`webdataset:PATTERN`: tar shards as WebDataset packs them, read at any place, indexed once, refused by name."""

import gzip
import io
import json
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.data import opening
from bench.data.corpus import CorpusRef, corpus_identity, load_subset
from bench.data.dataset import Splits
from bench.data.opening import open_data
from bench.data.sources import tar_cache, tar_paths
from bench.data.sources.tar_index import index_shard
from bench.data.target import check_target, load_target, parse_target, target_identity
from bench.errors import BadImage, InputError

Members = Iterable[tuple[str | tarfile.TarInfo, bytes]]


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of each test's own, as the user's is not for tests."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


def picture(number: int, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (12, 9), (number, 0, 0)).save(buffer, form)
    return buffer.getvalue()


def write(file: Path, members: Members, form: int = tarfile.GNU_FORMAT) -> Path:
    """Write a shard, member after member."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w", format=form) as tar:
        for name, content in members:
            member = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file


def numbered(labels: Iterable[int], first: int = 0) -> list[tuple[str, bytes]]:
    """A picture and a number for each label; the picture's red is its place."""
    members = []
    for place, label in enumerate(labels, first):
        members += [(f"{place:06}.png", picture(place)), (f"{place:06}.cls", str(label).encode())]
    return members


def load(pattern: Path | str, images: str = "", image_size: int = 8) -> Splits:
    target = parse_target(f"webdataset:{pattern}{images}")
    return load_target(target, seed=0, image_size=image_size, data_dir=Path("x"))


def refuse(pattern: Path | str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_target(parse_target(f"webdataset:{pattern}"), Path("x"))


def reds(splits: Splits) -> dict[int, int]:
    """The red of every image by its id."""
    parts = (splits.train, splits.validation, splits.test)
    return {int(i): int(image[0, 0, 0]) for part in parts for i, image in zip(part.ids, part.images, strict=True)}


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Three shards of train and one of validation, with 60 and 9 images."""
    for shard in range(3):
        write(tmp_path / "set" / f"my-train-{shard:06}.tar", numbered([0, 1, 2, 1] * 5, 20 * shard))
    write(tmp_path / "set" / "my-val-000000.tar", numbered([2, 1, 0] * 3, 60))
    return tmp_path / "set"


def test_shards_hold_their_splits_and_every_image_is_found(shards: Path) -> None:
    splits = load(shards)
    assert splits.class_names == ("0", "1", "2")
    assert not splits.flip
    assert splits.test.ids.tolist() == list(range(60, 69))
    assert splits.test.labels.tolist() == [2, 1, 0] * 3
    assert np.bincount(splits.validation.labels).tolist() == [2, 3, 2]
    assert len(splits.train) == 60 - 7
    assert reds(splits) == {number: number for number in range(69)}


def test_a_range_a_glob_and_a_folder_are_the_same_data_set(shards: Path) -> None:
    named = shards / "my-{train-000000,train-000001,train-000002,val-000000}.tar"
    texts = [shards, shards / "*.tar", named, shards / "my-{train,val}-*.tar"]
    identities = [target_identity(parse_target(f"webdataset:{text}@5"), Path("x")) for text in texts]
    assert identities == [identities[0]] * 4
    assert reds(load(shards / "my-train-{000000..000002}.tar")) == {number: number for number in range(60)}
    assert reds(load(shards / "my-train-{000001..000001}.tar")) == {number: number + 20 for number in range(20)}


def test_the_identity_is_the_content_and_no_path(shards: Path, tmp_path: Path) -> None:
    ref = CorpusRef(name=f"webdataset:{shards}")
    first = corpus_identity(ref, Path("x"))
    moved = shutil.copytree(shards, tmp_path / "elsewhere")
    assert corpus_identity(CorpusRef(name=f"webdataset:{moved}"), Path("x")) == first
    assert str(tmp_path) not in str(first)
    (shards / "classes.txt").write_text("ant\nbee\ncat\n")
    named = corpus_identity(ref, Path("x"))
    write(shards / "my-val-000000.tar", numbered([2, 1, 0] * 3, 61))
    assert len({str(first), str(named), str(corpus_identity(ref, Path("x")))}) == 3
    assert load_subset(ref, 9, 8, Path("x")).class_names == ("ant", "bee", "cat")
    nowhere = target_identity(parse_target("webdataset:nowhere-{0..3}.tar@5"), Path("x"))
    assert nowhere == {"name": "webdataset", "version": 1, "fingerprint": None, "images": 5}


def test_a_label_is_a_number_or_in_json_or_a_folder(tmp_path: Path) -> None:
    """In this order, whatever stands beside it."""
    described = [(f"a/{n}.json", json.dumps({"label": n % 2, "caption": "x"}).encode()) for n in range(12)]
    images = [(f"a/{n}.jpg", picture(n, "JPEG")) for n in range(12)]
    pairs = [member for pair in zip(images, described, strict=True) for member in pair]
    assert load(write(tmp_path / "json.tar", pairs)).class_names == ("0", "1")
    text = [(f"a/{n}.txt", b"said of it") for n in range(12)]
    folders = [(f"./{'dog' if n % 2 else 'cat'}/{n}.PNG", picture(n)) for n in range(12)]
    file = write(tmp_path / "folders.tar", [member for pair in zip(text, folders, strict=True) for member in pair])
    splits = load(file)
    assert splits.class_names == ("cat", "dog")
    assert all(
        red % 2 == label for red, label in zip(splits.train.images[:, 0, 0, 0], splits.train.labels, strict=True)
    )


def test_only_what_comes_before_the_first_dot_is_the_key(tmp_path: Path) -> None:
    members = []
    for n in range(12):
        key = f"v1.0/{n}"
        members += [(f"{key}.JPG", picture(n, "JPEG")), (f"{key}.seg.png", b"mask"), (f"{key}.cls", b"%d\n" % (n % 2))]
    members += [("README", b"no dot"), ("v1.0/.hidden.png", b"")]
    data = open_data("webdataset", str(write(tmp_path / "x.tar", members)), Path("x"))
    assert len(data.labels) == 12


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_an_unreadable_image_is_named_by_its_member(tmp_path: Path, form: int) -> None:
    """Whose name may be longer than a header holds."""
    long = "ä" * 70 + "/" + "x" * 120
    members = numbered([0, 1] * 6)
    members[14:16] = [(f"{long}.png", picture(7)[:40]), (f"{long}.cls", b"1")]
    with pytest.raises(BadImage, match=rf"x\.tar, member {long}\.png: not a readable image"):
        _ = load(write(tmp_path / "x.tar", members, form)).train.images
    members[14:16] = [("7.png", b""), ("7.cls", b"1")]
    with pytest.raises(BadImage, match=r"x\.tar, member 7\.png: not a readable image"):
        _ = load(write(tmp_path / "x.tar", members, form)).train.images


def test_an_index_is_kept_and_made_again_when_it_is_damaged(
    shards: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed: list[Path] = []

    def count(shard: Path) -> object:
        indexed.append(shard)
        return index_shard(shard)

    monkeypatch.setattr(tar_cache, "index_shard", count)
    files = sorted(shards.glob("*.tar"))
    first = tar_cache.load_indexes(files)
    again = tar_cache.load_indexes(files)
    assert sorted(indexed) == files
    for column in ("offsets", "sizes", "leads", "labels", "sha256", "folders"):
        assert np.array_equal(getattr(first[1], column), getattr(again[1], column))
    kept = sorted(cache.rglob("*.npz"))
    assert len(kept) == 4
    for place, file in enumerate(kept):
        whole = file.read_bytes()
        file.write_bytes([b"", whole[:90], whole[:200] + b"\xff" * 9 + whole[209:], b"no index"][place])
    assert [index.sha256 for index in tar_cache.load_indexes(files)] == [index.sha256 for index in first]
    assert len(indexed) == 8
    write(files[0], numbered([0, 1]))
    assert len(tar_cache.load_indexes(files)[0].labels) == 2
    assert len(indexed) == 9


def test_without_a_place_for_the_cache_shards_are_read_all_the_same(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(load(shards).test) == 9


def test_a_shard_that_is_cut_off_is_refused_wherever_the_cut_is(tmp_path: Path) -> None:
    """Also between two members, where a tar without an end would read well."""
    file = write(tmp_path / "x.tar", numbered([0, 1] * 6))
    whole = file.read_bytes()
    end = int(index_shard(file).offsets[-1]) + 1536
    assert not any(whole[end:])
    for cut in (1, 100, 512, 700, 1024, 1536, 2048, 3000, end // 2, end - 512, end):
        file.write_bytes(whole[:cut])
        refuse(file, r"x\.tar: (cut off or damaged at byte|not a readable tar file).*; fetch it again")
    file.write_bytes(whole[:3072] + b"\xff" * 512 + whole[3584:])
    refuse(file, r"x\.tar: (cut off or damaged at byte|not a readable tar file).*; fetch it again")
    file.write_bytes(b"")
    refuse(file, r"x\.tar: is empty; fetch it again")
    file.write_bytes(bytes(10_240))
    refuse(file, r"x\.tar: holds no image named KEY\.")


def test_a_compressed_shard_is_to_be_unpacked(tmp_path: Path) -> None:
    file = write(tmp_path / "x.tar", numbered([0, 1] * 6))
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()
    for place in (tmp_path, tmp_path / "x.tar.gz", tmp_path / "*.gz"):
        refuse(place, r"x\.tar\.gz: is compressed.* unpack it to a \.tar file with gunzip")


def test_a_wrong_place_is_named(shards: Path, tmp_path: Path) -> None:
    refuse(shards / "my-train-{000000..000004}.tar", r"my-train-000003\.tar: there is no such shard.*2 are missing")
    refuse(tmp_path / "none-{0..4}.tar", r"none-0\.tar: there is no such shard.*5 are missing")
    refuse(tmp_path / "nowhere", r"nowhere: no such shard; name a \.tar file, a folder of them or a glob")
    refuse(shards / "{5..2}.tar", r"\{5\.\.2\} is no range; write \{000000\.\.000012\}")
    refuse(shards / "{0..99999999}.tar", "names more than 100,000 shards")
    (shards / "more.tar").symlink_to(write(tmp_path / "secret.tar", numbered([0])))
    refuse(shards, r"more\.tar: leads out of .*set, to .*secret\.tar")
    (shards / "more.tar").unlink()
    write(shards / "more.tar", numbered([0]))
    refuse(shards, r"more\.tar: no word of its name is one of train, .*; rename it, or move it away")


def test_a_pattern_is_bounded(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(shards / "{0..999999}.tar", "names more than 100,000 shards; name a smaller range")
    refuse(shards / ("{0.." + "9" * 5_000 + "}.tar"), "is no range; write")
    refuse(shards / "{0..99}{0..9999}.tar", "names more than 100,000 shards; name a smaller range")
    refuse(shards / "{0..999}*.tar", "its braces stand for more than 256 globs; name a smaller range")
    refuse(shards / ("x" * 300 + "*.tar"), "no such shard")
    monkeypatch.setattr(tar_paths, "MAX_WALKED", 3)
    refuse(shards / "**" / "*.tar", r"more than 3 files lie below .*set; name a folder closer to the shards")
    monkeypatch.setattr(tar_paths, "MAX_SHARDS", 3)
    refuse(shards / "*.tar", "names more than 3 shards; name a smaller range")


def special(name: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "000000.png"
    return member


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("/etc/x.png", picture(1))], "member /etc/x.png: its name leads out of the archive"),
        ([("a/../../x.png", picture(1))], "member a/../../x.png: its name leads out of the archive"),
        ([(special("x.png", tarfile.SYMTYPE), b"")], "member x.png: is a link or sparse"),
        ([(special("x.png", tarfile.LNKTYPE), b"")], "member x.png: is a link or sparse"),
        ([("x.1.png", picture(1)), ("x.2.png", picture(1)), ("x.cls", b"1")], "is one label of several images"),
        ([("caf\udce9.png", picture(1))], r"member caf\\xe9\.png: has no label"),
        ([("x.png", picture(1)), ("x.jpg", picture(1)), ("x.cls", b"1")], "member x.jpg: its key has the image x.png"),
        ([("x.png", picture(1)), ("x.cls", b"1"), ("x.cls", b"1")], "member x.cls: its key has another label already"),
        ([("x.png", picture(1)), ("x.cls", b"1"), ("x.json", b'{"label": 2}')], "member x.json: its key has another"),
        ([("000003.png", picture(1)), ("000003.cls", b"1")], "member 000003.png: its key came before"),
        ([("x.png", picture(1))], "member x.png: has no label as the other images have; add KEY.cls"),
        ([("cat/x.png", picture(1))], "member cat/x.png: has no label as the other images have"),
        ([("x.png", picture(1)), ("x.json", b'{"label": "cat"}')], "member x.png: has no label"),
        ([("x.png", picture(1)), ("x.json", b'{"label": ')], "member x.png: has no label"),
        ([("x.cls", b"1")], "member /x.cls: is a label without an image"),
        ([("x.png", picture(1)), ("x.cls", b"cat")], "member x.cls: holds b'cat', not the number of a class"),
        ([("x.png", picture(1)), ("x.cls", b"-1")], "member x.cls: label -1 is out of range"),
        ([("x.png", picture(1)), ("x.cls", b"9" * 12)], "member x.cls: label 999999999999 is out of range"),
        ([("x.png", picture(1)), ("x.cls", b"99")], "label 99 of 13 images is out of range"),
    ],
)
def test_a_wrong_member_is_named(tmp_path: Path, members: Members, message: str) -> None:
    file = write(tmp_path / "x.tar", [*numbered([0, 1] * 6), *members])
    refuse(file, message.replace("/..", r"/\.\."))


def test_classes_that_do_not_fit_are_named(shards: Path) -> None:
    names = shards / "classnames.txt"
    names.write_text("ant\nbee\n")
    refuse(shards, r"my-train-000000\.tar, member 000002\.png: label 2 is out of range, as there are 2 classes, 0 to 1")
    names.write_text("ant\nbee\nant\n")
    refuse(shards, r"classnames\.txt: a class is named twice; name each class once")
    names.write_text("ant\nbee\ncat\ndog\n")
    refuse(shards, 'class "dog" has 0 images in train; it needs at least 2')
    names.unlink()
    write(shards / "my-train-000009.tar", [("ant/1.png", picture(1))])
    refuse(
        shards, r"my-train-000009\.tar: has another kind of labels than .*my-train-000000\.tar; use numbers or folders"
    )
    (shards / "my-train-000009.tar").unlink()
    write(shards / "my-val-000001.tar", numbered([3]))
    refuse(shards, r'webdataset:.*: test has images of class "3", and train has none')


def test_two_forms_of_one_name_are_no_two_classes(tmp_path: Path) -> None:
    members = [(f"{name}/{number}.png", picture(number)) for name in ("\u00e9", "e\u0301", "b") for number in range(4)]
    write(tmp_path / "train.tar", members)
    refuse(tmp_path, r"two classes are named \u00e9, perhaps in two forms of Unicode")


def test_a_folder_that_names_no_class_is_named(tmp_path: Path) -> None:
    write(tmp_path / "x.tar", [(f"{'dog' if n % 2 else 'cat'}/{n}.png", picture(n)) for n in range(12)])
    (tmp_path / "classes.txt").write_text("dog\ncat\n", encoding="utf-8-sig")
    splits = load(tmp_path)
    assert splits.class_names == ("dog", "cat")
    assert all(
        red % 2 != label for red, label in zip(splits.train.images[:, 0, 0, 0], splits.train.labels, strict=True)
    )
    (tmp_path / "classes.txt").write_text("dog\nemu\n")
    refuse(tmp_path, r"x\.tar: folder cat is not in the file of class names; add a line for it")


def test_keys_may_hold_dots(tmp_path: Path) -> None:
    """The endings of real leaf photos: each is an image, as no key before the first dot has one."""
    members = [(f"{'dog' if n % 2 else 'cat'}/leaf no.FrgE.S 87{n:02}.jpg", picture(n)) for n in range(12)]
    data = open_data("webdataset", str(write(tmp_path / "folders.tar", sorted(members))), Path("x"))
    assert (len(data.labels), data.class_names, data.passed_over) == (12, ("cat", "dog"), ())
    assert [n % 2 for n in data.read(np.arange(12), 8)[:, 0, 0, 0].tolist()] == data.labels.tolist()
    numbered_members = []
    for n in range(12):
        numbered_members += [(f"v1.{n}.png", picture(n)), (f"v1.{n}.cls", b"%d" % (n % 2))]
    data = open_data("webdataset", str(write(tmp_path / "numbers.tar", numbered_members)), Path("x"))
    assert data.labels.tolist() == [0, 1] * 6


def test_what_is_no_image_is_counted_and_named(tmp_path: Path, cache: Path) -> None:
    members: list[tuple[str | tarfile.TarInfo, bytes]] = [("README", b"x"), (special("pipe", tarfile.FIFOTYPE), b"")]
    for n in range(12):
        members += [
            (f"{n}.png", picture(n)),
            (f"{n}.seg.png", b"mask"),
            (f"{n}.txt", b"x"),
            (f"{n}.cls", b"%d" % (n % 2)),
        ]
    file = write(
        tmp_path / "x.tar", [*members, (special("null.png", tarfile.CHRTYPE), b""), ("lone.json", b'{"label": 1}')]
    )
    for _ in ("indexed", "cached"):
        data = open_data("webdataset", str(file), Path("x"))
        opening._opened.cache_clear()
        assert {part.reason: (part.num, part.names[0]) for part in data.passed_over} == {
            "members without a suffix": (1, "x.tar: README"),
            "members that are devices or pipes": (2, "x.tar: pipe"),
            "further images of a key that has an image": (12, "x.tar: 0.seg.png"),
            "members that are neither images nor labels": (12, "x.tar: 0.txt"),
            "labels without an image": (1, "x.tar: /lone.json"),
        }
        assert all(len(part.names) <= 3 for part in data.passed_over)


def test_names_that_are_not_utf_8_are_shown_escaped(tmp_path: Path) -> None:
    members = [
        (f"{'dog' if n % 2 else 'caf' + chr(0xDCE9)}/{n}.png", picture(n)[: 40 if n == 5 else None]) for n in range(12)
    ]
    data = open_data("webdataset", str(write(tmp_path / "x.tar", members)), Path("x"))
    assert data.class_names == (r"caf\xe9", "dog")
    members = [(f"{chr(0xDCE9)}{n % 2}/{n}.png", b"") for n in range(12)]
    data = open_data("webdataset", str(write(tmp_path / "y.tar", members)), Path("x"))
    with pytest.raises(BadImage, match=r"y\.tar, member \\xe90/0\.png: not a readable image"):
        data.read(np.array([0]), 8)


def test_classes_may_be_counted_from_1(tmp_path: Path) -> None:
    write(tmp_path / "x.tar", numbered([1, 2, 3] * 6))
    assert load(tmp_path).class_names == ("1", "2", "3")
    (tmp_path / "classes.txt").write_text("\ufeffant\nbee\ncat\n", encoding="utf-8")
    data = open_data("webdataset", str(tmp_path), Path("x"))
    assert data.class_names == ("ant", "bee", "cat")
    assert data.labels.tolist() == [0, 1, 2] * 6


def test_headers_that_announce_each_other_without_end_are_refused(tmp_path: Path) -> None:
    lead = tarfile.TarInfo("././@LongLink")
    lead.type, lead.size = tarfile.GNUTYPE_LONGNAME, 0
    file = tmp_path / "x.tar"
    file.write_bytes(lead.tobuf(tarfile.GNU_FORMAT) * 5_000 + bytes(10_240))
    refuse(file, r"x\.tar: not a readable tar file")
