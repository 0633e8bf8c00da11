"""What has shapes only has those of the real network, of its weights and of what it says."""

import pytest
import torch

import models
from models.shapes import SAME_SHAPE, shapes_only

NAMES = ("vit_pico/8:pool=map", "bit_resnet_pico", "r_pico+vit_pico/8", "convnext_atto:stem=cifar", "timm:test_vit")


@pytest.mark.parametrize("name", NAMES)
def test_the_shapes_are_the_real_ones(name: str) -> None:
    size = 160 if name.startswith("timm:") else 32
    real = models.build(name, num_classes=7, image_size=size).eval()
    with shapes_only(), torch.no_grad():
        hollow = models.build(name, num_classes=7, image_size=size).eval()
        said = hollow(torch.empty(2, 3, size, size))
    assert {key: value.shape for key, value in hollow.state_dict().items()} == {
        key: value.shape for key, value in real.state_dict().items()
    }
    assert all(value.is_meta for value in hollow.state_dict().values())
    assert said.is_meta
    with torch.no_grad():
        assert said.shape == real(torch.zeros(2, 3, size, size)).shape


def test_what_has_values_keeps_them() -> None:
    with shapes_only():
        own = torch.ones(2, device="cpu")
        assert torch.relu(own.mul_(-3)).tolist() == [0, 0]
        assert torch.nn.functional.softmax(input=own, dim=0).tolist() == [0.5, 0.5]
        assert torch.nn.init.constant_(own, 4).tolist() == [4, 4]


def test_no_product_is_left_out() -> None:
    functional = torch.nn.functional
    products = {functional.linear, functional.conv2d, torch.conv2d, torch.matmul, torch.bmm, torch.einsum}
    assert not SAME_SHAPE & {*products, functional.scaled_dot_product_attention}
