"""Images per second of the drawn corpora, at 32 and 224 px.

One thread of a CPU draws, and must keep ahead of training: 10,000 and 300 images/s.
"""

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench.data.formula import Difficulty, Domain, Formula, render
from bench.data.fractals.source import FRACTALS
from bench.data.strokes.stroke_corpus import STROKES

LEAST = {32: 10_000, 224: 300}
"""Images per second by size."""
NUM_IMAGES = {32: 4096, 224: 128}
"""In a round."""
NUM_CLASSES = 32
"""The classes that the warm-up finds."""


@pytest.mark.core
@pytest.mark.benchmark(group="drawn corpora")
@pytest.mark.parametrize("size", LEAST)
@pytest.mark.parametrize("formula", [FRACTALS, STROKES], ids=lambda formula: formula.name)
def test_rate(benchmark: BenchmarkFixture, device: torch.device, formula: Formula, size: int) -> None:
    if device.type != "cpu":
        pytest.skip("images are drawn on a CPU")
    num_images = NUM_IMAGES[size]
    instances, classes = np.divmod(np.arange(num_images), NUM_CLASSES)

    def draw() -> None:
        render(formula, classes, instances, image_size=size, difficulty=Difficulty(), domain=Domain.PRETRAIN)

    benchmark.pedantic(draw, rounds=7, warmup_rounds=1)
    if benchmark.stats is not None:  # absent under --benchmark-disable
        rate = num_images / benchmark.stats["median"]
        benchmark.extra_info |= {"image_size": size, "images_per_second": rate}
        assert rate >= LEAST[size]
