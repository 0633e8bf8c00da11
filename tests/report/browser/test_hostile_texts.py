"""Names of suites, targets, models and arms, and messages of errors, are text on the page, whatever they hold."""

import pytest

from tests.report.browser.conftest import OpenPage
from tests.report.browser.stores import HOSTILE


@pytest.mark.parametrize("javascript", [True, False])
def test_hostile_texts_are_shown_and_do_nothing(open_page: OpenPage, javascript: bool) -> None:
    """No element comes of them, no script runs, and every letter of them is there."""
    opened = open_page("hostile", javascript=javascript)
    opened.page.wait_for_timeout(200)  # an image that fails to load would run its handler by then
    assert opened.read("() => window.X") is None
    assert opened.read("() => document.querySelectorAll('[onerror], img[src=x], b').length") == 0
    text = opened.text()
    for part in HOSTILE:
        assert part in text
    assert opened.beyond() == []
    assert opened.read("() => ({}).polluted") is None
