"""`parquet:PATH`: a file or folder as the Hugging Face hub has them, under the names that its data sets use."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from bench.data.corpus import CorpusRef, corpus_identity
from bench.data.dataset import PassedOver, Splits
from bench.data.opening import OpenData
from bench.data.sources import parquet
from bench.data.target import check_target, load_target, parse_target, target_identity
from bench.errors import InputError

NAMES = ["ant", "bee", "cat"]


def picture(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (12, 9), (number, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def write(
    file: Path,
    labels: list[int],
    *,
    first: int = 0,
    image: str = "image",
    label: str = "label",
    names: list[str] | None = NAMES,
    typed: bool = True,
) -> Path:
    """Write one row a label, whose picture's red is its number, in row groups of 4."""
    images = [{"bytes": picture(first + row), "path": None} for row in range(len(labels))]
    features = {image: {"_type": "Image"}, label: {"names": names, "_type": "ClassLabel"}, "id": {"dtype": "int64"}}
    cells = pa.array(images, pa.struct({"bytes": pa.binary(), "path": pa.string()}))
    table = pa.table({"id": range(len(labels)), image: cells, label: pa.array(labels, pa.int64())})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})} if typed else {}
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata(metadata), file, row_group_size=4)
    return file


def load(path: Path, images: str = "", image_size: int = 8) -> Splits:
    return load_target(parse_target(f"parquet:{path}{images}"), seed=0, image_size=image_size, data_dir=Path("x"))


def decode(splits: Splits) -> None:
    """Decode every image."""
    for part in (splits.train, splits.validation, splits.test):
        assert len(part.images) == len(part)


def check_images(splits: Splits) -> None:
    """Every image has the number of its id, and its label."""
    for part in (splits.train, splits.validation, splits.test):
        assert part.images[:, 0, 4, 4].tolist() == part.ids.tolist()
        assert part.labels.tolist() == [index % 3 for index in part.ids]


def test_one_file_is_split_as_a_folder_is(tmp_path: Path) -> None:
    splits = load(write(tmp_path / "pets.parquet", [0, 1, 2] * 20))
    check_images(splits)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [42, 6, 12]
    assert np.bincount(splits.test.labels).tolist() == [4, 4, 4]
    assert splits.class_names == ("ant", "bee", "cat")
    assert not splits.flip


@pytest.mark.parametrize(
    ("layout", "sizes"),
    [
        (["data/train-00000-of-00002", "data/train-00001-of-00002"], [42, 6, 12]),
        (["data/train-00000-of-00002", "data/train-00001-of-00002", "data/test-00000-of-00001"], [36, 6, 18]),
        (["default/train/0000", "default/train/0001", "default/test/0000"], [36, 6, 18]),
        (["train0", "train1", "validation"], [36, 6, 18]),
        (["train", "val", "test"], [21, 21, 18]),
        (["0000", "0001", "0002"], [42, 6, 12]),
    ],
)
def test_a_files_name_decides_its_split(layout: list[str], sizes: list[int], tmp_path: Path) -> None:
    counts = [21, 39] if len(layout) == 2 else [21, 21, 18]
    for index, (name, count) in enumerate(zip(layout, counts, strict=True)):
        write(tmp_path / f"{name}.parquet", ([0, 1, 2] * 20)[:count], first=sum(counts[:index]))
    write(tmp_path / ".cache" / "train-old.parquet", [0])
    splits = load(tmp_path)
    check_images(splits)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == sizes


@pytest.mark.parametrize(
    ("image", "label"),
    [("image", "label"), ("img", "fine_label"), ("jpg", "cls"), ("photo", "breed"), ("pixel_values", "labels")],
)
def test_columns_are_found_by_name_or_by_feature(image: str, label: str, tmp_path: Path) -> None:
    check_images(load(write(tmp_path / "x.parquet", [0, 1, 2] * 10, image=image, label=label)))


