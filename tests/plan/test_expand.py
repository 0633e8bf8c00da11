"""The plan: its runs, the runs that cells share, and the fields that a run's key depends on."""

import hashlib
import json
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
import timm
from safetensors.torch import save_file

import models
from bench.cli.only import select
from bench.config.external_weights import ExternalModel
from bench.config.recipe import Settings
from bench.errors import InputError
from bench.plan.expand import MAX_CELLS, expand, num_cells
from bench.plan.run import Budget, Probe, Run

POSITION = {
    "name": "position",
    "reference": "learned-1d",
    "arms": {"learned-1d": "vit_pico/8", "none": "vit_pico/8:pos=none"},
}
DIFFERENT = {
    "model": "vit_pico/16",
    "image_size": 48,
    "subset_images": 64,
    "identity": '{"corpus":"other"}',
    "budget": Budget("images", 65),
    "precision": "bf16",
    "device": "cuda",
    "threads": 2,
    "seed": 1,
    "starts_from": "0" * 16,
    "protocol": 0,
    "stage": "scratch",
    "on_bad_image": "skip",
    "probe": Probe("linear"),
    "carved": False,
    "tests": False,
    "external": ExternalModel(
        model="timm:x:family=cnn,pretrained=true", sha256="ab" * 32, source="hub:x", mean=(0, 0, 0), std=(1, 1, 1)
    ),
}
GOLDEN_KEY = "0506828a0095280d"
NOT_IN_THE_KEY = {"corpus", "target", "recipe", "settings", "pretraining", "pipeline", "deterministic"}


@pytest.mark.parametrize("changes", [{"images": {"pretrain": 64, "transfer": 1}}, {"images": {"pretrain": 1}}])
def test_every_training_sees_two_images(plan_suite, changes):
    with pytest.raises(InputError, match=r"would see 1 image; every training needs at least 2"):
        plan_suite(**changes)


def test_the_counts_of_a_suite(plan_suite):
    plan = plan_suite(targets=["digits@20", "fractals-heldout@80"], seeds=[0, 1], ablations=[POSITION])
    stages = [run.stage for run in plan.runs]
    # Of 3 models, 2 rungs and 2 seeds, and one arm that the ladder does not have.
    assert stages.count("pretrain") == 3 * 2 * 2 + 2
    assert stages.count("transfer") == 2 * stages.count("pretrain")
    assert stages.count("scratch") == 3 * 2 * 2
    assert len(plan.cells) == stages.count("transfer") + stages.count("scratch") + 2 * 2
    assert len({run.key for run in plan.runs}) == len(plan.runs)


CHOSEN = [
    "digits@20",
    {"target": "digits@40", "rows": ["ladder", "position"], "transfers": ["k-shot"]},
    {"target": "strokes-heldout@60", "rows": ["ladder", "scratch"], "transfers": ["linear", "fine-tune"]},
    {"target": "arrangement", "rows": ["position"]},
]
PROBED = {"transfers": ["fine-tune", "linear", "k-shot"], "shots": [1, 5], "draws": 4}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ablations": [POSITION], "budgets": {"subset": 16, "factors": [1, 2]}, **PROBED},
        {"corpus": [], "subsets": None, "ablations": [POSITION]},
        {"from_scratch": False, "targets": ["digits@20", "digits@40"], "seeds": [3, 4], **PROBED},
        {"targets": CHOSEN, "seeds": [0, 1], "scratch_seeds": 1, "ablations": [POSITION]},
        {"targets": CHOSEN, "seeds": [0, 1], "ablations": [POSITION], **PROBED},
        {"targets": CHOSEN, "budgets": {"subset": 16, "factors": [1, 2]}, "ablations": [POSITION], **PROBED},
        {"targets": [CHOSEN[0], CHOSEN[3]], "corpus": [], "subsets": None, "ablations": [POSITION]},
        {"targets": CHOSEN[:1], "ablations": [POSITION | {"pretrained": False}], **PROBED},
    ],
)
def test_cells_are_counted_without_making_them(resolve_suite, changes):
    suite = resolve_suite(**changes)
    assert num_cells(suite) == len(expand(suite).cells)


