"""The members of the tests over the whole registry: every preset and every option, cut to what a CPU does in time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch

import models
from models.counts import count_parameters
from models.spec.geometry import num_tokens
from models.spec.options import PLACES_OF_POSITION, POOLINGS, TOKENIZERS
from models.spec.presets import PRESETS
from models.spec.sizes import CompactSize, EncoderSize, HybridSize, OwnSize, TimmSize, TrunkSize

LARGE = 8_000_000
"""Parameters above which a member is tested at a depth of two, or of a block per stage."""

OPTIONED = [
    *(f"vit_pico/8:pos={pos}" for pos in PLACES_OF_POSITION),
    *(f"vit_pico/8:tokenizer={tokenizer}" for tokenizer in TOKENIZERS),
    *(f"vit_pico/8:pool={pool}" for pool in POOLINGS),
    "vit_pico/8:pos=learned-2d,pos_at=every-layer",
    "vit_pico/16:padding=4,stride=8",
    "vit_pico/8:registers=2",
    "vit_pico/8:layer_scale=0.1,drop_path=0.1",
    "cct_2/3x2:pool=cls,pos=relative,registers=1",
    "resnet18:stem=cifar",
    "convnext_atto:stem=cifar",
    "botnet50:stem=cifar",
    "coatnet_0:stem=cifar",
    "timm:test_vit",
    "timm:test_resnet",
    "torchvision:mobilenet_v3_small",
]
SLOW_OPTIONED = [
    *(f"vit_pico/8:pos={pos},pos_at={place}" for pos, places in PLACES_OF_POSITION.items() for place in places),
    "r_pico+vit_pico/16",
    "r_pico+vit_pico/8:pool=gap,pos=rope-2d",
    "cct_2/7x1",
    "maxvit_tiny:stem=cifar",
]


def members() -> list[Any]:
    """Every preset and option: the first preset of each kind and each option are quick, what repeats them is slow."""
    quick = {str(models.parse_spec(name)): None for name in OPTIONED}
    kinds: set[type] = set()
    for name in models.known_models():
        kind = type(models.parse_spec(name).kind.size)
        if kind not in kinds or kind is OwnSize:
            quick[name] = None
        kinds.add(kind)
    slow = {str(models.parse_spec(name)): None for name in [*models.known_models(), *SLOW_OPTIONED]}
    return [*quick, *(pytest.param(name, marks=pytest.mark.slow) for name in slow if name not in quick)]


@dataclass(frozen=True)
class Member:
    """A registered model, with its options; `build` makes it, at a depth of two where it is large."""

    name: str
    image_sizes: tuple[int, int]

    def build(self, image_size: int | None = None, seed: int = 0, num_classes: int = 5) -> models.Classifier:
        return models.build(self.name, num_classes=num_classes, image_size=image_size or self.image_sizes[0], seed=seed)


@pytest.fixture(scope="module", params=members())
def member(request: pytest.FixtureRequest) -> Iterator[Member]:
    """Each member in turn; tests of one stand together, so that it need not be built for each."""
    name: str = request.param
    with pytest.MonkeyPatch.context() as patch:
        cut_large(name, patch)
        yield Member(name, image_sizes(name))


@pytest.fixture(scope="module")
def model(member: Member) -> models.Classifier:
    """The member itself; whoever changes it works on a copy."""
    return member.build()


def cut_large(name: str, patch: pytest.MonkeyPatch) -> None:
    """Give a large preset two layers, or a block per stage."""
    spec = models.parse_spec(name)
    parameters = count_parameters(spec, num_classes=5, image_size=image_sizes(name)[0])
    if parameters <= LARGE or spec.library is not None:
        return
    preset = PRESETS[spec.preset]
    options = tuple(replace(item, default=2) if item.name == "depth" else item for item in preset.options)
    patch.setitem(PRESETS, spec.preset, replace(preset, size=shallow(preset.size), options=options))


def shallow(size: Any) -> Any:
    """The same size at a depth of two, or with a block or two per stage."""
    match size:
        case EncoderSize():
            return replace(size, depth=2)
        case HybridSize(trunk, encoder):
            return HybridSize(shallow(trunk), replace(encoder, depth=2))
        case CompactSize(encoder):
            return CompactSize(replace(encoder, depth=2))
        case TimmSize():
            return replace(size, depths=(1, 1, 2, 1))
    return replace(size, depths=(1,) * len(size.depths))


@pytest.fixture
def shallow_presets(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give the preset of a name a depth of two, whatever its size; other libraries' models stay as they are."""

    def cut(name: str) -> None:
        preset = PRESETS.get(models.parse_spec(name).preset)
        if preset is not None:
            monkeypatch.setitem(PRESETS, models.parse_spec(name).preset, replace(preset, size=shallow(preset.size)))

    return cut


def image_sizes(name: str) -> tuple[int, int]:
    """Two that the member takes, and small ones."""
    spec = models.parse_spec(name)
    if name.startswith("vit_huge"):
        return 28, 42
    if name in ("cct_6/3x1", "cct_7/3x1"):  # a token of every 2 pixels
        return 16, 32
    is_fine = "stem=cifar" in name or isinstance(spec.kind.size, TrunkSize)
    has_tokens = spec.patch is not None and num_tokens(spec, 64) != 4
    return (32, 64) if is_fine or has_tokens else (64, 96)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Compute on one thread, as the suite's workers do; more would only get in each other's way."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded_draws() -> None:
    """Seed what a test draws, such as the blocks that drop path leaves out, so that no test depends on others."""
    torch.manual_seed(0)


@pytest.fixture
def in_float64() -> Iterator[None]:
    """What a test makes is in float64, so that a wrong number can be told from a rounded one."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)