def test_without_metadata_classes_are_numbers(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", [0, 1, 2] * 10, typed=False)
    write(tmp_path / "test.parquet", [0, 1], typed=False)
    assert load(tmp_path).class_names == ("0", "1", "2")


def test_only_the_row_groups_asked_for_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = OpenData("parquet", str(write(tmp_path / "x.parquet", [0, 1, 2] * 10)), Path("x"))
    decoded = []
    read_pictures = parquet.read_pictures
    monkeypatch.setattr(parquet, "read_pictures", lambda *given: decoded.append(given[0]) or read_pictures(*given))
    images = data.read_cached(np.array([29, 0, 3, 28, 0]), 8)
    assert images[:, 0, 4, 4].tolist() == [29, 0, 3, 28, 0]
    assert decoded == [2, 2]


def test_the_identity_is_the_content_and_no_path(tmp_path: Path) -> None:
    file = write(tmp_path / "one" / "train.parquet", [0, 1, 2] * 20)
    both = [target_identity(parse_target(f"parquet:{path}@5"), Path("x")) for path in (file, file.parent)]
    moved = shutil.copytree(tmp_path / "one", tmp_path / "two")
    (moved / "README.md").write_text("not an image")
    assert target_identity(parse_target(f"parquet:{moved}@5"), Path("x")) == both[1]
    renamed = (moved / "train.parquet").rename(moved / "training.parquet")
    assert target_identity(parse_target(f"parquet:{renamed}@5"), Path("x")) == both[0]
    assert target_identity(parse_target(f"parquet:{moved}@5"), Path("x")) != both[1]
    assert str(tmp_path) not in str(both)
    assert both[0]["name"] == "parquet"
    write(renamed, [0, 1, 2] * 20, first=1)
    changed = corpus_identity(CorpusRef(name=f"parquet:{renamed}"), Path("x"))
    assert changed["fingerprint"] != both[0]["fingerprint"]
    nowhere = target_identity(parse_target("parquet:nowhere@5"), Path("x"))
    assert nowhere == {"name": "parquet", "version": 1, "fingerprint": None, "images": 5}


def refuse(path: Path, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_target(parse_target(f"parquet:{path}"), Path("x"))


def test_a_wrong_place_is_named(tmp_path: Path) -> None:
    refuse(tmp_path / "nowhere", r"nowhere: there is no such file or folder \(looked for .*nowhere\); name a \.parquet")
    refuse(tmp_path, r"no file in it ends with \.parquet; put the hub's files there")
    write(tmp_path / "test.parquet", [0, 1, 2] * 3)
    refuse(tmp_path, r"no file belongs to the split train; add train-\*\.parquet")
    write(tmp_path / "train.parquet", [0, 1, 2] * 9)
    write(tmp_path / "extra.parquet", [0, 1, 2] * 3)
    refuse(tmp_path, r"extra\.parquet: its name begins with none of train, .*; rename it, or move it away")


def test_a_path_starts_at_the_working_folder_or_else_at_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both places are named if there is nothing at either; what is read has the same key at both."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    ref, data = parse_target("parquet:birds@5"), tmp_path / "data"
    looked = rf"parquet:birds: .*looked for {tmp_path}/here/birds and {tmp_path}/data/birds\)"
    with pytest.raises(InputError, match=looked):
        check_target(ref, data)
    assert target_identity(ref, data)["fingerprint"] is None
    write(data / "birds" / "train.parquet", [0, 1, 2] * 20)
    check_target(ref, data)
    below = target_identity(ref, data)
    write(Path("birds", "train.parquet"), [0, 1, 2] * 20, first=1)
    assert target_identity(ref, data) != below
    shutil.rmtree(data)
    check_target(ref, data)
    shutil.move("birds", data / "birds")
    write(data / "birds" / "train.parquet", [0, 1, 2] * 20)
    assert target_identity(ref, data) == below


def test_a_file_that_is_cut_off_or_none_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "x.parquet", [0, 1, 2] * 20)
    whole = file.read_bytes()
    for content in (b"", b"what is this", whole[: len(whole) // 2], whole[:-1]):
        file.write_bytes(content)
        refuse(file, r"x\.parquet: not a readable parquet file of images .*; fetch it again")


def test_a_row_group_that_is_damaged_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "x.parquet", [0, 1, 2] * 20)
    whole = file.read_bytes()
    start = pq.read_metadata(file).row_group(3).column(1).data_page_offset
    file.write_bytes(whole[:start] + b"\xff" * 40 + whole[start + 40 :])
    check_target(parse_target(f"parquet:{file}"), Path("x"))
    with pytest.raises(InputError, match=r"x\.parquet"):
        decode(load(file))


def test_wrong_columns_are_named(tmp_path: Path) -> None:
    file = write(tmp_path / "x.parquet", [0, 1, 2] * 10, image="photo", typed=False)
    refuse(file, r"has the columns id, photo, label, but none named img or image .*; rename a column, or describe one")
    file = write(tmp_path / "x.parquet", [0, 1, 2] * 10, label="breed", typed=False)
    refuse(file, r"has the columns id, image, breed, but none named label or .*as ClassLabel")
    pq.write_table(pa.table({"image": [{"bytes": picture(1)}], "label": [1.5]}), file)
    refuse(file, r"column label holds double, neither whole numbers nor words nor booleans; number the classes from 0")
    pq.write_table(pa.table({"image": [{"bytes": "text"}], "label": [1]}), file)
    refuse(file, r"column image holds struct<bytes: string>, neither the images' bytes nor structs with them")
    columns = [pa.array([{"bytes": picture(1)}]), pa.array([1]), pa.array([2])]
    pq.write_table(pa.Table.from_arrays(columns, names=["image", "label", "label"]), file)
    refuse(file, r"x\.parquet: has 2 columns named label; keep only one of them")
    table = pa.table({"image": [{"bytes": picture(1)}] * 2, "label": [1, None]})
    pq.write_table(table.replace_schema_metadata({"huggingface": "{"}), file)
    refuse(file, r"x\.parquet: its huggingface metadata is damaged .*; fetch it again")
    pq.write_table(table, file)
    refuse(file, r"x\.parquet: 1 rows have no label; take them out, or fill them in")


def test_labels_that_do_not_fit_are_named(tmp_path: Path) -> None:
    file = write(tmp_path / "train.parquet", [0, 1, 3] * 10)
    refuse(tmp_path, r"train\.parquet: image 2 has label 3, but there are 3 classes, 0 to 2; correct the labels")
    write(file, [0, 10**12] * 10, names=None)
    refuse(tmp_path, r"train\.parquet: label 1000000000000 of 20 images is out of range; number the classes from 0")
    write(file, [0] * 20, names=None)
    refuse(tmp_path, r"1 class found; it needs at least two")
    write(file, [0, 1] * 10)
    write(tmp_path / "test.parquet", [-1] * 8 + [0])
    refuse(tmp_path, r"test\.parquet: image 0 has label -1, but there are 3 classes")
    write(tmp_path / "test-0.parquet", [-1] * 8)
    refuse(tmp_path, r"test-0\.parquet: its rows have no labels, unlike other files of its split; label them all")
    (tmp_path / "test-0.parquet").unlink()
    write(tmp_path / "test.parquet", [0, 1, 2])
    refuse(tmp_path, r'test has images of class "cat", and train has none; add some to train')
    write(tmp_path / "test.parquet", [0, 1])
    refuse(tmp_path, r'class "cat" has 0 images in train; it needs at least 2')
    write(tmp_path / "test.parquet", [0, 1], names=["ant", "cat", "bee"])
    refuse(tmp_path, r"train\.parquet: its classes are not those of .*test\.parquet|test\.parquet: its classes are not")
    write(tmp_path / "test.parquet", [])
    refuse(tmp_path, r"test has no images")


def test_an_unreadable_row_is_named(tmp_path: Path) -> None:
    for cell in ({"bytes": b"no image"}, {"bytes": None}, None):
        images = [{"bytes": picture(1)}] * 30
        images[17] = cell
        file = tmp_path / "x.parquet"
        pq.write_table(pa.table({"image": images, "label": [0, 1, 2] * 10}), file, row_group_size=8)
        with pytest.raises(InputError, match=r"x\.parquet, row 17: not a readable image"):
            decode(load(file))


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    secret = write(tmp_path / "secret.parquet", [0, 1, 2] * 10)
    (tmp_path / "pets").mkdir()
    (tmp_path / "pets" / "train.parquet").symlink_to(secret)
    refuse(tmp_path / "pets", r"train\.parquet: leads out of .*pets, to .*secret\.parquet")


WORDS = ["cat", "ant", "bee"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ant", " ", ""], r"40 rows have an empty label; take them out, or fill them in"),
        (["ant", None, "bee"], r"20 rows have no label; take them out, or fill them in"),
        (["caf\u00e9", "cafe\u0301", "ant"], r"two classes are named caf\u00e9, perhaps in two forms of Unicode"),
    ],
)
def test_words_that_name_no_class_of_their_own_are_refused(words: list[str | None], said: str, tmp_path: Path) -> None:
    images = [picture(row) for row in range(60)]
    pq.write_table(pa.table({"image": images, "label": words * 20}), tmp_path / "x.parquet")
    refuse(tmp_path / "x.parquet", said)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (pa.array(WORDS * 20), ("ant", "bee", "cat")),
        (pa.array(WORDS * 20, pa.string_view()), ("ant", "bee", "cat")),
        (pa.array(WORDS * 20).dictionary_encode(), ("ant", "bee", "cat")),
        (pa.array([True, False, True] * 20), ("False", "True")),
        (pa.array([2, 0, 1] * 20).dictionary_encode(), ("0", "1", "2")),
        (pa.array([3, 1, 2] * 20), ("1", "2", "3")),
    ],
    ids=["words", "views of words", "dictionary of words", "booleans", "dictionary of numbers", "from 1"],
)
@pytest.mark.parametrize(
    "held", [pa.struct({"bytes": pa.binary()}), pa.binary(), pa.large_binary(), pa.binary_view()], ids=str
)
def test_labels_of_any_kind_and_bare_bytes_are_read(
    labels: pa.Array, names: tuple[str, ...], held: pa.DataType, tmp_path: Path
) -> None:
    pictures = [picture(row) for row in range(60)]
    images = pa.array([{"bytes": cell} for cell in pictures] if pa.types.is_struct(held) else pictures, held)
    rows = 60 if held == pa.binary_view() else 7  # pyarrow writes views in one row group alone
    pq.write_table(pa.table({"image": images, "label": labels}), tmp_path / "x.parquet", row_group_size=rows)
    splits = load(tmp_path / "x.parquet")
    assert splits.class_names == names
    for part in (splits.train, splits.validation, splits.test):
        assert part.images[:, 0, 4, 4].tolist() == part.ids.tolist()
        assert [names[label] for label in part.labels] == [str(labels[index].as_py()) for index in part.ids]


