"""The command line as a person meets it, with its output and exit code.

Some commands run in a process of their own, as a person's do; the others in that of the tests, to the same code.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.cli.verify import Repetition, _verdict
from bench.data.sources.checksums import UNPACKED
from tests import in_process

TINY = {"targets": ["digits@20"], "subsets": [16], "images": {"pretrain": 32, "transfer": 32}}


def bench(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "BENCH_DATA": ""}
    command = [sys.executable, "-m", "bench", *map(str, words)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a tiny suite of three families, with an ablation, was run and reported."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.yaml").write_text(
        """
        corpus: {name: fractals, classes: 4}
        subsets: [16, 32]
        models: [vit_pico/8, bit_resnet_pico, r_pico+vit_pico/8]
        targets: [digits@20]
        seeds: [0, 1]
        images: {pretrain: 32, transfer: 32}
        ablations:
          - {name: position, reference: with, arms: {with: vit_pico/8, none: "vit_pico/8:pos=none"}}
        """,
        encoding="utf-8",
    )
    ran = bench("run", "tiny.yaml", folder=folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "about" in ran.stdout
    assert "results/tiny" in ran.stdout
    return folder


def test_a_run_leaves_a_row_for_every_cell(finished):
    cells = pd.read_parquet(finished / "results/tiny/tables/cells.parquet")
    # For each of 2 seeds: 3 models on 2 rungs and from scratch, and 2 arms.
    assert len(cells) == 2 * (3 * 3 + 2)
    assert set(cells["status"]) == {"ok"}
    assert cells["accuracy"].between(0, 1).all()
    assert set(cells["family"]) == {"vit", "cnn", "hybrid"}
    hashes = cells[cells["corpus"] == "fractals"].groupby("subset_images")["subset_hash"].nunique()
    assert hashes.to_dict() == {16: 1, 32: 1}


@dataclass(frozen=True)
class Reported:
    """What the tables were before a report, and what it printed."""

    tables: dict[str, bytes]
    said: str


@pytest.fixture(scope="module")
def reported(finished: Path) -> Reported:
    """The folder's first report, made without torch."""
    tables = _contents(finished / "results/tiny/tables")
    script = (
        "import sys; from bench.cli.app import app\n"
        "try: app(['report', 'tiny.yaml'])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "loaded = {'torch', 'torchvision', 'timm'} & sys.modules.keys(); assert not loaded, loaded"
    )
    environment = os.environ | {"COLUMNS": "200"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=finished, env=environment, check=True, capture_output=True, text=True)
    return Reported(tables, done.stdout)


def test_a_report_is_rebuilt_from_the_store_alone_byte_for_byte_without_torch(finished, reported):
    """The tables first as `run` left them, then as `report` rebuilds them and adds what became of the claims."""
    rebuilt = _contents(finished / "results/tiny/tables")
    assert rebuilt.keys() - reported.tables.keys() == {"claims.csv", "claims.parquet"}
    assert {name: content for name, content in rebuilt.items() if name in reported.tables} == reported.tables
    page = (finished / "reports/tiny/index.html").read_text(encoding="utf-8")
    assert "vit_pico/8" in page
    first = _contents(finished / "reports/tiny")
    assert in_process.bench("report", "tiny", folder=finished).code == 0
    assert _contents(finished / "reports/tiny") == first


def test_a_report_ends_with_the_comparison_and_its_path(reported):
    assert "bit_resnet_pico" in reported.said
    assert reported.said.rstrip().endswith("reports/tiny/index.html")


def test_the_same_command_again_skips_what_is_finished(finished):
    before = _times(finished / "results/tiny/runs")
    again = in_process.bench("run", "tiny.yaml", folder=finished)
    assert again.code == 0
    assert "are finished and will be skipped" in again.said
    assert _times(finished / "results/tiny/runs") == before
    status = in_process.bench("status", "tiny", folder=finished).said
    assert "ok" in status
    assert "failed" not in status


def test_verify_repeats_a_run_exactly(finished):
    cells = pd.read_parquet(finished / "results/tiny/tables/cells.parquet")
    key = cells[(cells["family"] == "cnn") & (cells["subset_images"] == 16)]["transfer_key"].iloc[0]
    verified = in_process.bench("verify", key, folder=finished)
    assert verified.code == 0, verified
    assert "the same, bit for bit" in verified.said
    assert "reproduced" in verified.said
    (loss,) = [line for line in verified.said.splitlines() if "test loss" in line]
    kept, repeated = re.findall(r"[0-9.]+", loss)
    assert kept == repeated


