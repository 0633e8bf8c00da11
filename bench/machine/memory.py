"""Measure a run's peak memory, and recognise errors that mean that memory ran out."""

import gc

import torch

from bench.machine.environment import peak_memory_bytes, reset_peak_memory

PHRASES = ("out of memory", "can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""Phrases in torch's plain RuntimeErrors that mean that memory ran out."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that the memory of the device or the machine ran out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(phrase in str(error) for phrase in PHRASES)


def free_memory() -> None:
    """Free unreferenced memory."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def reset_peak(device: torch.device) -> bool:
    """Reset the peak; return whether that was possible."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return True
    return reset_peak_memory()


def peak(device: torch.device) -> int:
    """Return the peak in bytes since the last reset: of torch's allocations on CUDA, else of the process."""
    return torch.cuda.max_memory_allocated() if device.type == "cuda" else peak_memory_bytes()
