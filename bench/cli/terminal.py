"""The one way to the terminal: every message is shown as it is, whatever stands in files, names and paths.

Square brackets and colons are never Rich's markup, control and escape codes are shown escaped, and the terminal gets
a replacement for each character that it lacks. Styles are given by `marked`.
"""

import io
import os
import sys
import unicodedata
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from bench.errors import InputError


class Terminal(Console):
    """A console without markup, which shows control codes escaped."""

    def __init__(self, **options: Any) -> None:
        """Take the options of Rich's console."""
        super().__init__(markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a string as Rich's text; it is escaped here already, so that columns are wide enough."""
        return super().render_str(printable(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the parts of what is printed, with the control codes of all texts escaped."""
        for part in super().render(renderable, options):
            yield part if part.control else part._replace(text=printable(part.text))

    def _check_buffer(self) -> None:
        try:
            super()._check_buffer()
        except OSError as error:
            place = "standard error" if self.stderr else "standard output"
            with open(os.devnull, "wb") as nowhere:  # Python would write the rest again at its end, and fail
                os.dup2(nowhere.fileno(), self.file.fileno())
            raise InputError(f"{place}: cannot be written ({error.strerror}); send it elsewhere") from None


def accept_all_text() -> None:
    """Let standard output and error replace the characters that their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def say(text: str) -> None:
    """Print a text to standard output, without colours and line breaks of our own."""
    Terminal().print(text, highlight=False, soft_wrap=True)


def marked(word: str, style: str, rest: str = "") -> Text:
    """Return a line that starts with a word in a style."""
    return Text.assemble((printable(word), style), printable(rest))


def joined(lines: Iterable[str | Text]) -> Text:
    """Return lines as one text."""
    return Text("\n").join(Text(line) if isinstance(line, str) else line for line in lines)


def printable(text: str) -> str:
    r"""Return a text with all control and format characters escaped, such as `\x1b`; line breaks and tabs stay.

    A byte of a file's name that is not UTF-8 is shown by its number, such as `\xff`.
    """
    return text if text.isprintable() else "".join(map(_printable_character, text))


def _printable_character(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character)[0] != "C":
        return character
    if "\udc80" <= character <= "\udcff":  # a byte that Python could not decode
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()
