"""The pages say what the tables say, name what is missing, and escape what they are given."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench import PROTOCOL_VERSION
from bench.analysis.format import points
from bench.analysis.targets import population
from bench.report.page import Folded, Page, Section, Table
from bench.report.rendering import as_html, as_markdown
from bench.report.sections.design import what_was_run
from bench.report.sections.recipes import recipes, trained_apart
from bench.report.write import build_page, write_report
from tests.report.hand_made import add_probes, break_seed, make_answers, make_cells, make_suite, make_tables
from tests.speed_rows import measurement

Suite = dict[str, Any]

EVIL = '<script>alert("x")</script> | `rm` [a](javascript:b)'


def part_of(page: Page, title: str, summary: str) -> Section:
    """Return a folded part of a section, as a section."""
    (outer,) = (each for each in page.sections if each.title == title)
    (found,) = (part for part in outer.all_blocks(Folded) if part.summary == summary)
    return Section(summary, found.blocks)


def section_of(markdown: str, title: str) -> str:
    """Return the text of a section."""
    return markdown.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def table_of(page: Page, title: str) -> Table:
    """Return the first table of a section."""
    (found,) = (each for each in page.sections if each.title == title)
    return found.tables[0]


@pytest.fixture
def pages() -> Callable[..., tuple[str, str]]:
    """The two pages on some cells, without their figures."""

    def build(cells: pd.DataFrame, *, runs: Suite | None = None, **suite: Any) -> tuple[str, str]:
        tables = make_tables(cells)
        for name, value in (runs or {}).items():
            tables["runs"].loc[3, name] = value
        page = build_page(make_suite(**suite), tables, {})
        return as_html(page), as_markdown(page)

    return build


def test_every_number_is_on_both_pages(pages: Any) -> None:
    """Each accuracy with its interval, each arm with its seeds, each gain and each difference with its pairs."""
    cells = make_cells()
    tables = make_tables(cells)
    html, markdown = pages(cells)
    plain = re.sub(r"\s*<small>(.*?)</small>", r" (\1)", html)
    for name, seeds in (("comparison", ""), ("ablations", " (3 seeds)")):
        for _, row in tables[name].iterrows():
            ends = f"{100 * row['low']:.1f} to {100 * row['high']:.1f}"
            shown = f"{100 * row['accuracy']:.1f} % ({ends}){seeds}"
            assert shown in plain
            assert shown in markdown
    assert "means of 3 seeds, with 95 % intervals over seeds." in plain
    for _, row in tables["comparison"].dropna(subset="gain").iterrows():
        ends = f"{100 * row['gain_low']:.1f} to {100 * row['gain_high']:.1f}"
        shown = f"+{100 * row['gain']:.1f} ({ends}) (3 of 10 pairs)"
        assert shown in plain
        assert shown in markdown
    for _, row in tables["ablations"].dropna(subset="difference").iterrows():
        assert points(row["difference"], row["difference_low"], row["difference_high"]) in markdown
    before_script = html.rpartition("<script>")[0]
    assert not re.search(r"\b(nan|<na>)\b", before_script + markdown, re.IGNORECASE)


def test_rows_that_a_suite_leaves_out_are_named_and_leave_no_doubt(pages: Any) -> None:
    """Two of three seeds train from scratch, on one of two targets; arms are on the other."""
    cells = make_cells()
    of_scratch = cells["corpus"] == "none"
    left_out = of_scratch & ((cells["seed"] == 2) | (cells["target"] != "digits@100"))
    left_out |= (cells["ablation"] != "") & (cells["target"] == "digits@100")
    chosen = [
        {"target": "digits@100", "optional": False, "rows": ["ladder", "scratch"], "transfers": None},
        {"target": "fractals-heldout", "optional": False, "rows": ["ladder", "position"], "transfers": ["linear"]},
    ]
    for page in pages(cells[~left_out].reset_index(drop=True), scratch_seeds=2, targets=chosen):
        for shown in (
            "digits@100 (rows: ladder, scratch), fractals-heldout (rows: ladder, position; transfers: linear)",
            "0, 1, 2; from scratch 0, 1",
            "The suite trains 2 of its 3 seeds from scratch; gains are paired by these.",
            "Nothing was trained from scratch on fractals-heldout.",
            "(2 of 9 pairs)",
        ):
            assert shown in re.sub(r"\s*<small>(.*?)</small>", r" (\1)", page)
        assert not re.search("seed 2 missing|no from-scratch row", page)


def test_the_pages_say_what_was_run(pages: Any) -> None:
    """Recipe, exceptions, models, seeds, machine, limits, resolved suite."""
    for page in pages(make_cells()):
        for shown in (
            "Exceptions: none.",
            "learning_rate",
            "0, 1, 2",
            "18,432",
            "206,122",
            "AMD EPYC 9654",
            "Chosen so that all families learn.",
            "conditional on both",
            "fractals-heldout is in-domain",
            "from_scratch: true",
            "3.466",
            "If these are equal, a constant answer reaches 10.0 % on digits@100, 6.2 % on fractals-heldout.",
        ):
            assert shown in page


@pytest.fixture
def uneven_cells() -> pd.DataFrame:
    """Cells of a target with uneven classes; one model gives one answer, and one subset has test images."""
    cells = make_cells(targets=("digits@100",), arms=False)
    is_vit, is_pretrained = cells["model"] == "vit_pico/8", cells["corpus"] != "none"
    return cells.assign(
        accuracy=cells["accuracy"].where(~is_vit, 0.729),
        constant_answer=0.729,
        balanced_accuracy=(cells["accuracy"] - 0.1).where(~is_vit, 0.5),
        num_answers=2 - is_vit.astype(int),
        num_contaminated=pd.Series(201, cells.index, "Int64").where(is_pretrained),
        num_test_images=1311,
        smallest_test_class_images=355,
        largest_test_class_images=956,
    )


def test_rows_that_give_one_answer_are_marked_beside_the_best_constant_answer(uneven_cells: pd.DataFrame) -> None:
    """Balanced accuracy stands beside accuracy, and contaminated rows are marked; even classes need neither."""
    tables = make_tables(uneven_cells)
    tables["runs"]["constant_answer"] = 0.729
    page = build_page(make_suite(), tables, {})
    compared = table_of(page, "Compare")
    assert "The best constant answer reaches 72.9 % on digits@100." in compared.caption
    assert "Test images: 1,311 of digits@100." in compared.caption
    assert "more than 1.5 times the images of the smallest" in compared.caption
    notes = {(row[0].text, row[1].text): row[2].note for row in compared.cells}
    single = "one class for all test images in 3 of 3 seeds"
    assert notes["vit_pico/8", "from scratch"] == f"no interval; balanced 50.0 %; {single}"
    assert notes["vit_pico/8", "256 images"].endswith(f"{single}; 201 of 1,311 test images pretrained on")
    of_cnn = tables["comparison"].query("model == 'bit_resnet_pico' and corpus == 'none'").iloc[0]
    ends = f"{100 * of_cnn['balanced_low']:.1f} to {100 * of_cnn['balanced_high']:.1f}"
    shown = f"balanced {100 * of_cnn['balanced_accuracy']:.1f} % ({ends})"
    assert notes["bit_resnet_pico", "from scratch"] == shown
    even = make_tables(uneven_cells.assign(smallest_test_class_images=638))
    assert "balanced" not in as_markdown(build_page(make_suite(), even, {}))


@pytest.mark.parametrize("transfers", [("",), pytest.param(("", "-k-shot"), marks=pytest.mark.slow)])
def test_the_report_is_complete_and_repeats_to_the_byte(tmp_path: Path, transfers: tuple[str, ...]) -> None:
    """Every file that a page names is there, and nothing of an earlier report."""
    cells = make_cells(targets=("digits@100",))
    cells = cells[cells["ablation"] != "overlap"]
    answers = make_answers(cells)
    if len(transfers) > 1:
        cells = add_probes(cells)
        cells = cells[(cells["transfer"] == "fine-tune") | ((cells["shots"] == 1) & (cells["ablation"] == ""))]
    tables = make_tables(cells, answers) | {"correctness": answers}
    folders = [tmp_path / name / "hand-made" for name in ("one", "two")]
    (folders[0] / "figures").mkdir(parents=True)
    (folders[0] / "tables").mkdir()
    for old in ("figures/old.svg", "tables/old.csv"):
        (folders[0] / old).write_text("")
    for folder in folders:
        index = write_report(make_suite(), tables, folder, speeds={"cpu-amd": measurement()})
        assert index == folder / "index.html"
    one, two = ({p.relative_to(root): p.read_bytes() for p in root.rglob("*.*")} for root in folders)
    assert one == two
    of_ladders = ("accuracy", "crossings", "improvement", "ranks")
    assert {path.stem for path in one if path.suffix == ".svg"} == {
        *("differences", "consistency", "cost-cpu-amd"),
        *(f"{name}{transfer}" for name in of_ladders for transfer in transfers),
    }
    html, markdown = (one[Path(name)].decode() for name in ("index.html", "report.md"))
    without_scripts = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    named = re.findall(r'(?:src|href)="([^"#]+)"', without_scripts) + re.findall(r"\]\(([^)]+)\)", markdown)
    assert {Path(name) for name in named} == one.keys() - {Path("index.html"), Path("report.md")}
    assert {path.suffix for path in one} == {".html", ".md", ".svg", ".png", ".pdf", ".csv", ".tex"}


def test_runs_of_another_protocol_version_are_said_at_the_top(pages: Any) -> None:
    """In both forms, and only if the version is not the present one."""
    cells = make_cells(targets=("digits@100",), arms=False)
    for page in pages(cells, protocol=PROTOCOL_VERSION - 1):
        top = page.partition("Accuracy")[0]
        assert f"These runs were made under protocol version {PROTOCOL_VERSION - 1}; the present version is " in top
        assert f"{PROTOCOL_VERSION}, so new runs are not comparable with them." in top
    assert all("the present version is" not in page for page in pages(cells, protocol=PROTOCOL_VERSION))


def test_transfers_are_never_mixed() -> None:
    """Each has sections, with tables, of its own; a draw adds no seed, and a probe has no gain."""
    tables = make_tables(add_probes(make_cells()))
    page = build_page(make_suite(), tables, {})
    targets = ("digits@100", "fractals-heldout")
    few_shot = ("digits", "fractals-heldout")
    compared = [row for row in table_of(page, "Compare").all_rows if not row.facts["arm"]]
    assert Counter(row.facts["target"] for row in compared) == {
        **dict.fromkeys(targets, 12),
        **{f"{target}, linear": 9 for target in targets},
        **{f"{target}, k-shot, {shots}": 9 for target in few_shot for shots in ("1 shot", "5 shots")},
    }
    assert {row.cells[3].note for row in compared} == {""}
    assert "means of 3 seeds, with" in table_of(page, "Compare").caption
    (ablations,) = (each for each in page.sections if each.title == "Ablations")
    arms = [part.summary for part in ablations.all_blocks(Folded)]
    assert [name for name in arms if name.startswith("Ablation: position")] == [
        "Ablation: position",
        "Ablation: position, linear probes",
        "Ablation: position, k-shot probes",
    ]
    gained = part_of(page, "Compare", "Gain over training from scratch")
    assert any("Probes train no network" in paragraph for paragraph in gained.paragraphs)
    titles = ("digits@100", "fractals-heldout (in-domain)")
    assert (gained.tables[0].header[2:], len(gained.tables[0].rows)) == (titles, 9)
    assert "no baseline" not in as_html(page)


def test_a_page_of_probes_alone_says_why_it_has_no_gain() -> None:
    """And lists what was not run by its number of shots."""
    cells = add_probes(make_cells(targets=("digits",), arms=False))
    probes = cells[cells["transfer"] != "fine-tune"].reset_index(drop=True)
    probes.loc[probes["shots"] == 5, ["status", "reason", "accuracy"]] = ["not_run", "too few", float("nan")]
    tables = make_tables(probes)
    tables["runs"]["notes"] = ["not converged", *[""] * (len(tables["runs"]) - 1)]
    suite = make_suite(transfers=["linear", "k-shot"], shots=[1, 5], draws=2)
    page = as_markdown(build_page(suite, tables, {}))
    assert "| transfers | linear, k-shot (1, 5 images per class, 2 draws per seed) |" in page
    assert "## Notes on runs" in page
    assert "| 1 | not converged |" in page
    assert "Probes train no network, so they have no row from scratch" in page
    assert "| digits, k-shot, 5 shots | – | 0, 1, 2 | too few |" in page  # noqa: RUF001
    assert "| digits, k-shot, 1 shot |" not in page.partition("Rows not run")[2]


def test_a_failed_seed_is_named_everywhere(pages: Any) -> None:
    """Beside its accuracy, in place of its gain, in the list of runs with its reason, and above all numbers."""
    cells = break_seed(make_cells(), model="vit_pico/8", subset_images=1024, target="digits@100")
    html, _ = both = pages(cells)
    key = "t-vit_pico/8-1024-digits@100-2"
    without = f'seed 2: \N{EN DASH} <a href="#run-{key}">'
    assert re.search(rf"seed 0: \d\d\.\d <a .*\n.*seed 1: \d\d\.\d <a .*\n.*{re.escape(without)}", html)
    for page in both:
        assert "given success" in page
        share = "share of failed seeds 33.3 % (0.8 to 90.6)"
        assert f"2 of 3 seeds; seed 2 failed to train: diverged; {share}" in page
        assert re.search(r"undecided: given success only, since it is .* as what they scored: seed 2 failed", page)
        assert "loss is NaN at step 312" in page
        assert "1 run diverged, so their seeds failed to train" in page
        row = "1 (vit_pico/8 on digits@100: seed 2 failed to train: diverged)"
        assert f"the accuracies of these rows are given success: {row}." in page
        assert "t-vit_pico/8-1024-digits@100-2" in page


def test_rows_not_run_are_listed(pages: Any) -> None:
    """With their seeds and the reason, also where a whole target is missing."""
    cells = make_cells(arms=False)
    missing = cells["target"] == "digits@100"
    cells.loc[missing, ["status", "reason", "accuracy"]] = ["not_run", "no data in data/", float("nan")]
    html, markdown = pages(cells)
    assert "36 of 72 rows were not run" in html
    assert "| vit_pico/8 | 1,024 images | digits@100 | – | 0, 1, 2 | no data in data/ |" in markdown  # noqa: RUF001
    assert "| – (seeds 0 to 2 not run) |" in markdown  # noqa: RUF001


def test_a_seed_that_has_not_begun_is_said(pages: Any) -> None:
    """The others stand without it."""
    cells = make_cells(arms=False)
    cells.loc[cells["seed"] == 2, ["status", "reason", "accuracy"]] = ["not_run", "not run yet", float("nan")]
    html, markdown = pages(cells)
    assert "No row of seed 2 has begun, so every number is over the other seeds." in html
    assert "(2 of 10 pairs)" in markdown


def test_intervals_say_what_they_are_over() -> None:
    """Seeds; seeds and test images where answers are kept; both where only some are."""
    cells = make_cells(arms=False)
    answers = make_answers(cells)
    of_digits = answers["transfer_key"].isin(cells.loc[cells["target"] == "digits@100", "transfer_key"])
    alone, some, every = (
        as_markdown(build_page(make_suite(), make_tables(cells, kept), {}))
        for kept in (answers[:0], answers[of_digits], answers)
    )
    assert "means of 3 seeds, with 95 % intervals over seeds." in alone
    assert "are Student's t over seeds. All are at 95 %" in alone
    assert "conditional on both" in alone
    assert "means of 3 seeds, with 95 % intervals over seeds and test images." in every
    assert "are over seeds and test images, from a two-way analysis of variance. All are at 95 %" in every
    assert "An interval says what another seed and other test images of the same kind would do" in every
    assert "The test images stand on digits@100, fractals-heldout for other images of these classes." in every
    assert "The test images stand" not in alone
    assert "with 95 % intervals over seeds, and over test images if per-image correctness is kept." in some
    assert "without per-image correctness they are Student's t over seeds" in some
    assert "Without per-image correctness it is conditional on the test images, too." in some
    assert "conditional on the test images" not in every
    for page in (alone, some, every):
        assert "except those of claims, not corrected" in page


def test_the_page_says_for_what_clusters_stand() -> None:
    """Other writers or classes, and how many there are."""
    cells = make_cells(arms=False)
    answers = make_answers(cells)
    num_images = int(answers["num_images"].iloc[0])
    clusters = bytes((np.arange(num_images) % 7).tolist())
    kept = answers.assign(cluster=clusters)
    page = as_markdown(build_page(make_suite(), make_tables(cells, kept) | {"correctness": kept}, {}))
    assert "on fractals-heldout for other classes (7 clusters)" in page
    assert "for other writers, if each repetition of the form in the file is one writer's (7 clusters)" in page
    assert "Images of one cluster count together." in page
    assert population("folder:x", [9] * 4) == "no other images (4 clusters are too few)"
    assert population("folder:x", [90, *[1] * 9]) == "no other images (10 clusters are too few or too unequal)"
    assert population("folder:x@5", [9] * 5) == "other groups (5 clusters)"


def test_from_ten_pairs_on_one_of_18_gains_has_a_p_value(pages: Any) -> None:
    """Corrected over the table, beside the number of pairs."""
    cells = make_cells(seeds=tuple(range(10)), arms=False)
    _, markdown = pages(cells)
    gains = make_tables(cells)["comparison"].dropna(subset="gain_p")
    assert len(gains) == 18
    for p_value in gains["gain_p"]:
        assert f"(10 pairs, p = {p_value:.3f})" in markdown


def test_runs_outside_the_suite_are_listed() -> None:
    """By their keys, and only where there are any."""
    tables = make_tables(make_cells(arms=False))
    page = build_page(make_suite(), tables, {}, outside=["0123456789abcdef"])
    assert "1 run in the store, which this page does not count: 0123456789abcdef." in as_html(page)
    assert "outside" not in as_html(build_page(make_suite(), tables, {}))


def test_without_from_scratch_there_is_no_gain(pages: Any) -> None:
    """And the page says why."""
    cells = make_cells(targets=("digits@100",), arms=False)
    html, markdown = pages(cells[cells["corpus"] != "none"], from_scratch=False)
    assert "The suite trains nothing from scratch." in html
    assert "undecided" not in section_of(markdown, "Compare")


def test_a_single_seed_has_no_interval(pages: Any) -> None:
    """The word, in place of a zero."""
    html, markdown = pages(make_cells(seeds=(0,), targets=("digits@100",), arms=False))
    assert "1 seed; no interval" in html
    assert "undecided: one pair has no interval" in markdown
    assert "0.0 to" not in markdown


def test_exceptions_are_a_table(pages: Any) -> None:
    """Each with its reason."""
    exception = {"family": "cnn", "set": {"weight_decay": 0.0005}, "reason": "as its paper has it"}
    recipe = {"name": "odd", "settings": {"weight_decay": 0.05}, "exceptions": [exception]}
    _, markdown = pages(make_cells(), recipes={"pretrain": recipe, "transfer": recipe | {"exceptions": []}})
    assert "| pretrain | CNN | weight_decay: 0.0005 | as its paper has it |" in markdown
    assert "Exceptions: none" not in markdown


def test_a_model_with_recipes_of_its_own_is_an_exception() -> None:
    """Named with its reason; its recipe has a column, and only for a stage in which a network is trained."""
    small, sgd = (
        {"name": name, "description": f"As {name} has it.", "settings": settings, "exceptions": []}
        for name, settings in (("small", {"optimizer": "adamw"}), ("sgd", {"optimizer": "sgd", "momentum": 0.9}))
    )
    exception = {"model": "resnet18", "recipes": {"pretrain": sgd, "transfer": sgd}, "reason": "as it was published"}
    suite = make_suite(recipes={"pretrain": small, "transfer": small}, recipe_exceptions=[exception], corpora=[])
    section = recipes(suite)
    settings, exceptions = section.tables
    assert settings.header == ("Setting", "pretrain", "pretrain: sgd")
    assert settings.rows == (
        ("name", "small", "sgd"),
        ("optimizer", "adamw", "sgd"),
        ("momentum", "–", "0.9"),  # noqa: RUF001
    )
    assert exceptions.rows == (("pretrain", "resnet18", "recipe sgd", "as it was published"),)
    assert section.paragraphs == ("small: As small has it.", "sgd: As sgd has it.")
    (said,) = trained_apart(suite)
    assert said.endswith("under Recipes: resnet18.")
    assert trained_apart(make_suite()) == ()
    both = recipes(suite | {"corpora": make_suite()["corpora"]}).tables[0]
    assert both.header == ("Setting", "pretrain", "transfer", "pretrain: sgd", "transfer: sgd")


def test_options_of_our_own_models_are_no_library() -> None:
    """Only timm's and torchvision's names are."""
    said = "Networks of timm and torchvision train without"
    for model, is_library in (("resnet18:stem=cifar", False), ("timm:resnet18", True)):
        text = " ".join(recipes(make_suite(models=[model])).paragraphs)
        assert (said in text) is is_library


@pytest.mark.parametrize(
    ("budget", "stages", "as_much"),
    [
        ({"match": "flops", "flops": {"pretrain": 3e15, "transfer": 1e12}}, ("3 P", "1 T"), "with as many FLOPs as"),
        ({"match": "seconds", "seconds": {"pretrain": 60, "transfer": 600}}, ("60 s", "10.0 min"), "for as many sec"),
        ({"match": "images", "images": {"pretrain": 5000, "transfer": 70}}, ("5,000", "70"), "on as many images as"),
    ],
)
def test_budgets_are_in_what_they_match_by(pages: Any, budget: Suite, stages: tuple[str, str], as_much: str) -> None:
    """Of each stage; another measure's amounts, which decide nothing, are nowhere."""
    match = budget["match"]
    unused = {"images": {"pretrain": 16384, "transfer": 2048}}
    html, markdown = pages(make_cells(arms=False).assign(match=match), **(unused | budget))
    for amount, stage in zip(stages, ("pretraining", "transfer"), strict=True):
        assert re.search(rf"\| [\w ]+ in {stage} \| {amount} \|", markdown)
    assert f"trained {as_much}" in html
    assert ("16384" in markdown) is False


