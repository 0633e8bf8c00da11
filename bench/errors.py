"""The one error that a user's input can cause; the command line prints it without a traceback and exits with 2."""


class InputError(ValueError):
    """Wrong input. The message names the file and field, what was given, and what is allowed."""


class BadImage(InputError):
    """One picture that cannot be read. A caller that may leave pictures out catches this, and no other wrong input."""
