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
from tests.report.hand_made import make_cells, make_suite, make_tables, without_scripts

Tables = dict[str, pd.DataFrame]


@pytest.fixture
def judgements() -> list[Judgement]:
    return judge_claims(CLAIMS, Evidence(make_tables(make_cells()), {"position": "sincos-2d", "overlap": "/8"}))


def behind(section: Section, claim: str) -> list[tuple[str, str]]:
    (row,) = (row for row in section.tables[0].all_rows if row.cells[0].text == claim)
    assert row.details is not None
    return list(row.details.facts)


def shown(section: Section) -> dict[str, list[TableCell]]:
    return {row[0].text: row for row in section.tables[0].cells}


def test_every_claim_has_its_verdict_estimate_pairs_published_number_level_and_keys(
    judgements: list[Judgement],
) -> None:
    (section,) = claims(judgements, {})
    rows = shown(section)
    assert list(rows) == [f"C{number}" for number in range(1, 13)]
    assert [row.id for row in section.tables[0].all_rows] == [f"claim-{name}" for name in rows]
    trend = next(each for each in judgements if each.claim.id == "C11")
    assert [cell.text for cell in rows["C11"][1:4]] == [
        "\N{CHECK MARK} supported",
        "The more pretraining data, the better ViT stands against ResNet.",
        trend.text,
    ]
    assert trend.text.startswith("+1")
    assert "points per decade (+" in trend.text
    assert rows["C5"][4].text.endswith("2.8 points (61.4 against 64.2 %)")
    assert rows["C10"][1].text == "? undecided"
    facts = dict(behind(section, "C11"))
    assert facts["Pairs"] == "3 of 3"
    assert facts["Level"] == trend.level_text
    assert facts["Runs"] == ", ".join(trend.keys)
    assert "five-shot linear" in dict(behind(section, "C5"))["Published"]
    for part in trend.parts:
        assert facts[part.name] == f"{part.text}; {part.word}"
    assert "Runs" not in dict(behind(section, "C1"))


def test_an_open_claim_says_why_what_would_decide_and_what_this_ladder_shows(judgements: list[Judgement]) -> None:
    (section,) = claims(judgements, {})
    facts = dict(behind(section, "C1"))
    assert "1,300,000 pretraining images, which were not run" in facts["Why"]
    assert facts["What would decide"].startswith("ViT and ResNet after 1.3 million images")
    assert shown(section)["C1"][3].text == "\N{EN DASH}"
    assert "and no verdicts" in section.paragraphs[-1]
    lines = [value for name, value in behind(section, "C1") if name == "Further result"]
    assert lines[0].startswith("smallest rung of this ladder, fractals: ViT less ResNet after 256 images, digits@100: ")
    assert lines[1].startswith("smallest rung of this ladder, fractals, in-domain: ViT less ResNet")
    (first, inside) = (value for name, value in behind(section, "C4") if name == "Further result")
    assert first.startswith("this ladder, after ")
    assert inside.startswith("this ladder, in-domain, after ")
    assert ", 3 pairs, 95" in first
    assert not any("supported" in line or "refuted" in line for line in lines)


def test_both_forms_have_what_is_behind_each_claim(judgements: list[Judgement]) -> None:
    page = build_page(make_suite(), make_tables(make_cells()), {}, judgements=judgements)
    trend = next(each for each in judgements if each.claim.id == "C11")
    for text in (without_scripts(as_html(page)), as_markdown(page)):
        assert trend.keys[-1] in text
        assert "What would decide" in text
        assert "nan" not in text.lower().replace("nano", "")
    assert claims((), {}) == ()
