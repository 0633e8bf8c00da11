"""The charts of a page: static figures of each target, and specifications if the extra `report` is installed."""

from pathlib import Path

import pandas as pd
import pytest

from bench.report import write
from bench.report.findings import findings
from bench.report.interactive import LADDER, with_ladder, with_specs
from bench.report.page import Chart
from bench.report.write import write_report
from tests.report.hand_made import make_cells, make_suite, make_tables

FIGURES = {
    ("accuracy", "fine-tune"): Chart("accuracy", {"digits@100": "Accuracy"}, "", "Means.", ("<svg>1</svg>",), ("f/1",)),
    ("accuracy", "linear"): Chart("accuracy-linear", {"digits@100, linear": "Probes"}, "", "", ("<svg>2</svg>",)),
    ("differences",): Chart("differences", {"": "Arms"}, "", "", ("<svg>3</svg>",)),
}


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    return make_tables(make_cells())


def test_the_ladder_has_the_figures_of_every_transfer_and_a_title_that_says_what_is_seen(
    tables: dict[str, pd.DataFrame],
) -> None:
    charts = with_ladder(FIGURES, tables, findings(tables))
    ladder = charts[LADDER]
    assert ladder.pictures == [("digits@100", "<svg>1</svg>"), ("digits@100, linear", "<svg>2</svg>")]
    assert ladder.titles == {
        "digits@100": ladder.titles_of_views["accuracy"]["digits@100"],
        "digits@100, linear": "Probes",
    }
    assert ladder.titles["digits@100"] != "Accuracy"
    assert ladder.files == ("f/1",)
    assert with_ladder({}, tables, findings(tables)) == {}


def test_specifications_come_with_their_choices_and_leave_static_figures_alone(tables: dict[str, pd.DataFrame]) -> None:
    found = findings(tables)
    charts = with_specs(with_ladder(FIGURES, tables, found), tables, {"digits@100": 0.1}, (), found, ())
    ladder, differences = charts[LADDER], charts["differences",]
    assert ladder.spec is not None
    assert ladder.figures == ("<svg>1</svg>", "<svg>2</svg>")
    assert list(ladder.choices["view"]) == ["accuracy", "error", "gain", "difference"]
    assert differences.spec is not None
    assert not charts["accuracy", "fine-tune"].spec


def test_without_the_extra_the_page_has_figures_and_says_how_to_get_charts(
    tables: dict[str, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "bundle", lambda: None)
    page = write_report(make_suite(), tables, tmp_path / "without").read_text()
    assert "pip install -e &#39;.[report]&#39;" in page
    assert 'id="chart-ladder"' not in page
    assert "<svg" in page
    monkeypatch.undo()
    page = write_report(make_suite(), tables, tmp_path / "with").read_text()
    assert "pip install" not in page
    assert 'id="chart-ladder"' in page
