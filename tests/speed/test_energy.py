"""Energy by a stand-in for NVML, with the real module's names, units and errors, and a GPU whose time is simulated.

Where the real module is installed, the stand-in's names are held against it.
"""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from bench.speed.energy import (
    EnergyMeter,
    Gpu,
    NoMeter,
    PowerIntegral,
    find_meter,
    gpu_of,
    joules_per_thousand_images,
)
from bench.speed.stopwatch import stopwatch_for
from bench.speed.summary import without_energy

CUDA = torch.device("cuda")
GPU = Gpu("GPU-11111111-2222-3333-4444-555555555555", "00000000:65:00.0")
OTHER = Gpu("GPU-99999999-2222-3333-4444-555555555555", "00000000:17:00.0")
CODES = {
    "NVMLError_InvalidArgument": (2, "Invalid Argument"),
    "NVMLError_NotSupported": (3, "Not Supported"),
    "NVMLError_NoPermission": (4, "Insufficient Permissions"),
    "NVMLError_NotFound": (6, "Not Found"),
    "NVMLError_LibraryNotFound": (12, "NVML Shared Library Not Found"),
    "NVMLError_FunctionNotFound": (13, "Function Not Found"),
    "NVMLError_GpuIsLost": (15, "GPU is lost"),
}


class NVMLError(Exception):
    """As in `pynvml`: a class for each code, of which the text is that of the library."""

    value, text = 999, "Unknown Error"

    def __str__(self) -> str:
        return self.text


ERRORS: dict[str, type[NVMLError]] = {
    name: type(name, (NVMLError,), {"value": value, "text": text}) for name, (value, text) in CODES.items()
}


@dataclass
class SimulatedGpu:
    """Draws power while its clock, which only work moves, goes on; its counter moves at every tenth second."""

    watts: float = 200.0
    resolution: float = 0.1
    seconds: float = 0.0
    counts_from: float = 1234.0

    def clock(self) -> float:
        return self.seconds

    def job(self, seconds: float) -> Callable[[], None]:
        def work() -> None:
            self.seconds += seconds

        return work

    def millijoules(self) -> int:
        ticks = math.floor(self.seconds / self.resolution + 1e-9)
        return round(1000 * (self.counts_from + self.watts * ticks * self.resolution))


@dataclass
class Nvml:
    """What stands for the module: the functions that are used of it."""

    gpus: dict[str, SimulatedGpu]
    uuids: tuple[str, ...] = (OTHER.uuid, GPU.uuid)
    failing: dict[str, str] = field(default_factory=dict)
    mig: int | None = None
    NVMLError: Any = NVMLError
    NVML_DEVICE_MIG_ENABLE: int = 1
    is_initialised: bool = False

    def __getattr__(self, name: str) -> type[NVMLError]:
        if name not in ERRORS:
            raise AttributeError(name)
        return ERRORS[name]

    def call(self, name: str) -> None:
        assert self.is_initialised or name == "nvmlInit", "NVML is not initialised"
        if name in self.failing:
            raise ERRORS[self.failing[name]]()

    def nvmlInit(self) -> None:  # noqa: N802
        self.call("nvmlInit")
        self.is_initialised = True

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        self.call("nvmlDeviceGetHandleByUUID")
        if uuid not in self.uuids:
            raise ERRORS["NVMLError_NotFound"]()
        return {OTHER.uuid: OTHER.pci_bus_id, GPU.uuid: GPU.pci_bus_id}[uuid]

    def nvmlDeviceGetHandleByPciBusId(self, place: str) -> str:  # noqa: N802
        self.call("nvmlDeviceGetHandleByPciBusId")
        if place not in self.gpus:
            raise ERRORS["NVMLError_NotFound"]()
        return place

    def nvmlDeviceGetMigMode(self, handle: str) -> list[int]:  # noqa: N802
        self.call("nvmlDeviceGetMigMode")
        if self.mig is None:
            raise ERRORS["NVMLError_NotSupported"]()
        return [self.mig, self.mig]

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:  # noqa: N802
        self.call("nvmlDeviceGetTotalEnergyConsumption")
        return self.gpus[handle].millijoules()

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:  # noqa: N802
        self.call("nvmlDeviceGetPowerUsage")
        return round(1000 * self.gpus[handle].watts)


@pytest.fixture
def gpu() -> SimulatedGpu:
    return SimulatedGpu()


