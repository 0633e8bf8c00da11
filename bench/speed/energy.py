"""The energy that a GPU uses per image, by the energy counter of NVML (NVIDIA's management library).

The counter covers the whole device: its idle power, its memory and the work of other processes. It does not cover the
CPU. Without a counter, no energy is reported, and the reason is given. The package `nvidia-ml-py` (the extra `energy`)
is required.
"""

import importlib
import math
from collections.abc import Callable
from typing import Any

import torch

from bench.machine.clock import synchronize
from bench.machine.device import Device

SECONDS = 2.0
"""The least seconds of work per measurement: the counter is updated every 20 to 100 ms, so the error is below 5 %."""

EnergyCounter = Callable[[], float]
"""Returns the joules used since a fixed time in the past; NaN if the counter cannot be read."""


class NoCounterError(Exception):
    """The device has no energy counter that can be read; the message gives the reason."""


def open_counter(device: Device, nvml: Any = None) -> EnergyCounter:
    """Open the energy counter of a device.

    Args:
        device: The device. Its UUID identifies the counter, since `CUDA_VISIBLE_DEVICES` may change its index.
        nvml: The module `pynvml` or a replacement; imported if None.

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
    """Repeat a job for some seconds, and measure the energy that it uses.

    Args:
        joules: The device's counter.
        job: The work, already warmed up.
        device: The device that does the work.
        num_images: The images per job.
        seconds: The measured seconds per job, which decide the number of repeats.

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
    """Tell whether a GPU is divided by MIG; older GPUs and drivers do not support that mode."""
    try:
        current, _ = nvml.nvmlDeviceGetMigMode(handle)
    except (nvml.NVMLError_NotSupported, nvml.NVMLError_FunctionNotFound):
        return False
    return bool(current == nvml.NVML_DEVICE_MIG_ENABLE)
