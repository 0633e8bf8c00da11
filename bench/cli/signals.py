"""Let SIGTERM end a command in the same way as Ctrl-C, with all clean-up."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from rich.console import Console


class Terminated(BaseException):
    """This process received SIGTERM."""


@contextmanager
def interruptible(console: Console) -> Iterator[None]:
    """Raise Terminated on SIGTERM; on SIGTERM and Ctrl-C, print that the work done so far is kept."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except (KeyboardInterrupt, Terminated):
        saved = "finished runs are kept, and checkpoints hold those under way"
        console.print(f"\ninterrupted: {saved}; the same command continues from here", soft_wrap=True)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
