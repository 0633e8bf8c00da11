"""Several batches at once, as on a GPU: the same bytes as batch by batch, by far fewer operations, and no waiting."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from bench.data.augment.erasing import Erasing
from bench.data.augment.mixing import Mixing
from bench.data.augment.policies import AutoAugment, RandAugment
from bench.data.augment.resized import ResizedCrop
from bench.data.corpus import CorpusRef, load_subset
from bench.data.dataset import ImageSet, Pipeline, in_memory
from bench.data.loading.batches import Blocks, blocks_for, crop_one_by_one, crop_together, training_batches
from bench.data.loading.image_loader import ImageLoader
from bench.data.loading.stream import Augmentation, Stream

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
EACH = {
    "nothing": Augmentation(),
    "crop and flip": Augmentation(4, True),
    "resized crop": Augmentation(flip=True, resized_crop=ResizedCrop()),
    "autoaugment": Augmentation(4, True, policy=AutoAugment()),
    "randaugment": Augmentation(4, True, policy=RandAugment()),
    "resized crop and randaugment": Augmentation(0, True, ResizedCrop(), RandAugment()),
    "erasing": Augmentation(erasing=Erasing()),
    "mixing": Augmentation(2, mixing=Mixing(0.8, 1.0)),
    "all": Augmentation(0, True, ResizedCrop(), AutoAugment(), Erasing(), Mixing(0.8, 1.0)),
}


def noise(num_images: int, size: int) -> ImageSet:
    images = np.random.default_rng(0).integers(0, 256, (num_images, 3, size, size), dtype=np.uint8)
    return in_memory(images, np.arange(num_images))


def stream(name: str, num_images: int, batch_size: int) -> Stream:
    return Stream(3, "pretrain", num_images, batch_size, EACH[name], num_classes=30)


def assert_same(ones: list[tuple[Tensor, Tensor]], others: list[tuple[Tensor, Tensor]]) -> None:
    for one, other in zip(ones, others, strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


@settings(deadline=None, max_examples=40)
@given(
    name=st.sampled_from(sorted(EACH)),
    size=st.integers(5, 20),
    batch_size=st.integers(1, 40),
    num_batches=st.integers(1, 12),
    crop=st.sampled_from([crop_one_by_one, crop_together]),
    start=st.integers(0, 99),
    planned=st.sampled_from([1, 50, 8192]),
)
def test_a_block_of_any_size_gives_the_same_batches(
    name: str, size: int, batch_size: int, num_batches: int, crop: Any, start: int, planned: int
) -> None:
    data, one = noise(30, size), stream(name, 100, batch_size)
    loader = ImageLoader("resident", CPU)
    alone = list(training_batches(data, one, loader, start=start))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.data.loading.stream.PLANNED", planned)
        together = list(training_batches(data, one, loader, start=start, blocks=Blocks(num_batches, crop)))
    assert_same(alone, together)


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("num_batches", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_generated_batches_are_the_same_in_blocks(name: str, num_batches: int) -> None:
    images = load_subset(CorpusRef(classes=3), 40, 16, Path("nowhere")).train
    one = stream(name, 70, 8)
    alone = list(training_batches(images, one, ImageLoader("resident", CPU), start=5))
    blocks = Blocks(num_batches, crop_together)
    assert_same(alone, list(training_batches(images, one, ImageLoader("generated", CPU), start=5, blocks=blocks)))


@pytest.mark.parametrize("pipeline", ["resident", "generated", "streaming"])
def test_a_cpu_works_on_one_batch_at_a_time(pipeline: Pipeline) -> None:
    assert blocks_for(noise(4, 32), stream("all", 100, 8), ImageLoader(pipeline, CPU)) == Blocks(1, crop_one_by_one)


@pytest.mark.parametrize(
    ("size", "batch_size", "num_batches"),
    [(32, 128, 16), (32, 100, 20), (32, 4096, 1), (96, 128, 9), (224, 32, 6), (224, 256, 1), (4096, 8, 1)],
)
def test_a_gpu_works_on_as_many_as_a_bounded_memory_holds(size: int, batch_size: int, num_batches: int) -> None:
    data, one = noise(1, size), stream("all", 10**6, batch_size)
    for pipeline in ("resident", "generated"):
        assert blocks_for(data, one, ImageLoader(pipeline, CUDA)) == Blocks(num_batches, crop_together)  # type: ignore[arg-type]
    assert blocks_for(data, one, ImageLoader("streaming", CUDA)) == Blocks(1, crop_together)


class Operations(TorchDispatchMode):
    """Counts what is dispatched to CUDA: kernels, which views are not, and copies from the host."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        if isinstance(result, Tensor) and result.device.type == "cuda" and not function.is_view:
            self.counts["kernels"] += 1
            if any(isinstance(arg, Tensor) and arg.device.type == "cpu" and arg.dim() for arg in args):
                self.counts["copies" if kwargs.get("non_blocking") else "blocking copies"] += 1
        return result


def dispatched(
    name: str, monkeypatch: pytest.MonkeyPatch, num_batches: int = 64, blocks: Blocks | None = None
) -> Counter[str]:
    """What resident batches of 128 images at 32 pixels dispatch to CUDA, in tensors without data: none is needed.

    What asks the device for a value, or for how many values there are, raises.
    """
    augmentation = EACH[name]
    if augmentation.policy is not None:
        operations = augmentation.policy.operations(32)
        monkeypatch.setattr(type(augmentation.policy), "operations", lambda policy, size: operations)
    pinned: list[Tensor] = []
    monkeypatch.setattr(Tensor, "pin_memory", lambda values: pinned.append(values) or values)
    data = noise(300, 32)
    with FakeTensorMode(allow_non_fake_inputs=True), Operations() as found:
        batches = training_batches(
            data, stream(name, 128 * num_batches, 128), ImageLoader("resident", CUDA), blocks=blocks
        )
        assert sum(len(labels) == 128 for _, labels in batches) == num_batches
    assert found.counts["copies"] == len(pinned)
    return found.counts


@pytest.mark.parametrize(
    ("name", "at_most"),
    [
        ("crop and flip", 4),
        ("autoaugment", 17),
        pytest.param("randaugment", 17, marks=pytest.mark.slow),
        pytest.param("resized crop and randaugment", 21, marks=pytest.mark.slow),
    ],
)
def test_on_cuda_a_block_takes_few_operations_a_batch(name: str, at_most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    together = dispatched(name, monkeypatch)["kernels"] / 64
    assert together <= at_most
    if EACH[name].policy is not None:
        alone = dispatched(name, monkeypatch, 16, Blocks(1, crop_together))["kernels"] / 16
        assert alone > 10 * together


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("all", "resized crop and randaugment") else pytest.mark.slow)
        for name in EACH
    ],
)
def test_on_cuda_only_the_images_and_labels_of_a_set_are_waited_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything else that the host sends, it sends from pinned memory, and it asks nothing back."""
    found = [dispatched(name, monkeypatch, num_batches) for num_batches in (16, 32)]
    assert [counts["blocking copies"] for counts in found] == [2, 2]
    layers = 2 * (EACH[name].policy is not None)
    assert found[1]["copies"] - found[0]["copies"] == layers
