"""A group on a CPU: fake networks that sleep a known time, real ones, and what becomes of those that fail."""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from bench.speed import rounds as groups
from bench.speed import workload
from bench.speed.best_settings import Limits
from bench.speed.rounds import Contender, Effort, Group, run_group
from bench.speed.table import table_of
from bench.speed.timed_setting import GroupKey, Kind, Network, Setting
from bench.speed.workload import prepare
from tests.speed.fake_device import SLEEP_S, FakeDevice

CPU = torch.device("cpu")
REFERENCE = Network("vit_pico/8", "timm")
OURS, CNN = Network("vit_pico/8"), Network("bit_resnet_pico")
EQUAL = Setting("vit_pico/8", "timm", "inference", "fp32", 32, 4)
BRIEF = Effort(
    rounds=6, turn_seconds=0.0, latency_rounds=2, calls=5, search_seconds=0.0, limits=Limits(8, 1.0), product_side=64
)
FACTS = {
    **dict.fromkeys(("measured_at", "commit", "suite", "machine", "device_name", "processor", "python"), "some"),
    **dict.fromkeys(("torch", "timm", "torchvision"), "1"),
    "measurement": "0" * 12,
    "protocol": 1,
    "device": "cpu",
    "threads": 1,
}


class Sleeper(nn.Module):
    """Takes so long for a batch, or however much longer a busy machine lets it sleep, which it knows."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.slept: list[float] = []
        self.head = nn.Linear(3, 10)

    def forward(self, images: Tensor) -> Tensor:
        start = time.perf_counter()
        logits = self.head(images[:, :, 0, 0])
        time.sleep(max(0.0, self.seconds - (time.perf_counter() - start)))
        self.slept.append(time.perf_counter() - start)
        return logits


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Callable[[], nn.Module]]], None]:
    """Let names stand for networks of the test's own."""

    def replace_builder(networks: dict[str, Callable[[], nn.Module]]) -> None:
        def build_network(network: Network, image_size: int) -> nn.Module:
            return networks[network.model]()

        monkeypatch.setattr(workload, "build_network", build_network)

    return replace_builder


def group(kind: Kind, *networks: Network, task: str = "inference", effort: Effort = BRIEF) -> Group:
    return run_group(GroupKey(task, kind, "fp32", 32), networks, REFERENCE, equal=EQUAL, device=CPU, effort=effort)


def contender(group: Group, network: Network) -> Contender:
    return next(one for one in group.contenders if one.setting.network == network)


def test_a_network_that_sleeps_a_known_time_is_measured_within_two_percent(build) -> None:
    sleepers = {REFERENCE: Sleeper(0.02), CNN: Sleeper(0.04)}
    build({network.model: lambda network=network: sleepers[network] for network in sleepers})
    found = group("equal", CNN, effort=replace(BRIEF, rounds=9))
    for network, sleeper in sleepers.items():
        known = statistics.median(sleeper.slept[-2 * 9 :][1::2])  # every other step is not timed
        assert sleeper.seconds <= known
        assert statistics.median(contender(found, network).round_seconds) == pytest.approx(known, rel=0.02)
    row = table_of(found, FACTS).set_index("model").loc["bit_resnet_pico"]
    assert row["reference_ratio_low"] * 0.98 < 0.5 < row["reference_ratio_high"] * 1.02


def test_so_is_its_latency(build) -> None:
    sleeper = Sleeper(0.02)
    build({"vit_pico/8": lambda: sleeper})
    calls = group("latency").contenders[0].call_seconds
    rounds = [sleeper.slept[-7:], sleeper.slept[-14:-7]]
    known = [seconds for one in rounds for seconds in one[2:]]
    assert statistics.median(calls) == pytest.approx(statistics.median(known), rel=0.02)


