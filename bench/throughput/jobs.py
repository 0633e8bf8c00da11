"""What is done to a model while the clock runs, where two models are measured side by side."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from bench.throughput.images import Batch
from bench.train.loop import accelerator_for

Job = Callable[[], None]


def training_job(model: nn.Module, batch: Batch) -> Job:
    """Forward and backward of one batch, in bf16 on CUDA; what the optimizer does is the same for any model."""
    images, labels = batch
    accelerator = accelerator_for(*_device_and_precision(images))
    model.train()

    def step() -> None:
        with accelerator.autocast():
            loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        model.zero_grad(set_to_none=True)

    return step


def inference_job(model: nn.Module, batch: Batch) -> Job:
    """Forward of one batch in evaluation, in bf16 on CUDA."""
    images, _ = batch
    accelerator = accelerator_for(*_device_and_precision(images))
    model.eval()

    def classify() -> None:
        with torch.inference_mode(), accelerator.autocast():
            model(images)

    return classify


def peak_memory_bytes(step: Job, device: str) -> int:
    """Of a training step: on CUDA what torch allocates at most, on a CPU what forward keeps for backward."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        step()
        return torch.cuda.max_memory_allocated()
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        step()
    return sum(kept.values())


def _device_and_precision(images: Tensor) -> tuple[Literal["cpu", "cuda"], Literal["fp32", "bf16"]]:
    return ("cuda", "bf16") if images.device.type == "cuda" else ("cpu", "fp32")
