"""The page fits its window at four widths, and its figures can be read on a telephone."""

import pytest

from tests.report.browser.conftest import SHOWN, OpenPage, WriteStore

WIDTHS = {320: 640, 400: 800, 768: 1024, 1440: 900}
"""Width of the window -> its height."""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("store", SHOWN)
def test_nothing_is_wider_than_the_window(open_page: OpenPage, store: str, width: int) -> None:
    """Only regions that scroll by themselves hold something wider."""
    assert open_page(store, width=width, height=WIDTHS[width]).beyond() == []


@pytest.mark.parametrize("store", SHOWN)
def test_rows_of_tables_are_low_on_a_telephone(open_page: OpenPage, store: str) -> None:
    assert open_page(store, width=400, height=800).tall_rows(160) == []


@pytest.mark.parametrize("javascript", [True, False])
@pytest.mark.parametrize("store", SHOWN)
def test_text_in_figures_is_legible_on_a_telephone(open_page: OpenPage, store: str, javascript: bool) -> None:
    """Of charts, and of the static figures that stand for them without scripts."""
    opened = open_page(store, width=400, height=800, javascript=javascript)
    assert opened.small_figure_text(11) == []
    assert opened.read("() => document.querySelectorAll('svg text').length") > 0


def test_the_page_of_a_half_finished_suite_is_short(open_page: OpenPage) -> None:
    """Of the suite `gpu`, of whose rows few have run."""
    assert open_page("half-finished gpu").num_screens() <= 6


@pytest.mark.slow
def test_the_page_of_a_thousand_runs_is_small(report_of: WriteStore) -> None:
    """With everything that it needs in one file."""
    assert report_of("1,000 runs").stat().st_size <= 6_000_000
