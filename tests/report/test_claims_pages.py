"""The section on claims: every verdict with its figures, in the words of the judgements."""

import pandas as pd
import pytest

from bench.analysis.claims.claim import Judgement
from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.judge import judge_claims
from bench.analysis.claims.literature import CLAIMS
from bench.report.page import Section, TableCell
from bench.report.rendering import as_html, as_markdown
from bench.report.sections.claims import claims
from bench.report.write import build_page
from tests.report.hand_made import make_cells, make_suite, make_tables

Tables = dict[str, pd.DataFrame]


@pytest.fixture
def judgements() -> list[Judgement]:
    return judge_claims(CLAIMS, Evidence(make_tables(make_cells()), {"position": "sincos-2d", "overlap": "/8"}))


def rows(section: Section, number: int) -> dict[str, list[TableCell]]:
    return {row[0].text: row for row in section.tables[number].cells}


def test_every_claim_has_its_verdict_estimate_pairs_published_number_level_and_keys(
    judgements: list[Judgement],
) -> None:
    (section,) = claims(judgements)
    shown = rows(section, 0)
    assert list(shown) == [f"C{number}" for number in range(1, 13)]
    trend = next(each for each in judgements if each.claim.id == "C11")
    assert [cell.text for cell in shown["C11"][2:5]] == ["supported", trend.text, "3 of 3"]
    assert trend.text.startswith("+1")
    assert "points per decade (+" in trend.text
    assert shown["C5"][5].text.endswith("2.8 points (61.4 against 64.2 %)")
    assert "five-shot linear" in shown["C5"][5].note
    assert shown["C10"][2].text == "not judged yet"
    assert {row[5].text for row in section.tables[1].cells} == {trend.level_text}
    assert f"C11: [{', '.join(trend.keys)}]" in section.code
    assert "C1: " not in section.code


def test_an_open_claim_says_why_what_would_decide_and_what_this_ladder_shows(judgements: list[Judgement]) -> None:
    (section,) = claims(judgements)
    cell = rows(section, 0)["C1"][6]
    assert "1,300,000 pretraining images, which were not run" in cell.text
    assert cell.note.startswith("would decide: ViT and ResNet after 1.3 million images")
    assert rows(section, 0)["C1"][3].text == "\N{EN DASH}"
    further = section.tables[2]
    assert "which are no verdicts" in further.caption
    lines = [row[1].text for row in further.cells if row[0].text == "C1"]
    assert lines[0].startswith("smallest rung of this ladder, fractals: ViT less ResNet after 256 images, digits@100: ")
    assert lines[1].startswith("smallest rung of this ladder, fractals, in-domain: ViT less ResNet")
    (first, inside) = (row[1].text for row in further.cells if row[0].text == "C4")
    assert first.startswith("this ladder, after ")
    assert inside.startswith("this ladder, in-domain, after ")
    assert ", 3 pairs, 95" in first
    assert not any("supported" in line or "refuted" in line for line in lines)


def test_claims_are_the_first_section_of_both_forms(judgements: list[Judgement]) -> None:
    page = build_page(make_suite(), make_tables(make_cells()), {}, judgements=judgements)
    assert page.sections[0].title == "Claims"
    for text in (as_html(page), as_markdown(page)):
        assert "Estimates at the corrected level" in text
        assert "nan" not in text.lower().replace("nano", "")
    assert claims(()) == ()