def test_named_classes_may_be_counted_from_1(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", [1, 2, 3] * 10)
    write(tmp_path / "test.parquet", [3, 1], first=30)
    splits = load(tmp_path)
    assert splits.class_names == tuple(NAMES)
    assert splits.test.labels.tolist() == [2, 0]


def test_labels_of_two_kinds_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "train-0.parquet", [0, 1, 2] * 10)
    pq.write_table(pa.table({"image": [picture(1)], "label": ["ant"]}), tmp_path / "train-1.parquet")
    refuse(tmp_path, r"train-1\.parquet: its labels are words or numbers, unlike those of .*train-0\.parquet")


def test_images_that_are_paths_alone_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    cells = {"bytes": None, "path": "pets/1.jpg"}
    kinds = [["pets/1.jpg"] * 9, [{"path": "pets/1.jpg"}] * 9, pa.array([cells] * 9, STRUCT)]
    for images in kinds:
        pq.write_table(pa.table({"image": images, "label": [0, 1, 2] * 3}), file, row_group_size=4)
        refuse(file, r"x\.parquet: column image holds the paths of images alone, and not their bytes; store the bytes")
    mixed = pa.array([{"bytes": picture(1)}] * 29 + [cells], STRUCT)
    pq.write_table(pa.table({"image": mixed, "label": [0, 1, 2] * 10}), file)
    with pytest.raises(InputError, match=r"x\.parquet, row 29: .*holds the path pets/1\.jpg alone"):
        decode(load(file))


