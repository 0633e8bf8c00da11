"""Groups of images stay together when a data set is split, and wrong groups are refused in words."""

import signal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.config.target_choice import TargetChoice
from bench.data.dataset import DataSet, RawSplit
from bench.data.sources.folder import open_folder
from bench.data.sources.groups import group_numbers, grouped_cut
from bench.data.sources.parquet import open_parquet
from bench.data.target import TargetRef, load_target, parse_target, target_identity
from bench.errors import InputError
from tests.data.sources.test_folder import write_folder
from tests.data.sources.test_parquet import write

TENS = r"(\d)\d\.png"
"""The tens of a file's number, across classes: groups of ten images of each class."""
OF_CLASS = r"^([^/]+/\d\d)\d"
"""The same within each class."""


def parts(data: DataSet) -> list[np.ndarray]:
    return [data.pool, data.validation, data.test]


def check_apart(data: DataSet) -> None:
    """No group is on two sides, and no image is lost."""
    assert data.clusters is not None
    sides = [set(data.clusters[part].tolist()) for part in parts(data)]
    assert sum(map(len, sides)) == len(set.union(*sides)) == len(np.unique(data.clusters))
    assert np.sort(np.concatenate(parts(data))).tolist() == list(range(len(data.labels)))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), is_of_one_class=st.booleans())
def test_a_cut_takes_whole_groups_of_every_class(seed: int, is_of_one_class: bool) -> None:
    """As near to a fifth of each class as groups of up to six images allow, if each has images of one class."""
    generator = np.random.default_rng(seed)
    groups = np.repeat(np.arange(60), generator.integers(1, 7, 60))
    labels = groups % 3 if is_of_one_class else generator.integers(0, 3, len(groups))
    indices = generator.permutation(len(groups))[: len(groups) - 2]
    cut = grouped_cut(labels, groups, np.sort(indices), 1, 5, "key", "test")
    assert not set(groups[cut.taken]) & set(groups[cut.rest])
    assert sorted([*cut.taken, *cut.rest]) == sorted(indices)
    taken, totals = (np.bincount(labels[part], minlength=3) for part in (cut.taken, indices))
    assert (taken > 0).all()
    assert (np.abs(taken - totals / 5) <= (3 if is_of_one_class else 10)).all()


def test_groups_of_a_folder_are_carved_whole(tmp_path: Path) -> None:
    """Across classes or within them, as the pattern says; without groups the split is the same as ever."""
    path = write_folder(tmp_path / "pets", {"cat": 100, "dog": 100})
    across, within, without = (open_folder(path, groups) for groups in (TENS, OF_CLASS, None))
    for data, num_groups in ((across, 10), (within, 20)):
        check_apart(data)
        assert data.clusters is not None
        assert len(np.unique(data.clusters)) == num_groups
        assert [len(part) for part in parts(data)] == [140, 20, 40]
        assert np.bincount(data.labels[data.test]).tolist() == [20, 20]
    assert without.clusters is None
    assert [len(part) for part in parts(without)] == [144, 16, 40]
    loaded = load_target(parse_target(f"folder:{path}@30", TENS), seed=0, image_size=8, data_dir=Path("x"))
    assert loaded.test is not None
    assert loaded.test.ids.tolist() == across.test.tolist()
    assert set(loaded.train.ids) <= set(across.pool)
    assert loaded.clusters is not None


