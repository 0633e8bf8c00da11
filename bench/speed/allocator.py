"""Freed memory stays with the process that measures, so that no step waits for pages that the kernel maps anew.

With glibc's defaults, a step that frees large blocks may give them back and fetch them again, page by page: some
processes of equal code do so at every step, for as long as they live, and take up to a half longer than the others.
Which do is chance, and no interval over rounds of one process knows of it.
"""

import ctypes

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""glibc's numbers of the parameters of `mallopt`."""


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, from now on; whether its C library lets one say so (glibc does)."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(MMAP_MAX, 0)) and bool(mallopt(TRIM_THRESHOLD, -1))
