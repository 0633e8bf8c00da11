"""The training loop: it learns, repeats itself exactly, and notices a loss that is not finite."""

from functools import partial

import pytest
import torch

import models
from bench.config.recipe import Settings
from bench.training.compute import compute_on
from bench.training.history import Diverged, History
from bench.training.loop import TrainResult, num_steps
from bench.training.loop import train as train_loop
from bench.training.trainer import Trainer

SETTINGS = Settings(learning_rate=3e-3, batch_size=16)
FAMILIES = ["vit_pico/8", "bit_resnet_pico", "r_pico+vit_pico/8"]


def batches(steps: int, seed: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Images whose class is their brightest colour channel: easy to learn."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (steps, 16), generator=generator)
    images = torch.randn(steps, 16, 3, 32, 32, generator=generator)
    images += 2 * torch.nn.functional.one_hot(labels, 3)[..., None, None]
    return list(zip(images, labels, strict=True))


def fit(model: torch.nn.Module, batches, settings: Settings = SETTINGS, precision: str = "fp32") -> TrainResult:
    """Train a model in place from its first step to its last."""
    return train_loop(Trainer(model, len(batches), settings, compute_on("cpu", precision)), batches)


def train(name: str, steps: int = 30, init: int = 0, settings: Settings = SETTINGS):
    model = models.build(name, num_classes=3, seed=init)
    return model, fit(model, batches(steps), settings)


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_learns(name):
    _, fitted = train(name)
    first, last = fitted.history["train_loss"].iloc[[0, -1]]
    assert last < 0.5 * first
    assert fitted.images_seen == 30 * 16
    assert fitted.train_loss == last


@pytest.mark.parametrize("name", FAMILIES)
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(name):
    first, again, other = (train(name, steps=4, init=seed)[0].state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_the_global_random_state_does_not_matter():
    torch.manual_seed(1)
    first = train("vit_pico/8", steps=3)[0].state_dict()
    torch.manual_seed(2)
    again = train("vit_pico/8", steps=3)[0].state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)


def test_the_history_covers_every_step_once():
    _, fitted = train("vit_pico/8", steps=7)
    assert fitted.history["step"].tolist() == list(range(1, 8))
    assert fitted.history["images_seen"].iloc[-1] == 7 * 16
    long = History(230)
    for step in range(1, 231):
        long.add(step, 16, 0.1, torch.tensor(1.0))
    assert long.table()["step"].tolist() == list(range(2, 231, 2))


def test_a_loss_that_is_not_finite_is_noticed_at_its_step():
    data = batches(5)
    data[3][0][0, 0, 0, 0] = float("nan")
    with pytest.raises(Diverged, match="the loss was nan at step 4"):
        fit(models.build("bit_resnet_pico", num_classes=3, seed=0), data)


def test_gradients_are_clipped_as_a_whole():
    """One step of plain clipping by hand gives the loop's weights."""
    clipped = SETTINGS.model_copy(update={"clip_norm": 1e-3, "warmup": 0.0})
    trained, _ = train("vit_pico/8", steps=1, settings=clipped)
    by_hand = models.build("vit_pico/8", num_classes=3, seed=0)
    images, labels = batches(1)[0]
    torch.nn.functional.cross_entropy(by_hand(images), labels).backward()
    total = torch.stack([p.grad.norm() for p in by_hand.parameters() if p.grad is not None]).norm()
    assert total > 1e-3
    from bench.training.optimizer import build_optimizer

    optimizer = build_optimizer(by_hand, clipped)
    for parameter in by_hand.parameters():
        parameter.grad.mul_(1e-3 / (total + 1e-6))
    optimizer.step()
    for name, parameter in by_hand.named_parameters():
        torch.testing.assert_close(parameter, trained.get_parameter(name), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("images", "batch", "steps"), [(64, 32, 2), (65, 32, 2), (66, 32, 3), (1, 32, 1), (3, 1, 3)])
def test_the_steps_of_a_budget(images, batch, steps):
    assert num_steps(images, batch) == steps


def test_one_compilation_serves_all_seeds_of_a_model(monkeypatch):
    """And takes the same steps; the last batch, which is smaller, is not compiled for."""
    from torch._dynamo.utils import counters

    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    found = []
    for name in ("vit_pico/8:depth=1", "bit_resnet_pico"):
        before = counters["stats"]["unique_graphs"]
        for seed in (0, 1):
            weights = []
            for settings in (SETTINGS, SETTINGS.model_copy(update={"compile": True})):
                model = models.build(name, num_classes=3, seed=seed)
                data = batches(3, seed)
                data[-1] = tuple(part[:5] for part in data[-1])
                fit(model, data, settings)
                weights.append(model.state_dict())
            assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
        found.append(counters["stats"]["unique_graphs"] - before)
    assert found == [1, 1]


@pytest.mark.slow
def test_more_models_than_torch_s_limit_are_compiled_for(monkeypatch):
    from torch._dynamo.utils import counters

    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    compiled = SETTINGS.model_copy(update={"compile": True})
    before = counters["stats"]["unique_graphs"]
    for depth in range(1, 11):
        model = models.build(f"vit_pico/16:depth={depth}", num_classes=3, seed=0)
        fit(model, batches(1), compiled)
    assert counters["stats"]["unique_graphs"] - before == 10


@pytest.mark.parametrize("name", ["vit_pico/8", "bit_resnet_pico"])
def test_parts_of_a_batch_add_up_to_its_gradient(name):
    """Uneven parts too; there is no BatchNorm in either, and SGD makes no large step of a small difference."""
    settings = SETTINGS.model_copy(update={"optimizer": "sgd", "learning_rate": 0.1})
    whole, _ = train(name, steps=2, settings=settings)
    parts, fitted = train(name, steps=2, settings=settings.model_copy(update={"micro_batch": 5}))
    assert fitted.images_seen == 32
    for key, value in whole.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[key], value, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize(("micro_batch", "parts"), [(None, [16]), (5, [5, 5, 6]), (7, [7, 7, 2]), (1, [1] * 16)])
def test_a_part_of_one_image_joins_the_part_before(micro_batch, parts):
    model, sizes = models.build("vit_pico/16:depth=1", num_classes=3, seed=0), []
    model.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    fit(model, batches(1), SETTINGS.model_copy(update={"micro_batch": micro_batch}))
    assert sizes == parts


def test_channels_last_is_another_layout_of_the_same_network():
    plain, _ = train("bit_resnet_pico", steps=2)
    other, _ = train("bit_resnet_pico", steps=2, settings=SETTINGS.model_copy(update={"channels_last": True}))
    kernels = [weight for weight in other.parameters() if weight.ndim == 4 and min(weight.shape[1:]) > 1]
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)
    for key, value in plain.state_dict().items():
        torch.testing.assert_close(other.state_dict()[key], value, atol=2e-4, rtol=1e-3)


def test_an_average_counts_in_place_of_the_last_weights():
    last, _ = train("vit_pico/8", steps=6)
    averaged, _ = train("vit_pico/8", steps=6, settings=SETTINGS.model_copy(update={"ema": 0.9}))
    start = models.build("vit_pico/8", num_classes=3, seed=0).state_dict()
    far, near = (
        sum(float((model.state_dict()[key] - start[key]).norm()) for key in start) for model in (last, averaged)
    )
    assert 0 < near < far


def test_runs_of_different_precision_share_a_process():
    """bfloat16 leaves no trace in the run after it."""
    model = models.build("vit_pico/8", num_classes=3, seed=0)
    first, _ = train("vit_pico/8", steps=2)
    fit(model, batches(2), precision="bf16")
    again, _ = train("vit_pico/8", steps=2)
    rounded = model.state_dict()
    assert any(not torch.equal(rounded[key], value) for key, value in first.state_dict().items())
    assert all(torch.equal(again.state_dict()[key], value) for key, value in first.state_dict().items())
