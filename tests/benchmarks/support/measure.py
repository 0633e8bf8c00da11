"""One way to time a job that handles images, so that all benchmarks mean the same by images per second."""

from collections.abc import Callable, Mapping

from pytest_benchmark.fixture import BenchmarkFixture


def measure(
    benchmark: BenchmarkFixture,
    job: Callable[[], object],
    *,
    num_images: int,
    notes: Mapping[str, object],
    rounds: int = 7,
) -> None:
    """Time a job of a CPU that handles `num_images`, in rounds after one to warm up; the notes go into the JSON."""
    benchmark.pedantic(job, rounds=rounds, warmup_rounds=1)
    benchmark.extra_info |= {"device": "cpu", "images_per_round": num_images, **notes}
    if benchmark.stats is not None:  # absent under --benchmark-disable: not measured is not zero
        benchmark.extra_info["images_per_second"] = num_images / benchmark.stats["median"]
