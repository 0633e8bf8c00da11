"""Keeps freed memory in the measuring process, so that no step waits for the kernel to map pages again.

With glibc's defaults, a step that frees large blocks may return them to the kernel and map them again, page by page.
Some processes do this at every step and take up to 1.5 times as long as others with the same code. It is a matter of
chance, and no interval over the rounds of one process shows it.
"""

import ctypes

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""The parameters M_TRIM_THRESHOLD and M_MMAP_MAX of glibc's `mallopt`."""


def keep_freed_memory() -> bool:
    """Keep freed memory in this process from now on; return whether its C library supports that (glibc does)."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(MMAP_MAX, 0)) and bool(mallopt(TRIM_THRESHOLD, -1))