def test_what_some_runs_have_otherwise_is_said() -> None:
    """A recipe's own size of images, budgets that are compared, and that nothing starts from scratch."""
    cells = make_cells(targets=("digits@100",), arms=False)
    tables = make_tables(cells[cells["corpus"] != "none"])
    tables["runs"].loc[tables["runs"]["kind"] == "transfer", "image_size"] = 64
    for budgets, said in (
        ({"subset": 4096, "factors": [1, 0.25, 4]}, "0.25, 1, 4 times, on 4,096 images"),
        ({"subset": "small", "factors": [1, 2]}, "1, 2 times, on small"),
    ):
        rows = what_was_run(make_suite(budgets=budgets, from_scratch=False), tables["runs"]).tables[0].rows
        facts = {str(row[0]): row[1] for row in rows}
        assert facts["image size"] == "32 px, transfer at 64 px"
        assert facts["pretraining budgets compared"] == said
        assert facts["images seen from scratch"] == "no model is trained from scratch"


def test_what_runs_noted_is_said_in_their_rows() -> None:
    """In accuracies, by a word, and in a table of its own with the seeds that share it."""
    cells = make_cells(targets=("digits@100",), arms=False)
    of_row = (cells["model"] == "bit_resnet_pico") & (cells["subset_images"] == 0)
    cells.loc[of_row & (cells["seed"] < 2), "notes"] = note = "BatchNorm took its statistics over 16 images, not 32"
    tables = make_tables(cells)
    runs = tables["runs"].set_index("key", drop=False)
    runs.loc[cells.loc[of_row & (cells["seed"] < 2), "transfer_key"], "notes"] = note
    runs.loc[cells.loc[of_row & (cells["seed"] == 2), "transfer_key"], ["num_resumes", "resumed_at_step"]] = 2, "3, 7"
    page = build_page(make_suite(), tables | {"runs": runs.reset_index(drop=True)}, {})
    noted = part_of(page, "Runs", "Notes on runs")
    named = ("scratch", "bit_resnet_pico", "from scratch", "digits@100")
    assert [table.rows for table in noted.tables] == [((*named, "0, 1", "2", note),), ((*named, "2", "3, 7"),)]
    assert noted.paragraphs[0].endswith("bit for bit.")
    marked = [row for row in table_of(page, "Compare").cells if "see notes" in row[2].note]
    assert [(row[0].text, row[1].text) for row in marked] == [("bit_resnet_pico", "from scratch")]
    without = build_page(make_suite(), make_tables(make_cells(arms=False)), {})
    assert "Notes on runs" not in [part.summary for each in without.sections for part in each.all_blocks(Folded)]