@pytest.mark.parametrize("differing", ["metrics", "predictions", "weights"])
def test_a_repetition_is_the_same_only_if_metrics_predictions_and_weights_are(plan_suite, differing):
    kept, run = {"metrics": {"test_accuracy": 0.5}}, plan_suite().runs[0]
    newer = {"metrics": {"test_accuracy": 0.5, "num_answers": 3}}
    assert Repetition(run, kept, kept, same_predictions=None, same_weights=True).is_same
    assert Repetition(run, kept, newer, same_predictions=None, same_weights=True).is_same
    repeated = {"metrics": {"test_accuracy": 0.999}} if differing == "metrics" else kept
    same = {"same_predictions": differing != "predictions", "same_weights": differing != "weights"}
    assert not Repetition(run, kept, repeated, **same).is_same


def test_verify_run_and_report_need_no_file_that_a_published_store_leaves_out(finished, tmp_path):
    """The hashes in a slim store's records stand for predictions and weights."""
    slim, whole = tmp_path / "results/tiny", finished / "results/tiny"
    ended = in_process.bench("slim", "tiny", slim, "--results", finished / "results", folder=tmp_path)
    assert ended.code == 0, ended
    assert not list(slim.glob("runs/*/*.parquet"))
    assert 0 < len(list(slim.glob("runs/*/*.safetensors"))) < len(list(slim.glob("runs/*")))
    cells = pd.read_parquet(slim / "tables/cells.parquet")
    key = cells[(cells["family"] == "cnn") & (cells["subset_images"] == 16)]["transfer_key"].iloc[0]
    shutil.rmtree(slim / "tables")
    for command in ("report", "claims"):
        assert in_process.bench(command, "tiny", folder=tmp_path).code == 0
    for table in ("cells", "comparison", "correctness", "claims"):
        assert (slim / f"tables/{table}.parquet").read_bytes() == (whole / f"tables/{table}.parquet").read_bytes()
    before = {path: path.read_bytes() for path in slim.glob("runs/*/record.json")}
    assert in_process.bench("run", finished / "tiny.yaml", folder=tmp_path).code == 0
    assert {path: path.read_bytes() for path in slim.glob("runs/*/record.json")} == before
    verified = in_process.bench("verify", key, folder=tmp_path)
    assert verified.code == 0, verified
    assert "the same, bit for bit" in verified.said


@pytest.mark.parametrize(
    ("difference", "environment", "reproduced"),
    [(0.05, {"processor_model": "another"}, True), (0.05, {}, False), (0.09, {"torch": "another"}, False)],
)
def test_an_accuracy_may_differ_a_little_in_another_environment_alone(plan_suite, difference, environment, reproduced):
    kept = {"metrics": {"test_loss": 1.0, "test_accuracy": 0.5}, "environment": {"torch": "2", "processor_model": "1"}}
    metrics = {"test_loss": 2.0, "test_accuracy": 0.5 + difference}
    repeated = {"metrics": metrics, "environment": kept["environment"] | environment}
    repetition = Repetition(plan_suite().runs[0], kept, repeated, same_predictions=False, same_weights=False)
    assert not repetition.is_same
    assert repetition.is_reproduced == reproduced


def test_the_verdict_says_that_other_sources_made_the_kept_run(plan_suite):
    kept = {"metrics": {"test_accuracy": 0.5}, "sources_hash": "a"}
    said = {}
    for sources in ("a", "b"):
        repeated = {"metrics": {"test_accuracy": 0.6}, "sources_hash": sources}
        said[sources] = _verdict(Repetition(plan_suite().runs[0], kept, repeated, False, False)).plain
    assert said["a"] == "not reproduced"
    assert said["b"].startswith("not reproduced: other sources made the kept run")


def test_only_runs_a_row_and_what_it_needs(finished, tmp_path):
    words = ("run", finished / "tiny.yaml", "--only", "model=bit_resnet_pico,target=digits@20,seed=1,subset=16")
    ran = in_process.bench(*words, folder=tmp_path)
    assert ran.code == 0, ran
    assert len(list((tmp_path / "results/tiny/runs").iterdir())) == 2
    cells = pd.read_parquet(tmp_path / "results/tiny/tables/cells.parquet")
    assert cells["status"].value_counts().to_dict() == {"not_run": len(cells) - 1, "ok": 1}


