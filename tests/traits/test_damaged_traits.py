"""Traits that are damaged, or somebody else's: tables do without them, and they are measured again."""

import hashlib
import json
import random
import shutil

import pytest

from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.judge import judge_claims
from bench.analysis.claims.literature import CLAIMS
from bench.plan.expand import expand
from bench.store.store import Store, open_store
from bench.tables.build import build_tables
from bench.traits.known_traits import traits_named
from bench.traits.measuring import measure
from bench.traits.trait_plan import plan_traits
from tests.cli.test_damaged_stores import damaged_json, damaged_parquet
from tests.traits.conftest import CHANGES, finish_runs

CUES = traits_named(["cue-conflict"])
NUM_CASES = 40


@pytest.fixture
def whole(tmp_path, resolve_suite) -> Store:
    """A store with the trait of four runs of two seeds."""
    store = open_store(tmp_path / "results", resolve_suite(**CHANGES | {"seeds": [0, 1], "from_scratch": False}))
    finish_runs(store, *expand(store.suite()).runs)
    for task in plan_traits(store, expand(store.suite()), CUES).todo:
        assert measure(task, store, store.root, "cpu").status == "ok"
    return store


def damage(store: Store, chance: random.Random) -> None:
    """Damage a record, or answers whose hash may be the one in their record."""
    folder = chance.choice(sorted((store.root / "traits").iterdir()))
    record, answers = folder / "record.json", folder / "answers.parquet"
    if chance.random() < 0.5:
        record.write_bytes(damaged_json(record.read_bytes(), chance))
        return
    answers.write_bytes(damaged_parquet(answers.read_bytes(), chance, b"PAR1"))
    if chance.random() < 0.7:
        content = json.loads((store.root.parent / "kept" / folder.name / "record.json").read_bytes())
        content["files"]["answers.parquet"] = hashlib.sha256(answers.read_bytes()).hexdigest()
        record.write_text(json.dumps(content), encoding="utf-8")


def test_damage_ends_in_no_traceback(whole):
    shutil.copytree(whole.root / "traits", whole.root.parent / "kept")
    moved = 0
    for number in range(NUM_CASES):
        chance = random.Random(number)
        for _ in range(chance.choice([1, 1, 2])):
            damage(whole, chance)
        tables = build_tables(whole)
        whole.write_tables(tables)
        assert len(tables.get("traits", ())) <= 16
        judge_claims(CLAIMS, Evidence(tables))
        found = plan_traits(whole, expand(whole.suite()), CUES)
        assert len(found.todo) + found.num_finished == 4
        assert len(found.set_aside) <= len(found.todo)
        moved += len(found.set_aside)
        shutil.rmtree(whole.root / "traits")
        shutil.copytree(whole.root.parent / "kept", whole.root / "traits")
    assert moved > NUM_CASES / 2
