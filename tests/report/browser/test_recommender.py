"""The page's recommender against `bench recommend`, on drawn questions, in a browser."""

import json
import re
import shlex
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.analysis.format import decimal, listed, percent, share, with_bounds
from bench.analysis.recommend.answer import recommend
from bench.analysis.recommend.candidates import LATENCY, MEMORY, PARAMETERS
from bench.analysis.recommend.messages import FIELDS, message
from bench.analysis.recommend.question import MOST_IMAGES, Measured, Question
from bench.cli.app import app
from bench.cli.recommend import as_json
from bench.errors import InputError
from bench.report.recommender import rungs_of
from bench.store.store import Store
from bench.tables.build import build_tables
from tests.analysis.recommend.conftest import planted
from tests.analysis.recommend.test_answer import ALL, BEST, EQUAL, HELDOUT, WORSE, latencies
from tests.report.browser.conftest import OpenPage
from tests.report.browser.recommender_page import Form, shown, write_page

REFERENCE = Path(__file__).parents[3] / "results" / "reference-cpu"
NUM_QUESTIONS = 40
ALWAYS: tuple[Form, ...] = (
    {},
    {"images": "300"},
    {"images": "60", "like": "folder:photos"},
    {"images": "100", "classes": "20"},
    {"parameters": "1000"},
    {"latency": "3", "percentile": "99", "machine": "cpu-a"},
    {"like": "strokes-heldout"},
)
"""Questions that each store is asked: what is refused for most stores, and what draws seldom ask."""
PARTS = ("wrong", "recommended", "refusal", "help", "why", "compared", "candidates", "notes")
NOTHING: dict[str, Any] = {part: [] for part in PARTS}
AT_1000 = {"target": "digits@1000", "target_images": 1000}
AT_60 = {"target": "folder:photos@60", "target_images": 60}
AT_256 = {"subset_images": 256}
SCRATCH = {"corpus": "none", "subset_images": 0}
ARM = {"model": "vit_pico/16", "family": "vit", "ablation": "overlap", "arm": "/16", "accuracy": 0.897, "macs": 9e5}
BROKEN = ARM | {"model": "vit_pico/4", "arm": "/4", "status": "failed", "reason": "disk is full"}


@cache
def store(name: str) -> Measured:
    """Three models, 5 points worse the cheapest, on several targets, after several pretrainings."""
    quiet = latencies(100.0, 250.0, 1000.0)
    busy = quiet.assign(call_seconds=quiet["call_seconds"].map(lambda calls: [*calls[:900], *[0.1] * 100]))
    few = quiet.assign(call_seconds=quiet["call_seconds"].map(lambda calls: calls[:100]))
    some = quiet[quiet["model"] != BEST["model"]].assign(peak_memory_bytes=None)
    turned = [BEST | AT_1000 | {"accuracy": 0.80}, EQUAL | AT_1000, WORSE | AT_1000]
    scratch = [row | SCRATCH | {"accuracy": row["accuracy"] - 0.1} for row in ALL]
    scratch += [row | SCRATCH | {"accuracy": row["accuracy"] + 0.03} for row in turned]
    failing = [BEST | AT_256 | {"failed": 1}, EQUAL | AT_256, WORSE | AT_256 | {"failed": 2}]
    photos = [BEST | AT_60, EQUAL | AT_60 | {"status": "not_run", "reason": "not run yet"}]
    rows = [*ALL, ARM, BROKEN, *turned, *scratch, *failing, *photos, BEST | HELDOUT]
    return {
        "3 seeds, a machine": lambda: planted(*rows, num_seeds=3, speeds={"cpu-a": quiet}),
        "9 seeds, machines": lambda: planted(*rows, num_seeds=9, speeds={"cpu-a": quiet, "cpu-b": busy, "cpu-c": some}),
        "no speeds": lambda: planted(*rows, num_seeds=9, rng=1),
        "one seed": lambda: planted(*rows, num_seeds=1),
        "few calls, no counts": lambda: without_counts(planted(*rows, num_seeds=9, speeds={"cpu-a": few})),
    }[name]()


STORES = ("3 seeds, a machine", "9 seeds, machines", "no speeds", "one seed", "few calls, no counts")