def test_a_target_has_the_rows_and_transfers_that_it_asks_for(plan_suite):
    plan = plan_suite(targets=CHOSEN, ablations=[POSITION], shots=[5], draws=1)
    rows: dict[str, set[tuple[str, str]]] = {}
    for cell in plan.cells:
        row = cell.ablation or ("ladder" if cell.pretrain else "scratch")
        rows.setdefault(str(cell.transfer.target), set()).add((row, cell.transfer_kind))
    assert rows == {
        "digits@20": {("scratch", "fine-tune"), ("ladder", "fine-tune"), ("position", "fine-tune")},
        "digits": {("ladder", "k-shot"), ("position", "k-shot")},
        "strokes-heldout@60": {("scratch", "fine-tune"), ("ladder", "fine-tune"), ("ladder", "linear")},
        "arrangement": {("position", "fine-tune")},
    }
    everywhere = plan_suite(targets=["digits@20", "strokes-heldout@60", "arrangement"], ablations=[POSITION])
    assert {run.key for run in plan.runs if run.probe is None} < {run.key for run in everywhere.runs}


def test_the_first_seeds_alone_train_from_scratch(plan_suite):
    """Seeds stay outermost, and the runs of the other rows have the keys that they have without the field."""
    plan, whole = (plan_suite(seeds=[3, 1, 2], scratch_seeds=number) for number in (2, None))
    assert [run.seed for run in plan.runs if run.stage == "scratch"] == [3] * 3 + [1] * 3
    assert [run.seed for run in plan.runs] == sorted((run.seed for run in plan.runs), key=[3, 1, 2].index)
    left_out = {run.key for run in whole.runs if run.stage == "scratch" and run.seed == 2}
    assert [run.key for run in plan.runs] == [run.key for run in whole.runs if run.key not in left_out]


def test_a_suite_of_too_many_cells_is_refused_with_their_number(resolve_suite):
    suite = resolve_suite(seeds=list(range(1000)), transfers=["k-shot"], draws=1000)
    with pytest.raises(InputError, match=rf"24,003,000 cells, of which a suite may have {MAX_CELLS:,}"):
        expand(suite)


def test_an_arm_that_the_ladder_has_shares_its_runs(plan_suite):
    plan = plan_suite(ablations=[POSITION])
    arm = next(cell for cell in plan.cells if cell.arm == "learned-1d")
    rung = next(
        cell
        for cell in plan.cells
        if not cell.ablation
        and cell.transfer.model == "vit_pico/8"
        and cell.pretrain
        and cell.pretrain.subset_images == 32
    )
    assert arm.transfer.key == rung.transfer.key
    assert arm.pretrain.key == rung.pretrain.key


def test_seeds_run_outermost_and_each_run_after_the_one_it_starts_from(plan_suite):
    plan = plan_suite(seeds=[3, 1])
    assert [run.seed for run in plan.runs] == sorted((run.seed for run in plan.runs), key=[3, 1].index)
    done = set()
    for run in plan.runs:
        assert run.starts_from is None or run.starts_from in done
        done.add(run.key)


def test_from_scratch_sees_both_stages_images_with_the_pretraining_recipe(plan_suite):
    plan = plan_suite(recipes={"pretrain": "small", "transfer": "medium-finetune"})
    by_stage = {run.stage: run for run in plan.runs}
    assert by_stage["scratch"].budget == by_stage["pretrain"].budget + by_stage["transfer"].budget
    assert by_stage["scratch"].settings == by_stage["pretrain"].settings != by_stage["transfer"].settings


def test_all_rungs_and_families_see_the_same_number_of_images(plan_suite):
    runs = [run for run in plan_suite().runs if run.stage == "pretrain"]
    assert {run.budget for run in runs} == {Budget("images", 64)}
    assert {run.family for run in runs} == {"vit", "cnn", "hybrid"}


