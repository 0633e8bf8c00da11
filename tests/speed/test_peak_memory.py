"""Memory of steps by counters that stand for those of CUDA, and on CUDA by hand."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from bench.speed.peak_memory import Memory, memory_of_step

CPU, CUDA = "cpu", "cuda"


@dataclass
class Allocator:
    """What torch's allocator of CUDA says."""

    held: int = 1_000
    peak: int = 0

    def allocate(self, num_bytes: int) -> None:
        self.held += num_bytes
        self.peak = max(self.peak, self.held)

    def reset(self) -> None:
        self.peak = self.held


@pytest.fixture
def allocator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Allocator]:
    allocator = Allocator(peak=1_000_000)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", allocator.reset)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: allocator.held)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: allocator.peak)
    return allocator


def test_a_cpu_s_memory_is_unknown() -> None:
    assert memory_of_step(lambda: None, CPU) is None


def test_a_training_step_keeps_for_backward_what_is_held_when_that_begins(allocator: Allocator) -> None:
    layer, batches = nn.Linear(3, 3), []

    def step() -> None:
        batches.append(torch.randn(2, 3))
        loss = layer(batches[-1]).square().sum()
        allocator.allocate(60)
        assert layer.weight.grad is None, "a step was left unfinished"
        loss.backward()
        assert layer.weight.grad is not None
        allocator.allocate(500)
        allocator.allocate(-560)
        layer.zero_grad(set_to_none=True)

    assert memory_of_step(step, CUDA, others_bytes=200) == Memory(60, 1_560 - 200)
    assert len(batches) == 2


def test_an_inference_s_activations_are_the_most_beyond_what_was_there(allocator: Allocator) -> None:
    layer = nn.Linear(3, 3)

    def step() -> None:
        with torch.inference_mode():
            layer(torch.ones(2, 3))
        allocator.allocate(70)
        allocator.allocate(-70)

    assert memory_of_step(step, CUDA, others_bytes=200) == Memory(70, 1_070 - 200)


def test_an_optimizer_s_state_is_there_before_the_step_that_counts(allocator: Allocator) -> None:
    sizes = iter([300, 0])

    def step() -> None:
        allocator.allocate(next(sizes))

    assert memory_of_step(step, CUDA) == Memory(0, 1_300)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda_it_is_what_torch_allocates() -> None:
    layer = nn.Linear(512, 1024, bias=False, device=CUDA)
    images = torch.randn(256, 512, device=CUDA)
    outputs = 4 * 256 * 1024

    def step() -> None:
        layer(images).square().sum().backward()
        layer.zero_grad(set_to_none=True)

    memory = memory_of_step(step, CUDA)
    assert memory is not None
    assert memory.activation_memory_bytes == pytest.approx(outputs, abs=4096)  # and a loss
    assert memory.peak_memory_bytes >= layer.weight.nbytes + images.nbytes + 2 * outputs
