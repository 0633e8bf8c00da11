"""Every positional encoding keeps to torch's fused attention: on CUDA always, on a CPU wherever it has a kernel."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

import models
from models.layers.attention import attend
from models.spec.options import POSITIONS

NAMES = [f"vit_pico/8:pos={pos}" for pos in POSITIONS]
CUDA_KERNELS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION]


@pytest.mark.parametrize("name", NAMES)
def test_inference_on_a_cpu_is_fused(name: str) -> None:
    model = models.build(name, seed=0).eval()
    with torch.inference_mode(), sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        assert model(torch.randn(2, 3, 32, 32)).isfinite().all()
    assert operators(lambda: model(torch.randn(2, 3, 32, 32))).isdisjoint({"aten::softmax", "aten::_softmax"})


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith("relative")])
def test_training_on_a_cpu_is_fused_but_for_a_trainable_bias(name: str) -> None:
    model = models.build(name, seed=0)
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        model(torch.randn(2, 3, 32, 32)).sum().backward()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", NAMES)
def test_training_on_cuda_is_fused(name: str) -> None:
    model = models.build(name, seed=0).cuda()
    with sdpa_kernel(CUDA_KERNELS), torch.autocast("cuda", dtype=torch.bfloat16):
        model(torch.randn(2, 3, 32, 32, device="cuda")).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_the_written_out_attention_equals_the_fused_one() -> None:
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    query, key, value, bias = drawn(2, 3, 5, 4), drawn(2, 3, 5, 4), drawn(2, 3, 5, 4), drawn(1, 3, 5, 5)
    fused = attend(query, key, value, bias)
    torch.testing.assert_close(attend(query, key, value, bias.requires_grad_()), fused, rtol=1e-9, atol=1e-9)


def test_a_frozen_bias_is_fused_in_training_too() -> None:
    model = models.build("vit_pico/8:pos=relative", seed=0)
    model.position.requires_grad_(requires_grad=False)  # type: ignore[union-attr]
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        model(torch.randn(2, 3, 32, 32)).sum().backward()


def operators(job: Callable[[], object]) -> set[str]:
    """The names of the operators that a job runs without gradients."""
    with torch.inference_mode(), torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        job()
    return {event.key for event in profile.key_averages()}
