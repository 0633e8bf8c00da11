"""Saved figures: the same bytes twice, their numbers as text, nothing cut off, colours that can be told apart."""

import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from bench.analysis.comparison import comparison
from bench.report import write
from bench.report.figures.accuracy import accuracy_figure
from bench.report.figures.drawing import COLOURS, frame, model_handle, save
from bench.report.figures.inline import inline_svg
from bench.report.findings import findings
from bench.report.interactive import DIFFERENCES
from bench.report.pictures import MOST_TARGETS, draw
from tests.report.hand_made import make_cells, make_ladder_cells, make_suite, make_tables

TITLE = "A <b>title</b> & more"
MARKS = ("vit", "cnn", "hybrid", "other", "pair-1", "pair-2", "pair-3", "constant")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a figure that is saved twice."""
    folder = tmp_path_factory.mktemp("figures")
    rows = make_tables(make_cells(targets=("digits@100",), arms=False))["comparison"]
    for name in ("one", "two"):
        save(accuracy_figure(rows, 0.02, TITLE), folder / name, TITLE)
    return folder


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_files_repeat_to_the_byte(saved: Path, ending: str) -> None:
    """Also in the fields that usually hold dates and versions."""
    first = (saved / f"one.{ending}").read_bytes()
    assert first == (saved / f"two.{ending}").read_bytes()
    assert b"Matplotlib v" not in first
    assert b"CreationDate" not in first


def test_text_is_text(saved: Path) -> None:
    """In the SVG the labels, the legend and the title can be searched and edited; the PDF embeds a TrueType font."""
    texts = [text.text for text in ElementTree.parse(saved / "one.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert {TITLE, "scratch", "4,096", "ViT: vit_pico/8", "constant answer: 2.0 %, beyond this axis"} <= set(texts)
    pdf = (saved / "one.pdf").read_bytes()
    assert b"/Subtype /TrueType" in pdf or b"/CIDFontType2" in pdf
    assert b"/Type3" not in pdf


def test_pictures_are_not_blank(saved: Path) -> None:
    """They show each family in its colour."""
    with Image.open(saved / "one.png") as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(maxcolors=1 << 20) or []}
    assert {tuple(round(255 * part) for part in to_rgb(COLOURS[name])) for name in ("vit", "cnn", "hybrid")} <= colours


def test_a_long_name_is_not_cut_off(tmp_path: Path) -> None:
    """It is broken into lines; the picture grows by what still reaches over its edge."""
    figure, _ = frame(40 * "wide " + 60 * "W", [model_handle(60 * "W$x$", "vit")], height=1.0)
    save(figure, tmp_path / "wide")
    texts = [*figure.legends[0].get_texts(), figure._suptitle]
    shown = max(text.get_window_extent().x1 for text in texts if text)
    with Image.open(tmp_path / "wide.png") as picture:
        assert shown <= picture.width + 1
    assert figure.legends[0].get_texts()[0].get_text().count("W$x$") > 50


def test_inline_figures_follow_the_page(saved: Path) -> None:
    """Variables for all colours, the page's font, no header and no style sheet; the title is the alternative text."""
    fragment = inline_svg(saved / "one.svg")
    root = ElementTree.fromstring(fragment)
    assert fragment.startswith("<svg ")
    assert root.get("role") == "img"
    assert root.findtext("title") == TITLE
    assert "xmlns" not in fragment
    assert not {"style", "metadata"} & {element.tag for element in root.iter()}
    assert not re.search(r"#[0-9a-f]{6}\b|font-family|rgb\(", fragment)
    assert {"var(--vit)", "var(--cnn)", "var(--hybrid)", "var(--ink)"} <= set(re.findall(r"var\([\w-]+\)", fragment))
    titled = ElementTree.fromstring(inline_svg(saved / "one.svg", with_title=True))
    assert [[text.text for text in each.iter("text")].count(TITLE) for each in (root, titled)] == [0, 1]
    assert len(fragment) < 25_000


def test_an_inline_figure_shrinks_with_its_column(saved: Path) -> None:
    """It has a width of its own, since a column that is as wide as its contents would give it none."""
    root = ElementTree.fromstring(inline_svg(saved / "one.svg"))
    assert re.match(r"width:5\d\dpx;max-width:100%;", root.get("style") or "")


def test_inline_text_is_readable_on_a_phone(saved: Path) -> None:
    """All of it is at least 11 pixels high in a column of 350 pixels."""
    fragment = inline_svg(saved / "one.svg")
    width = float((ElementTree.fromstring(fragment).get("viewBox") or "").split()[2])
    sizes = [float(size) for size in re.findall(r"font-size:([\d.]+)px", fragment)]
    assert sizes
    assert min(sizes) * 350 / width >= 11


