"""`index.html` is whole: alone in an empty folder, without a network, it asks for nothing and says nothing."""

import shutil
from pathlib import Path

import pytest

from tests.report.browser.conftest import SHOWN, OpenPage, WriteStore


@pytest.fixture
def alone(report_of: WriteStore, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The page of a store, copied without what its report has beside it."""
    return Path(shutil.copy(report_of(request.param), tmp_path / "index.html"))


@pytest.mark.parametrize("alone", SHOWN, indirect=True)
def test_the_page_opens_alone(open_page: OpenPage, alone: Path) -> None:
    """With its charts drawn; what it asks for is itself."""
    opened = open_page(alone)
    opened.page.wait_for_selector("figure[data-drawn] svg.marks")
    assert {url for url in opened.requests if not url.startswith("data:")} == {alone.as_uri()}
    assert opened.complaints == []


@pytest.mark.parametrize("alone", SHOWN, indirect=True)
def test_without_scripts_the_page_has_all_tables_and_a_static_ladder(open_page: OpenPage, alone: Path) -> None:
    """The same cells as with scripts, and a drawing of the ladder that is seen."""
    with_scripts, without = (open_page(alone, javascript=javascript) for javascript in (True, False))
    cells = "() => [...document.querySelectorAll('td')].map(cell => cell.textContent.trim())"
    assert without.read(cells) == with_scripts.read(cells)
    assert without.page.locator("figure svg:visible").count() > 0
    assert {url for url in without.requests if not url.startswith("data:")} == {alone.as_uri()}
