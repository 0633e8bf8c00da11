"""A large matrix product, as a measure of a device's peak rate; it is timed in turns with the networks."""

import torch

from bench.machine.device import Device, Precision
from bench.speed.workload import Workload
from models.spec.flops import FLOPS_PER_MAC

SIDE = {"cpu": 1024, "cuda": 8192}
"""The rows and columns of each matrix; larger matrices reach no higher rate."""
WARM_UP_STEPS = 3


def matrix_product(device: Device, precision: Precision) -> tuple[Workload, int]:
    """Prepare a product of two square matrices.

    Returns:
        The workload and its floating-point operations.
    """
    side = SIDE[device]
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    left, right = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    product = torch.empty_like(left)
    workload = Workload(lambda: torch.mm(left, right, out=product), device)
    for _ in range(WARM_UP_STEPS):
        workload.job()
    return workload, FLOPS_PER_MAC * side**3
