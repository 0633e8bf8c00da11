"""Which options make no sense together, or with a preset: each rule refuses with its reason and what is allowed.

What is wrong for some images only is `models.spec.geometry`'s. Imports no torch.
"""

from typing import TYPE_CHECKING

from models.spec.families import family_of, near_word
from models.spec.model_error import SpecError
from models.spec.presets import FAMILIES
from models.spec.sizes import CompactSize, EncoderSize, HybridSize

if TYPE_CHECKING:
    from models.spec.model_spec import ModelSpec

MIN_STEM_CHANNELS = 8

_TABLES = ("learned-1d", "learned-2d", "sincos-1d", "sincos-2d")
_LEARNED = ("learned-1d", "learned-2d", "relative", "conditional")


def check_rules(spec: "ModelSpec", given: frozenset[str]) -> None:
    """Raise SpecError for a combination that makes no sense; `given` are the options that the name spells out."""
    size = spec.kind.size
    if spec.library is not None:
        _check_outside(spec)
    if isinstance(size, HybridSize):
        _check_trunk(spec, size)
    if isinstance(size, EncoderSize):
        _check_tokenizer(spec, given)
    if isinstance(size, EncoderSize | HybridSize | CompactSize):
        _check_place(spec, given)
        _check_head_width(spec, size if isinstance(size, EncoderSize) else size.encoder)


def _check_outside(spec: "ModelSpec") -> None:
    _check_family(spec)
    if spec.option("pretrained") and spec.option("weights"):
        raise SpecError("pretrained=true and weights=FILE are two sources of weights; give one of them")
    if spec.option("scaling") != "library" and not spec.option("weights"):
        raise SpecError("scaling= says how the inputs of weights=FILE were scaled, which is missing; leave scaling out")


def _check_family(spec: "ModelSpec") -> None:
    assert spec.library is not None
    name = spec.preset.partition(":")[2]
    known, given = family_of(spec.library, name), spec.option("family")
    if known is not None and given != known:
        raise SpecError(
            f"family={given}: {spec.preset} is known as {known}, by the definitions in models/spec/families.py; leave "
            "family out"
        )
    if not given:
        word = near_word(spec.library, name)
        hint = f"did you mean a name that begins with {word}?" if word else "check the name,"
        raise SpecError(
            f"{spec.preset} is not known to be of a family; {hint} {'Or' if word else 'or'} say which it is compared "
            f"as: family= may be {' | '.join(FAMILIES)}"
        )


def _check_trunk(spec: "ModelSpec", size: HybridSize) -> None:
    step = size.trunk.stride
    assert isinstance(spec.patch, int)
    if spec.patch % step:
        raise SpecError(f"the trunk has a feature every {step} pixels; use a patch size that {step} divides")


def _check_tokenizer(spec: "ModelSpec", given: frozenset[str]) -> None:
    tokenizer, patch = spec.option("tokenizer"), spec.patch
    assert isinstance(patch, int)
    if tokenizer == "linear":
        _check_windows(spec, patch)
        return
    if set_apart := sorted(given & {"stride", "padding"}):
        belong = "belong" if len(set_apart) > 1 else "belongs"
        raise SpecError(
            f"{' and '.join(set_apart)} {belong} to tokenizer=linear; tokenizer={tokenizer} makes a token of every "
            f"{patch} pixels"
        )
    if tokenizer in ("conv-stem", "conv-tokenizer") and (patch < 2 or patch & (patch - 1)):
        raise SpecError(
            f"tokenizer={tokenizer} halves the image step by step, so its patch size may be 2, 4, 8, 16 and so on"
        )
    size = spec.kind.size
    if tokenizer == "conv-stem" and isinstance(size, EncoderSize):
        _check_stem(size.width, patch)
    if tokenizer == "shifted" and patch % 2:
        raise SpecError(
            "tokenizer=shifted shifts the image by half a patch, so its patch size may be 2, 4, 6 and so on"
        )


def _check_stem(width: int, patch: int) -> None:
    """Its channels double with each halving of the image: few halvings leave enough of them for the first."""
    narrowest = 2 * width // patch
    if narrowest < MIN_STEM_CHANNELS:
        raise SpecError(
            f"tokenizer=conv-stem doubles its channels with each halving of the image, which leaves {narrowest} "
            f"channels for the first, where it takes {MIN_STEM_CHANNELS} or more; the patch size may be at most "
            f"{2 * width // MIN_STEM_CHANNELS}"
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


def places_of(pos: str) -> tuple[str, ...]:
    """Where an encoding may stand; the ViT paper's Table 8 has the columns."""
    if pos == "none":
        return ()
    own, shared = ("every-layer",) if pos in _LEARNED else (), ("every-layer-shared",)
    at_input = ("input",) if pos in _TABLES or pos == "conditional" else ()
    after_first = ("after-first-layer",) if pos == "conditional" else ()
    return (*at_input, *after_first, *own, *shared)


def _check_place(spec: "ModelSpec", given: frozenset[str]) -> None:
    pos, place = str(spec.option("pos")), str(spec.option("pos_at"))
    if pos == "none" and "pos_at" in given:
        raise SpecError("pos=none has nothing to place; leave pos_at out")
    if pos != "none" and place not in places_of(pos):
        raise SpecError(
            f"pos_at={place}: {_why_not(pos, place)}; with pos={pos} it may be {' | '.join(places_of(pos))}"
        )
    if place == "after-first-layer" and spec.number("depth") < 2:
        raise SpecError("pos_at=after-first-layer needs a second layer; use pos_at=input, or depth of at least 2")


def _why_not(pos: str, place: str) -> str:
    if place == "after-first-layer":
        return "only a conditional encoding reads the tokens, and so gains by one layer before it"
    if place == "every-layer":
        return f"{pos} is computed, so every layer would have the same one: that is every-layer-shared"
    return f"{pos} acts on pairs of tokens inside attention, and is not added to a token"


def _check_head_width(spec: "ModelSpec", size: EncoderSize) -> None:
    if size.width % size.heads:
        raise SpecError(f"{size.heads} heads don't divide a width of {size.width}; heads may be a divisor of it")
    head_width = size.width // size.heads
    if spec.option("pos") == "rope-2d" and head_width % 4:
        raise SpecError(
            f"pos=rope-2d turns pairs of numbers, half of them by row and half by column, so it needs heads of a "
            f"width that 4 divides; {spec.preset} has heads of {head_width}; use another pos"
        )
