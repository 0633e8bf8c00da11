"""Whatever a store holds, its page opens without a complaint, shows no empty table and no number that is none."""

import re

import pytest

from tests.report.browser.conftest import OpenPage
from tests.report.browser.stores import STORES

QUICK = ("half-finished", "nothing run")


@pytest.mark.parametrize(
    "store", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in STORES]
)
def test_a_page_of_any_store(open_page: OpenPage, store: str) -> None:
    """At the width of a laptop and at that of a telephone."""
    for width, height in ((1440, 900), (400, 800)):
        opened = open_page(store, width=width, height=height)
        assert opened.empty_tables() == []
        assert opened.beyond() == []
        assert re.findall(r".{0,40}\b(?:nan|<NA>|undefined|NaT)\b.{0,40}", opened.text()) == []
        assert opened.page.locator("td", has_text=re.compile(r"^\s*None\b")).count() == 0
