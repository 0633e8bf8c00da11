"""What an image size means to a model: whether its patches tile it, and into how many tokens. Imports no torch."""

from typing import TYPE_CHECKING

from models.spec.model_error import SpecError
from models.spec.presets import Convolutions
from models.spec.sizes import BotNetSize, CompactSize, EncoderSize, HybridSize, OwnSize, ResNetSize, TimmSize, TrunkSize

if TYPE_CHECKING:
    from models.spec.model_spec import ModelSpec


def check(spec: "ModelSpec", image_size: int) -> None:
    """Raise SpecError where the model can't take square images of `image_size` pixels.

    A model of another library is checked when it is built.
    """
    match spec.kind.size:
        case EncoderSize() if spec.option("tokenizer") == "linear":
            _check_patches_tile(spec, image_size)
        case EncoderSize() | HybridSize() | CompactSize():
            _check_steps_tile(spec, image_size, pixels_per_token(spec))
        case TrunkSize(stride=stride) | OwnSize(stride=stride):
            _check_covers_step(spec, image_size, stride)
        case ResNetSize():
            _check_covers_step(spec, image_size, 32 // _stem_factor(spec))
        case BotNetSize():
            _check_cells_tile(spec, image_size, 32 // _stem_factor(spec))
        case TimmSize() if spec.family == "cnn":
            _check_covers_step(spec, image_size, 32 // _stem_factor(spec))
        case TimmSize():
            _check_cells_tile(spec, image_size, 32 // _stem_factor(spec))


def num_tokens(spec: "ModelSpec", image_size: int) -> int | None:
    """Patch tokens of one image, without [CLS] and registers; None where there is no one number of them.

    That is a CNN, and a hybrid that attends to feature maps of several sizes.
    """
    check(spec, image_size)
    has_tokens = isinstance(spec.kind.size, EncoderSize | HybridSize | CompactSize)
    return tokens_per_side(spec, image_size) ** 2 if has_tokens else None


def tokens_per_side(spec: "ModelSpec", image_size: int) -> int:
    """Rows, and columns, of the token grid of a ViT or a hybrid that passes `check`."""
    assert spec.patch is not None, f"{spec} has no tokens"
    if isinstance(spec.kind.size, EncoderSize) and spec.option("tokenizer") == "linear":
        assert isinstance(spec.patch, int)
        return (image_size + 2 * spec.number("padding") - spec.patch) // spec.number("stride") + 1
    return image_size // pixels_per_token(spec)


def pixels_per_token(spec: "ModelSpec") -> int:
    """Of a side of the image, where tokens do not overlap."""
    assert spec.patch is not None, f"{spec} has no tokens"
    return spec.patch.pixels if isinstance(spec.patch, Convolutions) else spec.patch


def _stem_factor(spec: "ModelSpec") -> int:
    """How much finer the CIFAR stem's maps are: 4 in a ResNet and a ConvNeXt, 2 behind a stem of stride 2."""
    if spec.option("stem") == "imagenet":
        return 1
    return 2 if isinstance(spec.kind.size, TimmSize) and spec.family == "hybrid" else 4


def _check_patches_tile(spec: "ModelSpec", image_size: int) -> None:
    assert isinstance(spec.patch, int)
    patch, stride, padding = spec.patch, spec.number("stride"), spec.number("padding")
    if _tiles(image_size, patch, stride, padding):
        return
    paddings = [f"set padding={p}" for p in range(patch) if _tiles(image_size, patch, stride, p)]
    below = max((s for s in range(1, image_size) if _tiles(s, patch, stride, padding)), default=None)
    above = next(s for s in range(image_size + 1, image_size + patch + stride) if _tiles(s, patch, stride, padding))
    sizes = " or ".join(str(s) for s in (below, above) if s)
    raise SpecError(
        f"model '{spec}': patches of {patch} pixels, one every {stride}, don't tile an image of {image_size} "
        f"pixels with padding={padding}; {' or '.join([*paddings[:1], f'use images of {sizes} pixels'])}"
    )


def _tiles(image_size: int, patch: int, stride: int, padding: int) -> bool:
    rest = image_size + 2 * padding - patch
    return rest >= 0 and rest % stride == 0


def _check_covers_step(spec: "ModelSpec", image_size: int, step: int) -> None:
    if image_size < step:
        raise SpecError(f"model '{spec}' needs images of at least {step} pixels, not {image_size}")


def _check_steps_tile(spec: "ModelSpec", image_size: int, step: int) -> None:
    if image_size < step or image_size % step:
        raise SpecError(
            f"model '{spec}' makes a token of every {step} pixels, which don't tile an image of "
            f"{image_size} pixels; use images of {_around(image_size, step)} pixels, or pad them to that"
        )


def _check_cells_tile(spec: "ModelSpec", image_size: int, step: int) -> None:
    if image_size < step or image_size % step:
        raise SpecError(
            f"model '{spec}' attends to a feature map with a cell of every {step} pixels, which don't tile an image "
            f"of {image_size} pixels; use images of {_around(image_size, step)} pixels, or pad them to that"
        )


def _around(image_size: int, step: int) -> str:
    below = image_size // step
    return " or ".join(str(n * step) for n in (below, below + 1) if n)