def without_counts(measured: Measured) -> Measured:
    """As an early record is, which counts neither classes nor parameters."""
    runs = measured.tables["runs"].drop(columns="num_classes").assign(parameters=float("nan"))
    return replace(measured, tables={**measured.tables, "runs": runs})


def drawn(measured: Measured, rng: Random) -> dict[str, str]:
    """Return a question as typed into the form: some fields are left as they are, few are wrong."""

    def one_of(right: list[str], wrong: list[str]) -> str:
        return rng.choice(wrong if rng.random() < 0.03 else right)

    form = {
        "images": one_of(["1", "60", "100", "200", "300", "450", "2000", "5000"], ["0", "-3", "2.5", "10000000000000"]),
        "like": one_of(["", "", "", "digits", "folder:photos", "strokes-heldout"], ["mnist"]),
        "pretraining": one_of(["", "", "256", "1024", "scratch"], ["512"]),
        "classes": one_of(["", "", "", "100", "101"], ["0"]),
        "pixels": one_of(["", "", "", "", "32", "224"], ["-5"]),
        "machine": one_of(["", *measured.speeds], ["cpu-z"]),
        "percentile": one_of(["50", "95", "99"], ["90"]),
        "latency": one_of(
            ["", f"{10 ** rng.uniform(-0.5, 2):.3g}", f"{rng.uniform(0.5, 12):.17g}"], ["0", "-1", "1e999"]
        ),
        "memory": one_of(["", "", "", f"{rng.uniform(1, 12):.4g}", "5.7220458984375"], ["0"]),
        "parameters": one_of(["", f"{rng.uniform(5e4, 4e5):.0f}", "200000", "0.5"], ["-1"]),
        "within": one_of(["0", "0.5", "2", "3", "7.5", "100", f"{rng.uniform(0, 10):.17g}"], ["-1", "101", "nan"]),
    }
    return {name: value for name, value in form.items() if value and rng.random() < 0.6}


def expected(measured: Measured, form: Form) -> dict[str, Any]:
    """Return what the command gives, in the page's words."""
    limits = {LATENCY: form.get("latency"), MEMORY: form.get("memory"), PARAMETERS: form.get("parameters")}
    images = float(form.get("images", "1000"))
    if not images.is_integer():  # the command line takes no such number
        wrong = message("wrong images", images=form["images"], most=f"{MOST_IMAGES:,}")
        return NOTHING | {"wrong": [in_labels(wrong)]}
    question = Question(
        images=int(images),
        target=form.get("like", "digits"),
        pretraining=form.get("pretraining", ""),
        machine=form.get("machine", ""),
        percentile=int(form.get("percentile", "95")),
        most={name: float(most) for name, most in limits.items() if most},
        within=float(form.get("within", "1")),
        image_size=int(form["pixels"]) if "pixels" in form else None,
        classes=int(form["classes"]) if "classes" in form else None,
    )
    try:
        return as_on_page(as_json(recommend(question, measured)))
    except InputError as error:
        return NOTHING | {"wrong": [in_labels(str(error))]}


def in_labels(text: str) -> str:
    """Return a text of the command with the form's labels in place of its options."""
    for field in FIELDS.values():
        text = text.replace(field.option, f"\N{LEFT DOUBLE QUOTATION MARK}{field.label}\N{RIGHT DOUBLE QUOTATION MARK}")
    return text


