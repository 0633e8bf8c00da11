"""Targets: splits that never move, draws that nest and balance, and messages for what is missing or too small."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data.catalogue import CATALOGUE
from bench.data.dataset import Splits
from bench.data.opening import open_data
from bench.data.target import (
    TargetRef,
    check_target,
    load_target,
    num_train_images,
    parse_target,
    target_identity,
)
from bench.errors import InputError
from tests.data.sources.test_folder import write_folder

NOWHERE = Path("nowhere")
EMBEDDED = ["digits", "fractals-heldout"]


def load(text: str, seed: int = 0, image_size: int = 16) -> Splits:
    return load_target(parse_target(text), seed=seed, image_size=image_size, data_dir=NOWHERE)


@given(
    st.sampled_from([*CATALOGUE, "folder:some/where", "folder:/a@b/c", "folder:C:\\data", "parquet:x/y.parquet"])
    | st.sampled_from(["webdataset:a/{train,val}-{000..012}.tar", "hf:ann/pets", "hf:ann/pets:cats"]),
    st.none() | st.integers(1, 10**6),
)
def test_a_target_reads_as_it_is_written(name: str, count: int | None) -> None:
    text = name if count is None else f"{name}@{count}"
    ref = parse_target(text)
    assert str(ref) == text
    assert ref.num_images == count
    assert (ref.path is not None) == (":" in name)
    assert parse_target(str(ref)) == ref


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("digist", 'target: "digist" is not known, did you mean digits.*known are digits, .*folder:PATH'),
        ("fractals", "did you mean fractals-heldout"),
        ("parqet:pictures", "did you mean parquet"),
        ("", "known are"),
        ("folder:", "folder:PATH"),
        ("folder", "folder:PATH"),
        ("parquet:", "parquet:PATH"),
        ("webdataset:", "webdataset:PATTERN"),
        ("hf:", "hf:NAME"),
        ("digits:here", "is not known"),
        ("digits@", "number of training images, 1 or more"),
        ("digits@0", "1 or more"),
        ("digits@-5", "1 or more"),
        ("digits@1e3", "1 or more"),
        ("digits@10@20", "is not known"),
    ],
)
def test_a_wrong_target_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_target(text)


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_catalogue_knows_the_true_sizes(name: str) -> None:
    entry, data = CATALOGUE[name], open_data(name, None, NOWHERE)
    assert entry.sizes == (len(data.class_names), len(data.pool), len(data.validation), len(data.test))
    assert len(data.class_names) == data.labels.max() + 1
    assert entry.sizes.test >= (800 if name == "digits" else 2000)


@pytest.mark.parametrize("name", EMBEDDED)
def test_splits_are_disjoint_and_hold_every_class(name: str) -> None:
    data = open_data(name, None, NOWHERE)
    assert sorted([*data.pool, *data.validation, *data.test]) == list(range(len(data.labels)))
    for part in (data.pool, data.validation, data.test):
        counts = np.bincount(data.labels[part])
        assert counts.min() > 0.85 * counts.max()


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(EMBEDDED), st.integers(1, 300), st.integers(1, 300), st.integers(0, 1000))
def test_draws_nest_and_balance(name: str, one: int, other: int, seed: int) -> None:
    small, large = (load(f"{name}@{count}", seed).train for count in sorted((one, other)))
    assert np.array_equal(small.ids, large.ids[: len(small)])
    assert np.array_equal(small.images, large.images[: len(small)])
    assert len(np.unique(large.ids)) == len(large) == max(one, other)
    assert np.ptp(np.bincount(large.labels, minlength=CATALOGUE[name].sizes.classes)) <= 1


@pytest.mark.parametrize("name", EMBEDDED)
def test_seeds_move_the_draw_and_nothing_else(name: str) -> None:
    first, again, other = load(f"{name}@60", 1), load(f"{name}@60", 1), load(f"{name}@60", 2)
    assert first.split_hash == again.split_hash != other.split_hash
    assert np.array_equal(first.train.images, again.train.images)
    assert set(first.train.ids) != set(other.train.ids)
    assert np.array_equal(first.test.images, other.test.images)
    assert np.array_equal(first.validation.ids, other.validation.ids)
    assert not first.flip


def test_splits_never_move() -> None:
    """A change here is a new version of the target: raise its `version` in the catalogue."""
    assert {name: load(f"{name}@20").split_hash for name in EMBEDDED} == {
        "digits": "c7e0b8aad7c672a725cc35de4163c4de90e8776f21854620c39843c3d1fc81d4",
        "fractals-heldout": "37b349067316577ad4ff8b54cbe324f56d0db2f4c79234515e8bc05a7d76bf73",
    }


def test_test_images_of_built_in_targets_come_in_clusters() -> None:
    """Classes of held-out fractals, instances of arrangements, forms of digits; photographs have none."""
    counts = {}
    for name in ("fractals-heldout", "arrangement", "digits"):
        data = open_data(name, None, NOWHERE)
        assert data.clusters is not None
        assert np.array_equal(data.clusters, load(name, image_size=32).clusters)
        counts[name] = np.bincount(data.clusters[data.test])[-200:].tolist()
    assert counts["fractals-heldout"] == [100] * 20
    assert counts["arrangement"] == [10] * 200
    assert len(counts["digits"]) == 14
    assert min(counts["digits"]) > 45


def test_the_digits_of_a_form_are_those_of_every_form() -> None:
    """The labels after the first three rows of a form agree, up to digits that were left out."""
    data = open_data("digits", None, NOWHERE)
    assert data.clusters is not None
    forms = [data.labels[data.clusters == form].tolist() for form in range(14)]
    assert {len(form) for form in forms} <= set(range(121, 131))
    for form in forms:
        assert re.match("0?1234567890123456(78)?901234567890955650", "".join(map(str, form)))


def test_digits_are_the_real_ones_enlarged() -> None:
    from sklearn.datasets import load_digits

    splits = load("digits", image_size=8)
    source = load_digits()
    for part in (splits.train, splits.validation, splits.test):
        assert np.array_equal(part.labels, source.target[part.ids])
        assert np.array_equal(part.images[:, 0], source.images[part.ids].astype(int) * 255 // 16)
        assert (part.images == part.images[:, :1]).all()
    large = load("digits@10", image_size=32).train
    small = large.images.reshape(10, 3, 8, 4, 8, 4).mean(axis=(3, 5))
    assert np.abs(small - source.images[large.ids][:, None] * 255 / 16).mean() < 20


def test_the_held_out_target_has_ten_shots_unless_it_names_a_number() -> None:
    splits = load("fractals-heldout")
    assert np.bincount(splits.train.labels).tolist() == [10] * 20
    assert np.bincount(splits.test.labels).tolist() == [100] * 20
    images = [image.tobytes() for part in (splits.train, splits.validation, splits.test) for image in part.images]
    assert len(set(images)) == len(images)


def test_without_a_number_a_target_trains_on_its_whole_pool() -> None:
    assert load("digits").split_hash == load("digits@785").split_hash
    assert num_train_images(TargetRef("cifar10"), NOWHERE) == 45_000


def test_more_images_than_there_are_is_refused_with_both_sizes() -> None:
    with pytest.raises(InputError, match=r'"digits@786" asks for 786 training images, but 785 are available'):
        check_target(parse_target("digits@786"), NOWHERE)
    with pytest.raises(InputError, match=r"asks for 10,001 .* 10,000 are available"):
        load("fractals-heldout@10001")


@pytest.mark.parametrize("name", [name for name, entry in CATALOGUE.items() if entry.published])
def test_missing_data_names_the_folder_and_the_command(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        check_target(parse_target(f"{name}@100"), tmp_path)
    assert f"not found in {tmp_path}" in str(caught.value)
    assert f"bench data fetch {name} --data {tmp_path}" in str(caught.value)


def test_identities_hold_versions_and_images_and_need_no_files() -> None:
    assert target_identity(parse_target("cifar10@500"), NOWHERE) == {"name": "cifar10", "version": 1, "images": 500}
    heldout = target_identity(parse_target("fractals-heldout"), NOWHERE)
    assert heldout["images"] == 200
    assert set(heldout) == {"name", "version", "images", "corpus_version", "difficulty"}


def test_planning_imports_neither_torch_nor_numba() -> None:
    """Names, sizes, identities and presence are all answered without them."""
    program = """if True:
        import sys
        from pathlib import Path
        import bench.cli.data
        from bench.data import corpus, target
        nowhere = Path("nowhere")
        for text in ("digits@5", "fractals-heldout", "cifar10"):
            ref = target.parse_target(text)
            target.target_identity(ref, nowhere)
            target.num_train_images(ref, nowhere)
        target.check_target(target.parse_target("digits"), nowhere)
        corpus.check_corpus(corpus.CorpusRef(), 1000, nowhere)
        try:
            target.check_target(ref, nowhere)
        except ValueError:
            print([name for name in ("torch", "torchvision", "numba", "sklearn") if name in sys.modules])
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_path_with_an_at_sign_of_its_own_takes_a_slash(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "birds@2023", {"cat": 10, "dog": 10})
    with pytest.raises(InputError, match=r'birds@2023 is there, but .* write a slash behind the path: ".*birds@2023/"'):
        check_target(parse_target(f"folder:{folder}"), Path("x"))
    for text, number in ((f"folder:{folder}/", 14), (f"folder:{folder}/@8", 8)):
        check_target(parse_target(text), Path("x"))
        assert num_train_images(parse_target(text), Path("x")) == number
        assert str(parse_target(text)) == text
    with pytest.raises(InputError, match="write a slash behind a path whose last name has an @"):
        parse_target("folder:birds@home")