def test_a_run_that_fails_is_listed_last_and_the_exit_code_is_1(tmp_path):
    """A learning rate beyond float32 makes every run diverge."""
    (tmp_path / "wild.yaml").write_text("{learning_rate: 1.0e+30, clip_norm: null}", encoding="utf-8")
    _write_tiny(tmp_path / "odd.yaml", models=["bit_resnet_pico"], recipes={"pretrain": "wild.yaml"})
    ran = in_process.bench("run", "odd.yaml", folder=tmp_path)
    assert ran.code == 1
    assert "diverged" in ran.said.splitlines()[-2]
    assert in_process.bench("report", "odd", folder=tmp_path).code == 0


def test_fine_tuning_at_a_higher_resolution_is_compared_with_training_from_scratch(tmp_path):
    (tmp_path / "finer.yaml").write_text("image_size: 40", encoding="utf-8")
    _write_tiny(tmp_path / "high.yaml", models=["vit_pico/8"], seeds=[0, 1], recipes={"transfer": "finer.yaml"})
    assert in_process.bench("run", "high.yaml", folder=tmp_path).code == 0
    reported = in_process.bench("report", "high.yaml", folder=tmp_path)
    assert reported.code == 0, reported
    assert "from scratch at 32 px" in reported.said
    table = pd.read_parquet(tmp_path / "results/high/tables/comparison.parquet")
    assert table["image_size"].tolist() == [32, 40]
    assert table["gain"].iloc[1] == pytest.approx(table["accuracy"].iloc[1] - table["accuracy"].iloc[0])
    page = (tmp_path / "reports/high/index.html").read_text(encoding="utf-8")
    assert "transfer at 40 px" in page
    assert (tmp_path / "reports/high/figures/accuracy.svg").exists()


def test_contamination_duplicates_and_one_answer_are_said_in_terminal_and_page(tmp_path):
    """On a target whose test images are 9 and 3 of two classes, of which one was pretrained on and one is in train."""
    generator = np.random.default_rng(0)
    noise = [Image.fromarray(generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)) for _ in range(62)]
    numbers = {"corpus/train/a": range(20), "corpus/train/b": range(20, 40), "x/train/a": range(40, 46)}
    numbers |= {"corpus/test/a": [58], "corpus/test/b": [59], "corpus/validation/a": [60], "corpus/validation/b": [61]}
    numbers |= {"x/train/b": [46, 47], "x/test/a": [0, 40, *range(48, 55)], "x/test/b": range(55, 58)}
    for folder, placed in numbers.items():
        (tmp_path / folder).mkdir(parents=True)
        for number in placed:
            noise[number].save(tmp_path / folder / f"{number:02}.png")
    (tmp_path / "still.yaml").write_text("learning_rate: 1.0e-12", encoding="utf-8")
    data = {"corpus": "folder:corpus", "subsets": [40], "targets": ["folder:x"], "carve": False}
    _write_tiny(tmp_path / "odd.yaml", models=["vit_pico/8"], **data, recipes={"transfer": "still.yaml"})
    ran = in_process.bench("run", "odd.yaml", folder=tmp_path)
    assert ran.code == 0, ran
    reported = in_process.bench("report", "odd.yaml", folder=tmp_path)
    contamination = "Contamination: up to 1 of 12 test images of folder:x are in a subset of folder:corpus"
    shared = "folder:x has test images whose pixels are also among the training or validation images (1)."
    for said in (" ".join(ran.said.split()), " ".join(reported.said.split())):
        assert f"warning: {contamination} that models were pretrained on; the tables mark the rows." in said
        assert f"warning: {shared}" in said
    cells = pd.read_parquet(tmp_path / "results/odd/tables/cells.parquet").set_index("corpus")
    assert cells["num_contaminated"].fillna(-1).to_dict() == {"none": -1, "folder:corpus": 1}
    assert set(cells["constant_answer"]) == {0.75}
    page = (tmp_path / "reports/odd/report.md").read_text(encoding="utf-8")
    constant = "The best constant answer reaches 75.0 % on folder:x."
    assert all(words in page for words in (contamination, shared, constant, "1 of 12 test images pretrained on"))
    assert (cells["num_answers"] == 1).any()
    compared = page[page.index("## Compare") : page.index("## More data")]
    for text in (reported.said, compared):
        assert text.count("one class for all test images in 1 of 1 seed") == (cells["num_answers"] == 1).sum()
        assert "balanced 50.0 %" in text


