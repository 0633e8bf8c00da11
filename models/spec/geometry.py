"""Check whether a model accepts an image size, and compute its number of tokens. Imports no torch."""

from typing import TYPE_CHECKING

from models.spec import sizes
from models.spec.model_error import SpecError
from models.spec.presets import Convolutions

if TYPE_CHECKING:
    from models.spec.model_spec import ModelSpec


def check(spec: "ModelSpec", image_size: int) -> None:
    """Check that the model accepts square images of `image_size` pixels.

    A model of another library is checked when it is built.

    Raises:
        SpecError: The images don't fit. The message names sizes that would.
    """
    match spec.kind.size:
        case sizes.EncoderSize() if spec.option("tokenizer") == "linear":
            _check_patches_tile(spec, image_size)
        case sizes.EncoderSize() | sizes.HybridSize() | sizes.CompactSize():
            _check_steps_tile(spec, image_size, pixels_per_token(spec), "makes a token")
        case sizes.TrunkSize() as size:
            _check_covers_step(spec, image_size, size.stride)
            _check_stem_reaches_end(spec, image_size, size.stem_kernel, size.stem_stride, size.stem_padding)
        case sizes.OwnSize(stride=stride):
            _check_covers_step(spec, image_size, stride)
        case sizes.ResNetSize():
            _check_covers_step(spec, image_size, _pixels_per_cell(spec))
        case sizes.ConvNextSize():
            _check_covers_step(spec, image_size, _pixels_per_cell(spec))
            if spec.option("stem") == "imagenet":
                _check_stem_reaches_end(spec, image_size, sizes.CONVNEXT_PATCH, sizes.CONVNEXT_PATCH, 0)
        case sizes.BotNetSize() | sizes.InterleavedSize():
            _check_steps_tile(spec, image_size, _pixels_per_cell(spec), "attends to a cell of a feature map")


def num_tokens(spec: "ModelSpec", image_size: int) -> int | None:
    """Return the number of patch tokens of one image, without [CLS] and registers.

    It is None for a CNN, and for a hybrid that attends to feature maps of several sizes.
    """
    check(spec, image_size)
    has_tokens = isinstance(spec.kind.size, sizes.EncoderSize | sizes.HybridSize | sizes.CompactSize)
    return tokens_per_side(spec, image_size) ** 2 if has_tokens else None


def tokens_per_side(spec: "ModelSpec", image_size: int) -> int:
    """Return the rows (and columns) of the token grid; the model must have tokens and pass `check`."""
    if isinstance(spec.kind.size, sizes.EncoderSize) and spec.option("tokenizer") == "linear":
        assert isinstance(spec.patch, int)
        return (image_size + 2 * spec.number("padding") - spec.patch) // spec.number("stride") + 1
    return image_size // pixels_per_token(spec)


def pixels_per_token(spec: "ModelSpec") -> int:
    """Return the pixels per token along an image side, if tokens do not overlap."""
    assert spec.patch is not None, f"{spec} has no tokens"
    return spec.patch.pixels if isinstance(spec.patch, Convolutions) else spec.patch


def _pixels_per_cell(spec: "ModelSpec") -> int:
    """Return the pixels per cell of the last feature map along an image side; the CIFAR stem makes the map finer.

    The CIFAR stem removes a stride of 4 from ResNet, BoTNet and ConvNeXt, and a stride of 2 from CoAtNet and MaxViT.
    """
    if spec.option("stem") == "imagenet":
        return sizes.PIXELS_PER_CELL
    return sizes.PIXELS_PER_CELL // (2 if isinstance(spec.kind.size, sizes.InterleavedSize) else 4)


def _check_patches_tile(spec: "ModelSpec", image_size: int) -> None:
    assert isinstance(spec.patch, int)
    patch, stride, padding = spec.patch, spec.number("stride"), spec.number("padding")
    if _tiles(image_size, patch, stride, padding):
        return
    paddings = [f"set padding={p}" for p in range(patch) if _tiles(image_size, patch, stride, p)]
    below = max((s for s in range(1, image_size) if _tiles(s, patch, stride, padding)), default=None)
    above = next(s for s in range(image_size + 1, image_size + patch + stride) if _tiles(s, patch, stride, padding))
    tiling = " or ".join(str(s) for s in (below, above) if s)
    raise SpecError(
        f"model '{spec}': patches of {patch} pixels, one every {stride}, don't tile an image of {image_size} "
        f"pixels with padding={padding}; {' or '.join([*paddings[:1], f'use images of {tiling} pixels'])}"
    )


def _tiles(image_size: int, patch: int, stride: int, padding: int) -> bool:
    rest = image_size + 2 * padding - patch
    return rest >= 0 and rest % stride == 0


def _check_covers_step(spec: "ModelSpec", image_size: int, step: int) -> None:
    if image_size < step:
        raise SpecError(f"model '{spec}' needs images of at least {step} pixels, not {image_size}")


def _check_stem_reaches_end(spec: "ModelSpec", image_size: int, kernel: int, stride: int, padding: int) -> None:
    """Refuse images whose last rows and columns the first convolution skips."""

    def reaches(size: int) -> bool:
        return (size + 2 * padding - kernel) % stride <= padding

    if not reaches(image_size):
        below = next(size for size in range(image_size, 0, -1) if reaches(size))
        above = next(size for size in range(image_size, 2 * image_size + stride) if reaches(size))
        raise SpecError(
            f"model '{spec}' never sees the last {image_size - below} rows and columns of an image of {image_size} "
            f"pixels; use images of {below} or {above} pixels, or pad them"
        )


def _check_steps_tile(spec: "ModelSpec", image_size: int, step: int, action: str) -> None:
    if image_size < step or image_size % step:
        below = image_size // step
        tiling = " or ".join(str(steps * step) for steps in (below, below + 1) if steps)
        raise SpecError(
            f"model '{spec}' {action} every {step} pixels, which don't tile an image of {image_size} pixels; use "
            f"images of {tiling} pixels, or pad them to that"
        )
