"""The energy that a GPU takes for images, by the counter of NVML (NVIDIA's management library).

The counter covers the whole device: its idle power, its memory and the work of other processes. It does not cover the
CPU. Where there is no counter, the reason is given, and no figure is made up. The package `nvidia-ml-py` (the extra
`energy`) is needed.
"""

import importlib
import math
from collections.abc import Callable
from typing import Any

import torch

from bench.machine.clock import synchronize
from bench.speed.timed_setting import Device

SECONDS = 2.0
"""The time that is worked for: the counter moves every 20 to 100 ms, so a figure is right within 5 %."""

EnergyCounter = Callable[[], float]
"""Returns joules since some moment; NaN if they cannot be read."""


class NoCounterError(Exception):
    """The energy of a device is not counted; the message says why."""


def open_counter(device: Device, nvml: Any = None) -> EnergyCounter:
    """Open the energy counter of a device.

    Args:
        device: The device; torch's UUID of it finds its counter, whatever `CUDA_VISIBLE_DEVICES` says.
        nvml: The module `pynvml`, or one like it; imported if None.

    Raises:
        NoCounterError: The device has no counter that can be read.
    """
    if device != "cuda":
        raise NoCounterError(f"only the energy of NVIDIA's GPUs is measured, not that of a {device}")
    try:
        nvml = nvml or importlib.import_module("pynvml")
    except ImportError:
        raise NoCounterError('nvidia-ml-py is not installed: pip install "vit-cnn-hybrid-bench[energy]"') from None
    try:
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
        if _is_divided(nvml, handle):
            raise NoCounterError("the GPU is divided (MIG), and its energy is counted as a whole")
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except nvml.NVMLError as error:
        raise NoCounterError(f"NVML: {error}") from error

    def joules() -> float:
        try:
            return float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000
        except nvml.NVMLError:
            return math.nan

    return joules


def joules_per_thousand_images(
    joules: EnergyCounter, job: Callable[[], object], device: Device, *, num_images: int, seconds: float
) -> float:
    """Do a job again and again, and measure the energy that it takes.

    Args:
        joules: The device's counter.
        job: The work, already warmed up.
        device: The device that does it.
        num_images: The images per job.
        seconds: The seconds per job, as measured before.

    Returns:
        Joules per thousand images; NaN if the counter did not move forward or could not be read.
    """
    times = math.ceil(SECONDS / seconds)
    synchronize(device)
    before = joules()
    for _ in range(times):
        job()
    synchronize(device)
    used = joules() - before
    return 1000 * used / (times * num_images) if used > 0 else math.nan


def _is_divided(nvml: Any, handle: Any) -> bool:
    """Tell whether a GPU runs in parts; older GPUs and drivers know no such mode."""
    try:
        current, _ = nvml.nvmlDeviceGetMigMode(handle)
    except (nvml.NVMLError_NotSupported, nvml.NVMLError_FunctionNotFound):
        return False
    return bool(current == nvml.NVML_DEVICE_MIG_ENABLE)
