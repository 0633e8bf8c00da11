"""A large matrix product: what a device can do at most, measured in turns with the networks compared with it."""

from dataclasses import dataclass

import torch

from bench.speed.stopwatch import stopwatch_for
from bench.speed.timed_setting import Precision
from bench.speed.workload import Workload

SIDE = {"cpu": 1024, "cuda": 8192}
"""Of square matrices: large enough that a larger one is no faster."""
WARM_UP_STEPS = 3


@dataclass(frozen=True)
class Product:
    """A product that takes turns, and its floating-point operations: two for each multiply-accumulate."""

    workload: Workload
    flops: int


def matrix_product(device: torch.device, precision: Precision, side: int | None = None) -> Product:
    """Make a product of two square matrices ready."""
    side = side or SIDE[device.type]
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    left, right = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    product = torch.empty_like(left)

    def multiply() -> None:
        torch.mm(left, right, out=product)

    workload = Workload(multiply, stopwatch_for(device))
    for _ in range(WARM_UP_STEPS):
        workload.job()
    return Product(workload, 2 * side**3)