def test_seeds_with_the_same_predictions_are_said_on_top() -> None:
    """And marked in their row, since they are no repeats."""
    cells = make_cells(targets=("digits@100",), arms=False)
    answers = make_answers(cells).assign(predictions=lambda table: table["transfer_key"])
    of_row = (cells["model"] == "bit_resnet_pico") & (cells["subset_images"] == 256)
    answers.loc[answers["transfer_key"].isin(cells.loc[of_row, "transfer_key"]), "predictions"] = "same"
    page = build_page(make_suite(), make_tables(cells, answers), {})
    why = "seeds 0 to 2 gave the same predictions: the seed has no effect, or one is a copy of another"
    (said,) = (each.text for each in page.first.warnings if "no independent repeats" in each.text)
    assert said.endswith(f"no independent repeats: 1 (bit_resnet_pico on digits@100: {why}).")
    assert section_of(as_markdown(page), "Compare").count("see notes") == 1


def test_external_weights_are_exceptions_to_the_scaling(pages: Any) -> None:
    """Each with its source; their rows are named without a size, and the others as if they were not there."""
    cells = make_cells(arms=False)
    outside = cells[cells["subset_images"] == 4096].assign(
        corpus="external:0123456789ab", subset_images=pd.NA, subset_classes=pd.NA, pretrain_recipe="", pretrain_key=""
    )
    outside["transfer_key"] = "o-" + outside["transfer_key"]
    cells = pd.concat([cells, outside.astype(cells.dtypes)], ignore_index=True)
    weights = {
        "model": "timm:test_resnet:weights=a.safetensors",
        "sha256": "0123456789ab" + "0" * 52,
        "source": "a.safetensors",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    }
    half = weights | {"model": "timm:other:weights=b.safetensors", "mean": [0.5] * 3, "std": [0.5] * 3}
    html, markdown = pages(cells, external_weights=[weights, half], size_class="macs")
    scaling = "0.485, 0.456, 0.406 | 0.229, 0.224, 0.225"
    source = "external:0123456789ab | a.safetensors | 0123456789ab0"
    assert f"| timm:test_resnet:weights=a.safetensors | {source}" in markdown
    assert f"| timm:test_resnet:weights=a.safetensors | {scaling} |" in markdown
    assert f"| timm:other:weights=b.safetensors | {source}" in markdown
    assert "| timm:other:weights=b.safetensors | 0.5" not in markdown
    assert "| vit_pico/8 | external:0123456789ab, size unknown |" in markdown
    assert "| vit_pico/8 | 4,096 images |" in markdown
    assert "| families matched in | macs |" in markdown
    assert "no claim of the literature uses them" in html
    assert "external:" not in pages(make_cells())[1]


