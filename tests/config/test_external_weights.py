"""A suite with external weights, from the command to the pages; and suites that require models of one size."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import timm
from rich.console import Console
from safetensors.torch import save_file

import models
from bench.cli.run import RunArguments, run_suite
from bench.cli.size_class import check_size_class
from bench.errors import InputError
from bench.plan.expand import expand
from tests import in_process

SPEC = "timm:test_resnet:weights=external.safetensors"


def bench(*words: str, folder: Path, code: int = 0) -> str:
    ended = in_process.bench(*words, folder=folder)
    assert ended.code == code, ended
    return ended.said + ended.errors


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which such a suite was run and reported."""
    folder = tmp_path_factory.mktemp("finished")
    save_file(timm.create_model("test_resnet", num_classes=10).state_dict(), folder / "external.safetensors")
    suite = {
        "corpus": {"name": "fractals", "classes": 4},
        "subsets": [16],
        "models": ["vit_pico/8", SPEC],
        "targets": ["digits@20"],
        "seeds": [0],
        "images": {"pretrain": 32, "transfer": 32},
    }
    (folder / "tiny.yaml").write_text(json.dumps(suite), encoding="utf-8")
    bench("run", "tiny.yaml", "--device", "cpu", folder=folder)
    bench("report", "tiny", folder=folder)
    return folder


@pytest.fixture
def row(finished: Path) -> pd.Series:
    cells = pd.read_parquet(finished / "results/tiny/tables/cells.parquet")
    assert len(cells) == 3
    (position,) = cells.index[cells["model"] == "timm:test_resnet"]
    return cells.loc[position]


def test_row_has_its_own_corpus_and_no_size(finished: Path, row: pd.Series) -> None:
    assert row["status"] == "ok", row["reason"]
    sha256 = models.external.weights_source.weights_sha256(finished / "external.safetensors")
    assert row["corpus"] == f"external:{sha256[:12]}"
    assert row[["subset_images", "subset_classes"]].isna().all()
    assert (row["family"], row["pretrain_key"], row["transfer_recipe"]) == ("cnn", "", "small")
    runs = pd.read_parquet(finished / "results/tiny/tables/runs.parquet").set_index("key")
    run = runs.loc[row["transfer_key"]]
    assert (run["kind"], run["corpus"], run["starts_from"]) == ("transfer", row["corpus"], "")
    assert pd.isna(run["subset_images"])
    comparison = pd.read_parquet(finished / "results/tiny/tables/comparison.parquet").set_index("model")
    assert comparison.loc["timm:test_resnet", "gain_status"] == "undecided: no from-scratch row"


def test_its_run_can_be_loaded_without_the_file(finished: Path, row: pd.Series) -> None:
    folder = finished / "results/tiny/runs" / row["transfer_key"]
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    assert (record["run"]["model"], record["run"]["weights"][:12]) == ("timm:test_resnet", row["corpus"][-12:])
    loaded = models.load(folder)
    assert str(loaded.spec) == "timm:test_resnet"
    assert loaded.model.head.out_features == 10


def test_pages_name_its_source_and_scaling(finished: Path, row: pd.Series) -> None:
    markdown = (finished / "reports/tiny/report.md").read_text(encoding="utf-8")
    sha256 = models.external.weights_source.weights_sha256(finished / "external.safetensors")
    assert f"| {SPEC} | {row['corpus']} | external.safetensors | {sha256} |" in markdown
    assert "Exceptions to the scaling" not in markdown
    assert "without their library's own dropout" in markdown
    assert f"| timm:test_resnet | {row['corpus']}, size unknown |" in markdown
    assert "They are on no ladder" in markdown
    assert "no claim of the literature uses them" in markdown
    assert "no from-scratch row" in markdown
    assert "| vit_pico/8 | 16 images |" in markdown
    figure = (finished / "reports/tiny/figures/accuracy.svg").read_text(encoding="utf-8")
    assert "vit_pico/8" in figure
    assert "test_resnet" not in figure


def test_it_cannot_be_repeated_without_its_file(finished: Path, row: pd.Series, tmp_path: Path) -> None:
    """Which says nothing of whether it would come out the same."""
    results = ["--results", str(finished / "results")]
    printed = bench("verify", row["transfer_key"], *results, folder=tmp_path, code=2)
    assert "could not be repeated: " in printed
    assert "external.safetensors can't be read" in printed
    assert "not reproduced" not in printed


def test_a_moved_file_leaves_its_runs_finished_and_a_missing_one_is_named(finished: Path, tmp_path: Path) -> None:
    here = shutil.copytree(finished, tmp_path / "here")
    suite = (here / "tiny.yaml").read_text(encoding="utf-8")
    (here / "elsewhere").mkdir()
    (here / "external.safetensors").rename(here / "elsewhere/moved.safetensors")
    words = ("run", "tiny.yaml", "--device", "cpu")
    assert "there is no file external.safetensors" in bench(*words, folder=here, code=2)
    moved = suite.replace("external.safetensors", "elsewhere/moved.safetensors")
    (here / "tiny.yaml").write_text(moved, encoding="utf-8")
    assert "4 runs are finished and will be skipped" in bench(*words, folder=here)


def test_it_is_counted_chosen_and_repeated_like_any_other(finished: Path, row: pd.Series) -> None:
    assert "4 runs: 4 ok" in bench("status", "tiny", folder=finished)
    planned = bench("plan", "tiny.yaml", "--device", "cpu", "--only", f"model={SPEC}", "--runs", folder=finished)
    assert f"transfer timm:test_resnet from {row['corpus']} on digits@20, seed 0" in planned
    assert "reproduced" in bench("verify", row["transfer_key"], folder=finished)


def test_models_without_a_partner_of_their_size_are_refused_before_training(resolve_suite, tmp_path) -> None:
    suite = resolve_suite(models=["vit_pico/8", "bit_resnet_pico", "timm:test_resnet"], size_class="parameters")
    with pytest.raises(InputError) as caught:
        run_suite(suite, expand(suite), RunArguments(tmp_path, tmp_path, 1), Console())
    sizes = {name: models.count(name, num_classes=10).parameters for name in suite.models}
    vit, other = sizes["vit_pico/8"], sizes["timm:test_resnet"]
    for part in (
        "size_class: parameters asks for a partner within 20 %",
        f"timm:test_resnet (cnn, {other:,} parameters) has no vit; the nearest is vit_pico/8 ({vit:,}, ",
        "leave size_class out",
    ):
        assert part in str(caught.value)
    assert "bit_resnet_pico (" not in str(caught.value)
    assert not (tmp_path / "tiny").exists()


def test_models_of_one_size_are_accepted(resolve_suite) -> None:
    """Ablation arms have no say, and neither have external weights."""
    arms = {"whole": "vit_pico/8", "half": "vit_pico/8:depth=2"}
    check_size_class(
        resolve_suite(size_class="parameters", ablations=[{"name": "depth", "reference": "whole", "arms": arms}])
    )


def test_a_plan_says_that_sizes_will_be_checked(finished: Path) -> None:
    suite = json.loads((finished / "tiny.yaml").read_text(encoding="utf-8"))
    (finished / "sized.yaml").write_text(json.dumps(suite | {"size_class": "macs"}), encoding="utf-8")
    assert "size_class: macs asks for a partner" in bench("plan", "sized.yaml", "--device", "cpu", folder=finished)
    assert "size_class" not in bench("plan", "tiny.yaml", "--device", "cpu", folder=finished)
