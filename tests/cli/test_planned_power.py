"""`bench plan --power`: from a store of pilot seeds, or from what a suite keeps of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scipy import stats
from typer.testing import CliRunner, Result

from bench.cli.app import app
from bench.config.resolved import ResolvedSuite
from bench.errors import InputError
from bench.plan.expand import expand
from bench.store.new_record import build_record
from bench.store.store import Outcome, Store, open_store

CLAIM = {
    "id": "equal",
    "sentence": "The rungs are equal.",
    "first": {"model": "bit_resnet_pico"},
    "second": {"model": "bit_resnet_pico", "subset": 16},
    "target": "digits@20",
    "difference": "within",
    "margin": 1,
}
SUITE: dict[str, Any] = {"seeds": [0, 1, 2, 3, 4, 5], "looks": [4, 6], "claims": [CLAIM]}
PILOT = SUITE | {"seeds": [0, 1, 2], "looks": None}


@pytest.fixture
def pilot(tmp_path: Path, resolve_suite: Callable[..., ResolvedSuite]) -> Store:
    """A store of seeds 1000 to 1002, in which the larger rung differs by 1, 2 and 6 points."""
    suite = resolve_suite("pilot", seed_offset=1000, **PILOT)
    store = open_store(tmp_path / "results", suite)
    for run in expand(suite).runs:
        is_larger = run.pretraining is not None and run.pretraining.subset_images == 32
        accuracy = 0.5 + (0.01, 0.02, 0.06)[run.seed - 1000] * is_larger + 0.001 * (len(run.model) % 7)
        store.write(Outcome(build_record(run, status="ok", metrics={"test_accuracy": accuracy})))
    return store


def plan(suite: Path, *options: str | Path) -> Result:
    result = CliRunner().invoke(app, ["plan", str(suite), *map(str, options)], env={"COLUMNS": "80"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_from_a_store_and_then_from_what_is_kept(pilot: Store, write_suite: Callable[..., Path]) -> None:
    suite = write_suite(**SUITE)
    first = plan(suite, "--power", "--pilot", pilot.root).stdout
    assert "at 4, 6 seeds, from pilot seeds 1000 to 1002" in first
    assert "C10 not planned" in first
    assert "C1 not planned: it is about 1,300,000 pretraining images" in first
    assert "needs ViT and ResNet after 1.3 million images" in first
    kept = suite.with_suffix(".pilot.json")
    assert f"kept in {kept}" in first
    assert '"mean"' not in kept.read_text()
    assert plan(suite, "--power").stdout == first.replace(f"kept in {kept}\n", "")
    (own,) = (row for row in json.loads(plan(suite, "--power", "--json").stdout) if row["claim"] == "equal")
    # At risks of 5 % x 16 / 36 and 20 / 36 over all claims; the deviation of 1, 2 and 6 points is 2.646 points.
    risk = 0.05 / json.loads(kept.read_text())["num_judged"]
    first_look, last_look = (stats.t.isf(risk * part / 36 / 2, seeds - 1) for part, seeds in ((16, 4), (20, 6)))
    assert own["half_widths"] == pytest.approx([2.6458 * first_look / 2, 2.6458 * last_look / 6**0.5], rel=1e-3)
    assert own["decides"] > 2 * own["half_widths"][-1]
    assert own["margin"] == "±1"
    assert own["too_narrow"].startswith("too narrow for 6 seeds: it takes ")
    assert own["too_narrow"].endswith(" seeds, or an unknown number of test images")
    line = plan(suite).stdout.splitlines()[-1]
    assert line.startswith("power, half-widths and what they decide in points: ")
    assert f"equal ±{own['half_widths'][-1]:.1f} (decides " in line


def test_a_claim_about_training_from_scratch_is_planned_at_the_seeds_that_do_so(
    pilot: Store, write_suite: Callable[..., Path]
) -> None:
    """Their number is no other design, as the number of seeds is none."""
    claim = CLAIM | {"second": {"model": "bit_resnet_pico", "corpus": "none"}}
    suite = write_suite(**SUITE | {"claims": [claim], "scratch_seeds": 5})
    plan(suite, "--power", "--pilot", pilot.root)
    (own,) = (row for row in json.loads(plan(suite, "--power", "--json").stdout) if row["claim"] == "equal")
    risk = 0.05 / json.loads(suite.with_suffix(".pilot.json").read_text())["num_judged"]
    first_look, last_look = (stats.t.isf(risk * part / 36 / 2, seeds - 1) for part, seeds in ((16, 4), (20, 5)))
    assert own["half_widths"] == pytest.approx([2.6458 * first_look / 2, 2.6458 * last_look / 5**0.5], rel=1e-3)
    assert own["too_narrow"].startswith("too narrow for 5 seeds")
    write_suite(**SUITE | {"claims": [claim], "scratch_seeds": 1})
    assert "equal" not in {row["claim"] for row in json.loads(plan(suite, "--power", "--json").stdout)}


def test_other_seeds_need_no_other_pilot_but_another_design_does(
    pilot: Store, write_suite: Callable[..., Path]
) -> None:
    suite = write_suite(**SUITE)
    plan(suite, "--power", "--pilot", pilot.root)
    write_suite(**SUITE | {"seeds": list(range(12)), "looks": None})
    assert "at 12 seeds" in plan(suite, "--power").stdout
    assert plan(suite).stdout.splitlines()[-1].endswith("with other seeds or looks than the pilot results had")
    write_suite(**SUITE | {"images": {"pretrain": 128, "transfer": 32}})
    with pytest.raises(InputError, match=r"suite 'pilot' that differs from 'tiny' in: images; `bench run "):
        plan(suite, "--power")
    assert "differs from 'tiny' in: images" in plan(suite).stdout.splitlines()[-1]
    with pytest.raises(InputError, match="differs from 'tiny' in: images"):
        plan(suite, "--power", "--pilot", pilot.root)


def test_what_is_refused(pilot: Store, write_suite: Callable[..., Path]) -> None:
    suite = write_suite(**SUITE)
    with pytest.raises(InputError, match=r"no pilot results of the suite 'tiny'; `bench run .* --seed-offset 1000"):
        plan(suite, "--power")
    with pytest.raises(InputError, match=r"no results here"):
        plan(suite, "--power", "--pilot", pilot.root.parent)
    for options in (["--pilot", str(pilot.root)], ["--power", "--estimate"]):
        with pytest.raises(InputError, match="--pilot goes with --power"):
            plan(suite, *options)
    write_suite(**SUITE | {"seeds": [1001, 1002, 1003], "looks": None})
    with pytest.raises(InputError, match="seeds 1001, 1002 are the suite's own"):
        plan(suite, "--power", "--pilot", pilot.root)
    write_suite(**SUITE | {"seeds": [5], "looks": None})
    with pytest.raises(InputError, match="'tiny' has one seed"):
        plan(suite, "--power", "--pilot", pilot.root)
    path = pilot.root / "suite.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"protocol": 1}))
    with pytest.raises(InputError, match="its runs follow protocol version 1"):
        plan(suite, "--power", "--pilot", pilot.root)
    suite.with_suffix(".pilot.json").write_text("{}")
    with pytest.raises(InputError, match=r"pilot results .*tiny\.pilot\.json"):
        plan(suite)


def test_an_exact_check_of_the_suite_s_own_arms_needs_no_plan(
    tmp_path: Path, resolve_suite: Callable[..., ResolvedSuite], write_suite: Callable[..., Path]
) -> None:
    arms = {"name": "order", "reference": "with", "pretrained": False}
    arms |= {"arms": {"with": "vit_pico/8", "none": "vit_pico/8:pos=none"}}
    targets = [{"target": "digits@20", "rows": ["ladder", "scratch"]}, {"target": "arrangement", "rows": ["order"]}]
    fields = {"seeds": [0, 1], "ablations": [arms], "targets": targets}
    pilot = open_store(tmp_path / "results", resolve_suite("pilot", seed_offset=1000, **fields))
    for run in expand(pilot.suite()).runs:
        accuracy = 0.5 + 0.001 * (run.seed % 7) + 0.002 * (len(run.model) % 7)
        pilot.write(Outcome(build_record(run, status="ok", metrics={"test_accuracy": accuracy})))
    said = " ".join(plan(write_suite(**fields), "--power", "--pilot", pilot.root).stdout.split())
    assert "C8 not planned: no interval decides it: an exact check of the suite's own arms does" in said