def test_a_suite_of_external_weights_alone_says_nothing_of_pretraining(pages: Any) -> None:
    cells = make_cells(targets=("digits@100",), arms=False)
    cells = cells[cells["subset_images"] == 4096]
    outside = {"corpus": "external:0123456789ab", "subset_images": pd.NA, "subset_classes": pd.NA, "pretrain_key": ""}
    names = sorted(cells["model"].unique())
    weights = [
        {"model": name, "sha256": "0" * 64, "source": "a", "mean": [0.5] * 3, "std": [0.5] * 3} for name in names
    ]
    cells = cells.assign(pretrain_recipe="", **outside).astype(cells.dtypes)
    _, markdown = pages(cells, models=names, external_weights=weights)
    assert "Every model starts from external weights" in markdown
    assert "| images seen from scratch | no model is trained from scratch |" in markdown
    assert "| images seen in pretraining | no model is pretrained |" in markdown
    assert "## Pretraining" not in markdown
    assert "with the head of pretraining" not in markdown
    assert "Models, with the head of their first run" in markdown


@pytest.mark.parametrize(("column", "words"), [("sources_hash", "sources hash"), ("torch", "torch")])
def test_mixed_environments_warn(pages: Any, column: str, words: str) -> None:
    """At the top and at the environment, where the row shows both values."""
    html, markdown = pages(make_cells(), runs={column: "another"})
    assert f"The runs differ in {words}; see the environment." in html
    assert f"The runs differ in {words}, so their rows may not be comparable." in html
    assert re.search(rf"\| {words} \| .*; another \(1 run\) \(mixed\) \|", markdown)


