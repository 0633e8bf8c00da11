"""Choose the device and find its name; planning calls the CUDA driver directly, so that it needs no torch."""

import ctypes
import os
import warnings
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Device = Literal["cpu", "cuda"]
Precision = Literal["fp32", "bf16"]


@cache
def driver_sees_a_device() -> bool:
    """Return whether the CUDA driver is installed and sees a device; torch may still be unable to use it."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def choose_device(asked: Device | None) -> Device:
    """Return the requested device, else CUDA if there is a device, else the CPU."""
    return asked or ("cuda" if driver_sees_a_device() else "cpu")


def why_no_cuda() -> str:
    """Return the reason why torch cannot use CUDA; empty if it can. Imports torch."""
    import torch

    reason = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would warn of the same problem
        if torch.cuda.is_available():
            return ""
        if torch.version.cuda is None:
            reason = f"torch {torch.__version__} was built without CUDA"
        else:
            reason = f"torch says: {_refusal()}"
            if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
                reason += f" (CUDA_VISIBLE_DEVICES is {visible or 'empty'})"
    return f"there is no CUDA device that torch can use: {reason}"


def _refusal() -> str:
    """Return the first line of torch's error on CUDA, which distinguishes a missing from an outdated driver."""
    import torch

    try:
        torch.cuda.init()
    except Exception as error:  # the type depends on the cause
        return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return "CUDA is not available"


def device_name(device: "torch.device | str") -> str:
    """Return the GPU's name in torch, or `cpu`."""
    if str(device) == "cpu":
        return "cpu"
    import torch

    return torch.cuda.get_device_name(device)
