"""The suite file: short forms, defaults, and one clear message per mistake."""

import hashlib
import shutil
from pathlib import Path

import pytest
import timm
from safetensors.torch import save_file

import models
from bench.config.suite import SUITES, load_suite
from bench.config.yaml_file import shipped
from bench.data.corpus import corpus_size
from bench.errors import InputError
from bench.plan.expand import expand
from models.spec.size_classes import Sized, unmatched
from tests.data.sources.test_folder import write_folder

ONE_MODEL_TWO_WAYS = ["vit_pico/8", "vit_pico/8:pos=learned-1d"]
ABLATION = {"name": "position", "reference": "with", "arms": {"with": "vit_pico/8", "none": "vit_pico/8:pos=none"}}


ALL, SOME = "digits@20", {"target": "digits@40"}
EXCEPTION = {"model": "vit_pico/8", "pretrain": "medium", "reason": "a reason of some length"}


@pytest.mark.parametrize("name", shipped(SUITES))
def test_every_shipped_suite_is_valid_and_opens_with_its_command(name):
    _, suite = load_suite(name)
    opening = (SUITES / f"{name}.yaml").read_text(encoding="utf-8").split("\ndescription:")[0]
    assert f"make bench SUITE={name}" in opening
    assert "Expected:" in opening
    assert {spec.partition("_")[0] for spec in suite.models} >= (
        {"vit", "bit", "r"} if name != "cifar10-scratch" else {"vit", "cct", "resnet18:stem=cifar"}
    )


def test_a_short_corpus_is_a_list_of_one_ladder(write_suite):
    _, short = load_suite(str(write_suite()))
    ladder = {"corpus": {"name": "fractals", "classes": 4}, "subsets": [16, 32]}
    _, long = load_suite(str(write_suite("long", corpus=[ladder], subsets=None)))
    assert short == long


