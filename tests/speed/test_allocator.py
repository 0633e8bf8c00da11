"""A process that keeps what it frees takes the same pages again, where another has them mapped anew each time."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAULTS = """
import resource, sys
import numpy as np
from bench.speed.allocator import keep_freed_memory

if {keep} and not keep_freed_memory():
    sys.exit("this C library cannot be told")
np.ones(2**23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(2**23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
"""64 MiB at a time, which glibc maps anew by default, whatever was freed before."""


@pytest.mark.skipif(sys.platform != "linux", reason="about glibc")
def test_freed_memory_is_used_again() -> None:
    kept, usual = (page_faults(keep=keep) for keep in (True, False))
    assert kept < 100
    assert usual > 10 * kept


def page_faults(*, keep: bool) -> int:
    command = [sys.executable, "-c", FAULTS.format(keep=keep)]
    return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
