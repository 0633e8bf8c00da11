"""Charts are drawn from their tables, follow the page's filters and buttons, and can be read by keyboard."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.report.browser.conftest import OpenPage, WriteStore
from tests.report.browser.opened import OpenedPage
from tests.report.browser.stores import HOSTILE

WAIT_MS = 30_000
"""How long a busy machine may take to draw a chart."""
LADDER = "figure[data-chart=ladder]"
VIEWS = ("", "error", "gain", "difference")
FAMILIES = ("vit", "cnn", "hybrid")
_OVERLAPPING = """() => {
  const boxes = [...document.querySelectorAll('figure[data-chart=ladder] svg text')]
    .filter(text => text.textContent.trim() && text.checkVisibility({opacityProperty: true}))
    .map(text => [text.textContent, text.getBoundingClientRect()]);
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3;
  return boxes.flatMap(([first, a], place) =>
    boxes.slice(place + 1).filter(([, b]) => meet(a, b)).map(([second]) => `${first} and ${second}`));
}"""


def drawn(opened: OpenedPage, chart: str = "ladder") -> OpenedPage:
    opened.page.wait_for_selector(f"figure[data-chart={chart}][data-drawn]", timeout=WAIT_MS)
    return opened


def num_points(opened: OpenedPage, colour: str) -> int:
    """The points of a colour in the ladder."""
    return opened.page.locator(f'{LADDER} .mark-symbol path[stroke="var(--{colour})"]').count()


def settled(opened: OpenedPage, script: str) -> None:
    """Wait until a chart shows what was chosen; Vega draws in its own time."""
    opened.page.wait_for_function(script, timeout=WAIT_MS)


def texts(opened: OpenedPage) -> list[str]:
    return list(opened.page.locator(f"{LADDER} svg text").all_text_contents())


def data_of(opened: OpenedPage, chart: str = "ladder") -> list[dict[str, Any]]:
    spec = json.loads(opened.page.locator(f"#chart-{chart}").text_content() or "")
    return list(spec["data"]["values"])


def test_the_ladder_is_drawn_with_a_point_a_row(open_page: OpenPage, record_property: Any) -> None:
    """In place of the static figure, at once; each point belongs to a row of the page."""
    opened = drawn(open_page("usual"))
    record_property("drawn after ms", opened.read("() => Math.round(performance.now())"))
    assert not opened.page.locator(f"{LADDER} .static").is_visible()
    rows = [row for row in data_of(opened) if row["kind"] == "row" and row["target"] == "digits@100"]
    for family in FAMILIES:
        assert num_points(opened, family) == sum(row["family"] == family for row in rows) > 0


def test_every_point_has_a_row_on_the_page(open_page: OpenPage) -> None:
    """Points of the ladder, of fronts and of ablations, arms among them; pairs have none."""
    opened = open_page("usual")
    charts = [str(each.get_attribute("data-chart")) for each in opened.page.locator("figure[data-chart]").all()]
    points = [point for chart in charts for point in data_of(opened, chart) if point.get("row", "").startswith("row-")]
    assert {"row", "arm", "dot"} <= {point["kind"] for point in points}
    ids = json.dumps([point["row"] for point in points])
    assert opened.read(f"() => {ids}.filter(id => document.getElementById(id) === null)") == []
    all_ids = opened.read("() => [...document.querySelectorAll('[id]')].map(element => element.id)")
    assert [name for name, number in Counter(all_ids).items() if number > 1] == []


def test_a_family_that_is_not_chosen_has_no_marks(open_page: OpenPage) -> None:
    """Neither a line nor points nor a name, as it has no rows; all are back with it."""
    opened = drawn(open_page("usual"))
    before = num_points(opened, "cnn")
    opened.page.uncheck('#filters input[value="cnn"]')
    settled(opened, f"() => !document.querySelector('{LADDER} svg [stroke=\"var(--cnn)\"]')")
    assert "CNN" not in texts(opened)
    assert num_points(opened, "vit") > 0
    opened.page.check('#filters input[value="cnn"]')
    settled(opened, f"() => document.querySelector('{LADDER} svg [stroke=\"var(--cnn)\"]')")
    assert num_points(opened, "cnn") == before
    assert "CNN" in texts(opened)


def test_a_button_shows_another_view(open_page: OpenPage) -> None:
    """The axis is named, the heading says what is seen, and the address keeps the choice."""
    opened = drawn(open_page("usual"))
    heading = opened.page.locator(f"{LADDER} .chart-title").text_content()
    ticks = opened.page.locator(f"{LADDER} .plot .role-axis-label text")
    assert "scratch" in ticks.all_text_contents()
    opened.page.click(f"{LADDER} button[data-value=difference]")
    settled(opened, f"() => document.querySelector('{LADDER} svg [stroke=\"var(--pair-1)\"]')")
    assert "Difference in test accuracy (points)" in texts(opened)
    assert "ViT \N{MINUS SIGN} CNN" in texts(opened)
    assert "scratch" not in ticks.all_text_contents()
    assert num_points(opened, "vit") == 0
    assert opened.page.locator(f"{LADDER} .chart-title").text_content() != heading
    assert "view=difference" in opened.page.url
    assert opened.page.locator(f"{LADDER} button[aria-pressed=true]").all_text_contents() == ["differences of pairs"]


def test_a_chart_leads_to_the_table_with_its_numbers(open_page: OpenPage) -> None:
    """Whatever is folded around it: the table of the comparison, of costs, of an ablation, of verdicts."""
    opened = open_page("usual")
    headers = {
        "ladder": "Pretrained on",
        "cost": "Parameters",
        "differences": "Arm",
        "claims": "Verdict",
    }
    opened.read("() => document.querySelectorAll('details').forEach(each => { each.open = true; })")
    for kind, column in headers.items():
        figure = opened.page.locator(f"figure[data-chart^={kind}]").first
        figure.scroll_into_view_if_needed()
        drawn(opened, str(figure.get_attribute("data-chart")))
        opened.read("() => document.querySelectorAll('details').forEach(each => { each.open = false; })")
        figure.locator(".as-table").click()
        focused = opened.page.locator(".scroll:focus")
        assert column in focused.locator("th").all_text_contents()
        assert focused.is_visible()
        opened.read("() => document.querySelectorAll('details').forEach(each => { each.open = true; })")


@pytest.mark.parametrize("width", [400, 1440])
def test_names_of_lines_are_whole_in_the_view_that_is_chosen(open_page: OpenPage, width: int) -> None:
    """The plot makes room for longer names than those with which it was drawn."""
    opened = drawn(open_page("usual", width=width))
    opened.page.click(f"{LADDER} button[data-value=difference]")
    settled(opened, f"() => document.querySelector('{LADDER} svg [stroke=\"var(--pair-1)\"]')")
    names = {row["label"] for row in data_of(opened) if row["kind"] == "pair" and row["target"] == "digits@100"}
    assert names <= set(texts(opened))
    settled(
        opened,
        f"""() => {{
          const right = document.querySelector('{LADDER} svg').getBoundingClientRect().right;
          return [...document.querySelectorAll('{LADDER} svg text')].every(
            text => text.getBoundingClientRect().right <= right);
        }}""",
    )


def test_the_heading_of_a_front_is_about_its_cost(open_page: OpenPage) -> None:
    opened = open_page("usual")
    front = opened.page.locator("figure[data-chart^=cost]").first
    name = str(front.get_attribute("data-chart"))
    opened.read("() => document.querySelectorAll('details').forEach(each => { each.open = true; })")
    front.scroll_into_view_if_needed()
    drawn(opened, name)
    for cost, words in (("macs", "Multiply-accumulates"), ("parameters", "Parameters")):
        front.locator(f"button[data-value={cost}]").click()
        settled(
            opened, f"() => document.querySelector('figure[data-chart={name}] svg').textContent.includes('{words}')"
        )
        assert f" on the front by {words.lower()}" in (front.locator(".chart-title").text_content() or "")


def test_the_chosen_target_is_shown(open_page: OpenPage) -> None:
    """From the address, too; its highest point is at the accuracy of its table."""
    opened = drawn(open_page("usual", fragment="#target=fractals-heldout&arms=1"))
    rows = [row for row in data_of(opened) if row["target"] == "fractals-heldout" and row["kind"] in ("row", "arm")]
    assert sum(num_points(opened, family) for family in FAMILIES) == len(rows)
    opened.page.select_option('#filters select[name="target"]', "digits@100")
    opened.page.uncheck('#filters input[name="arms"]')
    on_digits = [row for row in data_of(opened) if row["target"] == "digits@100" and row["kind"] == "row"]
    settled(
        opened,
        f"() => document.querySelectorAll('{LADDER} .mark-symbol path[stroke]').length === {len(on_digits)}",
    )


@pytest.mark.parametrize("width", [400, 768, 1440])
@pytest.mark.parametrize("store", ["usual", pytest.param("20 targets, 12 models", marks=pytest.mark.slow)])
def test_no_two_texts_overlap(open_page: OpenPage, store: str, width: int) -> None:
    for view in VIEWS:
        opened = drawn(open_page(store, width=width, fragment=f"#view={view}" if view else ""))
        assert opened.read(_OVERLAPPING) == [], view
        assert opened.beyond() == []


def test_points_are_read_by_keyboard(open_page: OpenPage) -> None:
    """Arrow keys tell of a point after the other, Enter opens its row, and Escape hides what was told."""
    opened = drawn(open_page("usual"))
    plot, tip = opened.page.locator(f"{LADDER} .plot"), opened.page.locator(f"{LADDER} .tip")
    plot.focus()
    told = []
    for _ in range(2):
        plot.press("ArrowRight")
        told.append(tip.inner_text())
    assert told[0] != told[1]
    assert re.search(r"model: .+\npretrained on: .+\nresult: \d+\.\d % \(\d+\.\d to \d+\.\d\)", told[1])
    plot.press("Escape")
    assert not tip.is_visible()
    plot.press("ArrowLeft")
    point = next(
        row for row in data_of(opened) if row["kind"] == "row" and row["views"]["accuracy"][3] in tip.inner_text()
    )
    plot.press("Enter")
    settled(
        opened,
        f"() => {{ const box = document.getElementById('{point['row']}').getBoundingClientRect();"
        " return box.top >= 0 && box.bottom <= innerHeight; }",
    )


def test_a_click_on_a_point_opens_its_row(open_page: OpenPage) -> None:
    opened = drawn(open_page("usual"))
    opened.page.locator(f'{LADDER} .mark-symbol path[stroke="var(--cnn)"]').last.click(force=True)
    point = [row for row in data_of(opened) if row["target"] == "digits@100" and row.get("family") == "cnn"]
    best = next(row for row in point if row["kind"] == "row" and row["images"] == 4096)
    settled(
        opened,
        f"() => {{ const box = document.getElementById('{best['row']}').getBoundingClientRect();"
        " return box.top >= 0 && box.bottom <= innerHeight; }",
    )


def test_every_chart_of_the_page_is_drawn(open_page: OpenPage) -> None:
    """When it is unfolded and comes near."""
    opened = drawn(open_page("usual"))
    opened.read("() => document.querySelectorAll('details').forEach(each => { each.open = true; })")
    for chart in opened.page.locator("figure[data-chart]").all():
        chart.scroll_into_view_if_needed()
        drawn(opened, str(chart.get_attribute("data-chart")))
    assert opened.page.locator("figure[data-chart]").count() >= 3


def test_a_chart_that_cannot_be_drawn_stays_a_picture(
    open_page: OpenPage, report_of: WriteStore, tmp_path: Path
) -> None:
    """With what went wrong on the console, and without buttons that would do nothing."""
    broken = tmp_path / "index.html"
    whole = report_of("usual").read_text()
    broken.write_text(
        whole.replace("window.vegaEmbed=", "window.vegaEmbed=()=>{throw Error('planted')};window.unused=", 1)
    )
    opened = open_page(broken)
    opened.page.wait_for_selector(f"{LADDER} .static svg:visible")
    assert not opened.page.locator(f"{LADDER} .live").is_visible()
    assert opened.page.locator(f"{LADDER} .choices").count() == 0
    assert any("planted" in message for message in opened.messages)
    opened.messages.clear()


@pytest.mark.slow
def test_a_figure_that_does_not_react_follows_the_target(
    open_page: OpenPage, report_of: WriteStore, tmp_path: Path
) -> None:
    """Its picture and its heading are of the target chosen, or it says that there is none."""
    without = tmp_path / "index.html"
    without.write_text(report_of("arms alone on a target").read_text().replace("window.vegaEmbed=", "window.unused="))
    opened = open_page(without, fragment="#target=arrangement")
    heading, picture = opened.page.locator(f"{LADDER} .chart-title"), opened.page.locator(f"{LADDER} .picture:visible")
    expect(heading).to_have_text("No figure of arrangement; tables have its numbers")
    expect(picture).to_have_count(0)
    for target in ("digits@100", "fractals-heldout"):
        opened.page.select_option('#filters select[name="target"]', target)
        expect(picture).to_have_count(1)
        expect(picture).to_have_attribute("data-target", target)
        titles = json.loads(heading.get_attribute("data-titles") or "")
        expect(heading).to_have_text(titles[target])


@pytest.mark.slow
def test_hostile_names_are_told_as_text(open_page: OpenPage) -> None:
    """Whatever a model or an arm is called, the tooltip of its point says it, and nothing runs."""
    opened = drawn(open_page("hostile", fragment="#arms=1"))
    opened.page.locator(f"{LADDER} .plot").focus()
    told = ""
    for _ in range(sum(num_points(opened, family) for family in FAMILIES)):
        opened.page.keyboard.press("ArrowRight")
        told += opened.page.locator(f"{LADDER} .tip").inner_text()
    names = {row["line"] for row in data_of(opened) if row["kind"] in ("row", "arm") and row["target"] == "digits@100"}
    assert any(text in name for name in names for text in HOSTILE)
    squeezed = re.sub(r"\s+", " ", told)
    for name in names:
        assert re.sub(r"\s+", " ", name) in squeezed
    assert opened.read("() => window.X") is None
    assert opened.read(f"() => document.querySelectorAll('{LADDER} img, {LADDER} b').length") == 0