def test_specs_and_targets_become_canonical(write_suite):
    _, suite = load_suite(str(write_suite(models=["vit_pico/8:pos=learned-1d"], targets=["digits@20"])))
    assert suite.models == ("vit_pico/8",)
    assert suite.targets[0].target == "digits@20"


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"models": ["vit_pic/8"]}, ["models.0: given 'vit_pic/8'", "did you mean vit_pico/8"]),
        ({"models": ["vit_pico/8:pos=nine"]}, ["models", "pos", "sincos-2d"]),
        ({"models": ["vit_pico/8:colour=red"]}, ["models", "colour", "pos"]),
        ({"models": ["vit_pico/7"]}, ["vit_pico/7", "padding"]),
        ({"models": ["vit_pico/8:stride=9"]}, ["stride"]),
        ({"models": []}, ["models", "at least one"]),
        ({"models": ["vit_pico/8", "vit_pico/8"]}, ["models", "twice"]),
        ({"models": ONE_MODEL_TWO_WAYS}, ["models", "vit_pico/8 is listed twice"]),
        ({"seeds": []}, ["seeds", "at least one"]),
        ({"match": "flops"}, ["match: flops takes its budget from `flops`; leave out images"]),
        ({"match": "flops", "images": None}, ["match: flops needs a budget, such as flops: {pretrain: 1e12"]),
        ({"flops": {"pretrain": 1e9, "transfer": 1e9}}, ["match: images", "leave out flops"]),
        ({"match": "epochs"}, ["match", "'epochs'", "'images', 'flops' or 'seconds'"]),
        ({"images": {"pretrain": 64, "transfer": 0}}, ["images.transfer is 0, but models are fine-tuned"]),
        ({"transfers": ["linear"], "carve": False}, ["carve: false leaves no validation images", "linear probes"]),
        ({"transfers": ["k-shot"], "shots": [0]}, ["shots", "greater than 0"]),
        ({"recipes": {"exceptions": [EXCEPTION | {"model": "resnet18"}]}}, ["resnet18 is not a model of this suite"]),
        ({"recipes": {"exceptions": [EXCEPTION | {"reason": ""}]}}, ["recipes.exceptions", "reason"]),
        ({"recipes": {"exceptions": [EXCEPTION, EXCEPTION]}}, ["vit_pico/8 is listed twice"]),
        ({"seeds": [1, 1]}, ["seeds", "1 is listed twice"]),
        ({"seeds": [-1]}, ["seeds.0", "-1"]),
        ({"subsets": [16, 16]}, ["subsets", "16 is listed twice"]),
        ({"subsets": [0]}, ["subsets", "greater than 0"]),
        ({"subsets": None}, ["subsets", "missing"]),
        ({"subsets": ["large"]}, ["subsets", "'large'", "'small', 'medium' or 'big'"]),
        ({"subsets": ["big", "big"]}, ["subsets", "big is listed twice"]),
        (
            {"subsets": ["small", "big"]},
            ["small, big are proportions", "the number of fractals is unlimited", "`largest: N`"],
        ),
        ({"largest": 4096}, ["largest is the size of the rung big", "small, medium, big"]),
        ({"balance": "even"}, ["balance", "'even'", "'natural' or 'strict'"]),
        ({"targets": ["digit"]}, ["targets", "digit", "digits", "fashion-mnist"]),
        ({"targets": ["digits", "digits"]}, ["targets", "twice"]),
        ({"corpus": "fractal"}, ["corpus", "fractal", "fractals"]),
        ({"corpus": [], "subsets": None, "from_scratch": False}, ["corpus is empty", "from_scratch", "nothing"]),
        (
            {"corpus": [], "subsets": None, "budgets": {"subset": 7, "factors": [1]}},
            ["subset 7", "nothing is pretrained"],
        ),
        ({"corpus": {"name": "fractals", "difficulty": {"jiter": 3}}}, ["jiter", "jitter_percent"]),
        ({"sedes": [0]}, ["sedes", "did you mean seeds", "image_size"]),
        ({"images": {"pretrian": 3}}, ["images.pretrian", "unknown field", "pretrain, transfer"]),
        ({"image_size": "large"}, ["image_size", "'large'", "a whole number is needed"]),
        ({"image_size": [32, 48]}, ["image_size: given [32, 48]: images are square; one number is needed"]),
        ({"image_size": 1_000_000}, ["image_size: given 1000000", "less than or equal to 4096"]),
        ({"draws": 10**9}, ["draws: given 1000000000", "less than or equal to 1000"]),
        ({"seeds": [True]}, ["seeds.0: given True: a number is needed"]),
        ({"image_size": True}, ["image_size: given True: a number is needed"]),
        ({"subsets": [True]}, ["subsets.0", "a number is needed"]),
        ({"seeds": 0}, ["seeds: given 0: a list is needed, as in [1, 2]"]),
        ({"seeds": [1.5]}, ["seeds.0: given 1.5: a whole number is needed"]),
        ({"images": 5}, ["images: given 5: fields are needed, as in {field: value}"]),
        ({"carve": "maybe"}, ["carve: given 'maybe': true or false is needed"]),
        ({"description": 5}, ["description: given 5: text is needed"]),
        ({"size_class": "flops"}, ["size_class", "'flops'", "'parameters' or 'macs'"]),
        ({"match": "joules"}, ["match", "'joules'", "'images'"]),
        ({"ablations": [ABLATION | {"reference": "out"}]}, ["ablations.0", "'out'", "none, with"]),
        ({"ablations": [ABLATION | {"arms": {"with": "vit_pico/8"}}]}, ["ablations.0.arms", "at least 2"]),
        ({"ablations": [ABLATION | {"arms": {"with": "vit_pico/8", "b": "vit_pico/8"}}]}, ["arms", "twice"]),
        ({"ablations": [ABLATION, ABLATION]}, ["ablations", "position is listed twice"]),
        ({"budgets": {"subset": 7, "factors": [1, 2]}}, ["budgets.subset 7", "16, 32"]),
        ({"budgets": {"subset": "big", "factors": [1, 2]}}, ["budgets.subset big", "16, 32"]),
        ({"budgets": {"subset": 16, "factors": [2]}}, ["factor 1"]),
        ({"looks": [1, 2], "seeds": [0, 1]}, ["looks: 1 seed shows no spread"]),
        ({"looks": [3, 2], "seeds": [0, 1, 2]}, ["looks [3, 2]: each must be greater than the one before"]),
        ({"looks": [2, 2], "seeds": [0, 1, 2]}, ["looks [2, 2]: each must be greater than the one before"]),
        (
            {"looks": [2, 4], "seeds": [0, 1, 2]},
            ["looks: 4 is more than the suite's 3 seeds; list more seeds, or look at 3 at most"],
        ),
        ({"looks": 1}, ["looks: given 1: a list is needed"]),
        (
            {"targets": [ALL, SOME | {"rows": ["scrach"]}]},
            ["digits@40: rows: scrach", "did you mean scratch"],
        ),
        ({"targets": [SOME | {"rows": ["ladder", "budgets"]}]}, ["budgets is not a row", "if budgets are given"]),
        ({"targets": [ALL, SOME | {"rows": ["scratch"]}], "from_scratch": False}, ["if from_scratch is true"]),
        ({"targets": [SOME | {"rows": ["scratch"]}]}, ["no target has the rows ladder", "add ladder", "`corpus: []`"]),
        (
            {"targets": [SOME | {"rows": ["ladder", "scratch"]}], "ablations": [ABLATION]},
            ["no target has the rows position", "leave out the ablation position"],
        ),
        ({"targets": [ALL, SOME | {"rows": []}]}, ["targets.1.rows", "the list is empty"]),
        ({"targets": [ALL, SOME | {"rows": ["ladder", "ladder"]}]}, ["targets.1.rows", "ladder is listed twice"]),
        (
            {"targets": [ALL, SOME | {"transfers": ["probe"]}]},
            ["targets.1.transfers.0", "'probe'", "'none'"],
        ),
        ({"ablations": [ABLATION | {"name": "ladder"}]}, ["ladder is a kind of row", "choose another name"]),
        (
            {"targets": [ALL, SOME | {"transfers": ["linear"]}], "carve": False},
            ["carve: false", "linear probes"],
        ),
        ({"targets": [ALL, SOME | {"transfers": ["none"]}]}, ["transfers: none", "vit_pico/8 has none"]),
        (
            {"targets": [ALL, SOME | {"transfers": ["fine-tune"]}], "transfers": ["linear"], "images": {"transfer": 0}},
            ["images.transfer is 0, but models are fine-tuned"],
        ),
        ({"scratch_seeds": 2}, ["scratch_seeds: 2 is more than the suite's 1 seeds"]),
        ({"scratch_seeds": 0}, ["scratch_seeds", "greater than 0"]),
        ({"scratch_seeds": 1, "from_scratch": False}, ["scratch_seeds: from_scratch is false"]),
        ({"scratch_seeds": 1, "corpus": [], "subsets": None}, ["scratch_seeds: nothing is pretrained"]),
    ],
)
def test_a_wrong_field_is_named_with_file_given_value_and_allowed_values(write_suite, changes, parts):
    path = write_suite(**changes)
    with pytest.raises(InputError) as caught:
        load_suite(str(path))
    message = str(caught.value)
    assert message.startswith(f"suite {path}: ")
    for part in parts:
        assert part in message


