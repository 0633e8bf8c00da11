"""Groups on a CPU: fake networks that take a known time by a clock of their own, real ones, and those that fail."""

import gc
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from bench.speed import matmul, rounds, workload
from bench.speed.best_settings import SearchLimits
from bench.speed.rounds import Contender, Effort, Group, measure_group
from bench.speed.table import table_of
from bench.speed.timed_setting import GroupKey, Kind, Network, Setting
from bench.speed.workload import Workload
from tests.speed.fake_device import KERNEL_S, FakeDevice

CPU = "cpu"
REFERENCE = Network("vit_pico/8", "timm")
OURS, CNN = Network("vit_pico/8"), Network("bit_resnet_pico")
EQUAL = Setting("vit_pico/8", "timm", "inference", "fp32", 32, 4)
BRIEF = Effort(
    rounds=6,
    turn_seconds=0.0,
    latency_rounds=2,
    calls=5,
    search_seconds=0.0,
    limits=SearchLimits(8, 1.0),
)
FACTS = {
    **dict.fromkeys(("measured_at", "commit", "suite", "machine", "device_name", "processor", "python"), "some"),
    **dict.fromkeys(("torch", "timm", "torchvision"), "1"),
    "measurement": "0" * 12,
    "protocol": 1,
    "device": "cpu",
    "threads": 1,
}


class Fake(nn.Module):
    """Does something for a batch."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self.act, self.head = act, nn.Linear(3, 10)

    def forward(self, images: Tensor) -> Tensor:
        self.act()
        return self.head(images[:, :, 0, 0])


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small matrix product, and no walks through all objects of the test process."""
    monkeypatch.setitem(matmul.SIDE, CPU, 64)
    monkeypatch.setattr(gc, "collect", lambda: 0)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> FakeDevice:
    return FakeDevice(monkeypatch)


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[Network, Callable[[], object]]], None]:
    """Let networks do what the test says."""

    def replace_builder(acts: dict[Network, Callable[[], object]]) -> None:
        monkeypatch.setattr(workload, "build_network", lambda network, image_size: Fake(acts[network]))

    return replace_builder


def group(kind: Kind, *networks: Network, task: str = "inference", effort: Effort = BRIEF) -> Group:
    key = GroupKey(task, kind, "fp32", 32)
    return measure_group(key, networks, REFERENCE, equal=EQUAL, device=CPU, effort=effort)


def contender(group: Group, network: Network) -> Contender:
    return next(each for each in group.contenders if each.setting.network == network)


@pytest.mark.parametrize("kind", ["equal", "latency"])
def test_known_seconds_are_measured(build, device: FakeDevice, kind: Kind) -> None:
    build({REFERENCE: lambda: device.work(0.02), CNN: lambda: device.work(0.04)})
    measured = group(kind, CNN)
    for network, seconds in ((REFERENCE, 0.02), (CNN, 0.04)):
        samples = contender(measured, network).round_seconds + contender(measured, network).call_seconds
        assert samples == pytest.approx([seconds] * len(samples), rel=1e-3)
    row = table_of(measured, FACTS).set_index("model").loc["bit_resnet_pico"]
    assert row["reference_ratio"] == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize("kind", ["equal", "latency"])
def test_an_asynchronous_kernel_counts_until_it_is_done(build, monkeypatch, device: FakeDevice, kind: Kind) -> None:
    """On a device that works behind its caller, a network whose pass returns at once takes as long as its kernel."""
    build({REFERENCE: device.launch})
    monkeypatch.setattr(rounds, "prepare", lambda setting, _: replace(workload.prepare(setting, CPU), device="cuda"))
    reference = group(kind).contenders[0]
    samples = reference.round_seconds + reference.call_seconds
    assert samples == pytest.approx([KERNEL_S] * len(samples), rel=1e-3)


def test_a_drifting_machine_does_not_decide(build, device: FakeDevice) -> None:
    """Everything becomes twice as slow on the way; the ratio stays what it is."""
    slowness = [1.0]

    def drifting(seconds: float) -> Callable[[], None]:
        def act() -> None:
            slowness[0] += 0.005
            device.work(seconds * slowness[0])

        return act

    build({REFERENCE: drifting(0.004), CNN: drifting(0.008)})
    measured = group("equal", CNN, effort=replace(BRIEF, rounds=30))
    seconds = contender(measured, CNN).round_seconds
    assert max(seconds[-5:]) > 1.3 * min(seconds[:5]), "the machine did not drift"
    row = table_of(measured, FACTS).set_index("model").loc["bit_resnet_pico"]
    assert row["reference_ratio"] == pytest.approx(0.5, rel=0.01)


def test_a_turn_is_timed_after_a_step_that_is_not(device: FakeDevice) -> None:
    calls: list[int] = []
    job = Workload(lambda: calls.append(device.work(1.0)), CPU)
    assert job.seconds_per_step(5) == pytest.approx(1.0, rel=1e-3)
    assert len(calls) == 6
    assert job.steps_in(10.0) == 10


@pytest.mark.parametrize("task", ["inference", "training"])
def test_everyone_has_a_turn_in_every_round(task: str) -> None:
    measured = group("equal", OURS, CNN, task=task)
    assert [each.setting.network for each in measured.contenders] == [REFERENCE, OURS, CNN]
    assert all(len(each.round_seconds) == BRIEF.rounds for each in measured.contenders)
    assert len(measured.matrix_flops_per_second) == BRIEF.rounds
    assert {(each.setting.batch_size, each.setting.layout, each.setting.mode) for each in measured.contenders} == {
        (4, "contiguous", "eager")
    }
    rows = table_of(measured, FACTS)
    assert (rows["matrix_share"] > 0).all()
    assert rows["peak_memory_bytes"].isna().all(), "nothing counts a CPU's memory"