@pytest.fixture
def nvml(gpu: SimulatedGpu) -> Nvml:
    """Two GPUs, of which ours is the second."""
    return Nvml({OTHER.pci_bus_id: SimulatedGpu(watts=50.0, seconds=7.0), GPU.pci_bus_id: gpu})


def simulated(nvml: Nvml, gpu: SimulatedGpu) -> EnergyMeter:
    found = find_meter(CUDA, nvml, GPU)
    assert isinstance(found, EnergyMeter)
    return replace(found, synchronize=lambda: None, clock=gpu.clock)


@pytest.mark.parametrize("seconds_a_job", [0.0007, 0.003, 0.02, 0.13, 1.7])
def test_joules_by_the_counter(nvml: Nvml, gpu: SimulatedGpu, seconds_a_job: float) -> None:
    found = joules_per_thousand_images(simulated(nvml, gpu), gpu.job(seconds_a_job), 16, seconds_a_job)
    expected = 1000 * gpu.watts * seconds_a_job / 16
    # Both ends lie within a turn of the counter's steps, two seconds or more apart.
    assert found == pytest.approx(expected, rel=0.02 if seconds_a_job < 0.1 else 0.07)
    assert 2.0 <= gpu.seconds < 2.0 + 5 * max(0.1, seconds_a_job)


def test_the_counter_of_the_device_that_torch_uses(nvml: Nvml, gpu: SimulatedGpu) -> None:
    meter = simulated(nvml, gpu)
    assert meter.source == "counter"
    assert meter.read() == gpu.counts_from
    nvml.uuids = ()
    assert simulated(nvml, gpu).read() == gpu.counts_from  # by its place
    found = find_meter(CUDA, nvml, OTHER)
    assert isinstance(found, EnergyMeter)
    assert found.read() == 1234.0 + 7.0 * 50.0


def test_a_device_without_a_counter_is_asked_for_its_power(nvml: Nvml, gpu: SimulatedGpu) -> None:
    nvml.failing["nvmlDeviceGetTotalEnergyConsumption"] = "NVMLError_NotSupported"
    meter = find_meter(CUDA, nvml, GPU)
    assert isinstance(meter, EnergyMeter)
    assert (meter.source, meter.read()) == ("power", gpu.watts)
    started = time.perf_counter()
    jobs = []

    def job() -> None:
        time.sleep(0.005)
        jobs.append(1)

    meter = replace(meter, synchronize=lambda: None)
    found = joules_per_thousand_images(meter, job, images_a_job=10, seconds_a_job=0.005, seconds=0.5)
    seconds_a_job = (time.perf_counter() - started) / len(jobs)
    assert found == pytest.approx(1000 * gpu.watts * seconds_a_job / 10, rel=0.3)


def test_power_is_added_up_along_straight_lines() -> None:
    seconds, watts = iter([0.0, 1.0, 1.5, 3.5]), iter([100.0, 200.0, 200.0, 0.0])
    integral = PowerIntegral(lambda: next(watts), lambda: next(seconds))
    found = []
    for _ in range(4):
        integral.sample()
        found.append(integral.joules)
    assert found == [0.0, 150.0, 250.0, 450.0]


@pytest.mark.parametrize("seconds", [0.01, 1.0])
def test_a_counter_that_stands_still_measures_nothing(nvml: Nvml, gpu: SimulatedGpu, seconds: float) -> None:
    gpu.watts = 0.0
    assert math.isnan(joules_per_thousand_images(simulated(nvml, gpu), gpu.job(0.01), 16, 0.01, seconds))


def test_a_counter_that_goes_back_measures_nothing(nvml: Nvml, gpu: SimulatedGpu) -> None:
    gpu.watts = -200.0
    assert math.isnan(joules_per_thousand_images(simulated(nvml, gpu), gpu.job(0.01), 16, 0.01))


@pytest.mark.parametrize("source", ["counter", "power"])
def test_a_gpu_that_is_lost_meanwhile_measures_nothing(nvml: Nvml, gpu: SimulatedGpu, source: str) -> None:
    if source == "power":
        nvml.failing["nvmlDeviceGetTotalEnergyConsumption"] = "NVMLError_NotSupported"
    meter = simulated(nvml, gpu)
    lost = dict.fromkeys(("nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetPowerUsage"), "NVMLError_GpuIsLost")

    def job() -> None:
        gpu.seconds += 0.01
        if gpu.seconds > 1:
            nvml.failing |= lost

    assert math.isnan(joules_per_thousand_images(meter, job, 16, 0.01))


