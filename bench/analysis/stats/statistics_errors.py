"""Define the errors that statistics raise. Each message names the wrong row or value."""


class AnalysisError(ValueError):
    """The statistic is not defined for its input."""


class EmptySampleError(AnalysisError):
    """There are no values."""


class NotFiniteError(AnalysisError):
    """A value is NaN or infinite. Callers must leave out, and report, values that were not measured."""


class LevelError(AnalysisError):
    """A confidence level is not between 0 and 1."""


class UnpairedError(AnalysisError):
    """Two samples do not have the same seeds."""


class MissingColumnError(AnalysisError):
    """A table lacks a column that the statistic reads."""


class DuplicateRowError(AnalysisError):
    """The same cell or run occurs twice in a table."""


class UnknownReferenceError(AnalysisError):
    """An ablation has no reference arm, or one that is not among its arms."""


class MissingRowError(AnalysisError):
    """A comparison asks for rows that the tables do not have, such as a size, a target or an arm."""


class IncompleteRowError(AnalysisError):
    """A seed of a row diverged, failed or is missing; the other seeds are not used without it."""

    def __init__(self, message: str, num_pairs: int, num_seeds: int) -> None:
        """Take the message, the number of complete seeds, and the number that the row should have."""
        super().__init__(message)
        self.num_pairs, self.num_seeds = num_pairs, num_seeds


class NotPositiveError(AnalysisError):
    """A time, rate or ratio is not a finite number above zero."""


class SingleSeedError(AnalysisError):
    """There is only one seed, which shows no spread; an interval or a test needs two."""


class TooFewClustersError(AnalysisError):
    """The test images belong to so few clusters that the variation of clusters cannot be estimated."""


class ConstantError(AnalysisError):
    """All values are equal, over seeds and images, so their error cannot be estimated."""


class DifferentImagesError(AnalysisError):
    """Results are on different test images, so they cannot be paired."""


class CorrectnessError(AnalysisError):
    """Values are not the correctness, 0 to 1, of each seed and test image."""


class FewErrorsError(AnalysisError):
    """A model has too few errors, or too few right answers, for the statistic."""


class InfiniteOddsError(AnalysisError):
    """An accuracy is 0 or 1, so its log odds are infinite."""


class MarginError(AnalysisError):
    """A margin is not a finite number above zero, or limits are not in order."""


class FamilyError(AnalysisError):
    """A family of comparisons has no members, or a p-value is not from 0 to 1."""


class ShapeError(AnalysisError):
    """Arrays, sizes or names do not match."""


class TooFewRungsError(AnalysisError):
    """A ladder has fewer rungs than a curve, trend or crossing needs."""


class NoLawError(AnalysisError):
    """No power law with a floor describes the errors."""


class NotRisingError(AnalysisError):
    """An accuracy does not clearly rise with pretraining images, or clearly falls between two rungs."""


class TooFewModelsError(AnalysisError):
    """There are fewer models than a ranking needs."""
