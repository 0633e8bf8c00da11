"""SIGTERM as an exception, so that it ends a command's work as Ctrl-C does, with all that is to be cleaned up."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Terminated(BaseException):
    """This process was told to end, by SIGTERM."""


@contextmanager
def told_by_sigterm() -> Iterator[None]:
    """Raise Terminated where SIGTERM comes."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