def test_no_budget_of_transfer_is_needed_where_no_target_is_fine_tuned(write_suite):
    path = write_suite(targets=[SOME | {"transfers": ["linear"]}], images={"pretrain": 64, "transfer": 0})
    assert load_suite(str(path))[1].targets[0].transfers == ("linear",)


def test_a_message_repeats_neither_the_file_nor_every_mistake(write_suite):
    with pytest.raises(InputError) as caught:
        load_suite(str(write_suite(match="flops", description="d" * 5000)))
    assert "ddd" not in str(caught.value)
    with pytest.raises(InputError) as caught:
        load_suite(str(write_suite(seeds=["s" * 5000] * 50)))
    lines = str(caught.value).splitlines()
    assert len(lines) == 11
    assert max(map(len, lines)) < 500
    assert lines[-1].endswith("40 more mistakes")


def test_a_thousand_images_may_be_written_in_powers_of_ten(tmp_path, write_suite):
    path = write_suite()
    path.write_text(path.read_text(encoding="utf-8") + "draws: 1e2\n", encoding="utf-8")
    assert load_suite(str(path))[1].draws == 100


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"recipes": {"pretrain": "smal"}}, ["recipe 'smal'", "did you mean small", "medium"]),
        ({"subsets": [2, 16]}, ["subsets", "2 images", "4 classes"]),
        ({"corpus": "digits", "subsets": [10_000]}, ["10,000", "digits", "785"]),
        ({"corpus": {"name": "digits", "classes": 11}}, ["digits", "10 classes", "11"]),
        ({"corpus": {"name": "digits", "classes": 4}, "subsets": [500]}, ["digits", "4 of its classes", "500"]),
        ({"corpus": {"name": "digits", "classes": 4}, "subsets": [3]}, ["subsets", "3 images", "4 classes"]),
        ({"corpus": "digits", "subsets": [780], "balance": "strict"}, ["780", 'class, "8", has 76', "760"]),
        ({"subsets": ["medium"], "largest": 4}, ["4 classes and 4 images", "small 2, medium 4, big 4"]),
        ({"subsets": ["medium", 187], "largest": 4000}, ["187 and medium are the same", "keep one"]),
        ({"targets": ["cifar10"]}, ["cifar10", "nowhere", "bench data fetch cifar10"]),
        ({"targets": ["digits@5000"]}, ["digits", "5,000"]),
        ({"targets": ["folder:nothing/here"]}, ["nothing/here"]),
        ({"targets": ["arrangement@20"], "image_size": 8}, ["image_size: given 8", "multiple of 4 from 16"]),
        ({"corpus": "arrangement", "image_size": 8}, ["image_size: given 8", "arrangement has 4 x 4 cells"]),
    ],
)
def test_missing_things_that_a_suite_names_are_refused(resolve_suite, changes, parts):
    with pytest.raises(InputError) as caught:
        resolve_suite(**changes)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"models": ["timm:resnet19"]}, ["models: timm:resnet19", "did you mean resnet1"]),
        ({"models": ["torchvision:maxvit_t"]}, ["models: torchvision:maxvit_t", "images of 32 pixels", "partition"]),
        ({"models": ["torchvision:squeezenet1_1"]}, ["models: torchvision:squeezenet1_1", "not a linear layer"]),
        (
            {"models": ["timm:test_vit:weights=gone.safetensors"]},
            ["models: timm:test_vit:weights=gone.safetensors", "no file gone.safetensors", "timm:test_vit for random"],
        ),
        (
            {"models": ["timm:test_vit:weights=damaged.safetensors"]},
            ["models: timm:test_vit:weights=damaged.safetensors", "can't be read as weights"],
        ),
        (
            {"models": ["timm:test_vit:weights=other.safetensors"]},
            [
                "models: timm:test_vit:weights=other.safetensors",
                "weights don't fit",
                "conv1.0.weight: expected nothing",
            ],
        ),
        (
            {"models": ["timm:test_resnet:weights=other.safetensors", "timm:test_resnet:weights=same.safetensors"]},
            ["same.safetensors", "the same weights", "keep one"],
        ),
    ],
)
def test_an_unavailable_model_of_another_library_is_refused(resolve_suite, tmp_path, monkeypatch, changes, parts):
    monkeypatch.chdir(tmp_path)
    save_file(timm.create_model("test_resnet").state_dict(), "other.safetensors")
    shutil.copy("other.safetensors", "same.safetensors")
    (tmp_path / "damaged.safetensors").write_bytes(b"no weights at all")
    with pytest.raises(InputError) as caught:
        resolve_suite(**changes)
    for part in parts:
        assert part in str(caught.value)


