"""`weights=FILE` of our own models, by their own names: whole, with another head, and of another size of images."""

import argparse
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import models

SPECS = ["vit_pico/8", "resnet18:stem=cifar", "r_pico+vit_pico/8"]


def built(spec: str, path: Path, num_classes: int = 3, image_size: int = 32) -> models.Classifier:
    joined = f"{spec}{',' if ':' in spec else ':'}weights={path}"
    return models.build(joined, num_classes=num_classes, image_size=image_size, seed=1).eval()


def trained(spec: str) -> models.Classifier:
    """Return a model whose head and statistics are not those of any seed."""
    model = models.build(spec, num_classes=3, seed=5).eval()
    with torch.no_grad():
        model.head.weight.mul_(3)
    return model


def images(size: int = 32) -> Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("spec", SPECS)
def test_the_logits_are_those_of_the_saved_model(spec: str, tmp_path: Path) -> None:
    """In each kind of file, and without the counters of BatchNorm, which older files lack."""
    model = trained(spec)
    state = {name: tensor for name, tensor in model.state_dict().items() if not name.endswith("num_batches_tracked")}
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "a.pth")
    torch.save(
        {"epoch": 3, "state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, tmp_path / "a.pt"
    )
    compiled = {f"module._orig_mod.{name}": tensor for name, tensor in state.items()}
    torch.save(compiled, tmp_path / "b.pt")
    save_file(
        {name.removeprefix("module."): each.contiguous() for name, each in compiled.items()}, tmp_path / "b.safetensors"
    )
    for name in ("a.safetensors", "a.pth", "a.pt", "b.pt", "b.safetensors"):
        loaded = built(spec, tmp_path / name)
        assert torch.equal(loaded(images()), model(images()))
        assert loaded.weights_classes == 3


@pytest.mark.parametrize("spec", SPECS)
def test_a_head_of_other_classes_is_a_new_one(spec: str, tmp_path: Path) -> None:
    model = trained(spec)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, tmp_path / "a.safetensors")
    loaded = built(spec, tmp_path / "a.safetensors", num_classes=7)
    assert torch.equal(loaded.features(images()), model.features(images()))
    assert torch.equal(loaded.head.weight, models.build(spec, num_classes=7, seed=1).head.weight)
    assert loaded.weights_classes == 3


def test_tables_of_positions_are_resampled(tmp_path: Path) -> None:
    torch.save(trained("vit_pico/8").state_dict(), tmp_path / "a.pth")
    assert built("vit_pico/8", tmp_path / "a.pth", image_size=64)(images(64)).shape == (2, 3)


def test_what_does_not_fit_is_listed_and_no_code_runs(tmp_path: Path) -> None:
    state = trained("resnet18").state_dict()
    torch.save(state | {"stem": torch.ones(1)}, tmp_path / "a.pth")
    with pytest.raises(
        models.SpecError, match=r"a\.pth, weights of resnet18: 1 weights don't fit: stem: expected nothing"
    ):
        built("resnet18", tmp_path / "a.pth")
    torch.save({"state_dict": state, "args": argparse.Namespace(lr=1)}, tmp_path / "a.pth")
    with pytest.raises(models.SpecError, match=r"a\.pth holds more than weights, or is damaged"):
        built("resnet18", tmp_path / "a.pth")
    for wrong, said in (
        ({name: tensor * float("nan") for name, tensor in state.items()}, "hold NaN, or numbers of another kind: body"),
        ({name: tensor.long() for name, tensor in state.items()}, "hold NaN, or numbers of another kind: body"),
        (dict(enumerate(state.values())), "holds no weights: a mapping of names to tensors is needed"),
    ):
        torch.save(wrong, tmp_path / "a.pth")
        with pytest.raises(models.SpecError, match=said):
            built("resnet18", tmp_path / "a.pth")
    with pytest.raises(models.SpecError, match=r"b\.pth can't be read as weights"):
        built("resnet18", tmp_path / "b.pth")
