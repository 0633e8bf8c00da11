"""What `bench models` lists."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.errors import InputError
from models.counts import Counts, count
from models.spec.families import FAMILIES, Family
from models.spec.geometry import check
from models.spec.model_spec import SpecError, known_models, parse_spec
from models.spec.size_classes import size_class
from models.spec.sizes import EncoderSize

LARGE_IMAGE = 128
"""Pixels a side from which small patches are no longer customary."""

LITERATURE_PATCHES = ("/14", "/16")


@dataclass(frozen=True)
class Entry:
    """A model at an image size and number of classes."""

    model: str
    family: Family
    parameters: int
    macs: int
    """Multiply-accumulates of one image's forward pass, attention products included."""
    tokens: int | None
    """Patch tokens, without the class token; None where there is no one number of them."""
    size_class: str | None
    """The ViT within 20 % of whose parameters these are, if there is one."""
    size_class_by_macs: str | None
    """The same by multiply-accumulates."""


def catalogue(names: Sequence[str], family: str | None, image_size: int, num_classes: int) -> list[Entry]:
    """The models of these names, or else every one that takes images of such a size; by family and size.

    Raises:
        InputError: an unknown family.
        SpecError: a name that is wrong, or a model that doesn't take such images.
    """
    if family is not None and family not in FAMILIES:
        raise InputError(f"--family {family}: unknown; allowed: {', '.join(FAMILIES)}")
    asked = list(dict.fromkeys(str(parse_spec(name)) for name in names)) or _fitting(known_models(), image_size)
    chosen = [name for name in asked if family in (None, parse_spec(name).family)]
    if not chosen:
        raise InputError(f"--family {family}: none of {', '.join(asked)} is of that family")
    vits = {name: _count(name, image_size, num_classes) for name in _fitting(_anchors(image_size), image_size)}
    entries = [_entry(name, vits.get(name) or _count(name, image_size, num_classes), vits) for name in chosen]
    return sorted(entries, key=lambda entry: (FAMILIES.index(entry.family), entry.parameters))


def show_catalogue(
    console: Console, entries: list[Entry], image_size: int, num_classes: int, left_out: list[str]
) -> None:
    """Print the models as a table, and what its columns mean."""
    table = Table(title=f"models at {image_size} px, {num_classes:,} classes", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("model", overflow="fold")
    table.add_column("family", no_wrap=True)
    for heading in ("parameters", "MACs", "tokens"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("size", "by MACs"):
        table.add_column(heading, no_wrap=True)
    for entry in entries:
        numbers = (_short(entry.parameters), _short(entry.macs), "-" if entry.tokens is None else f"{entry.tokens:,}")
        table.add_row(entry.model, entry.family, *numbers, _class(entry.size_class), _class(entry.size_class_by_macs))
    console.print(table)
    if left_out:
        console.print(f"Not at {image_size} px: {', '.join(left_out)}.", highlight=False, soft_wrap=True)
    console.print(
        "MACs: multiply-accumulates of one image, by torch's counter. The two products inside attention are in them, "
        "which some papers leave out.\n"
        "size: the class, named after the ViT within 20 % of whose parameters a model is; by MACs: the same by these.\n"
        "ViTs and hybrids take options, as in vit_small/16:pos=rope-2d: docs/models.md lists them.",
        highlight=False,
        soft_wrap=True,
    )


def left_out(image_size: int) -> list[str]:
    """The presets that don't take images of such a size."""
    return [name for name in known_models() if not _takes(name, image_size)]


def _short(number: int) -> str:
    """Millions, or billions, to four digits."""
    unit, name = (1e9, "G") if number >= 1e9 else (1e6, "M")
    return f"{number / unit:.{max(0, 3 - len(str(int(number / unit))) + 1)}f} {name}"


def _class(name: str | None) -> str:
    """`small` for vit_small/16."""
    return "-" if name is None else name.removeprefix("vit_").partition("/")[0]


def _fitting(names: Iterable[str], image_size: int) -> list[str]:
    return [name for name in names if _takes(name, image_size)]


def _takes(name: str, image_size: int) -> bool:
    try:
        check(parse_spec(name), image_size)
    except SpecError:
        return False
    return True


def _count(name: str, image_size: int, num_classes: int) -> Counts:
    return count(name, num_classes=num_classes, image_size=image_size)


def _anchors(image_size: int) -> list[str]:
    """The ViTs that classes are named after: with their customary patch, at large images with the literature's."""
    vits = [name for name in known_models() if isinstance(parse_spec(name).kind.size, EncoderSize)]
    if image_size < LARGE_IMAGE:
        return vits
    return [name if name.endswith(LITERATURE_PATCHES) else f"{name.partition('/')[0]}/16" for name in vits]


def _entry(name: str, counts: Counts, vits: dict[str, Counts]) -> Entry:
    by_parameters = size_class(counts.parameters, {vit: found.parameters for vit, found in vits.items()})
    by_macs = size_class(counts.macs, {vit: found.macs for vit, found in vits.items()})
    family = parse_spec(name).family
    return Entry(name, family, counts.parameters, counts.macs, counts.tokens, by_parameters, by_macs)