STRUCT = pa.struct({"bytes": pa.binary(), "path": pa.string()})


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MAX_SMALL_BYTES", 2**16)
    file, good = tmp_path / "x.parquet", {"image": [picture(1)] * 3, "label": ["a", "b", "c"]}
    for bomb in ({"image": [bytes(2**20)] * 3}, {"label": ["a" * 2**20] * 3}):
        pq.write_table(pa.table(good | bomb), file, compression="zstd", use_dictionary=False)
        refuse(file, r"x\.parquet: row group 0 unpacks to 3,\d+,\d+ bytes, and the file has .*write smaller row groups")
    monkeypatch.setattr(parquet, "MAX_ROWS", 20)
    refuse(write(file, [0, 1, 2] * 10), r"x\.parquet: states 30 rows; at most 20 are read from a file")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ("[" * 100_000, "its huggingface metadata is damaged"),
        ('{"info": ' * 50_000, "its huggingface metadata is damaged"),
        ("[1]", "its huggingface metadata is damaged"),
        ("\x00", "its huggingface metadata is damaged"),
        ({"names": {"0": "ant"}}, "are no list of texts"),
        ({"names": "ant"}, "are no list of texts"),
        ({"names": [1, 2, 3]}, "are no list of texts"),
        ({"names": ["ant", "bee", "ant"]}, "names a class twice"),
    ],
)
def test_foreign_metadata_are_refused(metadata: str | dict[str, object], message: str, tmp_path: Path) -> None:
    text = metadata if isinstance(metadata, str) else json.dumps({"info": {"features": {"label": metadata}}})
    table = pa.table({"image": [picture(1)] * 30, "label": [0, 1, 2] * 10})
    pq.write_table(table.replace_schema_metadata({"huggingface": text}), tmp_path / "x.parquet")
    refuse(tmp_path / "x.parquet", rf"x\.parquet: .*{message}")


@pytest.mark.parametrize("labels", [[-1] * 9, pa.array([None] * 9, pa.int64()), [None] * 9, None])
def test_a_test_split_without_labels_is_passed_over_and_counted(labels: object, tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", [0, 1, 2] * 20)
    columns = {"image": [picture(1)] * 9} | ({} if labels is None else {"label": labels})
    pq.write_table(pa.table(columns), tmp_path / "test.parquet")
    splits = load(tmp_path)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [42, 6, 12]
    data = OpenData("parquet", str(tmp_path), Path("x")).data
    assert data.passed_over == (PassedOver("images of test, which has no labels", 9, ("test.parquet",)),)
    assert data.split_sources["test"] == "train"


def test_a_folder_that_is_no_data_set_is_not_walked_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "deep" / "er" / "train.parquet", [0, 1, 2] * 4)
    monkeypatch.setattr("bench.data.sources.listing.MAX_ENTRIES", 3)
    assert len(load(tmp_path).class_names) == 3
    (tmp_path / "other").mkdir()
    for kind in ("parquet", "webdataset"):
        with pytest.raises(InputError, match="holds more than 3 files and folders; name the folder of the data set"):
            check_target(parse_target(f"{kind}:{tmp_path}"), Path("x"))