def test_whatever_it_is_given_is_escaped(pages: Any) -> None:
    """A reason, a description, a limit and an arm's name are text in both pages."""
    cells = break_seed(make_cells(), model="vit_pico/8", reason=EVIL)
    html, markdown = pages(cells, limits=EVIL, description=f"```\n# {EVIL}", name=EVIL)
    assert "\n````\n" in markdown
    assert html.count("<script") == pages(make_cells())[0].count("<script")
    assert "&lt;script&gt;alert(" in html
    outside_code = markdown.split("````")[0]
    assert "<script" not in outside_code
    assert "\\| \\`rm\\` \\[a\\](" in outside_code


def test_a_suite_that_pretrains_nothing(pages: Any) -> None:
    """Its pages speak of no pretraining, and say which images stand as they are."""
    cells = make_cells(targets=("arrangement",))
    cells = cells[(cells["subset_images"] == 0) | (cells["ablation"] != "")]
    scratch = {"corpus": "none", "subset_images": 0, "pretrain_recipe": "", "pretrain_key": ""}
    target = {"target": "arrangement", "optional": False, "identity": {"name": "arrangement", "augmentable": False}}
    for page in pages(cells.assign(**scratch), corpora=[], targets=[target]):
        for said in (
            "The suite pretrains nothing.",
            "Trained from scratch. The reference is ",
            "no model is pretrained",
            "no model is fine-tuned",
            "18,432",
            "arrangement shows whether a model uses the positions of patches",
            "An image of arrangement is never augmented",
            "All seeds are tested on the same images",
        ):
            assert said in page
        assert "Pretrained on 0" not in page
        assert "pretrain on the same subset" not in page


def test_nothing_ran(pages: Any) -> None:
    """Still a report: every row, no figure, and why."""
    cells = make_cells().assign(status="not_run", reason="not run yet", accuracy=float("nan"))
    html, markdown = pages(cells)
    assert "| vit_pico/8 | from scratch | digits@100 | – (seeds 0 to 2 not run) |" in markdown  # noqa: RUF001
    assert "Behind the best" not in html
    assert "No arm has a result." in html
    assert "0.0 %" not in markdown
