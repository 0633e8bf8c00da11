"""One way to time a job that handles images, so that all benchmarks mean the same by images per second."""

from collections.abc import Callable, Mapping

import torch
from pytest_benchmark.fixture import BenchmarkFixture


def measure(
    benchmark: BenchmarkFixture,
    job: Callable[[], object],
    *,
    num_images: int,
    device: str,
    notes: Mapping[str, object],
    rounds: int = 7,
) -> None:
    """Time `job`, which handles `num_images`, in rounds after one to warm up; the notes go into the JSON."""

    def synchronised() -> None:
        job()
        if device == "cuda":
            torch.cuda.synchronize()

    benchmark.pedantic(synchronised, rounds=rounds, warmup_rounds=1)
    benchmark.extra_info |= {"device": device, "images_per_round": num_images, **notes}
    if benchmark.stats is not None:  # absent under --benchmark-disable: not measured is not zero
        benchmark.extra_info["images_per_second"] = num_images / benchmark.stats["median"]
