"""One number is the same wherever the page has it: in charts, tables and sentences."""

import json
import re
from collections import defaultdict
from typing import Any

import pytest

from tests.report.browser.conftest import SHOWN, OpenPage
from tests.report.browser.opened import OpenedPage

SIGNED = r"[+\N{MINUS SIGN}]?[\d,.]+"
BOUNDED = re.compile(rf"({SIGNED})(?: %| points)? \(({SIGNED}) to ({SIGNED})\)")
RATIO = re.compile(r"needs ([\d.,]+) times as many images as .*?, ([\d.,]+) to ([\d.,]+)")


def _data(opened: OpenedPage) -> dict[str, list[dict[str, Any]]]:
    """Return chart -> its data."""
    texts = opened.read(
        "() => Object.fromEntries([...document.querySelectorAll('script[id^=chart-]')]"
        ".map(script => [script.id.slice(6), script.textContent]))"
    )
    return {name: json.loads(text)["data"]["values"] for name, text in texts.items()}


def _row_texts(opened: OpenedPage) -> dict[str, str]:
    """Return the id of each row of a table -> its text with its details."""
    script = """() => Object.fromEntries([...document.querySelectorAll('tr[id]')].map(row => {
      const next = row.nextElementSibling;
      const behind = next && next.classList.contains('details') ? next.textContent : '';
      return [row.id, (row.textContent + ' ' + behind).replace(/\\s+/g, ' ')];
    }))"""
    return dict(opened.read(script))


@pytest.mark.parametrize("store", SHOWN)
def test_a_point_has_the_numbers_of_its_row(open_page: OpenPage, store: str) -> None:
    """Each point of the ladder, and each difference of an arm, in the row that it opens."""
    opened = open_page(store)
    rows, data = _row_texts(opened), _data(opened)
    points = [datum for datum in data["ladder"] if datum.get("row")]
    assert len(points) > 10
    for datum in points:
        assert _bounds(datum["views"]["accuracy"][3]) in map(_bounds, _bounded(rows[datum["row"]])), datum
    for name, values in data.items():
        for datum in values:
            if name.startswith("difference") and datum.get("row"):
                assert _bounds(datum["shown"]) in map(_bounds, _bounded(rows[datum["row"]])), datum


@pytest.mark.parametrize("store", SHOWN)
def test_a_pair_has_one_interval(open_page: OpenPage, store: str) -> None:
    """Each ratio of images, and each difference of two models at a rung, over all charts and sentences at one level."""
    opened = open_page(store)
    intervals: dict[Any, set[tuple[str, ...]]] = defaultdict(set)
    for mean, low, high in RATIO.findall(opened.text()):
        intervals[mean].add((low, high.rstrip(".,")))
    for values in _data(opened).values():
        for datum in values:
            if datum.get("kind") == "pair":
                mean, *ends = datum["views"]["difference"][:3]
                sizes = sorted(str(abs(end)) for end in ends if end is not None)
                intervals[datum["target"], abs(mean)].add(tuple(sizes))
    assert intervals
    assert {key: ends for key, ends in intervals.items() if len(ends) > 1} == {}


def _bounded(text: str) -> list[str]:
    return [found.group() for found in BOUNDED.finditer(text)]


def _bounds(text: str) -> tuple[str, ...]:
    found = BOUNDED.search(text)
    return tuple(part.removeprefix("+") for part in found.groups()) if found else (text,)
