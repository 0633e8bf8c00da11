"""The parts on speed say what the speed files say."""

import json
import math
import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from bench.report.machines import machines
from bench.report.page import Section, Table, Warned
from bench.report.rendering import as_html, as_markdown
from bench.report.sections.pareto import accuracy_against_cost
from bench.report.sections.speed import best, equal, ranking
from bench.report.sections.speed_and_cost import speed_and_cost
from bench.report.write import build_page
from tests.report.hand_made import add_probes, make_cells, make_suite, make_tables, without_scripts
from tests.speed_rows import FAILED, RATES, measured, measurement, reference, speeds

Suite = dict[str, Any]
Sections = dict[str, Section]
TITLES = ["Speed at equal settings", "Speed at best settings", "Where the ranking changes", "Accuracy against cost"]
ONE_PROCESS = "Measured in one process: the intervals are of that process."
MACHINE = "cpu-amd-epyc-9b45"
GPU = {
    "machine": "cuda-nvidia-h100",
    "device": "cuda",
    "device_name": "NVIDIA H100",
    "precision": "bf16",
    "joules_per_thousand_images": 0.25,
}


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """Of a suite with two targets and ablations."""
    return make_tables(make_cells())


@pytest.fixture
def sections(tables: dict[str, pd.DataFrame]) -> Callable[..., Sections]:
    """The sections on the speeds in some files, by title."""

    def build(files: dict[str, pd.DataFrame], **suite: Any) -> Sections:
        return {
            section.title: section
            for machine in machines(make_suite(**suite), tables, files)
            for section in (equal(machine), best(machine), ranking(machine), accuracy_against_cost(machine))
        }

    return build


def _rows(table: Table) -> dict[tuple[str, str], dict[str, str]]:
    """By model and implementation: column -> text and note."""
    return {
        (row[0].text, f"{row[1].text} {row[1].note}".strip()): {
            name: f"{cell.text} ({cell.note})" if cell.note else cell.text
            for name, cell in zip(table.header, row, strict=True)
        }
        for row in table.cells
    }


def _plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_speeds_of_other_models_or_another_image_size_are_left_out(tables: dict[str, pd.DataFrame]) -> None:
    others = {
        MACHINE: measurement().assign(image_size=224),
        "cuda-nvidia-h100": speeds(reference(1.0, model="vit_base/16"), measured(2.0, model="vit_base/16")),
        "empty": measurement().iloc[:0],
    }
    (machine,) = machines(make_suite(), tables, others)
    assert machine.name == ""
    assert machine.rows.empty


def test_equal_settings(sections: Any) -> None:
    """A table a task, a row a network: rate, ratio with its interval, needs; the reference first and marked."""
    frame = measurement()
    found = sections({MACHINE: frame})
    assert list(found) == TITLES
    section = found[TITLES[0]]
    inference, training, latency = section.tables
    assert inference.caption == f"Inference in fp32 on 1 thread, batch 32, contiguous, eager. {ONE_PROCESS}"
    assert list(_rows(inference)) == [
        ("vit_pico/8", "timm reference"),
        ("vit_pico/8", "ours"),
        ("bit_resnet_pico", "ours"),
        ("bit_resnet_pico", "torchvision"),
        ("r_pico+vit_pico/8", "ours"),
    ]
    equal = frame[(frame["kind"] == "equal") & (frame["task"] == "inference")].set_index(["model", "implementation"])
    for (model, implementation), row in _rows(inference).items():
        told = equal.loc[model, implementation.split()[0]]
        assert row["Images/s"] == f"{told['images_per_second']:,.0f} (12 rounds)"
        ends = f"{told['reference_ratio_low']:#.3g} to {told['reference_ratio_high']:#.3g}"
        ratio = "reference" if "reference" in implementation else f"{told['reference_ratio']:#.3g} ({ends})"
        assert _plain(row["Times the reference"]) == ratio
        assert row["Parameters"] == "207,146 (3.31 M MACs)"
        assert row["Peak memory"] == "5.72 MiB (activations 1.43 MiB)"
        assert row["Share of matrix rate"] == "20.0 %"
    assert "Per million images" not in inference.header
    assert _rows(training)["vit_pico/8", "ours"]["Per million images"] == "19.4 min"
    call = frame[(frame["kind"] == "latency") & frame["is_reference"]].iloc[0]
    row = _rows(latency)["vit_pico/8", "timm reference"]
    assert [row[name] for name in ("Median", "95th percentile", "99th percentile", "Calls")] == [
        *(f"{call[name]:#.3g} ms" for name in ("p50_ms", "p95_ms", "p99_ms")),
        "600",
    ]
    assert "AMD EPYC 9B45, 1 thread, 2026-01-01 at commit 0123abc, with python 3.11.2" in section.paragraphs[0]
    assert "Energy was not measured." in section.paragraphs


