"""Filters act on rows, counts and charts together, and can be undone."""

import re

from playwright.sync_api import expect

from tests.report.browser.conftest import OpenPage
from tests.report.browser.opened import OpenedPage

FAMILIES = {"vit", "cnn", "hybrid"}
LADDER = "figure[data-chart='ladder']"


def _shows(opened: OpenedPage) -> set[str]:
    return {row["family"] for row in opened.shown_rows()}


def _counts(opened: OpenedPage) -> list[int]:
    return [int(number.replace(",", "")) for number in re.findall(r"[\d,]+", opened.page.inner_text("#counts"))]


def test_unchecking_a_family_removes_its_rows_and_counts(open_page: OpenPage) -> None:
    """Of every table that is filtered; the rows of the first are counted. Checking it again brings them back."""
    opened = open_page("usual")
    before = opened.shown_rows()
    assert _shows(opened) == FAMILIES
    box = opened.page.get_by_role("checkbox", name="CNN")
    box.uncheck()
    after = opened.shown_rows()
    assert after == [row for row in before if row["family"] != "cnn"]
    all_rows = opened.page.locator("#compare-1 tbody tr:not(.details)").count()
    num_compared = len(opened.shown_rows("#compare-1"))
    assert 0 < num_compared < len(after)
    assert _counts(opened) == [num_compared, all_rows]
    box.check()
    assert opened.shown_rows() == before
    assert _counts(opened) == [len(opened.shown_rows("#compare-1")), all_rows]


def test_unchecking_a_family_removes_its_line(open_page: OpenPage) -> None:
    """Its points and its name at the line's end, and nothing of another family."""
    opened = open_page("usual")
    ladder = opened.page.locator(LADDER)
    expect(ladder).to_have_attribute("data-drawn", "")
    marks = {family: ladder.locator(f"svg [stroke='var(--{family})']") for family in FAMILIES}
    before = {family: marks[family].count() for family in FAMILIES}
    assert min(before.values()) > 0
    opened.page.get_by_role("checkbox", name="CNN").uncheck()
    expect(marks["cnn"]).to_have_count(0)
    for family in ("vit", "hybrid"):
        expect(marks[family]).to_have_count(before[family])
    opened.page.get_by_role("checkbox", name="CNN").check()
    expect(marks["cnn"]).to_have_count(before["cnn"])


def test_no_family_is_no_row(open_page: OpenPage) -> None:
    """And no chart breaks by it."""
    opened = open_page("usual")
    for name in ("ViT", "CNN", "Hybrid"):
        opened.page.get_by_role("checkbox", name=name).uncheck()
    assert opened.shown_rows() == []
    assert _counts(opened)[0] == 0
    assert opened.page.locator("#compare .nothing").is_visible()


def test_choosing_a_target_shows_its_rows_alone(open_page: OpenPage) -> None:
    """Each target in turn; together the choices show every row of the ladder."""
    opened = open_page("usual")
    select = opened.page.get_by_role("combobox", name="Target").first
    targets = select.locator("option").evaluate_all("options => options.map(option => option.value)")
    assert len(targets) == 2
    seen: list[str] = []
    for target in targets:
        select.select_option(target)
        rows = opened.shown_rows()
        assert {row["target"] for row in rows if row.get("target")} == {target}
        seen += [row["id"] for row in rows if row.get("target")]
    without_arms = opened.page.locator(
        ".table[data-filtered] tbody tr[data-target]:not([data-target='']):is(:not([data-arm]), [data-arm=''])"
    )
    assert sorted(seen) == sorted(without_arms.evaluate_all("rows => rows.map(row => row.id)"))


def test_ablation_arms_are_shown_on_request(open_page: OpenPage) -> None:
    opened = open_page("usual")
    assert not [row for row in opened.shown_rows() if row.get("arm")]
    opened.page.get_by_role("checkbox", name="ablation arms").check()
    arms = {row["arm"] for row in opened.shown_rows() if row.get("arm")}
    assert {"position: none", "position: learned-1d", "overlap: /16", "overlap: /16, stride 8"} <= arms


def test_a_target_of_arms_alone_shows_them(open_page: OpenPage) -> None:
    """Unasked, since it has no other row. The ladder's chart, which lacks that target, says so and shows no other."""
    opened = open_page("arms alone on a target", fragment="#target=arrangement")
    compared = opened.shown_rows("#compare-1")
    assert {row["target"] for row in compared} == {"arrangement"}
    assert all(row["arm"] for row in compared)
    ladder = opened.page.locator(LADDER)
    expect(ladder).to_have_attribute("data-drawn", "")
    expect(ladder.locator(".chart-title")).to_have_text("No data on arrangement in this chart")
    for part in (".plot", ".choices", "figcaption", ".static"):
        expect(ladder.locator(part)).to_be_hidden()
    opened.page.get_by_role("combobox", name="Target").first.select_option("digits@100")
    expect(ladder.locator(".chart-title")).not_to_contain_text("No data")
    expect(ladder.locator(".plot")).to_be_visible()
    assert not [row for row in opened.shown_rows("#compare-1") if row.get("arm")]


def test_finding_keeps_the_focus_and_the_rows_that_hold_the_text(open_page: OpenPage) -> None:
    opened = open_page("usual")
    find = opened.page.get_by_role("searchbox", name="Find")
    find.press_sequentially("BIT_resnet")
    expect(find).to_be_focused()
    rows = opened.shown_rows()
    assert rows
    assert {row["model"] for row in rows} == {"bit_resnet_pico"}


def test_reset_undoes_all(open_page: OpenPage) -> None:
    """Filters, order and address."""
    opened = open_page("usual")
    before = opened.shown_rows()
    opened.page.get_by_role("checkbox", name="ViT").uncheck()
    opened.page.locator("#compare-1 thead button").last.click()
    opened.page.get_by_role("searchbox", name="Find").fill("pico")
    assert "#" in opened.page.url
    opened.page.get_by_role("button", name="Reset").click()
    assert opened.shown_rows() == before
    assert "#" not in opened.page.url
    assert opened.page.get_by_role("checkbox", name="ViT").is_checked()


def test_a_theme_is_chosen_over_the_system(open_page: OpenPage) -> None:
    """Either way, with another background, and kept in the address."""
    background = "() => getComputedStyle(document.body).backgroundColor"
    for scheme, other in (("light", "Dark"), ("dark", "Light")):
        opened = open_page("usual", scheme=scheme)
        before = opened.read(background)
        opened.page.get_by_role("button", name=other).click()
        assert opened.read(background) != before
        assert f"theme={other.lower()}" in opened.page.url
