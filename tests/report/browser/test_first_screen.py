"""The first screen holds the question, the answer, its warnings, the ladder and a recommendation."""

import pytest

from tests.report.browser.conftest import OpenPage

PARTS = {
    "question": "h1",
    "answer": ".sentences:not([hidden])",
    "warning": ".warnings",
    "chart": "figure[data-chart='ladder']",
    "recommendation": "#recommendation",
}


@pytest.mark.parametrize("store", ["usual", "reference-cpu"])
def test_the_first_screen_has_all_parts(open_page: OpenPage, store: str) -> None:
    """Whole, in a window of 1440 x 900; only the reference has something to warn of."""
    opened = open_page(store)
    ends = {}
    for name in PARTS if store == "reference-cpu" else PARTS.keys() - {"warning"}:
        part = opened.page.locator(PARTS[name]).first
        part.wait_for()
        box = part.bounding_box()
        assert box is not None
        assert box["y"] >= 0
        ends[name] = box["y"] + box["height"]
        assert part.inner_text().strip()
    assert {name: round(end) for name, end in ends.items() if end > 900} == {}


@pytest.mark.parametrize("store", ["usual", "reference-cpu"])
def test_the_first_screen_of_a_telephone(open_page: OpenPage, store: str) -> None:
    """The chart ends within one and a half windows, and all of the first screen within two and a half."""
    opened = open_page(store, width=400, height=800)
    ladder = opened.page.locator(PARTS["chart"]).bounding_box()
    first = opened.page.locator("section.first").bounding_box()
    assert ladder is not None
    assert first is not None
    assert ladder["y"] + ladder["height"] <= 1.5 * 800
    assert first["y"] + first["height"] <= 2.5 * 800


def test_another_target_has_another_answer(open_page: OpenPage) -> None:
    """Of its own, with the chart's title."""
    opened = open_page("usual")
    shown = ".sentences:visible, figure[data-chart='ladder'] .chart-title"
    before = opened.page.locator(shown).all_inner_texts()
    opened.page.get_by_role("combobox", name="Target").first.select_option(index=1)
    after = opened.page.locator(shown).all_inner_texts()
    assert len(before) == len(after) == 2
    assert before[0] != after[0]


def test_the_page_of_the_reference_is_short(open_page: OpenPage) -> None:
    """As it opens, with most of it folded."""
    opened = open_page("reference-cpu")
    assert opened.num_words() <= 1800
    assert opened.num_screens() <= 9