def test_a_sum_that_differs_ends_a_run_before_anything_is_trained(tmp_path):
    """Also where the first row is of another data set, and torchvision itself compares no sum."""
    raw = tmp_path / "data" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name in UNPACKED["FashionMNIST"]:
        (raw / name).write_bytes(b"x")
    _write_tiny(tmp_path / "damaged.yaml", models=["vit_pico/8"], targets=["digits@100", "fashion-mnist@100"])
    ended = in_process.bench("run", "damaged.yaml", "--data", str(tmp_path / "data"), folder=tmp_path)
    assert ended.code == 2
    for published in UNPACKED["FashionMNIST"].values():
        sums = f"its MD5 is {hashlib.md5(b'x').hexdigest()}, but {published} was published"
        assert sums in " ".join(ended.errors.split())
    assert not (tmp_path / "results" / "damaged").exists()


def test_ctrl_c_leaves_the_store_whole(tmp_path, interruptible):
    _write_tiny(tmp_path / "long.yaml", images={"pretrain": 4096, "transfer": 64})
    environment = os.environ | {"NO_COLOR": "1"}
    command = [*interruptible, sys.executable, "-m", "bench", "run", "long.yaml", "--workers", "2"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
        runs = tmp_path / "results/long/runs"
        while process.poll() is None and not list(runs.glob("[0-9a-f]*")):
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        process.wait()
        said, _ = process.communicate()
    assert process.returncode == 130
    assert "the same command continues from here" in said
    assert "Traceback" not in said
    records = [json.loads((path / "record.json").read_text(encoding="utf-8")) for path in runs.glob("[0-9a-f]*")]
    assert records
    assert {record["status"] for record in records} == {"ok"}
    assert (tmp_path / "results/long/tables/cells.csv").is_file()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["run", "nowhere.yaml"], ["nowhere.yaml", "cannot be read"]),
        (["plan", "smok"], ["smok", "smoke"]),
        (["report", "smoke"], ["results/smoke", "bench run smoke"]),
        (["verify", "feed"], ["feed", "no run has such a key"]),
        (["models", "--family", "mlp"], ["mlp", "vit, cnn, hybrid"]),
        (["models", "vit_pico/8", "--family", "cnn"], ["none of vit_pico/8 is of that family"]),
        (
            ["models", "timm:test_resnet:weights=/gone.safetensors"],
            ["no file /gone.safetensors", "for random initial weights"],
        ),
        (["models", "timm:test_convnext", "--image-size", "34"], ["never sees 11.4% of the pixels"]),
        (["plan", "smoke", "--only", "seed=9"], ["--only seed=9"]),
        (["plan", "smoke", "--only", ""], ["--only : neither a run's key", "allowed fields: model=…"]),
        (["run", "smoke", "--results", "/proc/nothing"], ["/proc/nothing/smoke: cannot be written", "--results DIR"]),
        (["run", "smoke", "--device", "tpu"], ["tpu", "cpu"]),
    ],
)
def test_wrong_input_is_one_message_and_exit_code_2(tmp_path, words, parts):
    ended = in_process.bench(*words, folder=tmp_path)
    assert ended.code == 2
    assert "Traceback" not in ended.errors + ended.said
    for part in parts:
        assert part in ended.errors


