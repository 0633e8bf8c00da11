"""`bench data verify`: every bad image is listed, every wrong sum shown, whatever the kind of data set."""

import hashlib
import io
import json
import tarfile
import threading
import urllib.request
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torchvision
from PIL import Image
from scipy.io import savemat
from typer.testing import CliRunner

from bench.cli.data import data_app
from bench.data.catalogue import CATALOGUE
from bench.data.presence import fetch
from bench.data.sources import checksums
from bench.errors import InputError

BAD = {7: b"", 13: b"no image", 14: b"\x89PNG\r\n\x1a\n cut off"}


def verify(name: str, *options: str, data_dir: Path = Path("x")) -> tuple[int, str]:
    """The exit code and what is printed."""
    result = CliRunner().invoke(data_app, ["verify", name, "--data", str(data_dir), *options], catch_exceptions=False)
    return result.exit_code, result.stdout


def pictures(bad: dict[int, bytes]) -> list[bytes]:
    """Thirty pictures, some of them replaced."""
    encoded = []
    for number in range(30):
        buffer = io.BytesIO()
        Image.new("RGB", (9, 9), (number, 0, 0)).save(buffer, "PNG")
        encoded.append(bad.get(number, buffer.getvalue()))
    return encoded


def write(kind: str, root: Path, bad: dict[int, bytes]) -> str:
    """Write thirty pictures of two classes as a kind of place has them; return its name."""
    content = pictures(bad)
    if kind == "folder":
        for number, data in enumerate(content):
            file = root / "ab"[number % 2] / f"{number:02}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        return f"folder:{root}"
    if kind == "parquet":
        table = pa.table({"image": [{"bytes": data} for data in content], "label": np.arange(30) % 2})
        pq.write_table(table, root / "x.parquet", row_group_size=8)
        return f"parquet:{root}"
    with tarfile.open(root / "x.tar", "w") as tar:
        for number, data in enumerate(content):
            for name, held in ((f"{number:02}.png", data), (f"{number:02}.cls", b"%d" % (number % 2))):
                member = tarfile.TarInfo(name)
                member.size = len(held)
                tar.addfile(member, io.BytesIO(held))
    return f"webdataset:{root}"


@pytest.mark.parametrize(
    ("kind", "named"), [("folder", "{n:02}.png"), ("parquet", "row {n}"), ("webdataset", "member {n:02}.png")]
)
def test_every_bad_image_is_listed(
    kind: str, named: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    code, text = verify(write(kind, tmp_path, {}), "--json")
    verdict = json.loads(text)
    assert (code, verdict["images"], verdict["bad_images"], verdict["wrong_sums"]) == (0, 30, [], [])
    assert [sum(row.values()) for row in verdict["classes"].values()] == [15, 15]
    name = write(kind, tmp_path, BAD)
    code, text = verify(name, "--json")
    reasons = [bad["reason"] for bad in json.loads(text)["bad_images"]]
    assert code == 1
    assert len(reasons) == 3
    for number in BAD:
        assert sum(named.format(n=number) in reason for reason in reasons) == 1
    code, text = verify(name)
    assert code == 1
    assert text.count("bad: ") == 3
    assert text.endswith(f"{name}: 30 images, 3 of them bad\n")


def test_a_damaged_row_group_is_listed_once(tmp_path: Path) -> None:
    name = write("parquet", tmp_path, {})
    file = tmp_path / "x.parquet"
    start = pq.read_metadata(file).row_group(1).column(0).data_page_offset
    whole = file.read_bytes()
    file.write_bytes(whole[:start] + b"\xff" * 40 + whole[start + 40 :])
    code, text = verify(name)
    assert code == 1
    assert "x.parquet: not a readable parquet file" in text
    assert "(8 images)" in text


@pytest.mark.parametrize(("name", "images"), [("digits", 1_797), ("fractals", 0)])
def test_data_sets_without_files_are_good(name: str, images: int) -> None:
    code, text = verify(name, "--json")
    assert code == 0
    assert json.loads(text)["images"] == images


def test_a_data_set_that_cannot_be_opened_is_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="bench data fetch cifar10"):
        verify("cifar10", data_dir=tmp_path)
    with pytest.raises(InputError, match="there is no such folder"):
        verify(f"folder:{tmp_path / 'nowhere'}")
    with pytest.raises(InputError, match="785 are available"):
        verify("digits@786")


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing of it."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def svhn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """SVHN's training file at an address on this machine, which torchvision is told; and the sum of what lies there."""
    source = tmp_path / "publisher" / "train_32x32.mat"
    source.parent.mkdir()
    savemat(source, {"X": np.zeros((32, 32, 3, 4), np.uint8), "y": np.array([[1], [2], [3], [10]])})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=source.parent)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/{source.name}"
        parts = {part: [url, f"{part}_32x32.mat", "0" * 32] for part in ("train", "test")}
        monkeypatch.setattr(torchvision.datasets.SVHN, "split_list", parts)
        monkeypatch.setattr(urllib.request, "_opener", None)  # it remembers the proxy of the first call
        yield tmp_path, hashlib.md5(source.read_bytes()).hexdigest()
        server.shutdown()
        thread.join()


