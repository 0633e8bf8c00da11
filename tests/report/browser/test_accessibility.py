"""Axe finds nothing in light and dark, at three widths, with parts of the page open; colours have enough contrast."""

import re

import pytest

from tests.report.browser.conftest import SHOWN, OpenPage
from tests.report.browser.opened import OpenedPage

WIDTHS = {400: 800, 768: 1024, 1440: 900}
PAPERS = ("paper", "shade", "doubt-shade")
TEXTS = {"ink": PAPERS, "quiet": ("paper", "shade"), "link": ("paper", "shade"), "doubt": ("paper", "doubt-shade")}
"""Colour of text -> what it stands on."""
MARKS = ("vit", "cnn", "hybrid", "other", "pair-1", "pair-2", "pair-3", "constant")
QUICK = {(400, "dark"), (1440, "light")}


def unfold(opened: OpenedPage) -> None:
    """Open the details of the first row, and the first folded part of a section."""
    opened.page.locator("#compare-1 .unfold:visible").first.click()
    opened.page.locator("details.folded > summary:visible").first.click()
    assert opened.page.locator("tr.details:visible, details.folded[open]").count() == 2


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        pytest.param(width, scheme, marks=() if (width, scheme) in QUICK else pytest.mark.slow)
        for width in WIDTHS
        for scheme in ("light", "dark")
    ],
)
@pytest.mark.parametrize("store", SHOWN)
def test_axe_finds_nothing(open_page: OpenPage, store: str, width: int, scheme: str) -> None:
    opened = open_page(store, width=width, height=WIDTHS[width], scheme=scheme)
    unfold(opened)
    assert opened.violations() == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_enough_contrast(open_page: OpenPage, scheme: str) -> None:
    """Text 4.5 on what is behind it, marks 3 on the page (WCAG 2.2), as the browser computes them."""
    opened = open_page("usual", scheme=scheme)
    colours = {name: _colour(opened, name) for name in (*TEXTS, *MARKS, *PAPERS)}
    for name, papers in TEXTS.items():
        for paper in papers:
            assert _contrast(colours[name], colours[paper]) >= 4.5, (name, paper)
    for name in MARKS:
        assert _contrast(colours[name], colours["paper"]) >= 3, name


def _colour(opened: OpenedPage, name: str) -> list[float]:
    """Return red, green and blue of a variable, 0 to 1."""
    script = """name => {
      const probe = document.createElement('span');
      probe.style.color = `var(--${name}, transparent)`;
      document.body.append(probe);
      const colour = getComputedStyle(probe).color;
      probe.remove();
      return colour;
    }"""
    parts = re.fullmatch(r"rgb\((\d+), (\d+), (\d+)\)", opened.page.evaluate(script, name))
    assert parts is not None, name
    return [int(part) / 255 for part in parts.groups()]


def _contrast(one: list[float], other: list[float]) -> float:
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: list[float]) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
