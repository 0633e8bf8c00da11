"""Memory of steps that can be counted by hand, float32 throughout."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.profiler import ProfilerActivity, profile
from torch.utils.checkpoint import checkpoint

import models
from bench.config.recipe import Settings
from bench.speed.images import random_batch
from bench.speed.peak_memory import Memory, Step, kept_for_backward, memory_of_step
from bench.speed.tasks import go_on, training_job
from bench.training.compute import compute_on
from bench.training.trainer import Trainer

BATCH, WIDTH, HIDDEN, CLASSES = 32, 64, 256, 10
NUMBER = 4
"""Bytes."""
SCALARS = 2 * NUMBER
"""A loss, and the gradient that backward begins with."""

on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.fixture
def images() -> Tensor:
    return torch.randn(BATCH, WIDTH)


@pytest.fixture
def labels() -> Tensor:
    return torch.arange(BATCH) % CLASSES


def linear(inputs: int, outputs: int) -> nn.Linear:
    return nn.Linear(inputs, outputs, bias=False)


def perceptron(inplace: bool = False) -> nn.Sequential:
    return nn.Sequential(linear(WIDTH, HIDDEN), nn.ReLU(inplace), linear(HIDDEN, CLASSES))


def training_step(model: nn.Module, loss: Callable[[], Tensor]) -> Step:
    """Leaves no gradients behind."""

    def step() -> None:
        loss().backward()
        model.zero_grad(set_to_none=True)

    return step


def inference(classify: Callable[[], Tensor]) -> Step:
    def step() -> None:
        with torch.inference_mode():
            classify()

    return step


def kept_by(step: Step) -> int:
    """Bytes of activations on a CPU."""
    return memory_of_step(step, "cpu").activation_memory_bytes


def peak_of(step: Step) -> int:
    """Bytes that are held at most on a CPU."""
    return memory_of_step(step, "cpu").peak_memory_bytes


def test_weights_and_batch_are_kept_but_no_activations(images: Tensor) -> None:
    layer = linear(WIDTH, HIDDEN)
    weights = NUMBER * WIDTH * HIDDEN
    found = memory_of_step(training_step(layer, lambda: layer(images).sum()), "cpu")
    assert found == Memory(0, weights + images.nbytes + weights + SCALARS)  # the most is held with the gradient


def test_activations_that_the_loss_keeps(images: Tensor) -> None:
    layer = linear(WIDTH, HIDDEN)
    outputs = NUMBER * BATCH * HIDDEN
    step = training_step(layer, lambda: layer(images).square().sum())
    assert kept_by(step) == outputs
    # Backward of a square: of the outputs themselves, their first power, twice that, and that times the gradient.
    assert peak_of(step) == layer.weight.nbytes + images.nbytes + 4 * outputs + SCALARS


@pytest.mark.parametrize("inplace", [False, True])
def test_what_two_layers_keep_counts_once(images: Tensor, labels: Tensor, inplace: bool) -> None:
    model = perceptron(inplace)
    hidden, log_probabilities, weight_of_all = NUMBER * BATCH * HIDDEN, NUMBER * BATCH * CLASSES, NUMBER
    step = training_step(model, lambda: cross_entropy(model(images), labels))
    assert kept_by(step) == hidden + log_probabilities + weight_of_all


def test_views_count_once(images: Tensor) -> None:
    layer = linear(WIDTH, 3 * WIDTH)

    def loss() -> Tensor:
        query, key, value = layer(images).chunk(3, dim=-1)
        return (query * key * value).sum()

    outputs, product = NUMBER * BATCH * 3 * WIDTH, NUMBER * BATCH * WIDTH
    assert kept_by(training_step(layer, loss)) == outputs + product


def test_batch_statistics_are_kept_and_running_ones_are_not(images: Tensor) -> None:
    model = nn.Sequential(linear(WIDTH, WIDTH), nn.BatchNorm1d(WIDTH))
    inputs, mean_and_deviation = NUMBER * BATCH * WIDTH, 2 * NUMBER * WIDTH
    step = training_step(model, lambda: model(images).sum())
    assert kept_by(step) == inputs + mean_and_deviation


def test_checkpoints_keep_what_their_parts_begin_with(images: Tensor) -> None:
    def two_layers() -> nn.Module:
        return nn.Sequential(linear(WIDTH, WIDTH), nn.ReLU(), linear(WIDTH, WIDTH), nn.ReLU())

    parts = nn.ModuleList(two_layers() for _ in range(3))

    def loss(call: Callable[[nn.Module, Tensor], Tensor]) -> Tensor:
        outputs = images
        for part in parts:
            outputs = call(part, outputs)
        return outputs.sum()

    def without_reentering(part: nn.Module, inputs: Tensor) -> Tensor:
        outputs = checkpoint(part, inputs, use_recontender=False)
        assert isinstance(outputs, Tensor)
        return outputs

    activation = NUMBER * BATCH * WIDTH
    all_kept = training_step(parts, lambda: loss(lambda part, inputs: part(inputs)))
    checkpointed = training_step(parts, lambda: loss(without_reentering))
    assert kept_by(all_kept) == 6 * activation
    assert kept_by(checkpointed) == 2 * activation  # the first begins with the batch


def test_of_several_forward_passes_the_one_that_keeps_most(images: Tensor) -> None:
    layer = linear(WIDTH, HIDDEN)

    def in_parts() -> None:
        for part in images.split([24, 8]):
            layer(part).square().sum().backward()

    assert kept_by(in_parts) == NUMBER * 24 * HIDDEN


def test_gradients_of_before_are_there_all_the_time(images: Tensor) -> None:
    layer = linear(WIDTH, HIDDEN)
    clearing = training_step(layer, lambda: layer(images).square().sum())
    without = peak_of(clearing)
    adding = peak_of(lambda: layer(images).square().sum().backward())
    assert adding == without + layer.weight.nbytes


def test_what_is_no_longer_needed_is_no_longer_held(images: Tensor) -> None:
    shallow, deep = (nn.Sequential(*(linear(WIDTH, WIDTH) for _ in range(depth))) for depth in (3, 9))
    activation = NUMBER * BATCH * WIDTH
    for model in (shallow, deep):
        weights = sum(parameter.nbytes for parameter in model.parameters())
        found = memory_of_step(inference(lambda model=model: model(images)), "cpu")
        assert found == Memory(2 * activation, weights + images.nbytes + 2 * activation)


def test_what_is_done_in_place_takes_no_more(images: Tensor) -> None:
    hidden, logits = NUMBER * BATCH * HIDDEN, NUMBER * BATCH * CLASSES
    for inplace, expected in ((False, 2 * hidden), (True, hidden + logits)):
        model = perceptron(inplace)
        assert kept_by(inference(lambda model=model: model(images))) == expected


def test_an_optimizer_s_state_is_there_though_the_first_step_makes_it(images: Tensor) -> None:
    layer = linear(WIDTH, HIDDEN)
    alone = training_step(layer, lambda: layer(images).square().sum())
    without = peak_of(alone)
    optimizer = torch.optim.AdamW(layer.parameters(), fused=True)

    def step() -> None:
        layer(images).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    moments, count = 2 * layer.weight.nbytes, NUMBER
    # Most is held in backward of the square, as without; then come gradient and update, in place.
    assert peak_of(step) == without + moments + count


def test_trainings_of_ours() -> None:
    batch = random_batch(8, "cpu")

    def training(ema: float | None) -> tuple[Trainer, int]:
        model = models.build("vit_pico/16", num_classes=CLASSES, image_size=32, seed=0)
        settings = Settings(batch_size=8, ema=ema)
        found = Trainer(model, 1000, settings, compute_on("cpu", "fp32"))
        return found, sum(parameter.nbytes for parameter in model.parameters())

    alone, weights = training(None)
    averaged, _ = training(0.9)
    without = memory_of_step(lambda: go_on(alone, batch, 1), "cpu")
    with_averages = memory_of_step(lambda: averaged.take_step(*batch, 1e-3), "cpu")
    plain = memory_of_step(training_job(alone.model, batch), "cpu")
    assert with_averages.peak_memory_bytes == without.peak_memory_bytes + weights
    assert without.peak_memory_bytes >= plain.peak_memory_bytes + 2 * weights
    assert with_averages.activation_memory_bytes == without.activation_memory_bytes == plain.activation_memory_bytes
    assert alone.step == 2


def test_the_profiler_sees_the_same_peak() -> None:
    model = models.build("vit_pico/8", num_classes=CLASSES, image_size=32, seed=0)
    batch = random_batch(8, "cpu")
    step = training_job(model, batch)
    found = memory_of_step(step, "cpu")
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        step()
    held = most = 0
    for event in sorted(profiled.profiler.kineto_results.events(), key=lambda event: event.start_ns()):
        held += event.nbytes() if event.name() == "[memory]" else 0
        most = max(most, held)
    there_before = sum(parameter.nbytes for parameter in model.parameters()) + batch[0].nbytes + batch[1].nbytes
    assert most > 1_000_000
    assert found.peak_memory_bytes == pytest.approx(there_before + most, rel=1e-3)


def test_others_are_not_seen_on_a_cpu(images: Tensor) -> None:
    layer = linear(WIDTH, HIDDEN)
    step = training_step(layer, lambda: layer(images).square().sum())
    alone = memory_of_step(step, "cpu")
    others = perceptron(), torch.zeros(1_000_000)
    assert memory_of_step(step, "cpu") == alone
    del others


def test_compiled_networks(images: Tensor, labels: Tensor) -> None:
    model = perceptron()
    compiled = torch.compile(model, backend="aot_eager")
    step = training_step(model, lambda: cross_entropy(model(images), labels))
    of_compiled = training_step(model, lambda: cross_entropy(compiled(images), labels))
    alone = memory_of_step(step, "cpu")
    assert memory_of_step(of_compiled, "cpu") == alone
    of_compiled()
    with kept_for_backward() as kept:  # as on CUDA, compiled
        of_compiled()
    assert kept.bytes == alone.activation_memory_bytes


@on_cuda
def test_on_cuda_it_is_what_torch_allocates() -> None:
    others = torch.zeros(1_000_000, device="cuda")
    before = torch.cuda.memory_allocated()
    images, layer = torch.randn(BATCH, WIDTH, device="cuda"), linear(WIDTH, HIDDEN).cuda()
    step = training_step(layer, lambda: layer(images).square().sum())
    step()  # libraries take their workspaces, and keep them
    workspaces = torch.cuda.memory_allocated() - before - images.nbytes - layer.weight.nbytes
    found = memory_of_step(step, "cuda", others_bytes=before)
    outputs = NUMBER * BATCH * HIDDEN
    expected = layer.weight.nbytes + images.nbytes + 4 * outputs + workspaces
    assert found.activation_memory_bytes == outputs
    assert expected <= found.peak_memory_bytes <= expected + 8 * 512  # the allocator's smallest piece
    assert memory_of_step(step, "cuda").peak_memory_bytes == found.peak_memory_bytes + before
    assert others.is_cuda