def test_a_fetched_file_with_another_sum_is_named_with_both(svhn: tuple[Path, str]) -> None:
    data_dir, found = svhn
    sums = rf"its MD5 is {found}, but 0{{32}} was published \(File not found or corrupted\.\); remove it"
    expected = rf"svhn/train_32x32\.mat \([\d,]+ bytes\): {sums}"
    with pytest.raises(InputError, match=expected):
        fetch("svhn", data_dir)


def test_verify_says_which_sum_is_wrong(svhn: tuple[Path, str]) -> None:
    data_dir, found = svhn
    for part in ("train", "test"):
        (data_dir / "svhn").mkdir(exist_ok=True)
        (data_dir / "svhn" / f"{part}_32x32.mat").write_bytes((data_dir / "publisher/train_32x32.mat").read_bytes())
    with pytest.raises(InputError, match=rf"are damaged .*train_32x32\.mat .*its MD5 is {found}, but 0{{32}} was"):
        verify("svhn", data_dir=data_dir)


@pytest.mark.parametrize("name", [name for name, entry in CATALOGUE.items() if entry.published])
def test_torchvision_holds_sums_of_every_published_data_set(name: str) -> None:
    """So that a change of its classes is noticed; the files themselves are not here."""
    published = CATALOGUE[name].published
    assert published is not None
    sums = dict(checksums.published_sums(published.reader))
    assert sums
    assert all(len(expected) == 32 for expected in sums.values())
    places = [Path(published.root, path) for path in sums]
    tops = {Path(marker).parts[0] for marker in published.markers}
    assert all(place.parts[0] in tops or len(place.parts) == 1 for place in places)


def test_shuffled_labels_of_unpacked_files_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torchvision holds the sums of the archives alone, which are gone by then."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    sums = {}
    for name in checksums.UNPACKED["MNIST"]:
        (raw / name).write_bytes(content := name.encode())
        sums[name] = hashlib.md5(content).hexdigest()
    monkeypatch.setitem(checksums.UNPACKED, "MNIST", sums)
    reader = torchvision.datasets.MNIST
    assert checksums.wrong_sums(reader, tmp_path) == []
    (raw / "train-labels-idx1-ubyte").write_bytes(b"shuffled")
    (raw / "train-labels-idx1-ubyte.gz").write_bytes(b"an archive that is read no more")
    assert [wrong.file.name for wrong in checksums.wrong_sums(reader, tmp_path, archives=False)] == [
        "train-labels-idx1-ubyte"
    ]
    assert len(checksums.wrong_sums(reader, tmp_path)) == 2


def test_what_was_passed_over_and_what_is_blank_is_counted(tmp_path: Path) -> None:
    name = write("folder", tmp_path, {})
    generator = np.random.default_rng(0)
    for number in range(4, 30):
        noise = Image.fromarray(generator.integers(0, 256, (9, 9, 3), dtype=np.uint8))
        noise.save(tmp_path / "ab"[number % 2] / f"{number:02}.png")
    (tmp_path / "a" / "notes.txt").write_text("")
    code, text = verify(name)
    assert code == 0
    assert "4 images of a single colour (ids 0, 1, 15, ...)\n" in text
    assert "passed over 1 files with a suffix of no image that is read (a/notes.txt)\n" in text
    facts = json.loads(verify(name, "--json")[1])
    assert facts["single_colour"] == [0, 1, 15, 16]
    assert facts["passed_over"] == [
        {"reason": "files with a suffix of no image that is read", "num": 1, "names": ["a/notes.txt"]}
    ]
    shown = CliRunner().invoke(data_app, ["show", name, "--data", "x"], catch_exceptions=False).stdout
    assert "passed_over: passed over 1 files with a suffix of no image that is read (a/notes.txt)\n" in shown


def test_duplicates_between_splits_and_classes_are_counted(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    noise = [Image.fromarray(generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)) for _ in range(12)]
    placed = {"train/a": [0, 1, 2], "train/b": [3, 4, 5], "validation/a": [6], "validation/b": [7, 3]}
    placed |= {"test/a": [8, 0, 9], "test/b": [10, 6, 11]}  # 6 stands under both classes
    for folder, numbers in placed.items():
        (tmp_path / folder).mkdir(parents=True)
        for number in numbers:
            noise[number].save(tmp_path / folder / f"{number:02}.png")
    code, text = verify(f"folder:{tmp_path}")
    assert code == 0
    assert "1 validation images whose pixels are also among the training images\n" in text
    assert "2 test images whose pixels are also among the training or validation images\n" in text
    assert "2 images whose pixels also stand under another class\n" in text
    facts = json.loads(verify(f"folder:{tmp_path}", "--json")[1])
    assert facts["shared_between_splits"] == {"validation": 1, "test": 2}
    assert facts["under_several_classes"] == 2
