"""Families told from names: every model has one or is a known outsider, and what is built bears the name out."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from models.shapes import shapes_only
from models.spec.families import Family, Library, family_of

# Neither convolution nor attention: MLP mixers, pooling, recurrence, state spaces.
OUTSIDE = ("efficientvim", "gmixer", "gmlp", "mixer", "poolformer", "resmlp", "sequencer2d")

PRODUCTS = {
    *(torch.baddbmm, torch.bmm, torch.einsum, torch.matmul),
    *(torch.Tensor.__matmul__, torch.Tensor.bmm, torch.Tensor.matmul),
    *(F.multi_head_attention_forward, F.scaled_dot_product_attention),
}
PRODUCTS_WITHOUT_ATTENTION = {"gc": "the global context, pooled by one product, gates channels"}
ATTENTION_WITHOUT_PRODUCTS = {"mobilevitv2": "weights of one query are multiplied in one by one"}

EMBEDDING = re.compile(r"(patch_embed|pixel_embed|stem)\b(?!\.backbone)")
OVERLAP_WITHOUT_MIXING = {
    "nest": "the steps between levels",
    "pit": "the steps between stages",
    "samvit": "the neck behind the encoder",
    "twins": "the positional encoding, once a stage",
}
# Modules that hold more than one family under one word, and sizes, the smallest first.
MIXED = ("byoanet", "fastvit", "lowformer", "mobilenetv3", "vision_transformer_hybrid")
SIZES = ("test", "nano", "atto", "femto", "pico", "xxt", "xt", "xxs", "xs", "tiny", "small", "mini")


def timm_names() -> list[str]:
    import timm

    return timm.list_models()


def torchvision_names() -> list[str]:
    import torchvision.models

    return torchvision.models.list_models(module=torchvision.models)


@pytest.mark.parametrize(("library", "names"), [("timm", timm_names), ("torchvision", torchvision_names)])
def test_every_model_has_a_family_or_is_known_to_have_none(library: Library, names: Callable[[], list[str]]) -> None:
    known = names()
    assert len(known) > 50
    assert [name for name in known if (family_of(library, name) is None) != name.startswith(OUTSIDE)] == []


TOLD: dict[tuple[Library, Family | None], str] = {
    ("timm", "cnn"): """
        resnet18 seresnextaa101d_32x8d resnetv2_50x1_bit.goog_in21k_ft_in1k convnextv2_tiny mobilenetv4_conv_small
        repvit_m1 mambaout_tiny convformer_s18 fastvit_t8 fastvit_s12 lowformer_e1 resnet50_clip gcresnet50t tv_resnet50
    """,
    ("timm", "vit"): """
        vit_base_patch16_224.augreg_in21k vit_base_patch16_rope_224 vit_relpos_small_patch16_224 vit_base_mci_224
        deit3_small_patch16_224 swinv2_cr_tiny_224 twins_svt_small convit_tiny hiera_tiny_224 pit_ti_224 halonet_h1
        vit_small_patch16_224_dino
    """,
    ("timm", "hybrid"): """
        vit_small_r26_s32_224.augreg_in21k vit_base_resnet50d_224 vit_tiny_r_s16_p8_224 vitamin_small_224
        coatnet_0_rw_224 caformer_s18 mobilenetv4_hybrid_medium fastvit_sa12 lowformer_e3 halonet26t lambda_resnet26t
        bat_resnext26ts pvt_v2_b0 xcit_tiny_12_p16_224
    """,
    ("timm", None): """
        poolformer_s12 mixer_b16_224.goog_in21k efficientvim_m1 coatmamba_tiny swinv3_tiny hf-hub:timm/resnet18.a1_in1k
    """,
    ("torchvision", "cnn"): "resnet18 regnet_x_1_6gf convnext_tiny",
    ("torchvision", "vit"): "swin_t swin_v2_b vit_b_16",
    ("torchvision", "hybrid"): "maxvit_t",
    ("torchvision", None): "swin3d_t deeplabv3_resnet50 coatnet_0_224",
}


@pytest.mark.parametrize(("library", "family"), TOLD)
def test_the_name_tells_the_family(library: Library, family: Family | None) -> None:
    names = TOLD[library, family].split()
    assert {name: family_of(library, name) for name in names} == dict.fromkeys(names, family)


@pytest.mark.slow
def test_what_timm_builds_bears_out_the_name() -> None:
    import timm
    from timm.models import model_entrypoint

    def size(name: str) -> tuple[int, list[int], str]:
        hints = [i for i, word in enumerate(SIZES) if re.search(rf"(^|_){word}", name)]
        return min(hints, default=len(SIZES)), [int(number) for number in re.findall(r"[0-9]+", name)], name

    def build(name: str) -> tuple[nn.Module, tuple[int, ...]]:
        model: Any = timm.create_model(name)
        return model, model.default_cfg["input_size"]

    def kind(name: str) -> tuple[str, Family | None, list[str]]:
        module = model_entrypoint(name).__module__.rpartition(".")[2]
        words = re.findall(r"[a-z]+", name.removeprefix("test_"))
        return module, family_of("timm", name), words[: 3 if module in MIXED else 1]

    smallest: dict[str, str] = {}
    for name in sorted(timm_names(), key=size):
        smallest.setdefault(str(kind(name)), name)
    assert _contradictions("timm", smallest.values(), build) == []


def test_what_torchvision_builds_bears_out_the_name() -> None:
    import torchvision.models

    def build(name: str) -> tuple[nn.Module, tuple[int, ...]]:
        options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        return torchvision.models.get_model(name, **options), (3, 224, 224)

    one_each: dict[str, str] = {}
    for name in torchvision_names():
        module = torchvision.models.get_model_builder(name).__module__
        if not module.endswith("regnet"):  # reads its widths from tensors, which hold nothing on the meta device
            one_each.setdefault(module, name)
    assert _contradictions("torchvision", one_each.values(), build) == []


def _contradictions(
    library: Library, names: Iterable[str], build: Callable[[str], tuple[nn.Module, tuple[int, ...]]]
) -> list[str]:
    """What is at odds with the family that a name tells, a line each; nothing is computed, shapes only."""
    found = []
    for name in names:
        family = family_of(library, name)
        if family is None:
            continue
        with shapes_only():
            model, size = build(name)
        multiplies = _multiplies(model.eval(), torch.empty(1, *size, device="meta"))
        overlapping = [] if name.startswith(tuple(OVERLAP_WITHOUT_MIXING)) else _overlapping(model)
        if family == "cnn" and multiplies and not name.startswith(tuple(PRODUCTS_WITHOUT_ATTENTION)):
            found.append(f"{name}: a cnn that multiplies its feature maps, as attention does")
        if family != "cnn" and not multiplies and not name.startswith(tuple(ATTENTION_WITHOUT_PRODUCTS)):
            found.append(f"{name}: a {family} without attention")
        if family == "vit" and [layer for layer in overlapping if not EMBEDDING.match(layer)]:
            found.append(f"{name}: a vit with convolutions in {overlapping}")
        if family == "hybrid" and not overlapping:
            found.append(f"{name}: a hybrid without convolutions")
    return found


class _ProductFound(Exception):
    pass


class _UpToProduct(TorchFunctionMode):
    """Up to the first product of matrices."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in PRODUCTS:
            raise _ProductFound
        return func(*args, **(kwargs or {}))


def _multiplies(model: nn.Module, image: torch.Tensor) -> bool:
    """Whether tensors are multiplied as matrices anywhere but in a linear layer or a convolution."""
    try:
        with torch.no_grad(), shapes_only(), _UpToProduct():
            model(image)
    except _ProductFound:
        return True
    return False


def _overlapping(model: nn.Module) -> list[str]:
    """The convolutions that mix neighbours: those whose windows overlap. Others embed or merge patches."""
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)}
    return [name for name, x in layers.items() if any(k > s for k, s in zip(x.kernel_size, x.stride, strict=True))]