def test_without_a_corpus_models_and_arms_train_from_scratch_alone(plan_suite):
    plan = plan_suite(corpus=[], subsets=None, ablations=[POSITION])
    assert [run.stage for run in plan.runs] == ["scratch"] * 4
    assert [(cell.arm, cell.transfer.model) for cell in plan.cells if cell.ablation] == [*POSITION["arms"].items()]
    assert {cell.pretrain for cell in plan.cells} == {None}
    alike = plan_suite().runs
    assert {run.key for run in plan.runs if run.model == "vit_pico/8"} < {run.key for run in alike}


def test_arms_that_are_not_pretrained_see_as_many_images_as_a_transfer(plan_suite):
    arms = {"learned": "vit_pico/4", "none": "vit_pico/4:pos=none"}
    order = {"name": "order", "reference": "learned", "pretrained": False, "arms": arms}
    digits, target = {"target": "digits", "rows": ["ladder", "scratch"]}, {"target": "arrangement", "rows": ["order"]}
    cells = plan_suite(ablations=[order], targets=[digits, target]).cells
    ours = [cell for cell in cells if cell.ablation == "order"]
    assert {(cell.arm, cell.pretrain, cell.transfer.stage) for cell in ours} == {
        (arm, None, "scratch") for arm in ("learned", "none")
    }
    (amount,) = {cell.transfer.budget for cell in cells if cell.pretrain is not None}
    assert {cell.transfer.budget for cell in ours} == {amount}


def test_budgets_are_arms_of_one_model(plan_suite):
    plan = plan_suite(budgets={"subset": 16, "factors": [0.25, 1, 4]})
    cells = [cell for cell in plan.cells if cell.ablation == "budget bit_resnet_pico"]
    assert [(cell.arm, cell.pretrain.budget.amount) for cell in cells] == [("0.25", 16), ("1", 64), ("4", 256)]
    assert {cell.pretrain.subset_images for cell in cells} == {16}


def test_each_named_rung_has_its_own_classes(plan_suite):
    plan = plan_suite(
        corpus={"name": "fractals", "classes": 21},
        subsets=["small", "medium", "big", 500],
        largest=3000,
        ablations=[POSITION],
        budgets={"subset": "medium", "factors": [1, 2]},
    )
    runs = {(run.subset_images, run.subset_classes): run for run in plan.runs if run.stage == "pretrain"}
    assert sorted(runs) == [(13, 2), (140, 21), (500, 21), (3000, 18)]
    for (images, classes), run in runs.items():
        assert (run.resolved()["data"]["images"], run.resolved()["data"]["classes"]) == (images, classes)
        assert run.corpus.classes == classes
    arms = {cell.pretrain.subset_images for cell in plan.cells if cell.ablation == "position"}
    budgets = {cell.pretrain.subset_images for cell in plan.cells if cell.ablation.startswith("budget")}
    assert (arms, budgets) == ({3000}, {140})


def test_a_numbered_rung_has_the_key_that_it_has_without_named_ones(plan_suite):
    named = plan_suite(subsets=[16, 32, "big"], largest=4000)
    assert {run.key for run in plan_suite().runs} < {run.key for run in named.runs}


def test_the_classes_of_real_images_are_in_the_key_only_if_given(plan_suite):
    whole, some = (
        next(run for run in plan_suite(corpus=corpus).runs if run.stage == "pretrain")
        for corpus in ("digits", {"name": "digits", "classes": 10})
    )
    assert whole.resolved()["data"] == {"name": "digits", "version": 1, "images": 16}
    assert some.resolved()["data"] == {"name": "digits", "version": 1, "images": 16, "classes": 10}


@pytest.fixture
def outside_file(tmp_path) -> Path:
    path = tmp_path / "external.safetensors"
    save_file(timm.create_model("test_resnet", num_classes=3).state_dict(), path)
    return path


