"""A library's network that never sees part of an image is refused; any that sees all of it is not."""

import pytest

import models
from bench.config.external_weights import check_external
from bench.errors import InputError
from models.external.coverage import seen_pixels
from models.spec.model_error import SpecError

UNSEEN = [
    ("timm:vit_tiny_patch16_224", 47, 1 - 32**2 / 47**2, 32),
    pytest.param("timm:deit_tiny_patch16_224", 40, 1 - 32**2 / 40**2, 32, marks=pytest.mark.slow),
    pytest.param("timm:swin_tiny_patch4_window7_224", 35, 1 - 32**2 / 35**2, 32, marks=pytest.mark.slow),
    pytest.param("torchvision:swin_t", 35, 1 - 32**2 / 35**2, 32, marks=pytest.mark.slow),
    ("timm:test_convnext", 34, 1 - 32**2 / 34**2, 32),
]
SEEN = [
    *[("timm:vit_tiny_patch16_224", 48), ("timm:test_resnet", 33), ("timm:resnet18", 33), ("timm:test_convnext", 36)],
    *(
        pytest.param(name, size, marks=pytest.mark.slow)
        for name in (
            *("timm:resnet18", "timm:regnetx_002", "timm:mobilenetv3_small_100", "timm:efficientnet_b0"),
            *("timm:densenet121", "timm:convnext_atto", "timm:swin_tiny_patch4_window7_224", "timm:cait_xxs24_224"),
            *("timm:caformer_s18", "timm:mobilevit_xxs", "timm:coat_lite_tiny", "timm:xcit_nano_12_p16_224"),
            *("torchvision:vgg11", "torchvision:resnet18", "torchvision:mnasnet0_5", "torchvision:shufflenet_v2_x0_5"),
        )
        for size in (32, 64, 96)
        if (name, size) != ("timm:mobilevit_xxs", 32)
    ),
]


@pytest.mark.parametrize(("name", "size", "share", "side"), UNSEEN)
def test_pixels_that_no_logit_depends_on_are_a_reason(name: str, size: int, share: float, side: int) -> None:
    with pytest.raises(InputError) as caught:
        check_external([name], size)
    assert f"never sees {share:.1%} of the pixels of an image of {size} pixels" in str(caught.value)
    assert f"it sees {side} rows and {side} columns" in str(caught.value)


def test_a_recipe_s_image_size_counts_too(resolve_suite, tmp_path) -> None:
    (tmp_path / "finer.yaml").write_text("image_size: 34", encoding="utf-8")
    recipes = {"transfer": str(tmp_path / "finer.yaml")}
    with pytest.raises(InputError, match=r"recipe finer: image_size 34: .*never sees 11\.4% of the pixels"):
        resolve_suite(models=["vit_pico/17", "timm:test_convnext"], image_size=34 * 2, recipes=recipes)


@pytest.mark.parametrize(("name", "size"), SEEN)
def test_zero_weights_and_dead_activations_hide_no_pixel(name: str, size: int) -> None:
    """At first a residual branch may be multiplied by zero, and a ReLU or a maximum lets some of the image through."""
    check_external([name], size)


@pytest.mark.parametrize("size", [32, 33, 34, 35, 36, 40])
@pytest.mark.parametrize("name", ["bit_resnet_pico", "bit_resnet_nano", "convnext_atto", "resnet18", "cct_2/3x2"])
def test_our_own_models_take_only_images_that_they_see_all_of(name: str, size: int) -> None:
    try:
        model = models.build(name, image_size=size, seed=0)
    except SpecError:
        assert size not in (32, 36, 40)
    else:
        assert seen_pixels(model, size).any(dim=0).all()