def test_only_the_validation_is_carved_beside_a_test_part(tmp_path: Path) -> None:
    """Groups of the publisher's parts must not meet; the parts' own folders are no part of a name."""
    write_folder(tmp_path / "pets" / "train", {"cat": 100, "dog": 100})
    write_folder(tmp_path / "pets" / "test", {"cat": 20, "dog": 20})
    with pytest.raises(InputError, match="2 of the 2 groups of test, with 40 of its 40 images, are also in train"):
        open_folder(tmp_path / "pets", TENS)
    for file in (tmp_path / "pets" / "test").glob("*/*.png"):
        file.rename(file.with_name(f"9{file.name[1:]}"))
    data = open_folder(tmp_path / "pets", r"(\d\d)\d\.png")
    check_apart(data)
    assert len(data.test) == 40


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("nothing(here)", r'"nothing\(here\)" finds no group in 40 of 40 names \(cat/000.png, cat/001.png, .*, ...\)'),
        (r"cat/(\d)", r"finds no group in 20 of 40 names \(dog/000.png"),
        (r"00(\d?)", "finds no group in 20 of 40 names"),
        ("[", "is no regular expression"),
        (r"\d", "has 0 pairs of parentheses"),
        (r"(.)(.)", "has 2 pairs"),
        (r"\.(png)", 'all 40 images are of the group "png"'),
        (r"^(cat|dog)", 'no group of class "cat" can be set aside for test: it has 1 of them in train.*3 in all'),
    ],
)
def test_wrong_patterns_are_refused(pattern: str, message: str, tmp_path: Path) -> None:
    path = write_folder(tmp_path / "pets", {"cat": 20, "dog": 20})
    with pytest.raises(InputError, match=message):
        open_folder(path, pattern)


def test_a_search_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_folder(tmp_path / ("pets" + "a" * 40), {"a" * 40: 5, "dog": 5})
    monkeypatch.setattr("bench.data.sources.groups.MAX_SECONDS", 0.1)
    with pytest.raises(InputError, match=r"was not found in 10 names within 0.1 s; take out a repeat within a repeat"):
        open_folder(path, "(a+)+$")
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def with_column(file: Path, column: pa.Array) -> Path:
    table = pq.read_table(file)
    pq.write_table(table.append_column("patient", column), file, row_group_size=4)
    return file


@pytest.mark.parametrize("words", [False, True])
def test_a_column_groups_the_rows_of_parquet(words: bool, tmp_path: Path) -> None:
    """Of whole numbers or words; a patient has images of all classes."""
    patients = [row // 6 for row in range(120)]
    column = pa.array([f"p{patient}" for patient in patients]).dictionary_encode() if words else pa.array(patients)
    data = open_parquet(with_column(write(tmp_path / "all.parquet", [0, 1, 2] * 40), column), groups="patient")
    check_apart(data)
    assert data.clusters is not None
    assert len(np.unique(data.clusters)) == 20
    assert (data.clusters[::6] == data.clusters[5::6]).all()
    assert [len(part) for part in parts(data)] == [84, 12, 24]


def test_wrong_columns_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "all.parquet", [0, 1, 2] * 4)
    with pytest.raises(InputError, match="no columns are named patient; there are id, image, label"):
        open_parquet(file, groups="patient")
    with pytest.raises(InputError, match="column image holds struct"):
        open_parquet(file, groups="image")
    with pytest.raises(InputError, match="3 rows have no patient"):
        open_parquet(with_column(file, pa.array([None, "a", "b", "c"] * 3)), groups="patient")


def test_parts_without_groups_have_none() -> None:
    split = RawSplit(np.zeros(2, np.int64), lambda *_: np.zeros(0, np.uint8), ("a", "b"))
    assert group_numbers({"train": split}, "here") is None


def test_groups_are_part_of_the_identity_and_not_of_the_name(tmp_path: Path) -> None:
    """Another split is another run; a target without groups keeps its identity."""
    path = write_folder(tmp_path / "pets", {"cat": 100, "dog": 100})
    ref, grouped = parse_target(f"folder:{path}"), parse_target(f"folder:{path}", TENS)
    assert str(ref) == str(grouped)
    plain = target_identity(ref, Path("x"))
    assert "groups" not in plain
    assert target_identity(grouped, Path("x")) == plain | {"images": 140, "groups": TENS}


@pytest.mark.parametrize(
    ("target", "groups", "message"),
    [
        ("digits", "writer", "digits takes no groups; sources that do are folder, parquet, hf"),
        ("webdataset:x.tar", "writer", "webdataset takes no groups"),
        ("folder:x", "no parentheses", "0 pairs of parentheses"),
        ("parquet:x", "", "at least 1 character"),
    ],
)
def test_a_suite_s_wrong_groups_are_refused(target: str, groups: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TargetChoice(target=target, groups=groups)


def test_a_suite_s_target_has_its_groups() -> None:
    assert TargetChoice(target="parquet:x@50", groups="patient").ref == TargetRef("parquet", "x", 50, "patient")