def test_a_process_ends_with_that_message_and_code(tmp_path):
    ended = bench("plan", "smok", folder=tmp_path)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr + ended.stdout
    assert "smoke" in ended.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_a_full_output_is_one_message_and_exit_code_2(tmp_path, options):
    with open("/dev/full", "w") as full:
        words = [sys.executable, "-m", "bench", "plan", "smoke", *options]
        ended = subprocess.run(words, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 2
    assert ended.stderr == "error: standard output: cannot be written (No space left on device); send it elsewhere\n"


def test_the_plan_as_json_names_every_run(tmp_path):
    planned = json.loads(in_process.bench("plan", "smoke", "--json", folder=tmp_path).said)
    keys = [run["key"] for run in planned["runs"]]
    assert len(keys) == len(set(keys)) > 10
    assert planned["suite"]["name"] == "smoke"


def test_the_models_are_listed(tmp_path):
    names = ("vit_pico/8", "cct_2/3x2", "r_pico+vit_pico/8")
    listed = json.loads(in_process.bench("models", *names, "--json", "--family", "hybrid", folder=tmp_path).said)
    assert len(listed) == 2
    pico = next(entry for entry in listed if entry["model"] == "r_pico+vit_pico/8")
    assert pico["tokens"] == 16
    assert 100_000 < pico["parameters"] < 300_000
    assert {entry["family"] for entry in listed} == {"hybrid"}


def test_sizes_and_classes_are_those_at_the_asked_image_size(tmp_path):
    names = ["resnet50", "vit_small/16", "vit_base/16:tokenizer=conv-stem,depth=11", "bit_resnet152x2", "timm:test_vit"]
    words = ("models", *names, "--json", "--image-size", "224", "--classes", "1000")
    entries = {entry["model"]: entry for entry in json.loads(in_process.bench(*words, folder=tmp_path).said)}
    assert [entries[name]["parameters"] for name in names[:2]] == [25_557_032, 22_050_664]
    assert [entries[name]["macs"] for name in names[:2]] == [4_089_184_256, 4_598_882_304]
    assert entries["resnet50"]["size_class"] == entries["resnet50"]["size_class_by_macs"] == "vit_small/16"
    stem = entries["vit_base/16:depth=11,tokenizer=conv-stem"]
    assert (stem["family"], stem["size_class"], stem["tokens"]) == ("hybrid", "vit_base/16", 196)
    assert entries["bit_resnet152x2"]["size_class"] is entries["bit_resnet152x2"]["size_class_by_macs"] is None
    assert entries["timm:test_vit"]["family"] == "vit"


def test_the_models_as_a_table_say_what_is_counted(tmp_path):
    text = in_process.bench("models", folder=tmp_path).said
    assert "They include the two products inside attention" in text
    assert "Not at 32 px: vit_huge/14." in text
    assert re.search(r"cct_7/3x1 +hybrid +3\.76 M +1\.182 G +256 +lite7 ", text)


def test_a_long_name_leaves_room_for_its_numbers(tmp_path):
    name = "vit_pico/8:pool=gap,pos=relative,pos_at=every-layer-shared,registers=4"
    text = in_process.bench("models", name, folder=tmp_path, columns=80).said
    assert "Not at" not in text
    assert re.search(r"2\d\d\.\d k +\d\.\d+ M +16 +pico +pico", text), text


def _write_tiny(path: Path, **changes: object) -> None:
    models = {"models": ["vit_pico/8", "bit_resnet_pico"], "corpus": {"name": "fractals", "classes": 4}, "seeds": [0]}
    path.write_text(json.dumps(models | TINY | changes), encoding="utf-8")


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_a_suite_has_the_same_name_in_every_command(tmp_path, write_suite):
    path = write_suite("exp.v2")
    path.rename(tmp_path / "exp.v2")
    planned = in_process.bench("plan", "./exp.v2", folder=tmp_path)
    assert (planned.code, planned.said.partition(":")[0]) == (0, "suite exp.v2")
    for command, name in (("report", "./exp.v2"), ("status", "exp.v2"), ("claims", "results/exp.v2")):
        ended = in_process.bench(command, name, folder=tmp_path)
        assert ended.code == 2
        assert "no results of suite 'exp.v2'" in ended.errors
    for name in ("..", ".", "results/.yaml"):
        assert in_process.bench("report", name, folder=tmp_path).code == 2


def test_the_version_is_printed(tmp_path):
    assert re.fullmatch(r"bench \d+\.\d+\.\d+\S*, protocol \d+\n", in_process.bench("--version", folder=tmp_path).said)


def test_a_tilde_in_a_suite_is_the_users_folder(tmp_path, write_suite, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").write_text("learning_rate: 0.1", encoding="utf-8")
    write_suite(recipes={"pretrain": "~/mine.yaml"}, targets=["digits@20", {"target": "folder:~/x", "optional": True}])
    planned = in_process.bench("plan", "~/tiny.yaml", "--json", folder=tmp_path)
    assert planned.code == 0, planned.errors
    assert json.loads(planned.said)["suite"]["targets"][1]["target"] == f"folder:{tmp_path}/x"