def reason(nvml: Nvml | None, device: torch.device = CUDA) -> str:
    found = find_meter(device, nvml, GPU)
    assert isinstance(found, NoMeter)
    return found.reason


def test_reasons_why_there_is_no_meter(nvml: Nvml) -> None:
    assert reason(nvml, torch.device("cpu")) == "energy is measured of NVIDIA's GPUs, not of the device cpu"
    assert reason(replace(nvml, mig=1)) == "the GPU is divided (MIG), and its energy is counted as a whole"
    assert reason(replace(nvml, failing={"nvmlInit": "NVMLError_LibraryNotFound"})) == (
        "NVML: NVML Shared Library Not Found"
    )
    assert reason(replace(nvml, uuids=(), gpus={})) == "NVML: Not Found"
    refused = dict.fromkeys(
        ("nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetPowerUsage"), "NVMLError_NoPermission"
    )
    assert reason(replace(nvml, failing=refused)) == (
        "NVML: no counter of energy (Insufficient Permissions), nor power (Insufficient Permissions)"
    )


@pytest.mark.parametrize("error", ["NVMLError_NotSupported", "NVMLError_FunctionNotFound"])
def test_gpus_that_are_whole(nvml: Nvml, error: str) -> None:
    """Undivided, not to be divided, or behind a driver that cannot."""
    assert isinstance(find_meter(CUDA, replace(nvml, mig=0), GPU), EnergyMeter)
    assert isinstance(find_meter(CUDA, replace(nvml, failing={"nvmlDeviceGetMigMode": error}), GPU), EnergyMeter)


def test_a_session_on_a_gpu_says_why_there_are_no_joules(nvml: Nvml, gpu: SimulatedGpu) -> None:
    divided = find_meter(CUDA, replace(nvml, mig=1), GPU)
    assert list(without_energy(divided, "cuda")) == [
        "no joules: the GPU is divided (MIG), and its energy is counted as a whole"
    ]
    assert list(without_energy(simulated(nvml, gpu), "cuda")) == []
    assert list(without_energy(find_meter(torch.device("cpu")), "cpu")) == []


def test_the_meter_is_looked_at_after_a_turn_of_jobs(nvml: Nvml, gpu: SimulatedGpu) -> None:
    """However long a job takes, without trying it out."""
    for seconds_a_job, jobs in ((0.0007, 29), (0.02, 1), (1.7, 1)):
        done, looks = [], []
        meter = simulated(nvml, gpu)
        looking = replace(
            meter, read=lambda meter=meter, looks=looks, done=done: looks.append(len(done)) or meter.read()
        )
        job = gpu.job(seconds_a_job)
        joules_per_thousand_images(looking, lambda job=job, done=done: done.append(job()), 16, seconds_a_job)
        assert {later - earlier for earlier, later in pairwise(looks)} <= {0, jobs}


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)  # as if it were not installed
    assert reason(None) == 'nvidia-ml-py is not installed: pip install "vit-cnn-hybrid-bench[energy]"'


def test_a_device_outside_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    properties = SimpleNamespace(uuid=GPU.uuid.removeprefix("GPU-"), pci_domain_id=0, pci_bus_id=0x65, pci_device_id=0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    assert gpu_of(CUDA) == GPU


def test_the_stand_in_has_the_real_names() -> None:
    real = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    assert {name for name in vars(Nvml) if name.startswith("nvml")} <= vars(real).keys()
    assert real.NVML_DEVICE_MIG_ENABLE == Nvml({}).NVML_DEVICE_MIG_ENABLE
    for name, (value, text) in CODES.items():
        error = getattr(real, name)()
        assert isinstance(error, real.NVMLError)
        assert (error.value, str(error)) == (value, text)
    if not torch.cuda.is_available():
        assert reason(real) in {"NVML: NVML Shared Library Not Found", "NVML: Driver Not Loaded"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_real_gpu_draws_what_gpus_draw() -> None:
    meter = find_meter(CUDA)
    if isinstance(meter, NoMeter):
        pytest.skip(meter.reason)
    left = torch.randn(4096, 4096, device=CUDA)
    start, jobs = time.perf_counter(), []

    def job() -> None:
        jobs.append(left @ left)
        del jobs[:-1]

    found = joules_per_thousand_images(meter, job, images_a_job=1000, seconds_a_job=stopwatch_for(CUDA).seconds(job))
    assert time.perf_counter() - start >= 2
    assert 0.01 < found < 100  # joules a product of 1.4e11 operations