LONG = "x" * 300


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        *(({"targets": [f"{kind}:{LONG}"]}, "xxx: cannot be read") for kind in ("folder", "parquet")),
        *(({"targets": [f"{kind}:{LONG}"]}, f"{kind}:xxx") for kind in ("webdataset", "hf")),
        ({"corpus": f"folder:{LONG}"}, "xxx: cannot be read"),
        ({"models": [f"timm:test_vit:weights={LONG}.safetensors"]}, "there is no file xxx"),
        ({"recipes": {"pretrain": f"{LONG}.yaml"}}, "cannot be read"),
    ],
)
def test_a_path_that_is_too_long_is_named(resolve_suite, changes, problem):
    with pytest.raises(InputError, match=problem):
        resolve_suite(**changes)


def test_an_arm_with_external_weights_is_refused(write_suite):
    arms = {"own": "timm:test_resnet", "outside": "timm:test_resnet:pretrained=true"}
    path = write_suite(ablations=[{"name": "weights", "reference": "own", "arms": arms}])
    with pytest.raises(InputError, match=r"arm 'outside' is timm:test_resnet:pretrained=true.*list it under models"):
        load_suite(str(path))


def test_external_weights_are_identified(resolve_suite, tmp_path):
    path = tmp_path / "external.safetensors"
    save_file(timm.create_model("resnet10t", num_classes=7).state_dict(), path)
    (outside,) = resolve_suite(models=["vit_pico/8", f"timm:resnet10t:weights={path}"]).external_weights
    assert outside.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (outside.source, outside.bare_model) == (str(path), "timm:resnet10t")
    assert (outside.mean, outside.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_named_rungs_keep_the_proportions_of_the_sets_that_the_literature_compares(resolve_suite):
    corpus = {"name": "fractals", "classes": 21_000}
    (ladder,) = resolve_suite(corpus=corpus, subsets=["big", "small", "medium"], largest=300_000_000).corpora
    sizes = [(rung.images, rung.classes) for rung in ladder.rungs]
    assert sizes == [(1_300_000, 1_000), (14_000_000, 21_000), (300_000_000, 18_000)]


def test_the_largest_rung_of_real_images_has_all_images_of_its_classes(resolve_suite):
    (ladder,) = resolve_suite(corpus="digits", subsets=["big", 100, "medium"]).corpora
    assert [(rung.images, rung.classes) for rung in ladder.rungs] == [(33, 10), (100, None), (706, 9)]
    assert corpus_size(ladder.corpus_of(ladder.rungs[-1]), Path("nowhere")) == 706


def test_strict_balance_accepts_even_subsets(resolve_suite):
    (ladder,) = resolve_suite(corpus="digits", subsets=[760], balance="strict").corpora
    assert ladder.balance == "strict"


def test_missing_data_of_an_optional_target_is_accepted(resolve_suite):
    suite = resolve_suite(targets=["digits@20", {"target": "cifar10", "optional": True}])
    assert [choice.optional for choice in suite.targets] == [False, True]


def test_an_unknown_suite_lists_the_known_ones():
    with pytest.raises(InputError, match=r"did you mean smoke\?; known: .*cpu.*smoke"):
        load_suite("smok")


@pytest.mark.parametrize(
    ("text", "part"),
    [("- 1\n- 2", "it must be a mapping of fields"), ("a: [1", "not valid YAML"), ("seeds: [0]\nseeds: [1]", "twice")],
)
def test_a_file_that_is_not_a_suite_is_refused(tmp_path, text, part):
    path = tmp_path / "odd.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=part):
        load_suite(str(path))


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match=r"suite nowhere/suite.yaml: cannot be read"):
        load_suite("nowhere/suite.yaml")


