"""`bench report A B`: B's accuracies behind A's, their differences, and what is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli.app import app
from bench.cli.report import other_store, store_of
from bench.errors import InputError
from bench.plan.expand import expand
from bench.report.page import Section
from bench.report.sections.compare import compare
from bench.report.sections.other_store import OtherStore
from bench.report.sections.row_details import BehindRows
from bench.store.store import Store
from bench.tables.build import build_tables

REFERENCE = Path(__file__).parents[2] / "results" / "reference-cpu"
SEEDS = Store(REFERENCE).suite().seeds
LOST = dict(zip(SEEDS, (9, 10, 11, 9, 10, 11), strict=True))


@pytest.fixture(scope="module")
def tables():
    return build_tables(Store(REFERENCE))


@pytest.fixture
def copy(tmp_path: Path) -> Store:
    """A copy of the reference store in which one row lost about 10 points."""
    shutil.copy(REFERENCE / "suite.json", tmp_path)
    shutil.copytree(REFERENCE / "runs", tmp_path / "runs", ignore=shutil.ignore_patterns("*.safetensors"))
    store = Store(tmp_path)
    for run in expand(store.suite()).runs:
        if (run.stage, run.model) == ("scratch", "bit_resnet_pico"):
            change(store, run.key, metrics={"test_accuracy": lambda value, seed=run.seed: value - LOST[seed] / 100})
    return store


def change(store: Store, key: str, **parts) -> None:
    path = store.run_folder(key) / "record.json"
    record = json.loads(path.read_text())
    for part, fields in parts.items():
        for name, how in fields.items():
            record[part][name] = how(record[part][name]) if callable(how) else how
    path.write_text(json.dumps(record))


def beside(copy: Store) -> OtherStore:
    return other_store(Store(REFERENCE), "reference-cpu", copy, "before")


def section(tables, other: OtherStore) -> Section:
    suite = Store(REFERENCE).suite().model_dump(mode="json")
    return compare(tables, BehindRows(suite, tables), other=other)


def test_the_values_of_both_stand_in_each_row(copy: Store, tables) -> None:
    """The row that lost is bold, and no other; the section begins with what is compared."""
    found = section(tables, beside(copy))
    said = "A is reference-cpu, B is before: 38 rows of both, 0 of A alone, 0 of B alone."
    assert found.paragraphs[0].startswith(said)
    table = found.tables[0]
    accuracy, difference = (table.header.index(name) for name in ("Accuracy", "A less B"))
    bold = [row for row in table.cells if row[difference].best]
    assert [(row[0].text, row[1].text, row[2].text) for row in bold] == [
        ("bit_resnet_pico", "from scratch", "digits@100")
    ]
    assert bold[0][accuracy].text.startswith("A 94.0 % (91.6 to 95.8) \N{MIDDLE DOT} B 84.0 % (")
    assert bold[0][difference].text == "+10.0 (9.1 to 10.9)"
    assert {row[difference].text for row in table.cells if row not in bold} == {"the same in each seed"}


def test_runs_that_do_not_pair_are_two_samples(copy: Store, tables) -> None:
    """And say so; a row of one store alone has a dash."""
    other = replace(beside(copy), pairs={})
    of_one_target = replace(other, cells=other.cells[other.cells["target"] == "digits@100"])
    table = section(tables, of_one_target).tables[0]
    difference, target = table.header.index("A less B"), table.header.index("Target")
    for row in table.cells:
        if row[target].text == "digits@100":
            assert "not paired" in row[difference].note
        else:
            assert row[difference].text == "\N{EN DASH}"


def test_stores_of_other_conditions_are_refused(copy: Store) -> None:
    """With one message that names both, as `bench compare` does; so is a store beside itself."""
    with pytest.raises(InputError, match="reference-cpu and results/x are the same store"):
        other_store(Store(REFERENCE), "reference-cpu", Store(REFERENCE), "results/x")
    for run in expand(copy.suite()).runs:
        change(copy, run.key, environment={"processor": "Another"})
    with pytest.raises(InputError) as refused:
        beside(copy)
    assert str(refused.value) == (
        "reference-cpu and before are not comparable: processor: reference-cpu AMD EPYC, before Another"
    )


def test_a_store_is_found_by_its_path_and_by_its_name(copy: Store, tmp_path: Path) -> None:
    """What is neither gets the message of every command."""
    assert store_of(str(copy.root), tmp_path / "none").root == copy.root
    assert store_of("reference-cpu", REFERENCE.parent).root == REFERENCE
    arguments = [
        "report",
        str(copy.root),
        "nowhere",
        "--results",
        str(tmp_path),
        "--reports",
        str(tmp_path / "reports"),
    ]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, InputError)
    assert "no results of suite 'nowhere'" in str(result.exception)
    assert not (tmp_path / "reports").exists()
