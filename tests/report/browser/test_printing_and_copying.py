"""What leaves the page: its print, and tables and commands on the clipboard."""

import io

import pandas as pd
from playwright.sync_api import expect

from tests.report.browser.conftest import OpenPage
from tests.report.browser.opened import OpenedPage

READ = "() => navigator.clipboard.readText()"


def test_print_shows_what_is_folded_and_no_controls(open_page: OpenPage) -> None:
    """With the static figures, on white."""
    opened = open_page("usual", scheme="dark")
    expect(opened.page.locator("figure[data-chart='ladder'][data-drawn]")).to_be_visible()
    opened.page.emulate_media(media="print")
    tables = opened.page.locator("main section table")
    assert tables.count() == opened.page.locator("main section table:visible").count()
    for selector in ("#filters", ".tools", ".copy", ".live", "nav", "#recommender"):
        assert opened.page.locator(f"{selector}:visible").count() == 0, selector
    assert opened.page.locator("figure[data-chart='ladder'] .static svg:visible").count() > 0
    assert opened.read("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_a_table_is_copied_as_it_is_shown(open_page: OpenPage) -> None:
    """With its filters and its order, as CSV, Markdown and LaTeX."""
    opened = open_page("usual")
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened.page.get_by_role("checkbox", name="CNN").uncheck()
    opened.page.locator("#compare-1 th", has_text="Accuracy").get_by_role("button").click()
    shown = [row["cells"] for row in opened.shown_rows("#compare-1")]
    frame = pd.read_csv(io.StringIO(_copied(opened, "Copy as CSV")), dtype=str, keep_default_na=False)
    assert [[_plain(cell) for cell in row] for row in shown] == frame.map(_plain).to_numpy().tolist()
    markdown = _copied(opened, "Copy as Markdown").splitlines()
    assert len(markdown) == len(shown) + 2
    assert set(markdown[1]) == set("| -")
    latex = _copied(opened, "Copy as LaTeX")
    assert latex.startswith("\\begin{tabular}")
    assert "\\toprule" in latex
    assert latex.count("\\\\") == len(shown) + 1
    assert "vit\\_pico/8" in latex


def test_a_row_gives_its_command(open_page: OpenPage) -> None:
    """What is copied is what is shown."""
    opened = open_page("usual")
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened.page.locator("#compare-1 .unfold:visible").first.click()
    command = opened.page.locator("#compare-1 tr.details:not([hidden]) .command").first
    command.get_by_role("button").click()
    assert opened.read(READ) == command.locator("code").inner_text()


def _copied(opened: OpenedPage, label: str) -> str:
    opened.page.locator(".table:has(#compare-1)").get_by_role("button", name=label).click()
    return str(opened.read(READ))


def _plain(text: str) -> str:
    return " ".join(text.split())
