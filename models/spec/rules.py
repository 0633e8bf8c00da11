"""Refuse options that contradict one another or the preset, with the reason and the allowed values.

`models.spec.geometry` checks what depends on the image size. Imports no torch.
"""

from typing import TYPE_CHECKING

from models.spec.families import FAMILIES, family_of, near_word
from models.spec.model_error import SpecError
from models.spec.options import CONVOLUTIONAL_TOKENIZERS, PLACES_OF_POSITION
from models.spec.sizes import CompactSize, EncoderSize, HybridSize

if TYPE_CHECKING:
    from models.spec.model_spec import ModelSpec

MIN_STEM_CHANNELS = 8


def check_rules(spec: "ModelSpec", given: frozenset[str]) -> None:
    """Check the parts of a name against one another.

    Args:
        spec: The spec with its defaults.
        given: The options that the name contains.

    Raises:
        SpecError: Two parts of the name contradict each other, or one has no effect.
    """
    size = spec.kind.size
    if spec.library is not None:
        _check_family(spec)
        _check_weights(spec)
    if isinstance(size, HybridSize):
        _check_trunk(spec, size)
    if isinstance(size, EncoderSize):
        _check_tokenizer(spec, size, given)
    if isinstance(size, EncoderSize | HybridSize | CompactSize):
        _check_position(spec, given)


def _check_family(spec: "ModelSpec") -> None:
    assert spec.library is not None
    known, given = family_of(spec.library, spec.library_name), spec.option("family")
    if known is not None and given != known:
        raise SpecError(
            f"family={given}: {spec.preset} is known as {known}, by the definitions in models/spec/families.py; leave "
            "family out"
        )
    if not given:
        word = near_word(spec.library, spec.library_name)
        hint = f"did you mean a name that begins with {word}? Or" if word else "check the name, or"
        raise SpecError(
            f"the family of {spec.preset} is not known; {hint} say as which it is compared: "
            f"family= may be {' | '.join(FAMILIES)}"
        )


def _check_weights(spec: "ModelSpec") -> None:
    if spec.option("pretrained") and spec.option("weights"):
        raise SpecError("pretrained=true and weights=FILE are two sources of weights; give one of them")
    if spec.option("scaling") != "library" and not spec.option("weights"):
        raise SpecError("scaling= says how the inputs of weights=FILE were scaled, but no file is given; leave it out")


def _check_trunk(spec: "ModelSpec", size: HybridSize) -> None:
    step = size.trunk.stride
    assert isinstance(spec.patch, int)
    if spec.patch % step:
        raise SpecError(f"the trunk has a feature every {step} pixels; use a patch size that {step} divides")


def _check_tokenizer(spec: "ModelSpec", size: EncoderSize, given: frozenset[str]) -> None:
    tokenizer, patch = spec.option("tokenizer"), spec.patch
    assert isinstance(patch, int)
    if tokenizer == "linear":
        _check_windows(spec, patch)
        return
    if linear_only := sorted(given & {"stride", "padding"}):
        belong = "belong" if len(linear_only) > 1 else "belongs"
        raise SpecError(
            f"{' and '.join(linear_only)} {belong} to tokenizer=linear; tokenizer={tokenizer} makes a token every "
            f"{patch} pixels"
        )
    if tokenizer in CONVOLUTIONAL_TOKENIZERS and (patch < 2 or patch & (patch - 1)):
        raise SpecError(
            f"tokenizer={tokenizer} halves the image step by step, so its patch size may be 2, 4, 8, 16 and so on"
        )
    if tokenizer == "shifted" and patch % 2:
        raise SpecError(
            "tokenizer=shifted shifts the image by half a patch, so its patch size may be 2, 4, 6 and so on"
        )
    first_channels = 2 * size.width // patch
    if tokenizer == "conv-stem" and first_channels < MIN_STEM_CHANNELS:
        raise SpecError(
            f"tokenizer=conv-stem doubles its channels each time it halves the image, so its first convolution would "
            f"have {first_channels} channels; it needs {MIN_STEM_CHANNELS} or more, so the patch size may be at most "
            f"{2 * size.width // MIN_STEM_CHANNELS}"
        )


def _check_windows(spec: "ModelSpec", patch: int) -> None:
    stride, padding = spec.number("stride"), spec.number("padding")
    if stride > patch:
        raise SpecError(
            f"stride={stride} is larger than the patch, so the pixels between patches would "
            f"never be seen; stride may be 1 to {patch}"
        )
    if padding >= patch:
        raise SpecError(f"padding={padding} makes patches of padding alone; padding may be 0 to {patch - 1}")


def _check_position(spec: "ModelSpec", given: frozenset[str]) -> None:
    pos, place = str(spec.option("pos")), str(spec.option("pos_at"))
    allowed = PLACES_OF_POSITION[pos]
    if pos == "none" and "pos_at" in given:
        raise SpecError("pos=none has nothing to place; leave pos_at out")
    if pos != "none" and place not in allowed:
        raise SpecError(f"pos_at={place}: {_why_not(pos, place)}; with pos={pos} it may be {' | '.join(allowed)}")
    if place == "after-first-layer" and spec.number("depth") < 2:
        raise SpecError("pos_at=after-first-layer needs a second layer; use pos_at=input, or depth of at least 2")


def _why_not(pos: str, place: str) -> str:
    if place == "after-first-layer":
        return "only a conditional encoding reads the tokens, so only it gains from a layer before it"
    if place == "every-layer":
        return f"{pos} is computed, so every layer would have the same one: that is every-layer-shared"
    return f"{pos} acts on pairs of tokens inside attention, and is not added to a token"
