"""Joules that a GPU takes for images, by NVML (NVIDIA's management library), where there is a meter; else nothing.

Counted is the whole device: what it draws when idle, its memory, and whatever other processes do on it; not the CPU. A
part of a GPU (MIG) has no meter of its own. Measuring needs the package `nvidia-ml-py`, the extra `energy`. Where there
is no meter, `find_meter` says why; a figure is never made up.

The device is found by the UUID that torch gives it, or by its place on the PCI bus, so that `CUDA_VISIBLE_DEVICES` and
the order of devices do not matter. From Volta on, a counter adds up millijoules; it moves every 20 to 100 ms, so that
what is measured begins and ends when it moves. Older devices tell their power only, which is sampled and added up.
"""

import importlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

Clock = Callable[[], float]

TURN_S = 0.02
"""Of work between two looks at the meter; the device idles for some microseconds between turns."""
SAMPLING_S = 0.02
PATIENCE_S = 2.0
"""How long a meter may stand still while the device works."""


@dataclass(frozen=True)
class Gpu:
    """By what a device is known outside of torch."""

    uuid: str
    pci_bus_id: str


@dataclass(frozen=True)
class NoMeter:
    """A device's energy is not measured."""

    reason: str


@dataclass(frozen=True)
class EnergyMeter:
    """Of one GPU."""

    source: Literal["counter", "power"]
    read: Callable[[], float]
    """Joules since some moment, or watts; NaN where they cannot be read."""
    synchronize: Callable[[], object] = torch.cuda.synchronize
    """Wait until the device has done all that it was given."""
    clock: Clock = time.perf_counter

    @contextmanager
    def counting(self) -> Iterator[Callable[[], float]]:
        """Something that gives joules, of which differences count, while it is entered."""
        if self.source == "counter":
            yield self.read
        else:
            with PowerIntegral(self.read, self.clock).sampled() as joules:
                yield joules


def find_meter(device: torch.device, nvml: Any = None, gpu: Gpu | None = None) -> EnergyMeter | NoMeter:
    """The meter of a torch device, or why there is none.

    Args:
        device: whose energy it is.
        nvml: the module `pynvml`, or one like it.
        gpu: the device outside of torch, where torch shall not be asked.
    """
    if device.type != "cuda":
        return NoMeter(f"energy is measured of NVIDIA's GPUs, not of the device {device.type}")
    try:
        nvml = nvml or importlib.import_module("pynvml")
    except ImportError:
        return NoMeter('nvidia-ml-py is not installed: pip install "vit-cnn-hybrid-bench[energy]"')
    try:
        nvml.nvmlInit()
        handle = _handle(nvml, gpu or gpu_of(device))
        if _is_in_parts(nvml, handle):
            return NoMeter("the GPU is divided (MIG), and its energy is counted as a whole")
        return _meter(nvml, handle)
    except nvml.NVMLError as error:
        return NoMeter(f"NVML: {error}")


def joules_per_thousand_images(
    meter: EnergyMeter, job: Callable[[], object], images_a_job: int, seconds_a_job: float, seconds: float = 2.0
) -> float:
    """Do a job again and again, warm already, and measure what it takes.

    Args:
        meter: of the device that works.
        job: what it does.
        images_a_job: that it handles each time.
        seconds_a_job: about, as measured before: the meter is looked at after some jobs at a time.
        seconds: that it is done for at least.

    Returns:
        Joules for a thousand images; NaN where the meter stood still, went back, or could not be read.
    """
    times = max(1, round(TURN_S / seconds_a_job))

    def turn() -> None:
        for _ in range(times):
            job()
        meter.synchronize()

    with meter.counting() as joules:
        first, _ = _work_until_it_moves(meter, joules, turn, 0.0)
        last, turns = _work_until_it_moves(meter, joules, turn, seconds)
    return 1000 * (last - first) / (turns * times * images_a_job) if last > first else math.nan


def gpu_of(device: torch.device) -> Gpu:
    """What torch knows of a CUDA device."""
    found: Any = torch.cuda.get_device_properties(device)
    place = f"{found.pci_domain_id:08x}:{found.pci_bus_id:02x}:{found.pci_device_id:02x}.0"
    return Gpu(f"GPU-{found.uuid}", place)


def _handle(nvml: Any, gpu: Gpu) -> Any:
    try:
        return nvml.nvmlDeviceGetHandleByUUID(gpu.uuid)
    except (nvml.NVMLError_NotFound, nvml.NVMLError_InvalidArgument):
        return nvml.nvmlDeviceGetHandleByPciBusId(gpu.pci_bus_id)


def _is_in_parts(nvml: Any, handle: Any) -> bool:
    """A GPU that cannot be divided knows no such mode, nor does an old driver."""
    try:
        current, _ = nvml.nvmlDeviceGetMigMode(handle)
    except (nvml.NVMLError_NotSupported, nvml.NVMLError_FunctionNotFound):
        return False
    return bool(current == nvml.NVML_DEVICE_MIG_ENABLE)


def _meter(nvml: Any, handle: Any) -> EnergyMeter | NoMeter:
    """The counter where the device has one, else its power."""

    def joules() -> float:
        return float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000

    def watts() -> float:
        return float(nvml.nvmlDeviceGetPowerUsage(handle)) / 1000

    def or_nan(read: Callable[[], float]) -> Callable[[], float]:
        def reading() -> float:
            try:
                return read()
            except nvml.NVMLError:
                return math.nan

        return reading

    try:
        joules()
        return EnergyMeter("counter", or_nan(joules))
    except nvml.NVMLError as error:
        try:
            watts()
            return EnergyMeter("power", or_nan(watts))
        except nvml.NVMLError as too:
            return NoMeter(f"NVML: no counter of energy ({error}), nor power ({too})")


def _work_until_it_moves(
    meter: EnergyMeter, joules: Callable[[], float], turn: Callable[[], object], seconds: float
) -> tuple[float, int]:
    """Work for so long and on until the meter moves: what it says then, NaN if it stands still, and the turns."""
    start, last, turns = meter.clock(), joules(), 0
    while True:
        turn()
        turns += 1
        now, passed = joules(), meter.clock() - start
        if now != last and passed >= seconds:
            return now, turns
        if passed > seconds + PATIENCE_S:
            return math.nan, turns
        last = now


@dataclass
class PowerIntegral:
    """Joules by the watts of many moments, straight lines between them."""

    watts: Callable[[], float]
    clock: Clock = time.perf_counter
    joules: float = 0.0
    _before: tuple[float, float] | None = field(default=None, init=False)

    def sample(self) -> None:
        """Look at the power."""
        now = self.clock(), self.watts()
        if self._before is not None:
            self.joules += (now[0] - self._before[0]) * (now[1] + self._before[1]) / 2
        self._before = now

    @contextmanager
    def sampled(self) -> Iterator[Callable[[], float]]:
        """Sample beside what is done inside."""
        is_over = threading.Event()

        def look_on() -> None:
            while not is_over.wait(SAMPLING_S):
                self.sample()

        self.sample()
        thread = threading.Thread(target=look_on, daemon=True)
        thread.start()
        try:
            yield lambda: self.joules
        finally:
            is_over.set()
            thread.join()
