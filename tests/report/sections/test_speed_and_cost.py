"""The section on speed and cost says who is on the front, with speeds and without, and folds every table."""

import math

import pandas as pd
import pytest

from bench.analysis.format import listed
from bench.report.machines import machines
from bench.report.page import Chart, Charts, Folded, Section
from bench.report.sections.speed_and_cost import speed_and_cost
from tests.report.hand_made import Tables, make_cells, make_suite, make_tables
from tests.speed_rows import measured, measurement, reference, speeds

NAME = "cpu-amd-epyc-9b45"
CHARTS: Charts = {("cost", name): Chart(f"cost-{name}", {"": "Costs"}, "Costs.") for name in ("", NAME)}


@pytest.fixture(scope="module")
def tables() -> Tables:
    """Of a suite with a real target and one that is not."""
    return make_tables(make_cells(arms=False))


def build(tables: Tables, files: dict[str, pd.DataFrame]) -> Section:
    """Return the section for the speed files of some machines."""
    return speed_and_cost("hand-made", machines(make_suite(), tables, files), CHARTS)


def open_text(section: Section) -> list[str]:
    """Return the paragraphs that are not folded."""
    return [block for block in section.blocks if isinstance(block, str)]


def summaries(section: Section) -> list[str]:
    """Return what the folded parts are called."""
    return [block.summary for block in section.blocks if isinstance(block, Folded)]


def test_without_speeds_the_known_costs_stand_alone(tables: Tables) -> None:
    """And one line says how to measure speeds; nothing is said of what was not measured."""
    section = build(tables, {})
    (machine,) = machines(make_suite(), tables, {})
    costs = machine.costs[machine.costs["cost"] == "parameters"]
    measure, *fronts = open_text(section)
    assert measure == "No speed was measured for this suite; `make throughput SUITE=hand-made` measures them."
    of_digits, others = (costs[(costs["target"] == "digits@100") == wanted] for wanted in (True, False))
    no_other = "no other row beats these on both accuracy and parameters: "
    assert [front.partition(no_other)[0] for front in fronts] == [
        "On digits@100, ",
        "On fractals-heldout (in-domain), ",
    ]
    for front, rows in zip(fronts, (of_digits, others), strict=True):
        assert listed(list(dict.fromkeys(rows.loc[rows["place"] == "front", "model"]))) in front
        untold = (rows["place"] == "undecided").sum()
        assert front.endswith(f"; of {untold} other rows it cannot be told.") == (untold > 1)
    assert summaries(section) == ["Accuracy against cost"]
    (table,) = section.tables
    assert table.header[4:] == ("Parameters", "Multiply-accumulates", "Training FLOPs")
    assert section.blocks[1] == CHARTS["cost", ""]
    assert not any("not measured" in text.lower() for text in section.paragraphs)


def test_the_models_on_the_front_are_named() -> None:
    """By the cost that the chart shows first."""
    tables = make_tables(make_cells())
    (machine,) = machines(make_suite(), tables, {NAME: measurement()})
    first = machine.costs["cost"].iloc[0]
    assert first == "images_per_second"
    of_first = machine.costs[machine.costs["cost"] == first]
    others = of_first[of_first["target"] != "digits@100"]
    models = list(dict.fromkeys(others.loc[others["place"] == "front", "model"]))
    assert 0 < len(models) < others["model"].nunique()
    titled = {("cost", NAME): Chart("cost", {"digits@100": "Seen"}, "")}
    on_digits, on_others = open_text(speed_and_cost("hand-made", [machine], titled))[:2]
    no_other = "no other row beats these on both accuracy and images/s (large batches)"
    untold = (of_first["place"] == "undecided")[of_first["target"] == "digits@100"].sum()
    assert on_digits == f"On digits@100, {no_other}: bit_resnet_pico; of {untold} other rows it cannot be told."
    assert on_others.startswith(f"On fractals-heldout (in-domain), {no_other}: {listed(models)}")


def test_a_model_that_is_an_arm_alone_is_named_as_one() -> None:
    cells = make_cells(targets=("digits@100",))
    cells.loc[cells["model"] == "vit_pico/8:pos=none", "accuracy"] = 0.99
    (front,) = open_text(build(make_tables(cells), {}))[1:]
    assert "vit_pico/8:pos=none (an arm)" in front
    assert front.count("(an arm)") == 1


def test_targets_of_which_the_same_is_true_share_a_sentence() -> None:
    """And more than three sentences are folded."""
    cells = make_cells(targets=("digits@100", "cifar10"), seeds=(0,), arms=False)
    cells["accuracy"] = cells["accuracy"].round(1)
    (sentence,) = open_text(build(make_tables(cells), {}))[1:]
    assert sentence.startswith("On digits@100 and cifar10, no other row beats these on both accuracy and parameters: ")
    many = make_cells(targets=tuple(f"folder:{number}" for number in range(5)), arms=False)
    for number in range(5):
        many.loc[(many["target"] == f"folder:{number}") & (many["subset_images"] < 256 * number), "accuracy"] = 0.9
    section = build(make_tables(many), {})
    assert len(open_text(section)) == 4
    assert "Fronts on other targets" in summaries(section)


def test_what_best_settings_change_is_open(tables: Tables) -> None:
    """Who overtakes whom in which task; the same order is said, too; and nothing if one of both was not measured."""
    overtaken = "bit_resnet_pico overtakes vit_pico/8 and r_pico+vit_pico/8"
    *_, changes = open_text(build(tables, {NAME: measurement()}))
    assert changes == (f"At best settings in place of equal ones, {overtaken} in inference; {overtaken} in training.")
    frame = measurement()
    equal = frame[frame["kind"] == "equal"]
    assert "settings" not in open_text(build(tables, {NAME: equal}))[-1]
    same = pd.concat([equal, equal.assign(kind="best")])
    assert open_text(build(tables, {NAME: same}))[-1] == (
        "At equal and at best settings the models have the same order of speed."
    )
    rows, layouts = [], {"equal": "contiguous", "best": "channels_last"}
    for kind, rates in (("equal", (1000.0, 970.0)), ("best", (1000.0, 1500.0))):
        rows.append(reference(1000.0, kind=kind))
        for model, rate in zip(("vit_pico/8", "bit_resnet_pico"), rates, strict=True):
            rows.append(measured(rate, model=model, kind=kind, layout=layouts[kind], noise=0.05))
    unclear = open_text(build(tables, {NAME: speeds(*rows)}))[-1]
    assert unclear == "At best settings in place of equal ones, 1 pair of models may change places."


def test_of_several_machines_the_first_is_open(tables: Tables) -> None:
    section = build(tables, {NAME: measurement(), "cuda-nvidia-h100": measurement(machine="cuda-nvidia-h100")})
    assert section.blocks[0] == f"On {NAME}:"
    assert summaries(section)[-1] == "On cuda-nvidia-h100"
    parts = ["Accuracy against cost", "Speed at equal settings", "Speed at best settings", "Where the ranking changes"]
    assert summaries(section)[:-1] == [f"{part}: {NAME}" for part in parts]
    (block,) = [block for block in section.blocks if isinstance(block, Folded) and block.summary.startswith("On ")]
    assert [part.summary for part in block.blocks if isinstance(part, Folded)] == [
        f"{part}: cuda-nvidia-h100" for part in parts
    ]


def test_a_store_without_results_has_two_lines() -> None:
    cells = make_cells(arms=False).assign(status="not_run", reason="no data", accuracy=math.nan)
    section = build(make_tables(cells), {})
    assert section.blocks[2:] == ("No fine-tuned row has a cost that is known.",)
    assert section.tables == ()
