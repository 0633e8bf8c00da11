"""The printed figures of a report: each link of the page leads to a file, and the files hold the numbers."""

import re
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from bench.report.layout import target_key
from tests.report.browser.conftest import OpenPage, WriteStore
from tests.report.browser.stores import STORES

SVG = "{http://www.w3.org/2000/svg}"
NEAR = 0.05
"""How far a drawn number may be from the table's, in points of accuracy."""


@pytest.mark.parametrize("store", ["usual", pytest.param("reference-cpu", marks=pytest.mark.slow)])
def test_every_file_that_the_page_links_is_there(open_page: OpenPage, report_of: WriteStore, store: str) -> None:
    """Each figure as SVG with text, PDF and PNG; no file of a figure is without a link."""
    folder = report_of(store).parent
    links = open_page(store).page.locator("a[href]:not([href^='#'])")
    files = set(map(unquote, links.evaluate_all("links => links.map(link => link.getAttribute('href'))")))
    assert [name for name in files if not (folder / name).is_file()] == []
    figures = {str(path.relative_to(folder)) for path in (folder / "figures").iterdir()}
    assert figures <= files
    for stem in {name.rpartition(".")[0] for name in figures}:
        assert ElementTree.parse(folder / f"{stem}.svg").find(f".//{SVG}text") is not None
        assert (folder / f"{stem}.pdf").read_bytes().startswith(b"%PDF-")
        with Image.open(folder / f"{stem}.png") as picture:
            assert min(picture.size) > 200


def test_the_figure_of_accuracy_holds_the_numbers_of_the_table(report_of: WriteStore) -> None:
    """Read from the heights of its marks: the mean and both ends of the interval of every row."""
    folder = report_of("usual").parent
    comparison = STORES["usual"]().tables["comparison"]
    target = target_key(comparison.iloc[0])
    rows = comparison[comparison.apply(target_key, axis=1) == target]
    drawn = _heights(folder / "figures" / "accuracy.svg")
    for name in ("accuracy", "low", "high"):
        distances = np.abs(drawn[:, None] - 100 * rows[name].to_numpy()).min(axis=0)
        assert distances.max() < NEAR, name


def _heights(path: Path) -> np.ndarray:
    """Return the heights of all marks in the units of the vertical axis, which its ticks tell."""
    root = ElementTree.parse(path).getroot()
    ticks = []
    for group in root.iter(f"{SVG}g"):
        if re.fullmatch(r"ytick_\d+", group.get("id", "")):
            mark, label = group.find(f".//{SVG}use"), group.find(f".//{SVG}text")
            assert mark is not None
            assert label is not None
            ticks.append((float(mark.get("y", "")), float(label.text or "")))
    slope, offset = np.polyfit(*zip(*ticks, strict=True), 1)
    return np.array([slope * float(mark.get("y", "")) + offset for mark in root.iter(f"{SVG}use")])