def test_a_row_that_failed_says_why(sections: Any) -> None:
    """In place of a rate; nothing that it has no number of is a zero."""
    table = sections({MACHINE: measurement()})[TITLES[0]].tables[1]
    row = _rows(table)["bit_resnet_pico", "torchvision"]
    assert row["Images/s"] == "out of memory (batch 512 does not fit)"
    absent = {
        row[name] for name in ("Times the reference", "Per million images", "Peak memory", "Share of matrix rate")
    }
    assert absent == {"\N{EN DASH}"}
    assert [cell.doubtful for cell in table.cells[3]].count(True) == 1


def test_a_reference_that_failed_leaves_no_ratio(sections: Any) -> None:
    frame = speeds(reference(1.0, **FAILED), measured(3000.0))
    (table,) = sections({MACHINE: frame})[TITLES[0]].tables
    assert _rows(table)["vit_pico/8", "ours"]["Times the reference"] == "\N{EN DASH}"
    assert _rows(table)["vit_pico/8", "timm reference"]["Images/s"].startswith("out of memory")


def test_few_rounds_have_no_interval(sections: Any) -> None:
    frame = speeds(reference(1000.0, rounds=4), measured(3000.0, rounds=4))
    (table,) = sections({MACHINE: frame})[TITLES[0]].tables
    assert _rows(table)["vit_pico/8", "ours"]["Times the reference"].endswith("(no interval)")


def test_best_settings_are_named(sections: Any) -> None:
    """Batch, layout and mode of each row; what could not be tried stands with its reason."""
    section = sections({MACHINE: measurement()})[TITLES[1]]
    inference, training, untried = section.tables
    assert _rows(inference)["vit_pico/8", "ours"]["Settings"] == "batch 64 (channels last, compiled)"
    assert _rows(inference)["vit_pico/8", "timm reference"]["Settings"] == "batch 32 (contiguous, eager)"
    assert training.caption == f"Training in fp32 on 1 thread, each at its best settings. {ONE_PROCESS}"
    assert len(untried.rows) == 6
    assert untried.rows[0] == (
        "inference",
        "fp32",
        "vit_pico/8",
        "ours",
        "batch 512, contiguous, eager",
        "out of memory",
    )


def test_a_search_without_failures_has_no_table(sections: Any) -> None:
    frame = measurement().assign(tried=json.dumps([]))
    assert len(sections({MACHINE: frame})[TITLES[1]].tables) == 2


def test_where_the_ranking_changes(sections: Any) -> None:
    """Places in each group, and pairs that change them, with both ratios."""
    section = sections({MACHINE: measurement()})[TITLES[2]]
    places, changes = section.tables
    assert places.header[1:] == tuple(
        f"{task} in fp32, {kind}" for task in ("Inference", "Training") for kind in ("equal", "best")
    )
    assert [[cell.text for cell in row] for row in places.cells] == [
        ["vit_pico/8", "1", "2", "1", "2"],
        ["bit_resnet_pico", "3", "1", "3", "1"],
        ["r_pico+vit_pico/8", "2", "3", "2", "3"],
    ]
    assert [[cell.text for cell in row[:4]] for row in changes.cells] == [
        [f"{task} in fp32", model, "bit_resnet_pico", "do"]
        for task in ("inference", "training")
        for model in ("vit_pico/8", "r_pico+vit_pico/8")
    ]
    assert _plain(changes.cells[0][4].note).startswith("1.2")


