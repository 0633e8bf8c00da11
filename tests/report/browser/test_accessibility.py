"""Axe finds nothing in light and dark, at three widths, with parts of the page open; colours have enough contrast."""

import pytest

from tests.report.browser.conftest import SHOWN, OpenPage
from tests.report.browser.opened import OpenedPage

WIDTHS = {400: 800, 768: 1024, 1440: 900}
QUICK = {(400, "dark"), (1440, "light")}


def unfold(opened: OpenedPage) -> None:
    """Open the details of the first row that has some, and the first folded part of a section."""
    script = """() => {
      for (const parts of ['tr details', 'section details']) document.querySelector(parts)?.setAttribute('open', '');
    }"""
    opened.read(script)


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
