"""Everything can be reached and done without a pointer."""

from playwright.sync_api import expect

from tests.report.browser.conftest import OpenPage


def test_tab_reaches_each_control_once(open_page: OpenPage) -> None:
    """In the order of the page; a region takes a stop only where it scrolls."""
    opened = open_page("usual")
    stops, controls = opened.tab_stops(), opened.controls()
    assert stops == controls
    still = """() => [...document.querySelectorAll('.scroll[tabindex="0"]')]
      .filter(region => region.checkVisibility() && region.scrollWidth <= region.clientWidth)
      .map(region => region.getAttribute('aria-labelledby'))"""
    assert opened.read(still) == []
    scrolls = """() => [...document.querySelectorAll('.scroll:not([tabindex="0"])')]
      .filter(region => region.checkVisibility() && region.scrollWidth > region.clientWidth)
      .map(region => region.innerText.slice(0, 80))"""
    narrow = open_page("usual", width=400, height=800)
    assert narrow.read(still) == []
    assert narrow.read(scrolls) == []


def test_enter_opens_a_row_and_closes_it(open_page: OpenPage) -> None:
    """With its keys and commands."""
    opened = open_page("usual")
    row = opened.page.locator("#compare-1 tbody tr:not(.details):not([hidden])").first
    details = opened.page.locator("#compare-1 tbody tr.details").first
    button = row.get_by_role("button")
    button.focus()
    opened.page.keyboard.press("Enter")
    expect(details).to_be_visible()
    expect(button).to_have_attribute("aria-expanded", "true")
    for command in (
        "bench run hand-made --device cpu --only model=vit_pico/8,target=digits@100,subset=0",
        "bench verify t-vit_pico/8-0-digits@100-0",
        'models.load("results/hand-made/runs/t-vit_pico/8-0-digits@100-0")',
    ):
        expect(details).to_contain_text(command)
    opened.page.keyboard.press("Enter")
    expect(details).to_be_hidden()
    expect(button).to_have_attribute("aria-expanded", "false")


def test_escape_closes_a_menu(open_page: OpenPage) -> None:
    """And the focus is at its button again."""
    opened = open_page("usual")
    summary = opened.page.locator(".menu summary").first
    summary.focus()
    opened.page.keyboard.press("Enter")
    expect(opened.page.locator(".menu[open]")).to_have_count(1)
    opened.page.keyboard.press("Tab")
    opened.page.keyboard.press("Escape")
    expect(opened.page.locator(".menu[open]")).to_have_count(0)
    expect(summary).to_be_focused()