def test_the_seed_offset_moves_every_seed(resolve_suite):
    assert resolve_suite(seeds=[0, 2], seed_offset=100).seeds == (100, 102)


@pytest.mark.parametrize("name", ["gpu", "gpu-full"])
def test_the_shipped_suites_compare_models_of_one_size(name: str) -> None:
    """They ask for it, and their own models have it."""
    _, suite = load_suite(name)
    assert suite.size_class == "parameters"
    sizes = [Sized(m, models.parse_spec(m).family, models.count(m, image_size=32).parameters) for m in suite.models]
    assert unmatched(sizes) == []


def test_one_folder_under_two_names_is_refused(resolve_suite, tmp_path):
    folder = write_folder(tmp_path / "pets", {"cat": 10, "dog": 10})
    (tmp_path / "link").symlink_to(folder)
    shutil.copytree(folder, tmp_path / "copy")
    for other in (f"{folder}/", tmp_path / "link", f"{tmp_path}/copy@5"):
        with pytest.raises(InputError, match=r"targets: folder:\S+ and folder:\S+ hold the same images; leave one"):
            resolve_suite(targets=[f"folder:{folder}", f"folder:{other}"])
    assert len(resolve_suite(targets=[f"folder:{folder}@5", f"folder:{folder}@10"]).targets) == 2


def test_groups_decide_the_split_of_a_target(resolve_suite, tmp_path):
    """All its slices need the same ones, and no corpus may have its images."""
    folder = write_folder(tmp_path / "pets", {"cat": 100, "dog": 100})
    small, all_images = ({"target": f"folder:{folder}{slice_}", "groups": r"(\d)\d\.png"} for slice_ in ("@5", ""))
    suite = resolve_suite(targets=[small, all_images])
    assert [target.identity["images"] for target in suite.targets] == [5, 140]
    run = expand(suite).runs[-1]
    assert run.target.groups == small["groups"]
    assert run.resolved()["data"]["groups"] == small["groups"]
    with pytest.raises(InputError, match="share test images; give all of them equal groups"):
        resolve_suite(targets=[small, f"folder:{folder}"])
    with pytest.raises(InputError, match="corpus is not split by groups, so test images could be pretrained on"):
        resolve_suite(targets=[small], corpus=f"folder:{folder}", subsets=[16])
