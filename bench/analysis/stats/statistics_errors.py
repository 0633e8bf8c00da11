"""Name what the statistics refuse. Each message says which row or value was wrong."""


class AnalysisError(ValueError):
    """The input is not one that the asked statistic is defined for."""


class EmptySampleError(AnalysisError):
    """No values at all."""


class NotFiniteError(AnalysisError):
    """A value is NaN or infinite. What was not measured is left out by the caller, and named."""


class LevelError(AnalysisError):
    """A confidence level outside (0, 1)."""


class UnpairedError(AnalysisError):
    """Two samples that do not hold the same seeds."""


class MissingColumnError(AnalysisError):
    """A table lacks a column that the statistic reads."""


class DuplicateRowError(AnalysisError):
    """The same cell, or the same run, stands twice."""


class UnknownReferenceError(AnalysisError):
    """An ablation without a reference arm, or with one that is not among its arms."""


class MissingRowError(AnalysisError):
    """A comparison asks for rows that the tables do not have, such as a size, a target or an arm."""


class IncompleteRowError(AnalysisError):
    """A seed of a row diverged, failed or is missing; what the others show is not taken in its place."""

    def __init__(self, message: str, num_pairs: int, num_seeds: int) -> None:
        """Say what happened, how many seeds are complete, and how many there should be."""
        super().__init__(message)
        self.num_pairs, self.num_seeds = num_pairs, num_seeds


class NotPositiveError(AnalysisError):
    """A time, rate or ratio that is not a finite number above zero."""


class SingleSeedError(AnalysisError):
    """One seed, which shows no spread; an interval or a test needs two."""


class ConstantError(AnalysisError):
    """Values that never differ, over seeds or images: nothing tells how far they could lie from the truth."""


class DifferentImagesError(AnalysisError):
    """Results on different test images, which nothing pairs."""


class CorrectnessError(AnalysisError):
    """Values that are not shares of correct answers for each seed and test image."""


class MarginError(AnalysisError):
    """A margin that is not a finite number, or below zero."""


class FamilyError(AnalysisError):
    """A family of comparisons without members, or p-values outside 0 to 1."""


class ShapeError(AnalysisError):
    """Arrays, sizes or names that do not belong together."""


class TooFewRungsError(AnalysisError):
    """Fewer rungs of a ladder than the curve, trend or crossing needs."""


class NoLawError(AnalysisError):
    """Errors that no power law with a floor describes."""


class TooFewModelsError(AnalysisError):
    """Fewer models than a comparison of several needs."""
