"""Energy by a stand-in for NVML, with the real module's names, units and errors."""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from bench.machine.clock import seconds_of
from bench.speed.energy import NoCounterError, joules_per_thousand_images, open_counter

CPU, CUDA = "cpu", "cuda"
UUID = "11111111-2222-3333-4444-555555555555"
COUNTER = "nvmlDeviceGetTotalEnergyConsumption"
CODES = {
    "NVMLError_NotSupported": (3, "Not Supported"),
    "NVMLError_NoPermission": (4, "Insufficient Permissions"),
    "NVMLError_NotFound": (6, "Not Found"),
    "NVMLError_LibraryNotFound": (12, "NVML Shared Library Not Found"),
    "NVMLError_FunctionNotFound": (13, "Function Not Found"),
    "NVMLError_GpuIsLost": (15, "GPU is lost"),
}


class NVMLError(Exception):
    """As in `pynvml`: a class per code, whose text is that of the library."""

    value, text = 999, "Unknown Error"

    def __str__(self) -> str:
        return self.text


ERRORS: dict[str, type[NVMLError]] = {
    name: type(name, (NVMLError,), {"value": value, "text": text}) for name, (value, text) in CODES.items()
}


@dataclass
class Nvml:
    """The functions of the module that are used, and a GPU that draws 200 W while a job works."""

    failing: dict[str, str] = field(default_factory=dict)
    mig: int = 0
    watts: float = 200.0
    seconds: float = 0.0
    NVMLError: Any = NVMLError
    NVML_DEVICE_MIG_ENABLE: int = 1

    def __getattr__(self, name: str) -> type[NVMLError]:
        if name not in ERRORS:
            raise AttributeError(name)
        return ERRORS[name]

    def call(self, name: str) -> None:
        if name in self.failing:
            raise ERRORS[self.failing[name]]()

    def nvmlInit(self) -> None:  # noqa: N802
        self.call("nvmlInit")

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        if uuid != f"GPU-{UUID}":
            raise ERRORS["NVMLError_NotFound"]()
        return uuid

    def nvmlDeviceGetMigMode(self, handle: str) -> list[int]:  # noqa: N802
        self.call("nvmlDeviceGetMigMode")
        return [self.mig, self.mig]

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:  # noqa: N802
        self.call("nvmlDeviceGetTotalEnergyConsumption")
        return round(1000 * (1234.0 + self.watts * self.seconds))

    def job(self, seconds: float) -> Callable[[], None]:
        def work() -> None:
            self.seconds += seconds

        return work


@pytest.fixture(autouse=True)
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that torch knows by its UUID."""
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=UUID))


def measured(nvml: Nvml, seconds: float) -> float:
    job = nvml.job(seconds)
    return joules_per_thousand_images(open_counter(CUDA, nvml), job, CPU, num_images=16, seconds=seconds)


@pytest.mark.parametrize("seconds", [0.0007, 0.02, 1.7, 5.0])
def test_joules_by_the_counter_over_two_seconds_or_more(seconds: float) -> None:
    nvml = Nvml()
    assert measured(nvml, seconds) == pytest.approx(1000 * nvml.watts * seconds / 16, rel=1e-3)
    assert nvml.seconds >= 2.0


@pytest.mark.parametrize("watts", [0.0, -200.0])
def test_a_counter_that_does_not_move_forward_measures_nothing(watts: float) -> None:
    assert math.isnan(measured(Nvml(watts=watts), 0.1))


def test_a_gpu_that_is_lost_meanwhile_measures_nothing() -> None:
    nvml = Nvml()
    counter = open_counter(CUDA, nvml)
    nvml.failing[COUNTER] = "NVMLError_GpuIsLost"
    assert math.isnan(joules_per_thousand_images(counter, nvml.job(0.1), CPU, num_images=16, seconds=0.1))


@pytest.mark.parametrize(
    ("nvml", "device", "reason"),
    [
        (Nvml(), CPU, "only the energy of NVIDIA's GPUs is measured, not that of a cpu"),
        (Nvml(mig=1), CUDA, "the GPU is divided (MIG), and its energy is counted as a whole"),
        (Nvml({"nvmlInit": "NVMLError_LibraryNotFound"}), CUDA, "NVML: NVML Shared Library Not Found"),
        (
            Nvml({"nvmlDeviceGetTotalEnergyConsumption": "NVMLError_NoPermission"}),
            CUDA,
            "NVML: Insufficient Permissions",
        ),
        (Nvml({"nvmlDeviceGetTotalEnergyConsumption": "NVMLError_NotSupported"}), CUDA, "NVML: Not Supported"),
    ],
)
def test_the_reason_why_there_is_no_counter(nvml: Nvml, device: str, reason: str) -> None:
    with pytest.raises(NoCounterError) as error:
        open_counter(device, nvml)
    assert str(error.value) == reason


@pytest.mark.parametrize("error", ["NVMLError_NotSupported", "NVMLError_FunctionNotFound"])
def test_a_gpu_that_cannot_be_divided_has_a_counter(error: str) -> None:
    assert open_counter(CUDA, Nvml({"nvmlDeviceGetMigMode": error}))() == 1234.0


def test_a_device_that_nvml_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="other"))
    with pytest.raises(NoCounterError, match="NVML: Not Found"):
        open_counter(CUDA, Nvml())


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)  # as if it were not installed
    with pytest.raises(NoCounterError, match=r"nvidia-ml-py is not installed: pip install"):
        open_counter(CUDA)


def test_the_stand_in_has_the_real_names() -> None:
    real = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    assert {name for name in vars(Nvml) if name.startswith("nvml")} <= vars(real).keys()
    assert real.NVML_DEVICE_MIG_ENABLE == Nvml().NVML_DEVICE_MIG_ENABLE
    for name, (value, text) in CODES.items():
        error = getattr(real, name)()
        assert isinstance(error, real.NVMLError)
        assert (error.value, str(error)) == (value, text)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_real_gpu_draws_what_gpus_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    try:
        counter = open_counter(CUDA)
    except NoCounterError as error:
        pytest.skip(str(error))
    left = torch.randn(4096, 4096, device=CUDA)
    seconds = seconds_of(lambda: left @ left, CUDA, times=10) / 10
    joules = joules_per_thousand_images(counter, lambda: left @ left, CUDA, num_images=1000, seconds=seconds)
    assert 0.01 < joules < 100  # per product of 1.4e11 operations
