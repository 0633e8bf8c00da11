"""The section on fairness: the budget in words, and the hashes of what models were trained and tested on."""

from bench.report.sections.fairness import fairness
from tests.report.hand_made import make_answers, make_cells, make_suite, make_tables


def test_the_budget_is_said_and_every_hash_is_listed() -> None:
    cells = make_cells()
    answers = make_answers(cells)
    tables = make_tables(cells, answers) | {"correctness": answers}
    section = fairness(make_suite(), tables, {})
    assert section.paragraphs[0] == "Every model has the same images seen, data, order of images and seeds."
    subsets, tested = (table for table in section.tables if "hash of the" in table.caption)
    known = cells[cells["subset_hash"] != ""]
    assert {row[2].text for row in subsets.cells} == set(known["subset_hash"])
    assert {row[2].text for row in tested.cells} == set(answers["images"])
    flops = fairness(make_suite() | {"match": "flops", "flops": {"pretrain": 1e12, "transfer": 1e12}}, tables, {})
    assert flops.paragraphs[0].startswith("Every model has the same training FLOPs")
