"""`bench data subset`: the index file holds the subset, and the check says what differs first."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from bench.cli.data import data_app
from bench.data.corpus import CorpusRef, subset_index
from bench.errors import InputError

NOWHERE = Path("nowhere")


def run(*arguments: object) -> Result:
    """Run `bench data subset`; raise what it raises."""
    return CliRunner().invoke(data_app, ["subset", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An index file of 60 images of four digits."""
    path = tmp_path / "index.parquet"
    assert run("digits", "--images", 60, "--classes", 4, "--out", path).exit_code == 0
    return path


@pytest.mark.parametrize(("name", "classes"), [("digits", None), ("digits", 4), ("fractals", 7)])
def test_the_file_is_the_subset(name: str, classes: int | None, tmp_path: Path) -> None:
    path = tmp_path / "index.parquet"
    asked = () if classes is None else ("--classes", classes)
    written = json.loads(run(name, "--images", 50, *asked, "--out", path, "--json").stdout)
    index = subset_index(CorpusRef(name=name, classes=classes), 50, NOWHERE)
    rows = pd.read_parquet(path)
    assert rows["position"].tolist() == list(range(50))
    assert rows["id"].tolist() == index.ids.tolist()
    assert rows["label"].tolist() == index.labels.tolist()
    assert rows["class"].tolist() == [index.class_names[label] for label in index.labels]
    assert rows["class"].dtype == "category"
    assert (written["images"], written["classes"], written["sha256"]) == (50, classes, index.sha256)
    assert (written["smallest_class_images"], written["largest_class_images"]) == index.class_range
    metadata = json.loads(pq.read_schema(path).metadata[b"subset"])
    assert metadata == {key: value for key, value in written.items() if key not in ("file", "state")}
    assert [found.name for found in tmp_path.iterdir()] == ["index.parquet"]


def test_a_file_is_the_same_bytes_again_and_passes_its_check(file: Path, tmp_path: Path) -> None:
    run("digits", "--images", 60, "--classes", 4, "--out", tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == file.read_bytes()
    result = run("--check", file, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["state"] == "the same here"


@pytest.mark.parametrize(
    ("column", "row", "value", "difference"),
    [
        ("id", 17, 5, "row 17: id is 5 in the file"),
        ("label", 58, 9, "row 58: label is 9 in the file"),
        ("class", 0, "ten", "row 0: class is ten in the file"),
        ("position", 8, 80, "row 8: position is 80 in the file and 8 here"),
    ],
)
def test_the_first_row_that_differs_is_named(file: Path, column: str, row: int, value: object, difference: str) -> None:
    table = pq.read_table(file)
    rows = table.to_pandas().astype({"class": object})
    rows.loc[row, column] = value
    rows.loc[59, "position"] = -1
    changed = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(table.schema.metadata)
    pq.write_table(changed, file)
    result = run("--check", file)
    assert result.exit_code == 1
    assert difference in result.stdout


@pytest.mark.parametrize(
    ("field", "value", "difference"),
    [
        ("identity", {"name": "digits", "version": 2, "classes": 4}, "corpus: version is 2 in the file and 1 here"),
        ("images", 61, "rows: 60 are in the file, of 61 images"),
        ("sha256", "0" * 64, "summary: sha256 is 0000"),
        ("largest_class_images", 16, "summary: largest_class_images is 16, not 15"),
    ],
)
def test_the_summary_of_a_file_is_checked(file: Path, field: str, value: object, difference: str) -> None:
    rewrite_summary(file, **{field: value})
    result = run("--check", file)
    assert result.exit_code == 1
    assert difference in result.stdout


def rewrite_summary(file: Path, **changes: object) -> None:
    """Change fields of a file's metadata."""
    table = pq.read_table(file)
    summary = json.loads(table.schema.metadata[b"subset"]) | changes
    pq.write_table(table.replace_schema_metadata({b"subset": json.dumps(summary)}), file)


def test_a_folder_that_moved_is_the_same_and_one_that_changed_is_not(tmp_path: Path) -> None:
    folder, file = tmp_path / "here", tmp_path / "index.parquet"
    for name in ("ant", "bee"):
        (folder / name).mkdir(parents=True)
        for number in range(10):
            Image.fromarray(np.full((8, 8, 3), number, dtype=np.uint8)).save(folder / name / f"{number}.png")
    run(f"folder:{folder}", "--images", 6, "--out", file)
    moved = shutil.move(folder, tmp_path / "there")
    with pytest.raises(InputError, match="there is no such folder"):
        run("--check", file)
    assert run(f"folder:{moved}", "--check", file).exit_code == 0
    Image.fromarray(np.zeros((9, 9, 3), dtype=np.uint8)).save(tmp_path / "there" / "ant" / "new.png")
    changed = run(f"folder:{moved}", "--check", file)
    assert changed.exit_code == 1
    assert "corpus: fingerprint is" in changed.stdout


@pytest.mark.parametrize("end", [0, 3, 0.5, -5])
def test_half_of_a_file_is_refused_by_name(file: Path, end: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(end * len(content)) if end == 0.5 else int(end)])
    with pytest.raises(InputError, match=r"index\.parquet: cannot be read as an index file .*; write it again"):
        run("--check", file)


def test_damaged_bytes_never_pass_as_another_error(file: Path) -> None:
    """Whatever byte: a difference, a refusal, or one that nothing reads."""
    content = file.read_bytes()
    seen = set()
    for place in range(0, len(content), 41):
        file.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            seen.add(run("--check", file).exit_code)
        except InputError:
            seen.add(2)
    assert {1, 2} <= seen


def test_a_file_that_is_not_an_index_file_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"id": [1]}), other)
    with pytest.raises(InputError, match=r"other\.parquet: no index file of a subset"):
        run("--check", other)
    with pytest.raises(InputError, match=r"gone\.parquet: there is no such file"):
        run("--check", tmp_path / "gone.parquet")


def test_a_summary_that_can_not_be_is_refused(file: Path) -> None:
    rewrite_summary(file, images=0)
    with pytest.raises(InputError, match="no index file of a subset"):
        run("--check", file)
    rewrite_summary(file, images=60, corpus="digist")
    with pytest.raises(InputError, match='"digist" is not known, did you mean digits'):
        run("--check", file)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("digits", "--images", 786, "--out", "x.parquet"), "785 images to pretrain on; the subset is 786"),
        (("digits", "--images", 9, "--classes", 11, "--out", "x.parquet"), "has 10 classes; asked for are 11"),
        (("digits", "--images", 9), "NAME, --images N and --out FILE.parquet are needed"),
        (("--check", "x.parquet", "--images", 9), "leave out --images"),
        (("digits", "--images", 9, "--out", "no/x.parquet"), r"--out no/x\.parquet: cannot be written"),
        (("digist", "--images", 9, "--out", "x.parquet"), "did you mean digits"),
    ],
)
def test_mistakes_are_named(
    arguments: tuple[object, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        run(*arguments)
    assert not list(tmp_path.iterdir())
