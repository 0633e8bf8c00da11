"""Links out of a data set's folder: refused with the way to allow them, and then read as what they lead to."""

import os
import shutil
from pathlib import Path

import pytest

from bench.data.sources.listing import FOLLOW_LINKS, files_below, follow_links
from bench.data.target import load_target, parse_target, target_identity
from bench.errors import InputError
from tests import in_process
from tests.data.sources import test_parquet, test_webdataset
from tests.data.sources.test_folder import load, write_folder


@pytest.fixture(autouse=True)
def _not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Follow no link before a test, nor after it."""
    monkeypatch.setenv(FOLLOW_LINKS, "")


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """Two of three classes, as links into another data set."""
    whole = write_folder(tmp_path / "whole", {"cat": 10, "dog": 10, "emu": 10})
    (tmp_path / "part").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "part" / name).symlink_to(whole / name)
    return tmp_path / "part"


def identity(text: str) -> dict[str, object]:
    return target_identity(parse_target(text), Path("x"))


def test_class_folders_that_are_links_are_the_same_as_copies(linked: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"leads out of .*part, .*--follow-links, or follow_links: true in the suite"):
        load(linked)
    follow_links()
    shutil.copytree(linked, tmp_path / "copy")
    assert load(linked).split_hash == load(tmp_path / "copy").split_hash
    assert identity(f"folder:{linked}") == identity(f"folder:{tmp_path / 'copy'}")


def test_what_a_link_leads_to_is_looked_at_again_when_it_changes(linked: Path, tmp_path: Path) -> None:
    """Size and time of the file are those of another one, to which the link leads now."""
    follow_links()
    target = tmp_path / "whole" / "cat" / "000.png"
    other = tmp_path / "other.png"
    content = bytearray(target.read_bytes())
    content[-20] ^= 1
    other.write_bytes(content)
    os.utime(other, ns=(target.stat().st_mtime_ns,) * 2)
    first = identity(f"folder:{linked}")
    shutil.copy2(other, tmp_path / "moved.png")
    os.replace(tmp_path / "moved.png", target)
    assert identity(f"folder:{linked}") != first


def test_a_link_and_its_target_are_the_same_image(linked: Path, tmp_path: Path) -> None:
    follow_links()
    (linked / "dog").unlink()
    (linked / "cats").symlink_to(tmp_path / "whole" / "cat")
    splits = load(linked)
    parts = [part for part in (splits.train, splits.validation, splits.test) if part is not None]
    seen = [{image.tobytes() for part in parts for image in part.images[part.labels == label]} for label in (0, 1)]
    assert (len(seen[0]), seen[0]) == (10, seen[1])


def test_the_hubs_snapshots_are_read(tmp_path: Path) -> None:
    """A snapshot holds links into `blobs`, whose files are named by their hash."""
    snapshot = tmp_path / "datasets--pets" / "snapshots" / "0123"
    (snapshot / "data").mkdir(parents=True)
    blobs = tmp_path / "datasets--pets" / "blobs"
    blobs.mkdir()
    copy = tmp_path / "copy"
    (copy / "data").mkdir(parents=True)
    for number, split in enumerate(("train", "test")):
        written = test_parquet.write(copy / "data" / f"{split}-0.parquet", [0, 1, 2] * 10)
        shutil.copy(written, blobs / f"ab{number}")
        (snapshot / "data" / f"{split}-0.parquet").symlink_to(f"../../../blobs/ab{number}")
    with pytest.raises(InputError, match=r"train-0\.parquet: leads out of|test-0\.parquet: leads out of"):
        load_target(parse_target(f"parquet:{snapshot}"), seed=0, image_size=8, data_dir=tmp_path)
    follow_links()
    splits = load_target(parse_target(f"parquet:{snapshot}"), seed=0, image_size=8, data_dir=tmp_path)
    assert splits.test is not None
    assert len(splits.test) == 30
    assert identity(f"parquet:{snapshot}") == identity(f"parquet:{copy}")


def test_linked_folders_of_files_are_entered_or_refused_and_loops_end(tmp_path: Path) -> None:
    """No folder is passed over in silence; one that leads back to a folder around it holds nothing new."""
    test_parquet.write(tmp_path / "far" / "train" / "x.parquet", [0, 1, 2] * 10)
    (tmp_path / "near").mkdir()
    (tmp_path / "near" / "train").symlink_to(tmp_path / "far" / "train")
    with pytest.raises(InputError, match=r"near/train: leads out of .*near"):
        files_below(tmp_path / "near", (".parquet",))
    follow_links()
    (tmp_path / "near" / "again").symlink_to(tmp_path / "near")
    (tmp_path / "far" / "train" / "up").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "back").symlink_to(tmp_path / "near")
    found = files_below(tmp_path / "near", (".parquet",))
    assert found == [tmp_path / "near" / "train" / "x.parquet"]
    (tmp_path / "shards").mkdir()
    test_webdataset.write(tmp_path / "shards" / "train-0.tar", test_webdataset.numbered([0, 1] * 10))
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "deep").symlink_to(tmp_path / "shards")
    for pattern in (tmp_path / "links", tmp_path / "links" / "**" / "*.tar"):
        target = parse_target(f"webdataset:{pattern}")
        assert len(load_target(target, seed=0, image_size=8, data_dir=tmp_path).class_names) == 2


def test_an_up_step_is_refused_even_so(tmp_path: Path) -> None:
    follow_links()
    (tmp_path / "set").mkdir()
    test_webdataset.write(tmp_path / "train-0.tar", test_webdataset.numbered([0, 1] * 10))
    with pytest.raises(InputError, match="leads out of"):
        identity(f"webdataset:{tmp_path}/set/{{../train-0.tar,../train-0.tar}}")


def test_a_suite_or_an_option_allows_links(linked, write_suite, tmp_path):
    """The keys are the same either way, since they hold what was read."""
    options = {"targets": [f"folder:{linked}"], "corpus": [], "subsets": None, "images": {"pretrain": 8}}
    refused = in_process.bench("plan", str(write_suite("not", **options)), folder=tmp_path)
    assert (refused.code, "--follow-links" in refused.errors) == (2, True)
    plans = [
        in_process.bench("plan", str(write_suite("links", **options, **field)), "--json", *option, folder=tmp_path)
        for field, option in (({}, ["--follow-links"]), ({"follow_links": True}, []))
    ]
    assert [plan.code for plan in plans] == [0, 0], plans[0].errors
    assert plans[0].said == plans[1].said
    for command in ("show", "verify"):
        assert in_process.bench("data", command, f"folder:{linked}", "--follow-links", folder=tmp_path).code == 0


def test_a_worker_follows_links_too(linked, write_suite, tmp_path):
    suite = write_suite(
        targets=[f"folder:{linked}"],
        corpus=[],
        subsets=None,
        images={"pretrain": 8},
        models=["vit_pico/8:depth=1"],
        follow_links=True,
    )
    ended = in_process.bench("run", str(suite), "--device", "cpu", folder=tmp_path)
    assert ended.code == 0, ended.errors
