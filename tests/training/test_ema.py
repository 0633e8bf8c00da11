"""The moving average against its closed formula, and that a restored one goes on bit for bit."""

import pytest
import torch
from torch import nn

import models
from bench.training.ema import Ema


def walk(model: nn.Module) -> None:
    """Something of a training step: other weights, other statistics, one more batch counted."""
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.add_(torch.randn_like(tensor) if tensor.is_floating_point() else 1)


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def test_the_average_is_the_sum_of_all_weights_each_with_its_share(model):
    decay, num_updates = 0.9, 120
    average = Ema(model, decay)
    seen = [model[0].weight.detach().double()]
    for _ in range(num_updates):
        walk(model)
        average.update(model)
        seen.append(model[0].weight.detach().double())
    decays = [min(decay, (1 + t) / (10 + t)) for t in range(num_updates)]
    assert decays[0] == 0.1
    assert decays[-1] == decay
    shares = [torch.tensor(decays).double().prod()]
    shares += [(1 - decays[i]) * torch.tensor(decays[i + 1 :]).double().prod() for i in range(num_updates)]
    assert sum(shares) == pytest.approx(1)
    expected = sum(share * weight for share, weight in zip(shares, seen, strict=True))
    torch.testing.assert_close(average.averages["0.weight"].double(), expected, rtol=1e-4, atol=1e-5)


def test_statistics_are_averaged_and_counters_copied(model):
    average = Ema(model, 0.5)
    before = model[1].running_mean.clone()
    walk(model)
    average.update(model)
    torch.testing.assert_close(average.averages["1.running_mean"], 0.1 * before + 0.9 * model[1].running_mean)
    assert average.averages["1.num_batches_tracked"] == model[1].num_batches_tracked == 1


def test_a_restored_average_goes_on_bit_for_bit(model, tmp_path):
    average = Ema(model, 0.95)
    for _ in range(5):
        walk(model)
        average.update(model)
    torch.save(average.state_dict(), tmp_path / "ema.pt")
    restored = Ema(model, 0.95)
    restored.load_state_dict(torch.load(tmp_path / "ema.pt", weights_only=True))
    assert restored.num_updates == 5
    for _ in range(5):
        walk(model)
        average.update(model)
        restored.update(model)
    assert restored.state_dict().keys() == average.state_dict().keys() == {*model.state_dict(), "num_updates"}
    for name, tensor in average.averages.items():
        assert torch.equal(tensor, restored.averages[name])


@pytest.mark.parametrize("name", ["vit_pico/8", "resnet18:stem=cifar", "r_pico+vit_pico/8"])
def test_the_average_becomes_the_weights_of_any_model(name):
    trained, other = (models.build(name, seed=seed) for seed in (0, 1))
    average = Ema(trained, 0.99)
    weights = {key: tensor.clone() for key, tensor in trained.state_dict().items()}
    walk(trained)
    average.copy_to(other)
    assert all(torch.equal(tensor, weights[key]) for key, tensor in other.state_dict().items())
    average.update(trained)
    average.copy_to(trained)
    assert all(torch.equal(tensor, average.averages[key]) for key, tensor in trained.state_dict().items())


def test_an_average_follows_the_model_that_it_is_given(model):
    """It looks tensors up once a model, and not once for all."""
    average, other = Ema(model, 0.5), nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    average.update(model)
    average.update(other)
    expected = torch.lerp(model[0].weight, other[0].weight, 1 - 2 / 11)
    torch.testing.assert_close(average.averages["0.weight"], expected.detach())


def test_a_tensor_under_two_names_is_averaged_once():
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    average = Ema(tied, 0.5)
    assert set(average.averages) == {"0.weight", "0.bias", "1.bias"}


@pytest.mark.parametrize("damage", [{"0.weight": torch.zeros(1)}, {"2.weight": torch.zeros(1)}])
def test_the_state_of_another_model_is_refused(model, damage):
    average = Ema(model, 0.5)
    with pytest.raises(ValueError, match=f"another model's average; it differs in {next(iter(damage))}"):
        average.load_state_dict(average.state_dict() | damage)