def test_an_uncertain_change_says_so(sections: Any) -> None:
    rows, layouts = [], {"equal": "contiguous", "best": "channels_last"}
    for kind, rates in (("equal", (1000.0, 970.0)), ("best", (1000.0, 1500.0))):
        rows.append(reference(1000.0, kind=kind))
        for model, rate in zip(("vit_pico/8", "bit_resnet_pico"), rates, strict=True):
            rows.append(measured(rate, model=model, kind=kind, layout=layouts[kind], noise=0.05))
    section = sections({MACHINE: speeds(*rows)})[TITLES[2]]
    (cell,) = [row[3] for row in section.tables[1].cells]
    assert (cell.text, cell.doubtful) == ("do not", True)


def test_the_same_order_says_so(sections: Any) -> None:
    """And so does a page that lacks one of the two."""
    frame = measurement()
    equal = frame[frame["kind"] == "equal"]
    order = pd.concat([equal, equal[equal["implementation"] == "ours"].assign(kind="best", is_reference=False)])
    order = pd.concat([order, frame[(frame["kind"] == "best") & frame["is_reference"]]])
    section = sections({MACHINE: order})[TITLES[2]]
    assert section.paragraphs[-1].startswith("No pair of models changes places")
    assert len(section.tables) == 1
    found = sections({MACHINE: equal})
    assert found[TITLES[2]].paragraphs == ("Only equal and best settings together can tell.",)
    assert found[TITLES[1]].paragraphs == ("Not measured.",)
    assert sections({MACHINE: frame[frame["kind"] == "best"]})[TITLES[0]].paragraphs[-1] == "Not measured."


def test_accuracy_against_cost(sections: Any, tables: dict[str, pd.DataFrame]) -> None:
    """The place of each row by each cost, with the page's filters, and what was not measured left out."""
    (table,) = sections({MACHINE: measurement()})[TITLES[3]].tables
    assert table.header == (
        *("Model", "Pretrained on", "Target", "Accuracy", "Images/s (large batches)"),
        *("Median latency of one image, ms", "Latency of one image, p95, ms", "Peak memory, MiB"),
        *("Parameters", "Multiply-accumulates", "Training FLOPs"),
    )
    assert [row[2].text for row in table.cells] == ["digits@100"] * 16 + ["fractals-heldout (in-domain)"] * 16
    assert [row.facts["target"] for row in table.all_rows] == ["digits@100"] * 16 + ["fractals-heldout"] * 16
    arms = ["none of position", "learned-1d of position", "/16 of overlap", "/16, stride 8 of overlap"]
    assert [row[0].note for row in table.cells[:16]] == [""] * 12 + [f"arm {arm}" for arm in arms]
    assert {row.facts["family"] for row in table.all_rows} == {"vit", "cnn", "hybrid"}
    notes = {(row[0].text, row[1].text): [cell.note for cell in row[4:]] for row in table.cells[:12]}
    assert notes["bit_resnet_pico", "4,096 images"] == ["front"] * 7
    assert notes["vit_pico/8", "from scratch"][0] == "behind"
    without = measurement()
    found = sections({MACHINE: without[without["kind"] == "equal"]})[TITLES[3]]
    assert "Images/s (large batches)" not in found.tables[0].header
    assert "Not measured, and left out: Images/s (large batches), Median latency of one image, ms." in found.paragraphs


def test_without_a_known_cost_there_is_nothing_to_show() -> None:
    """Of probes alone, which train no network, and of runs of which nothing is known: not a word on what a row is."""
    probed = add_probes(make_cells(arms=False)).query("transfer != 'fine-tune'")
    failed = make_cells(arms=False).assign(status="not_run", reason="no data", accuracy=math.nan)
    for cells in (probed, failed):
        (machine,) = machines(make_suite(), make_tables(cells), {MACHINE: measurement().query("kind == 'equal'")})
        section = accuracy_against_cost(machine)
        assert section.paragraphs == ("No fine-tuned row has a cost that is known.",)
        assert section.tables == ()


