"""Tables are sorted by value as pandas sorts them: stable, and with missing values last in both directions."""

import pandas as pd
import pytest

from bench.report.layout import comparison_row
from tests.report.browser.conftest import OpenPage
from tests.report.browser.stores import STORES

TABLE = "#compare-1"


@pytest.mark.parametrize(
    "store", ["usual", *(pytest.param(name, marks=pytest.mark.slow) for name in ("half-finished", "reference-cpu"))]
)
def test_sorting_by_accuracy_gives_the_order_of_pandas(open_page: OpenPage, store: str) -> None:
    """Descending at the first click, ascending at the second."""
    opened = open_page(store)
    comparison = STORES[store]().tables["comparison"]
    accuracies = {comparison_row(row): row["accuracy"] for _, row in comparison.iterrows()}
    shown = pd.DataFrame({"id": [row["id"] for row in opened.shown_rows(TABLE)]})
    shown["accuracy"] = shown["id"].map(accuracies)
    assert shown["accuracy"].nunique() > 3
    button = opened.page.locator(f"{TABLE} th", has_text="Accuracy").get_by_role("button")
    for ascending, word in ((False, "descending"), (True, "ascending")):
        button.click()
        expected = shown.sort_values("accuracy", ascending=ascending, kind="stable", na_position="last")
        assert [row["id"] for row in opened.shown_rows(TABLE)] == expected["id"].tolist()
        assert opened.page.locator(f"{TABLE} th[aria-sort]").get_attribute("aria-sort") == word
