"""`torch.compile` takes every model whole: no family has to be measured without it."""

import itertools
import shutil
from collections.abc import Callable

import pytest
import torch

import models

SMALLEST = ["vit_pico/8", "bit_resnet_pico", "r_pico+vit_pico/8"]
OTHER_KINDS = ["resnet18", "convnext_atto", "cct_2/3x2", "botnet50", "coatnet_0", "timm:test_vit", "timm:test_resnet"]
SLOW_KINDS = [
    *("vit_lite7/4:depth=2", "r26+vit_small/32:depth=2", "maxvit_tiny", "torchvision:resnet18"),
    *("botnet50:stem=cifar", "resnet18:stem=cifar", "convnext_atto:stem=cifar"),
]
POSITIONS = [
    *(f"pos={pos}" for pos in models.spec.options.POSITIONS),
    *(f"pos={pos},pos_at=every-layer" for pos in ("learned-1d", "learned-2d", "conditional")),
    *(f"pos={pos},pos_at=every-layer-shared" for pos in ("sincos-1d", "relative")),
]
OTHER_OPTIONS = [
    *(f"tokenizer={tokenizer}" for tokenizer in models.spec.options.TOKENIZERS),
    *(f"pool={pool}" for pool in models.spec.options.POOLINGS),
    "registers=2",
    "drop_path=0.1,layer_scale=0.1",
    "padding=2,stride=4",
]
OPTIONS = [",".join(filter(None, pair)) for pair in itertools.zip_longest(POSITIONS, OTHER_OPTIONS)]
"""Each once, two at a time."""

SCALAR: dict[str, str | int | bool | Callable[..., object]] = {"cpp.simdlen": 1}
"""The default backend without vector instructions, which halves what the C++ compiler takes."""


@pytest.mark.parametrize(
    "name",
    [
        *(*SMALLEST, *OTHER_KINDS, *(f"vit_pico/8:{options},depth=2" for options in OPTIONS)),
        *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW_KINDS),
    ],
)
def test_no_graph_breaks(name: str, shallow_presets: Callable[[str], None]) -> None:
    if name in OTHER_KINDS + SLOW_KINDS:
        shallow_presets(name)
    image_size = 64 if name in ("botnet50", "maxvit_tiny", "coatnet_0", "r26+vit_small/32:depth=2") else 32
    model = models.build(name, image_size=image_size, seed=0)
    images = torch.randn(2, 3, image_size, image_size, generator=torch.Generator().manual_seed(0))
    torch.compiler.reset()
    logits = []
    for run in (model, torch.compile(model, fullgraph=True, backend="eager")):
        torch.manual_seed(0)  # for drop path
        logits.append(run(images))
    torch.testing.assert_close(*logits)
    logits[1].sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler, which writes the kernels")
@pytest.mark.filterwarnings("default")  # inductor's own
@pytest.mark.parametrize("name", ["vit_pico/8:depth=1", "bit_resnet_pico", "r_pico+vit_pico/8:depth=1"])
def test_the_default_backend_gives_the_same_logits_and_gradients(name: str) -> None:
    model = models.build(name, seed=0)
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    gradients = []
    torch.compiler.reset()
    for run in (model, torch.compile(model, fullgraph=True, options=SCALAR)):
        model.zero_grad(set_to_none=True)
        run(images).square().sum().backward()
        gradients.append([parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None])
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)
