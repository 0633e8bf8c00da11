"""The error for what a user gets wrong about a model."""


class SpecError(ValueError):
    """What was asked of a model is wrong; the message says what was given and what is allowed."""
