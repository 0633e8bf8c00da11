"""The environment that a run's result may depend on: versions, machine and a hash of the sources."""

import hashlib
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
HASHED = ("models/", "bench/data/", "bench/training/", "bench/runner/")
NOT_HASHED = ("bench/runner/pool/", "bench/runner/estimate/")
"""Folders that are left out of the hash: the order and the estimated time of runs change no number."""
LIBRARIES = ("torch", "torchvision", "timm", "numpy", "pandas", "numba", "scikit-learn")


@cache
def environment() -> dict[str, Any]:
    """Return versions and facts about the machine as JSON values."""
    return {
        "python": platform.python_version(),
        **{library: version(library) for library in LIBRARIES},
        "platform": platform.platform(),
        "processor": processor(),
        "processor_model": processor_model(),
        "cores": num_cores(),
        "git_commit": git_commit(),
    }


@cache
def sources_hash() -> str:
    """Return 12 digits of the SHA-256 of the sources that decide a run's numbers; tables warn of two."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in HASHED for path in (ROOT / folder).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(NOT_HASHED):
            digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def num_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def git_commit() -> str:
    """Return the commit of the sources, with `+` if files differ from it; empty outside a checkout."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        return commit + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def processor() -> str:
    """Return the name of the processor in the system."""
    return _of_processor().get("model name") or platform.processor() or platform.machine()


def processor_model() -> str:
    """Return what tells generations of one name apart, such as `family 25, model 1`: they round sums differently."""
    facts = _of_processor()
    return ", ".join(
        f"{name} {facts[key]}" for name, key in (("family", "cpu family"), ("model", "model")) if key in facts
    )


@cache
def _of_processor() -> dict[str, str]:
    """Return what the kernel says of the first processor; nothing if it says nothing."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in first.splitlines())}


def reset_peak_memory() -> bool:
    """Reset the peak of this process' resident memory; return whether the kernel allowed it."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def peak_memory_bytes() -> int:
    """Return this process' peak of resident memory since the last reset."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * 1024


def _git(*words: str) -> str:
    command = ["git", "-C", str(ROOT), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout.strip()
