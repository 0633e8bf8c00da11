"""Which device there is, asked of the driver itself, so that planning needs no torch, and what it is called."""

import ctypes
from functools import cache
from typing import Literal


@cache
def cuda_is_available() -> bool:
    """Whether the CUDA driver is installed and sees a device."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def choose_device(asked: Literal["cpu", "cuda"] | None) -> Literal["cpu", "cuda"]:
    """The device that was asked for, else CUDA where there is one."""
    return asked or ("cuda" if cuda_is_available() else "cpu")


def device_name(device: Literal["cpu", "cuda"]) -> str:
    """The name of the GPU, as torch knows it, or `cpu`."""
    if device == "cpu":
        return device
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else device
