"""Seconds that were measured already, given to pytest-benchmark as if it had measured them.

Its own loop can neither take turns among several tests nor wait for a GPU. So a benchmark whose samples come from
elsewhere runs by `recorded_time`, a clock that only `replay` moves.
"""

from collections.abc import Sequence

from pytest_benchmark.fixture import BenchmarkFixture

_elapsed = 0.0


def recorded_time() -> float:
    """Return the time of such a benchmark: `@pytest.mark.benchmark(timer=recorded_time)`."""
    return _elapsed


def replay(benchmark: BenchmarkFixture, samples: Sequence[float]) -> None:
    """Give a benchmark its samples, in seconds, one per round and unrounded."""
    assert samples, "a benchmark without a sample has measured nothing"
    left = iter(samples)

    def set_back() -> None:
        global _elapsed
        _elapsed = 0.0

    def next_round() -> None:
        global _elapsed
        _elapsed = next(left)

    if benchmark.enabled:
        benchmark.pedantic(next_round, setup=set_back, rounds=len(samples))
