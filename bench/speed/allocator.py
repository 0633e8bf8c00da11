"""Keeps freed memory with the process that measures, so that no step waits for pages that the kernel maps anew.

With glibc's defaults, a step that frees large blocks may give them back and fetch them again, page by page. Some
processes do so at every step for as long as they live, and take up to half as long again as others with the same code.
Which ones do is chance, and no interval over the rounds of one process shows it.
"""

import ctypes

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""glibc's numbers of the parameters of `mallopt`."""


def keep_freed_memory() -> bool:
    """Let this process keep what it frees from now on; return whether its C library allows that (glibc does)."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(MMAP_MAX, 0)) and bool(mallopt(TRIM_THRESHOLD, -1))