def test_a_thousand_single_calls_make_a_latency() -> None:
    effort = Effort()
    assert effort.latency_rounds * effort.calls == 1000
    measured = group("latency", OURS)
    assert all(len(each.call_seconds) == BRIEF.latency_rounds * BRIEF.calls for each in measured.contenders)
    assert all(each.setting.batch_size == 1 for each in measured.contenders)


def test_the_order_changes_from_round_to_round() -> None:
    contenders = [Contender(replace(EQUAL, model=name)) for name in "abc"]
    orders = [[each.setting.model for each in rounds._order(contenders, number)] for number in range(6)]
    assert orders[:2] == [["a", "b", "c"], ["a", "c", "b"]]
    assert {order[0] for order in orders} == {"a", "b", "c"}
    assert len({tuple(order) for order in orders}) == 6


def test_each_has_its_best_setting_and_the_reference_the_common_one() -> None:
    measured = group("best", REFERENCE, OURS)
    assert [each.is_reference for each in measured.contenders] == [True, False, False]
    assert measured.contenders[0].tried == ()
    assert measured.contenders[0].setting == EQUAL
    for each in measured.contenders[1:]:
        assert each.setting == each.tried[0].setting
        assert {attempt.setting.layout for attempt in each.tried} == {"contiguous", "channels_last"}


def test_a_network_that_cannot_be_built_is_a_row_with_its_reason() -> None:
    measured = group("equal", Network("vit_pico/7"), OURS)
    row = table_of(measured, FACTS).set_index("model").loc["vit_pico/7"]
    assert row["status"] == "failed"
    assert "7" in row["reason"]
    assert len(row["round_seconds"]) == 0
    assert row["reference_ratio"] != row["reference_ratio"]
    assert len(contender(measured, OURS).round_seconds) == BRIEF.rounds


def test_a_network_that_does_not_fit_leaves_and_stops_no_other(build, device: FakeDevice) -> None:
    calls = []

    def fit_for_a_while() -> None:
        calls.append(device.work(0.01))
        if len(calls) > 8:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    build({REFERENCE: lambda: device.work(0.01), CNN: fit_for_a_while})
    measured = group("equal", CNN)
    failed = contender(measured, CNN)
    assert (failed.status, failed.round_seconds) == ("out_of_memory", [])
    assert "Tried to allocate" in failed.reason
    assert failed.setting.batch_size == EQUAL.batch_size, "a batch was shrunk in silence"
    assert len(measured.contenders[0].round_seconds) == BRIEF.rounds


def test_if_the_reference_fails_rows_have_no_ratio(build, device: FakeDevice) -> None:
    def broken() -> None:
        raise RuntimeError("no such layer")

    build({REFERENCE: broken, CNN: lambda: device.work(0.01)})
    table = table_of(group("equal", CNN), FACTS).set_index("model")
    assert table.loc["vit_pico/8", "reason"] == "RuntimeError: no such layer"
    assert table.loc["bit_resnet_pico", "images_per_second"] > 0
    assert table.loc["bit_resnet_pico", ["reference_ratio", "reference_ratio_low"]].isna().all()


@pytest.mark.parametrize("lost", [False, True])
def test_energy_is_measured_after_the_turns(build, device: FakeDevice, lost: bool) -> None:
    build({REFERENCE: lambda: device.work(0.01)})
    key = GroupKey("inference", "equal", "fp32", 32)
    counter = (lambda: float("nan")) if lost else (lambda: 50 * device.now)
    measured = measure_group(key, [], REFERENCE, equal=EQUAL, device=CPU, effort=BRIEF, counter=counter)
    expected = float("nan") if lost else 1000 * 50 * 0.01 / EQUAL.batch_size
    joules = table_of(measured, FACTS)["joules_per_thousand_images"][0]
    assert joules == pytest.approx(expected, rel=1e-3, nan_ok=True)


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_a_training_step_trains_in_either_layout(layout: str) -> None:
    network = workload.build_network(CNN, 32)
    before = network.head.weight.detach().clone()
    setting = replace(EQUAL, model="bit_resnet_pico", implementation="ours", task="training", layout=layout)
    job = workload.job_of(network, setting, CPU)
    job()
    job()
    assert not torch.equal(network.head.weight, before)
    convolution = next(
        layer for layer in network.modules() if isinstance(layer, nn.Conv2d) and layer.kernel_size != (1, 1)
    )
    is_last = convolution.weight.is_contiguous(memory_format=torch.channels_last)
    assert is_last == (layout == "channels_last")


def test_inference_keeps_no_gradients_and_bfloat16_is_that_of_runs() -> None:
    seen: list[torch.dtype] = []
    network = workload.build_network(OURS, 32)
    network.head.register_forward_hook(lambda _, inputs, output: seen.append(output.dtype))
    workload.job_of(network, replace(EQUAL, implementation="ours", precision="bf16"), CPU)()
    workload.job_of(network, replace(EQUAL, implementation="ours", precision="fp32"), CPU)()
    assert seen == [torch.bfloat16, torch.float32]
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not network.training
