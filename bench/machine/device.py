"""The device and its name; the driver itself is asked, so that planning needs no torch."""

import ctypes
from functools import cache
from typing import Literal


@cache
def cuda_is_available() -> bool:
    """Return whether the CUDA driver is installed and sees a device."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def choose_device(asked: Literal["cpu", "cuda"] | None) -> Literal["cpu", "cuda"]:
    """Return the device that was asked for, else CUDA if there is a device, else the CPU."""
    return asked or ("cuda" if cuda_is_available() else "cpu")


def device_name(device: Literal["cpu", "cuda"]) -> str:
    """Return the GPU's name in torch, or `cpu`."""
    if device == "cpu":
        return device
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else device
