"""The one error that a user's input can cause; the command line prints it without a traceback and exits with 2."""


class InputError(ValueError):
    """Wrong input. The message names the file and field, what was given, and what is allowed."""


class BadImage(InputError):
    """One picture that cannot be read. A caller that may leave pictures out catches this, and no other wrong input."""


def did_you_mean(given: str, known: list[str]) -> str:
    """Return a hint such as `, did you mean "digits"?`, or nothing if no known name is close."""
    from difflib import get_close_matches

    close = get_close_matches(given, known, n=1)
    return f', did you mean "{close[0]}"?' if close else ""