def as_on_page(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what stands on the page if the command prints this JSON."""
    sizes = answer["at_sizes"]
    levels = {each["behind_best"]["level"] for size in sizes for each in size["candidates"]} - {None}
    corrected = [message("corrected", levels=listed([share(level) for level in sorted(levels, reverse=True)]))]
    return NOTHING | {
        "recommended": [answer["recommended"]] if answer["recommended"] else [],
        "refusal": [answer["refusal"]] if answer["refusal"] else [],
        "help": [in_labels(answer["would_help"])] if answer["would_help"] else [],
        "why": [size["why"] for size in sizes if size["why"]],
        "compared": [in_labels(answer["compared"])] if answer["compared"] else [],
        "candidates": [_as_shown(each) for size in sizes for each in size["candidates"]],
        "notes": corrected * bool(levels) + [in_labels(note) for note in answer["notes"]] if sizes else [],
    }


def _as_shown(candidate: dict[str, Any]) -> dict[str, str]:
    """Return a candidate's line; null stands for what is not known."""
    accuracy, behind = candidate["accuracy"], candidate["behind_best"]
    gap = with_bounds(_percent(behind["mean"]), behind["low"], behind["high"], _percent) if behind["level"] else ""
    if behind["low"] is not None:
        gap += f" at {share(behind['level'])}"
    return {
        "model": candidate["model"],
        "accuracy": percent(accuracy["mean"], accuracy["low"], accuracy["high"]),
        "behind": f", behind the best by {gap}" if gap else "",
        "standing": candidate["standing"],
        "reason": candidate["reason"],
    }


def _percent(share_of_1: float) -> str:
    return decimal(100 * share_of_1, 1)


@pytest.mark.parametrize("name", STORES)
def test_the_page_answers_as_the_command_does(name: str, open_page: OpenPage, tmp_path: Path) -> None:
    """Word by word: recommendation, refusal, what would help, standings, reasons, figures and notes."""
    measured, rng = store(name), Random(name)
    forms = [*ALWAYS, *(drawn(measured, rng) for _ in range(NUM_QUESTIONS))]
    page = open_page(write_page(measured, tmp_path / "index.html")).page
    for form, found in zip(forms, shown(page, forms), strict=True):
        assert found == expected(measured, form), form


@pytest.mark.parametrize("num_seeds", [3, 9])
def test_a_cheap_model_five_points_worse_is_never_recommended(
    num_seeds: int, open_page: OpenPage, tmp_path: Path
) -> None:
    forms = [{"within": within} for within in ("0", "0.5", "1")]
    for draw in range(8):
        path = write_page(planted(*ALL, num_seeds=num_seeds, rng=draw), tmp_path / f"{draw}.html")
        for found in shown(open_page(path).page, forms):
            assert found["recommended"] in ([BEST["model"]], [EQUAL["model"]])
            (worse,) = (each for each in found["candidates"] if each["model"] == WORSE["model"])
            assert worse["standing"] in ("worse", "cannot tell")


def test_the_form_is_part_of_the_page(open_page: OpenPage, tmp_path: Path) -> None:
    """What is typed is in the address, restored from it, and in the command; the answer is announced."""
    path = write_page(store("9 seeds, machines"), tmp_path / "index.html")
    page = open_page(path).page
    page.get_by_label("Training images").press_sequentially("5,000")
    page.get_by_label("Machine").select_option("cpu-a")
    answer = page.locator("#recommendation")
    assert answer.get_attribute("aria-live") == "polite"
    assert "5,000 are 5 times as many as 1,000, and nothing is extrapolated" in answer.inner_text()
    assert "With 1,000 images, r_pico+vit_pico/8: " in answer.inner_text()
    assert "; trained from scratch it has " in answer.inner_text()
    command = page.get_by_text("Copy as a command").get_attribute("data-copy")
    assert command == "bench recommend planted --images 5000 --target digits --device cpu-a"
    label = "Copy code: the pretrained backbone, to be fine-tuned, once its run has been repeated"
    code = page.get_by_text(label).get_attribute("data-copy")
    key = "p-r_pico+vit_pico/8-digits@1000-1024-fine-tune--0"
    assert code == f'import models\n\nloaded = models.load("results/planted/runs/{key}")'
    again = open_page(path, fragment="#" + page.url.partition("#")[2]).page
    assert again.locator("#recommendation").inner_text() == answer.inner_text()
    assert again.get_by_label("Training images").input_value() == "5,000"
    page.get_by_label("Classes").fill("ten")
    assert answer.inner_text() == in_labels("--classes ten: must be a whole number above zero")
    page.get_by_label("Classes").fill("")
    page.get_by_label("Pretraining").select_option("scratch")
    page.get_by_label("Training images").fill("100")
    code = page.get_by_text("Copy code: the untrained network").get_attribute("data-copy")
    assert code == 'import models\n\nloaded = models.build("r_pico+vit_pico/8", image_size=32)'


@pytest.mark.parametrize(
    ("kept", "label"),
    [("p", "the pretrained backbone, to be fine-tuned"), ("t", "the network trained on digits@1000")],
)
def test_code_loads_a_network_whose_weights_are_kept(
    kept: str, label: str, open_page: OpenPage, tmp_path: Path
) -> None:
    """Of the seed that has them; the label says which network it is."""
    key = f"{kept}-r_pico+vit_pico/8-digits@1000-1024-fine-tune--2"
    with_weights = ("p-r_pico+vit_pico/8-digits@1000-1024-fine-tune--2", key)
    page = open_page(write_page(store("9 seeds, machines"), tmp_path / "index.html", with_weights)).page
    button = page.get_by_text("Copy code")
    assert button.inner_text() == f"Copy code: {label}"
    assert button.get_attribute("data-copy") == f'import models\n\nloaded = models.load("results/planted/runs/{key}")'


def test_the_latency_stands_in_the_answer(open_page: OpenPage, tmp_path: Path) -> None:
    """With its percentile, machine, bounds and level, once a limit asks for it."""
    page = open_page(write_page(store("3 seeds, a machine"), tmp_path / "index.html")).page
    why = page.locator("#recommendation .why")
    assert "interval at 95 %; it" in why.inner_text()
    assert "latency" not in why.inner_text()
    page.get_by_role("textbox", name="Latency").fill("100 ms")
    latency = r"p95 latency on cpu-a [\d.]+ ms \([\d.]+ ms to [\d.]+ ms\), intervals at 95 %; it"
    assert re.search(f"on digits@1000, {latency}", why.inner_text())
    assert page.locator("#recommendation .compared").inner_text() == (
        "Rows compared: fine-tuned after 1,024 images of fractals (the default; "
        "\N{LEFT DOUBLE QUOTATION MARK}Pretraining\N{RIGHT DOUBLE QUOTATION MARK} takes another, or scratch)."
    )


def test_numbers_are_typed_with_units_and_separators(open_page: OpenPage, tmp_path: Path) -> None:
    """As numbers are written for people; what else is typed is refused by the field's label."""
    page = open_page(write_page(store("3 seeds, a machine"), tmp_path / "index.html")).page
    for label, typed in {
        "Training images": "1 000",
        "Image size": "32 px",
        "Latency": "1,000.5ms",
        "Parameters": "2,000,000",
        "give up": "2 points",
    }.items():
        page.get_by_role("textbox", name=label).fill(typed)
    command = page.get_by_text("Copy as a command").get_attribute("data-copy")
    assert command == (
        "bench recommend planted --images 1000 --target digits --image-size 32 --max-latency-ms 1000.5 "
        "--max-parameters 2000000 --within 2"
    )
    assert page.locator("#recommendation .recommended").is_visible()
    page.get_by_role("textbox", name="Latency").fill("fast ms")
    assert "fast ms: must be a number above zero" in page.locator("#recommendation").inner_text()


def test_models_that_do_not_fit_are_counted_in_words(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(write_page(store("3 seeds, a machine"), tmp_path / "index.html")).page
    page.get_by_role("textbox", name="Parameters").fill("1000")
    assert page.locator("#others summary").inner_text() == "All models: 3 do not fit"


def test_the_command_of_the_page_gives_its_answer(open_page: OpenPage, tmp_path: Path) -> None:
    """The reference store, by the command line."""
    shutil.copytree(REFERENCE, tmp_path / REFERENCE.name, ignore=shutil.ignore_patterns("*.safetensors"))
    of_store = Store(tmp_path / REFERENCE.name)
    suite = of_store.suite().model_dump(mode="json")
    measured = Measured(REFERENCE.name, build_tables(of_store), rungs_of(suite), {})
    page = open_page(write_page(measured, tmp_path / "index.html")).page
    (found,) = shown(page, [{"images": "90", "pretraining": "1152", "parameters": "215000", "within": "2.5"}])
    command = page.get_by_text("Copy as a command").get_attribute("data-copy")
    words = [*shlex.split(command or "")[1:], "--json", "--results", str(tmp_path)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == (0 if found["recommended"] else 3)
    assert found == as_on_page(json.loads(result.stdout))


def test_without_javascript_the_command_is_named(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(write_page(store("no speeds"), tmp_path / "index.html"), javascript=False).page
    assert page.get_by_text("bench recommend planted --images 1000 --target digits").is_visible()
    assert not page.get_by_label("Training images").is_visible()
