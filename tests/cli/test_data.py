"""`bench data` as a user types it."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

from bench.cli.data import data_app
from bench.data.catalogue import CATALOGUE
from bench.errors import InputError


def run(*arguments: str) -> str:
    """Return what a command prints; raise what it raises."""
    return CliRunner().invoke(data_app, arguments, catch_exceptions=False).stdout


def test_list_names_everything_and_says_what_is_missing(tmp_path: Path) -> None:
    text = run("list", "--data", str(tmp_path))
    for name in ("fractals", *CATALOGUE, "folder:PATH", "parquet:PATH", "webdataset:PATTERN", "hf:NAME"):
        assert name in text
    assert f"bench data fetch cifar100 --data {tmp_path}" in text
    rows = {row["name"]: row for row in json.loads(run("list", "--json", "--data", str(tmp_path)))}
    assert rows["digits"]["present"] is True
    assert rows["cifar10"]["present"] is False
    assert rows["imagenet"]["classes"] == 1000
    assert rows["svhn"]["splits"] == {"train": 65_927, "validation": 7_330, "test": 26_032}
    assert rows["digits"]["splits"] == {"train": 785, "validation": 199, "test": 813}


def test_the_data_folder_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    assert f"--data {tmp_path}" in run("list")


@pytest.mark.parametrize("name", ["fractals", "digits@100", "fractals-heldout", "cifar10@5000"])
def test_show_gives_the_identity(name: str) -> None:
    shown = json.loads(run("show", name, "--json"))
    assert shown["name"] == name
    assert shown["identity"]["name"] == name.partition("@")[0]
    assert "identity" in run("show", name)


def test_show_looks_into_a_folder(tmp_path: Path) -> None:
    for name in ("ant", "bee"):
        (tmp_path / name).mkdir()
        for index in range(10):
            Image.new("RGB", (9, 9)).save(tmp_path / name / f"{index}.png")
    shown = json.loads(run("show", f"folder:{tmp_path}", "--json"))
    assert shown["class_names"] == ["ant", "bee"]
    assert shown["splits"] == {"train": 14, "validation": 2, "test": 4}


def test_show_counts_the_groups_of_each_split(tmp_path: Path) -> None:
    """Five of each class, in each of which the same number is a group."""
    for name in ("ant", "bee"):
        (tmp_path / name).mkdir()
        for index in range(10):
            Image.new("RGB", (9, 9)).save(tmp_path / name / f"{index // 2}-{index % 2}.png")
    pattern = r"/(\d)"
    shown = json.loads(run("show", f"folder:{tmp_path}", "--groups", pattern, "--json"))
    assert shown["splits"] == {"train": 12, "validation": 4, "test": 4}
    assert shown["groups"] == {"train": 3, "validation": 1, "test": 1}
    assert shown["identity"]["groups"] == pattern


def test_a_class_whose_name_holds_a_line_break_has_one_line(tmp_path: Path) -> None:
    for name in ("a\nb: 9 train", "c"):
        (tmp_path / name).mkdir()
        for index in range(10):
            Image.new("RGB", (9, 9), (index, 0, 0)).save(tmp_path / name / f"{index}.png")
    assert run("verify", f"folder:{tmp_path}").splitlines()[0] == "a\\nb: 9 train: 7 train, 1 validation, 2 test"


def test_parquet_is_shown_and_sampled(tmp_path: Path) -> None:
    for split, count in (("train", 20), ("test", 4)):
        rows = [{"bytes": _png(index), "path": None} for index in range(count)]
        table = pa.table({"image": rows, "label": np.arange(count) % 2})
        pq.write_table(table, tmp_path / f"{split}-00000-of-00001.parquet")
    shown = json.loads(run("show", f"parquet:{tmp_path}", "--json"))
    assert shown["classes"] == 2
    assert shown["splits"] == {"train": 18, "validation": 2, "test": 4}
    assert shown["identity"]["name"] == "parquet"
    out = tmp_path / "grid.png"
    run("sample", f"parquet:{tmp_path}", "--out", str(out), "--image-size", "8", "--classes", "2", "--per-class", "4")
    assert np.asarray(Image.open(out)).shape == (20, 40, 3)


def _png(brightness: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9), (brightness, 9, 9)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["fractals", "fractals-heldout", "digits"])
def test_sample_draws_a_class_a_row(name: str, tmp_path: Path) -> None:
    out = tmp_path / "grid.png"
    run("sample", name, "--out", str(out), "--image-size", "16", "--classes", "3", "--per-class", "5")
    pixels = np.asarray(Image.open(out))
    assert pixels.shape == (3 * 18, 5 * 18, 3)
    cells = pixels.reshape(3, 18, 5, 18, 3)[:, 1:17, :, 1:17].swapaxes(1, 2)
    assert (cells.reshape(15, -1).std(axis=1) > 10).all()
    assert len(np.unique(cells.reshape(15, -1), axis=0)) == 15


def test_a_sample_of_fractals_shows_a_difficulty(tmp_path: Path) -> None:
    sheets = []
    for options in ((), ("--difficulty", "colour=instance", "--difficulty", "shift_pixels=3")):
        out = tmp_path / "grid.png"
        run("sample", "fractals", "--out", str(out), "--image-size", "16", "--classes", "2", *options)
        sheets.append(np.asarray(Image.open(out)))
    assert (sheets[0] == sheets[0][..., :1]).all()
    assert not (sheets[1] == sheets[1][..., :1]).all()


@pytest.mark.parametrize(
    ("name", "given", "complaint"),
    [
        ("fractals", "colur=instance", "colur: unknown field, did you mean colour"),
        ("fractals", "jitter_percent=90", "jitter_percent: given '90'.* 50"),
        ("fractals", "rotation", "it has no value; write FIELD=VALUE"),
        ("digits", "rotation=any", "only fractals, strokes and shapes have a difficulty, not digits"),
    ],
)
def test_a_wrong_difficulty_is_explained(tmp_path: Path, name: str, given: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        run("sample", name, "--out", str(tmp_path / "grid.png"), "--difficulty", given)


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='"digist" is not known, did you mean digits'):
        run("show", "digist")
    with pytest.raises(InputError, match="bench data fetch cifar10"):
        run("sample", "cifar10", "--out", str(tmp_path / "x.png"), "--data", str(tmp_path))
    with pytest.raises(InputError, match=r"--out .*no/x.png: cannot be written"):
        run("sample", "digits", "--out", str(tmp_path / "no" / "x.png"))
    with pytest.raises(InputError, match='"svhm" is not known, did you mean svhn'):
        run("fetch", "svhm")
    with pytest.raises(InputError, match=r"imagenet: cannot be downloaded .* put ILSVRC2012_devkit_t12\.tar\.gz"):
        run("fetch", "imagenet", "--data", str(tmp_path))


def test_what_needs_no_files_is_not_fetched() -> None:
    assert run("fetch", "digits") == "digits needs no files\n"
    assert run("fetch", "fractals") == "fractals needs no files\n"
