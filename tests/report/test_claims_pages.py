"""The section on claims: every verdict with its figures, in the words of the judgements."""

import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from bench.analysis.claims import CLAIMS, Evidence, Judgement, judge_claims
from bench.report.page import Cell, Section, as_html, as_markdown
from bench.report.pictures import Pictures
from bench.report.sections.claims import claims
from bench.report.write import build_page

Tables = dict[str, pd.DataFrame]


@pytest.fixture
def judgements(
    make_cells: Callable[..., pd.DataFrame], make_tables: Callable[[pd.DataFrame], Tables]
) -> list[Judgement]:
    return judge_claims(CLAIMS, Evidence(make_tables(make_cells()), {"position": "sincos-2d", "overlap": "/8"}))


def rows(section: Section, number: int) -> dict[str, list[Cell]]:
    return {row[0].text: row for row in section.tables[number].cells}


def test_every_claim_has_its_verdict_estimate_interval_pairs_and_published_figure(judgements: list[Judgement]) -> None:
    (section,) = claims(judgements)
    found = rows(section, 0)
    assert list(found) == [f"C{number}" for number in range(1, 13)]
    by_id = {one.claim.id: one for one in judgements}
    trend = by_id["C11"]
    assert trend.verdict == "supported"
    assert [cell.text for cell in found["C11"][2:5]] == ["supported", trend.text, "3 of 3"]
    assert trend.text.startswith("+1")
    assert "points per decade (+" in trend.text
    assert found["C5"][5].text.endswith("2.8 points (61.4 against 64.2 %)")
    assert "five-shot linear" in found["C5"][5].note
    assert found["C10"][2].text == "not judged yet"


def test_an_open_claim_says_why_and_what_would_decide(judgements: list[Judgement]) -> None:
    (section,) = claims(judgements)
    cell = rows(section, 0)["C1"][6]
    assert "1,300,000 pretraining images, which were not run" in cell.text
    assert cell.note.startswith("would decide: ViT and ResNet after 1.3 million images")
    assert rows(section, 0)["C1"][3].text == "\N{EN DASH}"


def test_scaled_rungs_stand_beside_under_another_name(judgements: list[Judgement]) -> None:
    (section,) = claims(judgements)
    beside = section.tables[2]
    assert "Beside the verdicts, and none" in beside.caption
    lines = [row[1].text for row in beside.cells if row[0].text == "C1"]
    assert lines[0].startswith("smallest rung of this ladder, fractals: ViT less ResNet after 256 images, digits@100: ")
    assert lines[1].startswith("smallest rung of this ladder, fractals, in-domain: ViT less ResNet")
    (first, inside) = (row[1].text for row in beside.cells if row[0].text == "C4")
    assert first.startswith("this ladder, after ")
    assert inside.startswith("this ladder, in-domain, after ")
    assert first.endswith(", 3 pairs, 95%")
    assert not any("supported" in line or "refuted" in line for line in lines)


def test_the_keys_of_the_runs_stand_in_small(judgements: list[Judgement]) -> None:
    (section,) = claims(judgements)
    trend = next(one for one in judgements if one.claim.id == "C11")
    assert f"C11: [{', '.join(trend.keys)}]" in section.code
    assert "C1: " not in section.code
    assert section.paragraphs[0].endswith("stand at the end of this section.")


def test_the_page_has_it_near_the_top_in_both_forms(
    judgements: list[Judgement],
    make_suite: Callable[..., dict[str, Any]],
    make_cells: Callable[..., pd.DataFrame],
    make_tables: Callable[[pd.DataFrame], Tables],
) -> None:
    tables = make_tables(make_cells())
    page = build_page(make_suite(), tables, Pictures({}, {}), judgements=judgements)
    assert page.sections[0].title == "Claims"
    for text in (as_html(page), as_markdown(page)):
        assert "What was found, at the corrected level" in text
        assert "nan" not in text.lower().replace("nano", "")
    without = build_page(make_suite(), tables, Pictures({}, {}))
    assert all(section.title != "Claims" for section in without.sections)


def test_levels_are_those_of_the_judgements(judgements: list[Judgement]) -> None:
    (section,) = claims(judgements)
    levels = {row[5].text for row in section.tables[1].cells}
    known = {one.level for one in judgements if not math.isnan(one.level)}
    assert levels == {f"{100 * level:.4g}%" for level in known}
    assert len(levels) == 1
