"""Which rows a suite's speeds have."""

from collections import Counter
from pathlib import Path

import pytest

from bench.config.suite import load_suite
from bench.errors import InputError
from bench.speed.cases import GROUPS, SuiteCases, select
from bench.speed.peers.matching import peers_of
from bench.speed.timed_setting import Network
from models.spec.model_spec import SpecError, parse_spec


@pytest.fixture(scope="module")
def cpu() -> SuiteCases:
    return select("auto", "cpu")


def test_the_default_suite_is_that_of_the_device(cpu: SuiteCases) -> None:
    assert cpu.suite == "cpu"
    assert select("auto", "cuda").suite == "gpu"


@pytest.mark.parametrize("suite", ["cpu", "smoke", "real"])
def test_all_families_and_their_peers_are_rows_of_every_group(suite: str) -> None:
    core = [case for case in select(suite, "cpu").cases if case.is_core]
    networks = {case.network for case in core}
    models = [str(parse_spec(model)) for model in load_suite(suite)[1].models]
    assert {parse_spec(model).family for model in models} == {"vit", "cnn", "hybrid"}
    assert networks == {*map(Network, models), *(Network(model, peer) for model in models for peer in peers_of(model))}
    rows = Counter(case.group for case in core)
    assert len(rows) == len(GROUPS)
    assert set(rows.values()) == {len(networks)}
    assert {(group.precision, group.image_size) for group in rows} == {("fp32", load_suite(suite)[1].image_size)}


def test_a_vit_whose_patches_overlap_has_no_peer(cpu: SuiteCases) -> None:
    assert [network.implementation for network in cpu.ladder if network.model.startswith("vit")] == ["ours"]
    assert {network.model for network in cpu.ladder if network.implementation == "timm"} == {
        "bit_resnet_pico",
        "r_pico+vit_pico/8",
    }
    assert {network.implementation for network in select("smoke", "cpu").ladder} == {"ours", "timm", "torchvision"}


def test_the_reference_is_timm_s_vit_at_the_recipe_s_settings(cpu: SuiteCases) -> None:
    assert cpu.reference == Network("vit_pico/8", "timm")
    assert (cpu.equal.batch_size, cpu.equal.layout, cpu.equal.mode) == (32, "contiguous", "eager")


def test_the_full_selection_has_arms_the_other_precision_and_latencies_of_training(cpu: SuiteCases) -> None:
    rest = [case for case in cpu.cases if not case.is_core]
    assert Network("vit_pico/4:pos=none") in {case.network for case in rest}
    assert {case.group.precision for case in rest} == {"fp32", "bf16"}
    assert ("training", "latency") in {(case.group.task, case.group.kind) for case in rest}
    assert len({str(case) for case in cpu.cases}) == len(cpu.cases)


def test_on_cuda_the_usual_precision_is_bfloat16() -> None:
    selection = select("gpu", "cuda")
    assert {case.group.precision for case in selection.cases if case.is_core} == {"bf16"}
    assert selection.equal.precision == "bf16"


def test_models_may_be_named_in_place_of_the_suite_s() -> None:
    selection = select("cpu", "cpu", ("vit_tiny/8", "timm:resnet18:pretrained=true"))
    models = {case.network.model for case in selection.cases}
    assert models == {"vit_tiny/8", "timm:resnet18"}, "weights take no part in the speed"
    assert selection.suite == "cpu with vit_tiny/8, timm:resnet18"


def test_only_a_group_of_all_models_is_kept_for_the_suite(cpu: SuiteCases) -> None:
    core = [case for case in cpu.cases if case.is_core]
    for kept in (core, list(cpu.cases), [case for case in core if case.group.task == "training"]):
        groups = {case.group: [other.network for other in kept if other.group == case.group] for case in kept}
        assert {cpu.measured_for(networks) for networks in groups.values()} == {"cpu"}
    some = [Network("bit_resnet_pico"), Network("bit_resnet_pico", "timm")]
    assert cpu.measured_for(some) == "part of cpu: bit_resnet_pico, bit_resnet_pico by timm"
    arms = [case.network for case in cpu.cases if case.network not in cpu.ladder]
    assert cpu.measured_for(arms).startswith("part of cpu: vit_pico/12:padding=2,pos=none,")


def test_a_recipe_s_own_image_size_is_measured_too(tmp_path: Path) -> None:
    (tmp_path / "larger.yaml").write_text("image_size: 64\n")
    suite = tmp_path / "two.yaml"
    suite.write_text(
        f"corpus: fractals\nsubsets: [64]\nmodels: [vit_pico/8]\ntargets: [digits]\nseeds: [0]\n"
        f"recipes: {{transfer: {tmp_path}/larger.yaml}}\n"
    )
    assert {case.group.image_size for case in select(str(suite), "cpu").cases} == {32, 64}


def test_what_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match="unknown suite"):
        select("no-such-suite", "cpu")
    with pytest.raises(SpecError, match="vit_picco"):
        select("cpu", "cpu", ("vit_picco/8",))
