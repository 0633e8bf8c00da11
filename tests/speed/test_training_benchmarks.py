"""The parties of the speed benchmarks of training do the work that they are compared by, at toy size on a CPU."""

from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

import models
from bench.config.recipe import Settings
from bench.data.target import TargetRef, load_target
from bench.speed.best_settings import Limits
from bench.speed.images import random_batch
from bench.speed.rounds import Effort
from bench.speed.tasks import go_on
from bench.speed.timed_setting import Setting
from bench.training.compute import compute_on
from bench.training.loop import train
from bench.training.trainer import Trainer
from tests.benchmarks import test_training_rate
from tests.benchmarks.support.bare_loop import barely_trained
from tests.benchmarks.support.epochs import BATCH_SIZE, our_epoch, their_epoch
from tests.benchmarks.support.timm_loop import build_model, open_loader
from tests.benchmarks.test_timm_loop import write_images
from tests.benchmarks.test_training_rate import Target, profile_table, rate_of

CPU = torch.device("cpu")
BRIEF = Effort(rounds=3, turn_seconds=0.0, limits=Limits(8, 1.0), product_side=256)


@pytest.mark.parametrize("name", ["vit_pico/16", "bit_resnet_pico"])
@pytest.mark.parametrize("ema", [None, 0.9])
def test_the_bare_loop_comes_to_the_weights_of_ours(name: str, ema: float | None) -> None:
    settings, batch, steps = Settings(batch_size=4, ema=ema, learning_rate=0.01), random_batch(4, "cpu"), 12
    ours, bare = (models.build(name, num_classes=10, image_size=32, seed=0) for _ in range(2))
    train(Trainer(ours, steps, settings, compute_on("cpu", "fp32")), [batch] * steps)
    assert len(list(barely_trained(bare, repeat(batch, steps), steps, settings))) == steps
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(bare.get_parameter(name), parameter, rtol=0, atol=0)


def test_a_training_goes_on_in_rounds_as_it_would_in_one() -> None:
    settings, batch = Settings(batch_size=4), random_batch(4, "cpu")
    compute = compute_on("cpu", "fp32")
    networks = [models.build("vit_pico/16", num_classes=10, image_size=32, seed=0) for _ in range(2)]
    in_rounds, in_one = (Trainer(network, 6, settings, compute) for network in networks)
    for _ in range(3):
        go_on(in_rounds, batch, 2)
    go_on(in_one, batch, 6)
    assert in_rounds.step == in_one.step == 6
    for part, whole in zip(in_rounds.model.parameters(), in_one.model.parameters(), strict=True):
        assert torch.equal(part, whole)


@pytest.mark.parametrize("patch", [8, 4])
def test_both_parties_train_models_of_one_size(patch: int) -> None:
    ours = models.build(f"vit_pico/{patch}", num_classes=10, image_size=32, seed=0)
    assert num_parameters(ours) == num_parameters(build_model(patch, 10))


def test_both_parties_train_on_as_many_images_of_one_folder(tmp_path: Path, counted: Callable[[], int]) -> None:
    write_images(tmp_path, 40)
    assert len(load_target(TargetRef("folder", str(tmp_path)), seed=0, image_size=32, data_dir=tmp_path).train) == 40
    loader = open_loader(tmp_path / "train", 40, BATCH_SIZE, 0)
    assert [images.shape for images, _ in loader] == [(32, 3, 32, 32), (8, 3, 32, 32)]
    our, their = our_epoch(tmp_path, 40, 8), their_epoch(tmp_path, 40, 8, 0)
    before = counted()
    our()
    between = counted()
    their()
    assert (between - before, counted() - between) == (2, 2)


@pytest.fixture
def counted() -> Iterator[Callable[[], int]]:
    """How many steps optimizers have taken, whoever's they are."""
    steps: list[torch.optim.Optimizer] = []
    handle = register_optimizer_step_post_hook(lambda optimizer, *_: steps.append(optimizer))
    yield lambda: len(steps)
    handle.remove()


def test_a_model_that_does_not_train_fails_its_benchmark(
    monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    impossible = Target("vit_pico/7", 32, "mfu", floor=0.3, goal=0.45, first_batch=4)
    found = rate_of(impossible, CPU, "fp32", BRIEF)
    monkeypatch.setattr(test_training_rate, "rate_of", lambda *_: found)
    with pytest.raises(AssertionError, match=r"vit_small/16: failed: SpecError: .*7"):
        test_training_rate.test_training_rate(None, torch.device("cuda"), "vit_small/16", pytestconfig, tmp_path)


def test_the_share_of_the_matrix_rate_is_that_of_six_operations_for_each_multiply_accumulate() -> None:
    target = Target("vit_pico/16", 32, "mfu", floor=0.3, goal=0.45, first_batch=4)
    found = rate_of(target, CPU, "fp32", BRIEF)
    operations = 6 * models.count("vit_pico/16", num_classes=10, image_size=32).macs * found.images_per_second
    assert found.mfu == pytest.approx(operations / found.matrix_flops_per_second, rel=0.5), "medians of few rounds"
    assert 0 < found.mfu < 1
    assert found.contender.setting.batch_size in {1, 2, 4, 8}


def test_a_profile_tells_where_the_time_went() -> None:
    setting = Setting("vit_pico/16", "ours", "training", "fp32", 32, 4)
    assert "aten::addmm" in profile_table(setting, CPU, steps=2)


def num_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