@pytest.mark.parametrize("kind", ["equal", "latency"])
def test_a_planted_asynchronous_kernel_is_not_undermeasured(build, monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    """On a device that works behind its caller, a network whose pass returns at once takes as long as its kernel."""
    device = FakeDevice()

    class Launching(Sleeper):
        def forward(self, images: Tensor) -> Tensor:
            device.launch()
            return super().forward(images)

    monkeypatch.setattr(workload, "stopwatch_for", lambda _: device.stopwatch())
    build({"vit_pico/8": lambda: Launching(0.0)})
    found = group(kind, effort=replace(BRIEF, rounds=3)).contenders[0]
    device.close()
    for seconds in found.round_seconds + found.call_seconds:
        assert SLEEP_S <= seconds < 1.5 * SLEEP_S


@pytest.mark.parametrize("task", ["inference", "training"])
def test_everyone_has_a_turn_in_every_round(task: str) -> None:
    found = group("equal", OURS, CNN, task=task)
    assert [one.setting.network for one in found.contenders] == [REFERENCE, OURS, CNN]
    assert all(len(one.round_seconds) == BRIEF.rounds for one in found.contenders)
    assert len(found.matrix_flops_per_second) == BRIEF.rounds
    assert {(one.setting.batch_size, one.setting.layout, one.setting.mode) for one in found.contenders} == {
        (4, "contiguous", "eager")
    }


def test_a_thousand_single_calls_make_a_latency() -> None:
    effort = Effort()
    assert effort.latency_rounds * effort.calls == 1000
    found = group("latency", OURS)
    assert all(len(one.call_seconds) == BRIEF.latency_rounds * BRIEF.calls for one in found.contenders)
    assert all(one.setting.batch_size == 1 for one in found.contenders)


def test_the_order_changes_from_round_to_round() -> None:
    contenders = [Contender(replace(EQUAL, model=name)) for name in "abc"]
    orders = [[one.setting.model for one in groups._order(contenders, number)] for number in range(6)]
    assert orders[:2] == [["a", "b", "c"], ["a", "c", "b"]]
    assert {order[0] for order in orders} == {"a", "b", "c"}
    assert len({tuple(order) for order in orders}) == 6


def test_a_drifting_machine_does_not_decide(build) -> None:
    """Everything becomes twice as slow on the way; the ratio stays what it is."""
    slowness = [1.0]

    class Drifting(Sleeper):
        def forward(self, images: Tensor) -> Tensor:
            slowness[0] += 0.005
            time.sleep(self.seconds * (slowness[0] - 1))
            return super().forward(images)

    build({"vit_pico/8": lambda: Drifting(0.004), "bit_resnet_pico": lambda: Drifting(0.008)})
    found = group("equal", CNN, effort=replace(BRIEF, rounds=30))
    rounds = contender(found, CNN).round_seconds
    assert max(rounds[-5:]) > 1.3 * min(rounds[:5]), "the machine did not drift"
    row = table_of(found, FACTS).set_index("model").loc["bit_resnet_pico"]
    assert row["reference_ratio"] == pytest.approx(0.5, rel=0.1)


def test_each_has_its_best_setting_and_the_reference_the_common_one() -> None:
    found = group("best", REFERENCE, OURS)
    assert [one.is_reference for one in found.contenders] == [True, False, False]
    assert found.contenders[0].tried == ()
    assert found.contenders[0].setting == EQUAL
    for one in found.contenders[1:]:
        assert one.setting == one.tried[0].setting
        assert {tried.setting.layout for tried in one.tried} == {"contiguous", "channels_last"}


def test_a_network_that_cannot_be_built_is_a_row_with_its_reason() -> None:
    found = group("equal", Network("vit_pico/7"), OURS)
    row = table_of(found, FACTS).set_index("model").loc["vit_pico/7"]
    assert row["status"] == "failed"
    assert "7" in row["reason"]
    assert len(row["round_seconds"]) == 0
    assert row["reference_ratio"] != row["reference_ratio"]
    assert len(contender(found, OURS).round_seconds) == BRIEF.rounds


def test_a_network_that_does_not_fit_leaves_and_stops_no_other(build) -> None:
    calls = []

    class TooLarge(Sleeper):
        def forward(self, images: Tensor) -> Tensor:
            calls.append(images)
            if len(calls) > 8:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
            return super().forward(images)

    build({"vit_pico/8": lambda: Sleeper(0.0), "bit_resnet_pico": lambda: TooLarge(0.0)})
    found = group("equal", CNN)
    failed = contender(found, CNN)
    assert (failed.status, failed.round_seconds) == ("out_of_memory", [])
    assert "Tried to allocate" in failed.reason
    assert failed.setting.batch_size == EQUAL.batch_size, "a batch was shrunk in silence"
    assert len(found.contenders[0].round_seconds) == BRIEF.rounds


def test_where_the_reference_fails_rows_have_no_ratio(build) -> None:
    def broken() -> nn.Module:
        raise RuntimeError("no such layer")

    build({"vit_pico/8": broken, "bit_resnet_pico": lambda: Sleeper(0.0)})
    table = table_of(group("equal", CNN), FACTS).set_index("model")
    assert table.loc["vit_pico/8", "reason"] == "RuntimeError: no such layer"
    assert table.loc["bit_resnet_pico", "images_per_second"] > 0
    assert table.loc["bit_resnet_pico", ["reference_ratio", "reference_ratio_low"]].isna().all()


def test_a_training_step_trains_in_either_layout() -> None:
    for layout in ("contiguous", "channels_last"):
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


def test_inference_keeps_no_gradients() -> None:
    network = workload.build_network(OURS, 32)
    workload.job_of(network, replace(EQUAL, implementation="ours"), CPU)()
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not network.training


def test_bfloat16_is_that_of_runs() -> None:
    seen: list[torch.dtype] = []
    network = workload.build_network(OURS, 32)
    network.head.register_forward_hook(lambda _, inputs, output: seen.append(output.dtype))
    workload.job_of(network, replace(EQUAL, implementation="ours", precision="bf16"), CPU)()
    workload.job_of(network, replace(EQUAL, implementation="ours", precision="fp32"), CPU)()
    assert seen == [torch.bfloat16, torch.float32]


def test_a_lane_times_so_many_steps_after_one_that_is_not() -> None:
    calls: list[float] = []
    workload = replace(prepare(EQUAL, CPU), job=lambda: calls.append(time.perf_counter()))
    workload.seconds(5)
    assert len(calls) == 6
