"""The state of the page stands in the address, and an address gives the same page again."""

import pytest
from playwright.sync_api import expect

from tests.report.browser.conftest import OpenPage, WriteStore


def test_an_address_restores_what_was_chosen(open_page: OpenPage, report_of: WriteStore) -> None:
    """Rows and their order, controls, theme and the recommender's fields."""
    opened = open_page("usual")
    page = opened.page
    page.get_by_role("checkbox", name="CNN").uncheck()
    page.get_by_role("checkbox", name="ablation arms").check()
    page.get_by_role("combobox", name="Target").first.select_option(index=1)
    page.locator("#compare-1 th", has_text="Accuracy").get_by_role("button").click()
    page.get_by_role("button", name="Dark").click()
    fragment = page.url.partition("#")[2]
    again = open_page("usual", fragment=f"#{fragment}")
    assert again.shown_rows() == opened.shown_rows()
    assert again.page.get_by_role("checkbox", name="CNN").is_checked() is False
    assert again.page.get_by_role("checkbox", name="ablation arms").is_checked()
    assert again.page.locator("#compare-1 th[aria-sort]").count() == 1
    assert again.page.locator("html").get_attribute("data-theme") == "dark"
    assert again.page.url.partition("#")[2] == fragment


def test_the_address_follows_back_and_forth(open_page: OpenPage) -> None:
    """A link to another state of the same page changes it in place."""
    opened = open_page("usual", fragment="#family=vit")
    assert {row["family"] for row in opened.shown_rows()} == {"vit"}
    opened.page.evaluate("location.hash = '#family=cnn,hybrid'")
    expect(opened.page.get_by_role("checkbox", name="ViT")).not_to_be_checked()
    assert {row["family"] for row in opened.shown_rows()} == {"cnn", "hybrid"}


def test_back_returns_from_where_a_link_led(open_page: OpenPage) -> None:
    """And the address of a section opens it, with the state of the page."""
    opened = open_page("usual", fragment="#family=vit")
    opened.page.get_by_role("link", name="Runs", exact=True).click()
    assert opened.page.url.partition("#")[2] == "family=vit&at=runs"
    opened.page.go_back()
    assert opened.page.url.partition("#")[2] == "family=vit"
    again = open_page("usual", fragment="#family=vit&at=runs")
    assert again.read("() => document.activeElement.id") == "runs"
    assert {row["family"] for row in again.shown_rows()} == {"vit"}


@pytest.mark.parametrize(
    "fragment",
    [
        "#family=nobody&target=nowhere&view=none&sort.compare-1=99:up&arms=7&theme=blue",
        "#images=NaN&latency=-1&percentile=1000&within=%3Cb%3E&like=__proto__&machine=constructor",
        "#=&&=x&%E0%A4%A=1&__proto__=1&sort.compare-1=&find=%3Cimg%20src=x%20onerror=window.X=1%3E",
        "#claim-C1",
        "#nothing-of-that-name",
    ],
)
def test_a_wrong_address_breaks_nothing(open_page: OpenPage, fragment: str) -> None:
    """The page opens with its rows and its answer, and nothing of the address runs."""
    opened = open_page("usual", fragment=fragment)
    assert opened.page.locator(".sentences:visible").get_attribute("data-target") == "digits@100"
    assert len(opened.shown_rows()) > 5 or "find=" in fragment
    assert opened.read("() => window.X") is None
    opened.page.get_by_role("button", name="Reset").click()
    assert len(opened.shown_rows()) > 5
