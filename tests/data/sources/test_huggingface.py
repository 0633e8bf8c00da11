"""`hf:NAME`: fetched from a hub that answers on this machine, checked, and read as parquet without it."""

import hashlib
import io
import json
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from bench.data.sources import huggingface
from bench.data.target import check_target, load_target, parse_target, target_identity
from bench.errors import InputError


def shard(first: int, count: int) -> bytes:
    """Pictures in two classes, whose red is their number."""
    rows = []
    for number in range(first, first + count):
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8), (number, 0, 0)).save(buffer, "PNG")
        rows.append({"bytes": buffer.getvalue(), "path": None})
    file = io.BytesIO()
    pq.write_table(pa.table({"image": rows, "label": np.arange(first, first + count) % 2}), file)
    return file.getvalue()


@dataclass
class Hub:
    """What a data set's revisions hold, by revision and path; and what was asked for."""

    revisions: dict[str, dict[str, bytes]]
    wrong_sum: bool = False
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body, as the hub's interface for data sets has them."""
        self.asked.append(path)
        kind, _, rest = path.partition("?")[0].removeprefix("/api/datasets/ann/pets/").partition("/")
        if kind == "revision":
            revision = rest.replace("%2F", "/")
            facts = {"id": "ann/pets", "sha": commit(revision), "siblings": []}
            return (200, {}, json.dumps(facts).encode()) if revision in self.revisions else (404, {}, b"{}")
        if kind == "tree":
            return 200, {}, json.dumps([self._entry(*item) for item in self._files(rest).items()]).encode()
        revision, _, name = path.removeprefix("/datasets/ann/pets/resolve/").partition("/")
        content = self._files(revision).get(name)
        if content is None:
            return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"
        return 200, {"X-Repo-Commit": revision, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}, content

    def _files(self, at: str) -> dict[str, bytes]:
        """The files of a commit."""
        return next((files for revision, files in self.revisions.items() if commit(revision) == at), {})

    def _entry(self, path: str, content: bytes) -> dict[str, object]:
        sha256 = hashlib.sha256(b"other" if self.wrong_sum else content).hexdigest()
        lfs = {"oid": sha256, "size": len(content), "pointerSize": 100}
        return {"type": "file", "path": path, "size": len(content), "oid": "0" * 40, "lfs": lfs}


def commit(revision: str) -> str:
    return hashlib.sha1(revision.encode()).hexdigest()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub with train and test of one data set, under the address that the client is given."""
    from huggingface_hub import constants

    held = Hub({"main": {"data/train-0.parquet": shard(0, 20), "data/test-0.parquet": shard(20, 6), "README.md": b""}})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = held.answer(self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, address)
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path_factory.mktemp("hub")))
        yield held
        server.shutdown()
        thread.join()


def refuse(name: str, data_dir: Path, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_target(parse_target(f"hf:{name}"), data_dir)


def test_what_was_fetched_is_read_without_the_hub(hub: Hub, tmp_path: Path) -> None:
    refuse("ann/pets", tmp_path, r"hf:ann/pets: not found in .*; fetch it with: bench data fetch hf:ann/pets --data")
    assert target_identity(parse_target("hf:ann/pets@4"), tmp_path)["fingerprint"] is None
    huggingface.fetch_hf("ann/pets", tmp_path)
    assert not (tmp_path / "hf/ann/pets/README.md").exists()
    asked = len(hub.asked)
    splits = load_target(parse_target("hf:ann/pets"), seed=0, image_size=8, data_dir=tmp_path)
    assert splits.test.images[:, 0, 0, 0].tolist() == list(range(20, 26))
    assert len(splits.train) == 18
    identity = target_identity(parse_target("hf:ann/pets@4"), tmp_path)
    assert len(hub.asked) == asked
    moved = shutil.copytree(tmp_path / "hf", tmp_path / "elsewhere" / "hf")
    assert target_identity(parse_target("hf:ann/pets@4"), moved.parent) == identity
    (moved / "ann/pets/data/test-0.parquet").write_bytes(shard(30, 6))
    assert target_identity(parse_target("hf:ann/pets@4"), moved.parent) != identity


def test_a_sum_that_differs_is_named_with_both(hub: Hub, tmp_path: Path) -> None:
    hub.wrong_sum = True
    found = hashlib.sha256(hub.revisions["main"]["data/train-0.parquet"]).hexdigest()
    expected = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(InputError, match=rf"train-0\.parquet: its SHA-256 is {found}, but {expected} was published"):
        huggingface.fetch_hf("ann/pets", tmp_path)


def test_one_of_several_configurations_is_chosen(hub: Hub, tmp_path: Path) -> None:
    hub.revisions["main"] = {f"{name}/train-0.parquet": shard(0, 20) for name in ("cats", "dogs")}
    with pytest.raises(InputError, match=r"has the configurations cats, dogs; name one of them, as hf:ann/pets:cats"):
        huggingface.fetch_hf("ann/pets", tmp_path)
    with pytest.raises(InputError, match=r"hf:ann/pets:emus: has no folder emus of parquet files; it has cats, dogs"):
        huggingface.fetch_hf("ann/pets:emus", tmp_path)
    for config in ("cats", "dogs"):
        huggingface.fetch_hf(f"ann/pets:{config}", tmp_path)
        check_target(parse_target(f"hf:ann/pets:{config}@4"), tmp_path)
    refuse("ann/pets", tmp_path, "has the configurations cats, dogs")


def test_what_is_no_parquet_is_taken_as_the_hub_converted_it(hub: Hub, tmp_path: Path) -> None:
    hub.revisions["main"] = {"images.zip": b"x"}
    hub.revisions[huggingface.CONVERTED] = {
        "default/train/0.parquet": shard(0, 20),
        "default/test/0.parquet": shard(20, 6),
    }
    huggingface.fetch_hf("ann/pets", tmp_path)
    assert len(load_target(parse_target("hf:ann/pets"), seed=0, image_size=8, data_dir=tmp_path).test) == 6
    hub.revisions[huggingface.CONVERTED] = {"default/partial-train/0.parquet": shard(0, 20)}
    with pytest.raises(InputError, match="the hub converted only its beginning to parquet"):
        huggingface.fetch_hf("ann/pets", tmp_path)
    hub.revisions[huggingface.CONVERTED] = {}
    with pytest.raises(InputError, match=r"the hub has no parquet of it; .*folder:PATH"):
        huggingface.fetch_hf("ann/pets", tmp_path)


def test_what_is_not_there_is_said(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.revisions.clear()
    with pytest.raises(InputError, match=r"hf:ann/pets: could not be fetched into .*; check the name and the network"):
        huggingface.fetch_hf("ann/pets", tmp_path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r'fetching needs huggingface_hub; install it with: pip install ".*\[hf\]"'):
        huggingface.fetch_hf("ann/pets", tmp_path)


@pytest.mark.parametrize("name", ["../secret", "a/b/c", "a/..", "a:b:c", "a/b:..", "/etc", "a b"])
def test_a_name_leads_nowhere_else(name: str, tmp_path: Path) -> None:
    refuse(name, tmp_path, r"not a name of a data set; write hf:OWNER/NAME or hf:OWNER/NAME:CONFIG")
