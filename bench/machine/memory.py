"""Memory of the device: what a run took at most, and whether an error means that there was not enough."""

import gc

import torch

from bench.machine.environment import peak_memory_bytes, reset_peak_memory

PHRASES = ("out of memory", "can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""By which torch's plain RuntimeErrors say so."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, the device's or the machine's."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(phrase in str(error) for phrase in PHRASES)


def free_memory() -> None:
    """Give back what nobody holds any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def reset_peak(device: torch.device) -> bool:
    """Forget the peak so far; whether that could be done."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return True
    return reset_peak_memory()


def peak(device: torch.device) -> int:
    """Bytes since the last reset: what torch allocated on CUDA, else what the process held."""
    return torch.cuda.max_memory_allocated() if device.type == "cuda" else peak_memory_bytes()