def test_a_model_with_external_weights_has_its_own_transfer_and_no_rung(plan_suite, outside_file):
    spec = f"timm:test_resnet:weights={outside_file}"
    budgets = {"subset": 16, "factors": [1, 2]}
    plan = plan_suite(models=["timm:test_resnet", spec], targets=["digits@20", "digits@40"], budgets=budgets)
    external = [cell for cell in plan.cells if cell.transfer.external]
    assert [(str(cell.transfer.target), cell.pretrain, cell.ablation) for cell in external] == [
        ("digits@20", None, ""),
        ("digits@40", None, ""),
    ]
    resolved = external[0].transfer.resolved()
    assert (resolved["model"], resolved["stage"], resolved["starts_from"]) == ("timm:test_resnet", "transfer", None)
    assert resolved["weights"] == hashlib.sha256(outside_file.read_bytes()).hexdigest()
    assert str(outside_file) not in str(resolved)
    alike = next(cell.transfer for cell in plan.cells if cell.pretrain)
    assert external[0].transfer.settings == alike.settings
    assert external[0].transfer.budget == alike.budget
    others = [run for run in plan.runs if not run.external]
    assert [
        run.key
        for run in plan_suite(models=["timm:test_resnet"], targets=["digits@20", "digits@40"], budgets=budgets).runs
    ] == [run.key for run in others]
    assert not any("weights" in run.resolved() for run in others)


def test_a_target_may_be_for_external_weights_alone(resolve_suite, tmp_path):
    """Also as they are, beside models that are pretrained for other targets."""
    path = tmp_path / "ten.safetensors"
    save_file(timm.create_model("test_resnet", num_classes=10).state_dict(), path)
    spec, rows = f"timm:test_resnet:weights={path}", ["ladder", "scratch"]
    targets = [
        {"target": "digits@20", "rows": rows},
        {"target": "digits@40", "rows": ["external"], "transfers": ["none", "k-shot"]},
    ]
    suite = resolve_suite(models=["vit_pico/8", spec], targets=targets, seeds=[0, 1], shots=[5], draws=1)
    cells = expand(suite).cells
    assert num_cells(suite) == len(cells) == 2 * (1 + 2) + 2 + 1
    external = [(cell.transfer_kind, str(cell.transfer.target)) for cell in cells if cell.transfer.external]
    assert external == [("none", "digits"), ("k-shot", "digits"), ("k-shot", "digits")]


