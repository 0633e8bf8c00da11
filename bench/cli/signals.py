"""Let SIGTERM end a command's work as Ctrl-C does, with everything that has to be cleaned up."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from rich.console import Console


class Terminated(BaseException):
    """SIGTERM asked this process to end."""


@contextmanager
def interruptible(console: Console) -> Iterator[None]:
    """Raise Terminated on SIGTERM; on this and on Ctrl-C, print what is kept."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except (KeyboardInterrupt, Terminated):
        kept = "finished runs are kept, and those under way lie in checkpoints"
        console.print(f"\ninterrupted: {kept}; the same command goes on from here", soft_wrap=True)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