def test_ids_do_not_repeat_on_a_page(tmp_path: Path) -> None:
    """Though figures share markers; each reference leads to an id of its own figure."""
    tables = make_tables(make_cells())
    charts = draw(make_suite(), tables, {"digits@100": 0.1}, tmp_path, findings=findings(tables))
    figures = [figure for chart in charts.values() for figure in chart.figures]
    assert len(figures) > 6
    ids = [re.findall(r' id="([^"]+)"', figure) for figure in figures]
    every = [each for of_figure in ids for each in of_figure]
    assert len(every) == len(set(every)) > 10
    for of_figure, figure in zip(ids, figures, strict=True):
        assert set(re.findall(r"#([\w-]+)", figure)) == set(of_figure)


def test_a_chart_with_several_targets_names_each_in_its_figure(tmp_path: Path) -> None:
    """And a chart with one leaves that to its heading; each has its files."""
    for targets in (("digits@100",), ("digits@100", "cifar10@10000")):
        tables = make_tables(make_cells(targets=targets, arms=False))
        chart = draw(make_suite(), tables, {}, tmp_path)["accuracy", "fine-tune"]
        assert list(chart.titles) == list(targets)
        assert chart.titles["digits@100"].startswith("digits@100: ")
        shown = ElementTree.fromstring(chart.figures[0]).iter("text")
        assert any((text.text or "").startswith("digits@100: ") for text in shown) == (len(targets) > 1)
        for file in chart.files:
            assert all((tmp_path / f"{file}.{ending}").is_file() for ending in ("svg", "pdf", "png"))


def test_ablations_are_one_chart_of_titled_figures(tmp_path: Path) -> None:
    """No choice of a target tells them apart, so all are shown, each with its title."""
    tables = make_tables(make_cells())
    chart = draw(make_suite(), tables, {}, tmp_path)[DIFFERENCES]
    assert [target for target, _ in chart.pictures] == ["", ""]
    assert chart.title == "Arms of ablations against their references"
    for name, figure in zip(tables["ablations"]["ablation"].unique(), chart.figures, strict=True):
        texts = [text.text or "" for text in ElementTree.fromstring(figure).iter("text")]
        assert any(text.startswith(f"{name}: ") for text in texts)


@pytest.mark.slow
def test_many_targets_and_models_have_few_figures_of_few_pairs(tmp_path: Path) -> None:
    """The first targets have one, with the pairs of each family's best model; tables have all of them."""
    cells = make_ladder_cells(num_rungs=2, targets=tuple(f"target{number}" for number in range(MOST_TARGETS + 2)))
    worse = [
        cells.assign(model=cells["model"] + f"-{less}", accuracy=cells["accuracy"] - 0.03 * less) for less in (1, 2)
    ]
    tables = make_tables(cells)
    cells = pd.concat([cells, *worse], ignore_index=True)
    (found,) = findings({"cells": cells})
    tables |= {"cells": cells, "comparison": comparison(cells)}
    charts = draw(make_suite(), tables, {}, tmp_path, findings=[found])
    assert [len(charts[kind, "fine-tune"].figures) for kind in ("accuracy", "crossings")] == 2 * [MOST_TARGETS]
    drawn = charts["crossings", "fine-tune"].figures[0]
    assert len(found.targets[0].pairs) == 27
    assert "vit_pico/8 less bit_resnet_pico" in drawn
    assert drawn.count(" less ") == 3
    assert ("improvement", "fine-tune") not in charts


def test_printed_colours_are_those_of_the_page() -> None:
    """In its light scheme; a figure and a chart of the page look alike."""
    style = (Path(write.__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")
    light = dict(re.findall(r"--([\w-]+): light-dark\((#\w+)", style)) | {"paper": "#ffffff"}
    assert {name: light[name] for name in COLOURS} == COLOURS


def test_marks_can_be_seen_and_told_apart() -> None:
    """A contrast of 3 on white (WCAG 2.2); families and pairs differ from each other."""
    for name in MARKS:
        assert 1.05 / (_luminance(COLOURS[name]) + 0.05) >= 3
    for first, second in combinations([name for name in MARKS if name not in ("other", "constant")], 2):
        parts = zip(to_rgb(COLOURS[first]), to_rgb(COLOURS[second]), strict=True)
        assert sum((one - other) ** 2 for one, other in parts) > 0.04
    assert len(set(COLOURS.values())) == len(COLOURS)


def _luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
