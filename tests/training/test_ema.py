"""The moving average against its closed formula, and that a restored one goes on bit for bit."""

import pytest
import torch
from torch import Tensor, nn

import models
from bench.training.ema import Ema


def walk(model: nn.Module) -> None:
    """Do something of a training step: other weights, other statistics, one more batch counted."""
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.add_(torch.randn_like(tensor) if tensor.is_floating_point() else 1)


def averages(ema: Ema, model: nn.Module) -> dict[str, Tensor]:
    """Return the averages by the names that a model without shared tensors has for its own."""
    state = ema.average.module.state_dict()
    return {name: state[str(number)] for number, name in enumerate(model.state_dict())}


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def test_the_average_is_the_sum_of_all_weights_each_with_its_share(model):
    decay, num_updates = 0.9, 120
    ema, seen = Ema(model, decay), []
    for _ in range(num_updates):
        walk(model)
        ema.update()
        seen.append(model[0].weight.detach().double())
    decays = [min(decay, (1 + t) / (10 + t)) for t in range(1, num_updates)]
    assert decays[0] == 2 / 11
    assert decays[-1] == decay
    shares = [torch.tensor(decays).double().prod()]
    shares += [(1 - decays[i]) * torch.tensor(decays[i + 1 :]).double().prod() for i in range(num_updates - 1)]
    assert sum(shares) == pytest.approx(1)
    expected = sum(share * weight for share, weight in zip(shares, seen, strict=True))
    torch.testing.assert_close(averages(ema, model)["0.weight"].double(), expected, rtol=1e-4, atol=1e-5)


def test_statistics_are_averaged_and_counters_copied(model):
    ema = Ema(model, 0.5)
    walk(model)
    ema.update()
    before = model[1].running_mean.clone()
    walk(model)
    ema.update()
    found = averages(ema, model)
    torch.testing.assert_close(found["1.running_mean"], 2 / 11 * before + 9 / 11 * model[1].running_mean)
    assert found["1.num_batches_tracked"] == model[1].num_batches_tracked == 2


@pytest.mark.parametrize("name", ["vit_pico/8", "resnet18:stem=cifar", "r_pico+vit_pico/8"])
def test_the_average_becomes_the_weights_of_any_model(name):
    trained = models.build(name, num_classes=3, seed=0)
    ema = Ema(trained, 0.99)
    for _ in range(2):
        walk(trained)
        ema.update()
    expected = {key: tensor.clone() for key, tensor in averages(ema, trained).items()}
    assert not torch.equal(expected["head.weight"], trained.head.weight)
    ema.replace_weights()
    assert all(torch.equal(tensor, expected[key]) for key, tensor in trained.state_dict().items())


def test_a_tensor_under_two_names_is_averaged_once():
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    assert len(Ema(tied, 0.5).average.module.state_dict()) == 3


def test_the_state_of_another_model_is_refused(model):
    other = Ema(nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5)), 0.5)
    with pytest.raises(RuntimeError, match="size mismatch"):
        Ema(model, 0.5).average.load_state_dict(other.average.state_dict())