def test_our_own_models_take_external_weights_too(plan_suite, resolve_suite, tmp_path):
    path = tmp_path / "own.safetensors"
    save_file(models.build("vit_pico/8:depth=1", num_classes=3).state_dict(), path)
    plan = plan_suite(models=["bit_resnet_pico", f"vit_pico/8:depth=1,weights={path}"])
    (cell,) = [cell for cell in plan.cells if cell.transfer.external]
    resolved = cell.transfer.resolved()
    assert (resolved["model"], resolved["weights"]) == (
        "vit_pico/8:depth=1",
        hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    assert resolved["scaling"] == {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
    for wrong, said in (("vit_pico/8", "weights don't fit"), ("vit_nano/8:depth=1", "weights don't fit")):
        with pytest.raises(InputError, match=said):
            resolve_suite(models=[f"{wrong}{',' if ':' in wrong else ':'}weights={path}"])


def test_only_a_row_of_external_weights(plan_suite, outside_file):
    spec = f"timm:test_resnet:weights={outside_file}"
    plan = plan_suite(models=["timm:test_resnet", "vit_pico/8", spec])
    by_spec = select(plan, f"model={spec},seed=0")
    assert [(run.stage, run.external is not None) for run in by_spec.runs] == [("transfer", True)]
    assert select(plan, "subset=unknown") == by_spec
    assert select(plan, by_spec.runs[0].key) == by_spec
    assert len(select(plan, "model=timm:test_resnet").cells) == 1 + 2 + 1


def test_a_moved_file_is_the_same_run(plan_suite, outside_file, tmp_path):
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(outside_file.read_bytes())
    keys = [
        [run.key for run in plan_suite(models=[f"timm:test_resnet:weights={path}"]).runs]
        for path in (outside_file, moved)
    ]
    assert keys[0] == keys[1]


@pytest.fixture
def pretrain_run(plan_suite) -> Run:
    return next(run for run in plan_suite().runs if run.stage == "pretrain")


@pytest.mark.parametrize("name", sorted({field.name for field in fields(Run)} - NOT_IN_THE_KEY))
def test_the_key_depends_on_each_part_of_the_run(pretrain_run, name):
    assert replace(pretrain_run, **{name: DIFFERENT[name]}).key != pretrain_run.key


def test_the_key_depends_on_settings_but_not_on_the_recipes_name(pretrain_run):
    assert replace(pretrain_run, recipe="renamed").key == pretrain_run.key
    faster = pretrain_run.settings.model_copy(update={"learning_rate": 1.0})
    assert replace(pretrain_run, settings=faster).key != pretrain_run.key


def fields_of_key(run: Run) -> set[str]:
    """Return the names of the fields that a run's key holds, those of its data behind `data.`."""
    resolved = run.resolved()
    return {*resolved, *(f"data.{name}" for name in resolved["data"])}


def test_the_protocol_lists_the_optional_fields_of_a_key(plan_suite):
    def pretraining(**corpus) -> Run:
        plan = plan_suite(corpus={"name": "digits", **corpus}, subsets=[60])
        return next(run for run in plan.runs if run.stage == "pretrain")

    plain = pretraining()
    changed = [replace(plain, **{name: value}) for name, value in DIFFERENT.items() if name != "identity"]
    changed += [replace(plain, deterministic=True, device="cuda"), pretraining(classes=9)]
    changed += [replace(plain, identity=json.dumps(json.loads(plain.identity) | {"groups": "patient"}))]
    only_if_set = set().union(*map(fields_of_key, changed)) - fields_of_key(plain)
    page = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
    table = page.split("| field | in the key |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z._]+)` \|", table, re.MULTILINE)) == only_if_set


def test_determinism_is_in_the_key_only_on_cuda(pretrain_run):
    asked = replace(pretrain_run, deterministic=True)
    assert asked.key == pretrain_run.key
    on_cuda = replace(asked, device="cuda")
    assert on_cuda.resolved()["deterministic"] is True
    assert on_cuda.key != replace(pretrain_run, device="cuda").key


@pytest.mark.parametrize(("match", "amount"), [("flops", 1.5e12), ("seconds", 30.0)])
def test_other_budgets_are_the_same_for_all_and_in_the_key(plan_suite, match, amount):
    plan = plan_suite(images=None, match=match, **{match: {"pretrain": amount, "transfer": 2.0}})
    by_stage = {run.stage: run for run in plan.runs}
    assert {run.budget for run in plan.runs if run.stage == "pretrain"} == {Budget(match, amount)}
    assert by_stage["scratch"].budget == Budget(match, amount + 2)
    assert by_stage["pretrain"].resolved()["budget"] == {"match": match, match: amount}
    assert {cell.transfer.budget.match for cell in plan.cells} == {match}


def test_probes_have_their_own_runs_and_cells(plan_suite):
    """k-shot probes draw from all that a target may train on, so two sizes of it share them."""
    plan = plan_suite(
        models=["bit_resnet_pico"],
        subsets=[16],
        targets=["digits@20", "digits@40"],
        transfers=["fine-tune", "linear", "k-shot"],
        shots=[1, 5],
        draws=2,
        from_scratch=False,
    )
    kinds = [(cell.transfer_kind, str(cell.transfer.target), cell.shots, cell.draw) for cell in plan.cells]
    assert kinds == [
        ("fine-tune", "digits@20", None, None),
        ("fine-tune", "digits@40", None, None),
        ("linear", "digits@20", None, None),
        ("linear", "digits@40", None, None),
        *(("k-shot", "digits", shots, draw) for shots in (1, 5) for draw in (0, 1)),
    ]
    assert len({run.key for run in plan.runs}) == 1 + len(kinds)
    assert {run.starts_from for run in plan.runs[1:]} == {plan.runs[0].key}
    probe = plan.runs[-1].resolved()
    assert probe["probe"] == {"kind": "k-shot", "shots": 5, "draw": 1}
    assert "settings" not in probe


def test_a_model_may_have_its_own_recipes_with_a_reason(plan_suite):
    exception = {"model": "bit_resnet_pico", "pretrain": "medium", "reason": "its published recipe is this one"}
    plan = plan_suite(recipes={"exceptions": [exception]})
    recipes = {(run.model, run.stage): run.recipe for run in plan.runs}
    assert recipes["bit_resnet_pico", "pretrain"] == recipes["bit_resnet_pico", "scratch"] == "medium"
    assert recipes["bit_resnet_pico", "transfer"] == recipes["vit_pico/8", "pretrain"] == "small"
    others = {run.key for run in plan_suite().runs if run.model != "bit_resnet_pico"}
    assert {run.key for run in plan.runs if run.model != "bit_resnet_pico"} == others


def test_a_recipe_may_have_exceptions_for_a_family(plan_suite):
    plan = plan_suite(recipes={"pretrain": "cifar-a"})
    warmups = {run.family: run.settings.warmup for run in plan.runs if run.stage == "pretrain"}
    assert warmups == {"vit": 0.025, "cnn": 0.025, "hybrid": 0.05}


def test_a_recipe_may_fine_tune_at_a_higher_resolution(plan_suite, tmp_path):
    recipe = tmp_path / "higher.yaml"
    recipe.write_text("image_size: 64\nbatch_size: 16\n", encoding="utf-8")
    plan = plan_suite(models=["vit_pico/8"], recipes={"transfer": str(recipe)})
    sizes = {run.stage: run.image_size for run in plan.runs}
    assert sizes == {"pretrain": 32, "transfer": 64, "scratch": 32}
    recipe.write_text("image_size: 36\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"recipe higher: image_size 36: model vit_pico/8"):
        plan_suite(models=["vit_pico/8"], recipes={"transfer": str(recipe)})


def test_carve_false_adds_validation_images_to_training(plan_suite):
    whole = plan_suite(carve=False, corpus=[], subsets=None)
    assert {run.resolved()["data"]["carved"] for run in whole.runs} == {False}
    assert not {run.key for run in whole.runs} & {run.key for run in plan_suite().runs}


def test_a_key_is_the_same_on_every_machine(pretrain_run):
    assert replace(pretrain_run, settings=Settings()).key == GOLDEN_KEY


def test_only_by_conditions(plan_suite):
    part = select(plan_suite(seeds=[0, 1]), "model=vit_pico/8,target=digits@20,seed=1")
    assert {(cell.transfer.model, cell.transfer.seed) for cell in part.cells} == {("vit_pico/8", 1)}
    assert sorted(run.stage for run in part.runs) == ["pretrain"] * 2 + ["scratch"] + ["transfer"] * 2


def test_only_by_a_spec_with_commas(plan_suite):
    spec = "vit_pico/16:padding=4,stride=8"
    for given in (spec, f'"{spec}"', "vit_pico/16:stride=8,padding=4"):
        part = select(plan_suite(models=[spec, "vit_pico/8"]), f"model={given},subset=16")
        assert [cell.transfer.model for cell in part.cells] == [spec]


def test_only_by_key_includes_the_run_that_it_starts_from(plan_suite):
    plan = plan_suite()
    transfer = next(run for run in plan.runs if run.stage == "transfer")
    part = select(plan, transfer.key[:8])
    assert [run.key for run in part.runs] == [transfer.starts_from, transfer.key]


@pytest.mark.parametrize("text", ["modle=vit_pico/8", "0123456789abcdef", "seed=77", "x", "target=digits@21"])
def test_only_without_a_match_is_refused(plan_suite, text):
    with pytest.raises(InputError, match=f"--only {text}"):
        select(plan_suite(), text)


def test_the_plan_of_a_stored_suite_is_the_same(resolve_suite):
    suite = resolve_suite(ablations=[POSITION])
    again = type(suite).model_validate_json(suite.model_dump_json())
    assert [run.key for run in expand(again).runs] == [run.key for run in expand(suite).runs]
