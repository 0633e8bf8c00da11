"""Why something was not measured, as rows, tries and workers say it."""

from typing import Literal

from bench.machine.memory import is_out_of_memory

Status = Literal["ok", "out_of_memory", "failed"]

LONGEST = 500
"""Characters of a library's message that are kept."""


def failure_of(error: Exception) -> tuple[Status, str]:
    """The status of what an error has ended, and the reason: the error's kind, and its message in one line."""
    status: Status = "out_of_memory" if is_out_of_memory(error) else "failed"
    return status, f"{type(error).__name__}: {' '.join(str(error).split())[:LONGEST]}"