def test_each_machine_has_sections_of_its_own(sections: Any) -> None:
    """Named by it; energy stands where it was measured."""
    found = sections({MACHINE: measurement(), "cuda-nvidia-h100": measurement(**GPU)})
    assert list(found) == [f"{title}: {name}" for name in (MACHINE, "cuda-nvidia-h100") for title in TITLES]
    gpu = found["Speed at equal settings: cuda-nvidia-h100"]
    assert gpu.paragraphs[0].startswith("Measured on NVIDIA H100, AMD EPYC 9B45")
    assert _rows(gpu.tables[0])["vit_pico/8", "ours"]["J per thousand images"] == "0.250"
    assert "bf16" in gpu.tables[0].caption
    assert "J per thousand images" in found["Accuracy against cost: cuda-nvidia-h100"].tables[0].header
    assert "J per thousand images" not in found[f"Speed at equal settings: {MACHINE}"].tables[0].header
    assert len({section.anchor for section in found.values()}) == len(found)


def test_the_latest_measurement_of_the_suite_counts(sections: Any) -> None:
    """Not an earlier one, nor a later one of another suite; another suite's where there is none of its own."""
    earlier = measurement(measurement="m0", measured_at="2025-12-31T00:00:00Z", commit="old")
    other = measurement(measurement="m9", measured_at="2026-03-01T00:00:00Z", commit="other", suite="other")
    frame = pd.concat([measurement(), earlier, other], ignore_index=True)
    assert "at commit 0123abc," in sections({MACHINE: frame})[TITLES[0]].paragraphs[0]
    assert "at commit other," in sections({MACHINE: other})[TITLES[0]].paragraphs[0]


def test_a_model_that_the_suite_lacks_is_left_out(sections: Any) -> None:
    """But for the reference, which the ratios are to; an ablation's arm is of the suite."""
    rows = [
        reference(1000.0, model="vit_tiny/8"),
        measured(900.0, model="resnet18", family="cnn"),
        measured(800.0, model="vit_pico/16"),
        measured(700.0),
    ]
    (table,) = sections({MACHINE: speeds(*rows)})[TITLES[0]].tables
    assert [row[0].text for row in table.cells] == ["vit_tiny/8", "vit_pico/8", "vit_pico/16"]


def test_measurements_that_differ_warn(tables: dict[str, pd.DataFrame]) -> None:
    """In versions, threads or commit; and rows of another version of the protocol."""
    frame = measurement()
    frame.loc[frame["task"] == "training", ["torch", "protocol"]] = ["2.14.0", 0]
    (machine,) = machines(make_suite(), tables, {MACHINE: frame})
    section = speed_and_cost("cpu", [machine], {})
    warnings = section.warnings
    assert [block.text for block in section.blocks if isinstance(block, Warned)] == list(warnings)
    (same,) = machines(make_suite(), tables, {MACHINE: measurement()})
    assert speed_and_cost("cpu", [same], {}).warnings == ()
    assert [warning.split(",")[0] for warning in warnings[:2]] == [
        "The measurements differ in protocol",
        "The measurements differ in torch",
    ]
    assert "version 0 of the speed protocol" in warnings[2]


def test_every_rate_is_on_both_pages_and_text_is_escaped(tables: dict[str, pd.DataFrame]) -> None:
    """A reason, a version and a machine's name may be anything."""
    evil = '<script>alert("x")</script> | `rm`'
    suite, frame = make_suite(), measurement(commit=evil, processor=evil)
    frame.loc[frame["status"] != "ok", "reason"] = evil
    page = build_page(suite, tables, {}, measured=machines(suite, tables, {MACHINE: frame, evil: frame}))
    html, markdown = re.sub(r"<script>\s.*?</script>", "", as_html(page), flags=re.DOTALL), as_markdown(page)
    assert "<script>alert" not in html + markdown.split("```yaml")[0]
    assert "&lt;script&gt;alert" in html
    for rate in frame.loc[frame["kind"] != "latency", "images_per_second"].dropna():
        assert f"{rate:,.0f}" in html
        assert f"{rate:,.0f}" in markdown
    assert not re.search(r"\b(nan|<na>)\b", without_scripts(html) + markdown, re.IGNORECASE)
    assert set(RATES) <= set(frame["model"])
