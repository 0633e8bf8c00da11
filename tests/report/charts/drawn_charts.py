"""All charts of one hand-made store, and what tests read in them."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from bench.analysis.claims.claim import Judgement
from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.judge import judge_claims
from bench.analysis.claims.literature import CLAIMS
from bench.report.charts.claims import claims_charts
from bench.report.charts.differences import differences_chart
from bench.report.charts.front import front_chart
from bench.report.charts.ladder import ladder_chart
from bench.report.findings import findings
from bench.report.machines import machines
from tests.report.hand_made import REFERENCES, Tables, add_probes, make_answers, make_cells, make_suite, make_tables
from tests.speed_rows import measurement

Spec = dict[str, Any]
CONSTANT = {"digits@100": 0.1, "fractals-heldout": 0.0625}


def hand_made_tables(cells: pd.DataFrame | None = None) -> Tables:
    """Tables with per-image correctness, by default of three families, two targets, two ablations and probes."""
    cells = add_probes(make_cells()) if cells is None else cells
    answers = make_answers(cells)
    return make_tables(cells, answers) | {"correctness": answers}


def ladder_of(tables: Tables, constant: Mapping[str, float] = CONSTANT) -> Spec:
    spec = ladder_chart(tables["comparison"], tables["ablations"], findings(tables), constant)
    assert spec is not None
    return spec


def costs_of(tables: Tables) -> pd.DataFrame:
    (machine,) = machines(make_suite(), tables, {"cpu": measurement()})
    return machine.costs


def judgements_of(tables: Tables) -> tuple[Judgement, ...]:
    return tuple(judge_claims(CLAIMS, Evidence(tables, REFERENCES, {})))


def all_charts(tables: Tables) -> dict[str, Spec]:
    """Name -> specification of each chart."""
    front, differences = front_chart(costs_of(tables)), differences_chart(tables["ablations"])
    assert front is not None
    assert differences is not None
    of_claims = {
        f"claims-{unit.replace(' ', '-')}": spec for unit, spec in claims_charts(judgements_of(tables)).items()
    }
    return {"ladder": ladder_of(tables), "front": front, "differences": differences, **of_claims}


def values(spec: Spec, **where: object) -> list[dict[str, Any]]:
    """The data of a chart whose fields are these."""
    return [datum for datum in spec["data"]["values"] if all(datum[name] == value for name, value in where.items())]


def params(spec: Spec) -> dict[str, Any]:
    return {param["name"]: param["value"] for param in spec["params"]}


def but_data(spec: Spec) -> str:
    """A chart without its data and the first values of its params, as JSON."""
    named = [param | {"value": None} for param in spec.get("params", [])]
    return json.dumps(spec | {"data": None, "params": named})
