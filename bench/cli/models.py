"""`bench models`: list models with their parameters, multiply-accumulates, tokens and size class."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

from bench.analysis.format import ABSENT, short_count
from bench.analysis.format import count as whole
from bench.config.external_weights import check_external
from bench.errors import InputError
from models.counts import count
from models.spec.families import FAMILIES, Family
from models.spec.geometry import check
from models.spec.model_spec import SpecError, known_models, parse_spec
from models.spec.size_classes import size_class
from models.spec.sizes import EncoderSize

LARGE_IMAGE = 128
"""The smallest image side, in pixels, at which ViTs have the literature's patches; smaller images have smaller ones."""
LITERATURE_PATCHES = ("/14", "/16")
EXPLANATION = """\
MACs: multiply-accumulates of one image, by torch's counter. They include the two products inside attention, \
which some papers leave out.
size: the ViT whose number of parameters differs by at most 20 %; by MACs: the same for multiply-accumulates.
ViTs and hybrids take options, for example vit_small/16:pos=rope-2d; docs/models.md lists them."""


@dataclass(frozen=True)
class ListedModel:
    """A model at one image size and number of classes."""

    model: str
    family: Family
    parameters: int
    macs: int
    """The multiply-accumulates of one image's forward pass, with the products inside attention."""
    tokens: int | None
    """The number of patch tokens without the class token; None if the model has none, or several numbers."""
    size_class: str | None
    """The ViT whose number of parameters differs by at most 20 %; None if there is none."""
    size_class_by_macs: str | None
    """The ViT whose multiply-accumulates differ by at most 20 %; None if there is none."""


def list_models(names: Sequence[str], family: str | None, image_size: int, num_classes: int) -> list[ListedModel]:
    """Return the named models, or by default all that accept the image size, sorted by family and parameters.

    Raises:
        InputError: The family is unknown.
        SpecError: A name is wrong, or its model does not accept the image size.
    """
    if family is not None and family not in FAMILIES:
        raise InputError(f"--family {family}: unknown; allowed: {', '.join(FAMILIES)}")
    specs = list(dict.fromkeys(str(parse_spec(name)) for name in names)) or _accepting(known_models(), image_size)
    chosen = [name for name in specs if family in (None, parse_spec(name).family)]
    if not chosen:
        raise InputError(f"--family {family}: none of {', '.join(specs)} is of that family")
    check_external(chosen, image_size)
    vits = _accepting(_named_classes(image_size), image_size)
    counts = {name: count(name, num_classes=num_classes, image_size=image_size) for name in {*vits, *chosen}}
    parameters, macs = {vit: counts[vit].parameters for vit in vits}, {vit: counts[vit].macs for vit in vits}
    models = [
        ListedModel(
            name,
            parse_spec(name).family,
            **vars(counts[name]),
            size_class=size_class(counts[name].parameters, parameters),
            size_class_by_macs=size_class(counts[name].macs, macs),
        )
        for name in chosen
    ]
    return sorted(models, key=lambda model: (FAMILIES.index(model.family), model.parameters))


def show_models(console: Console, models: list[ListedModel], image_size: int, num_classes: int, *, all_: bool) -> None:
    """Print models as a table with an explanation of its columns; with `all_`, also list the models left out."""
    numbers = (Column(heading, justify="right", no_wrap=True) for heading in ("parameters", "MACs", "tokens"))
    names = (Column(heading, no_wrap=True) for heading in ("size", "by MACs"))
    columns = (Column("model", overflow="fold"), Column("family", no_wrap=True), *numbers, *names)
    title = f"models at {image_size} px, {num_classes:,} classes"
    table = Table(*columns, title=title, box=SIMPLE_HEAD, pad_edge=False)
    for model in models:
        sizes = (short_count(model.parameters, 4), short_count(model.macs, 4), whole(model.tokens))
        table.add_row(model.model, model.family, *sizes, *map(_class, (model.size_class, model.size_class_by_macs)))
    console.print(table)
    accepting = set(_accepting(known_models(), image_size))
    if all_ and (left_out := [name for name in known_models() if name not in accepting]):
        console.print(f"Not at {image_size} px: {', '.join(left_out)}.", highlight=False, soft_wrap=True)
    console.print(EXPLANATION, highlight=False, soft_wrap=True)


def _class(name: str | None) -> str:
    """Return `small` for vit_small/16."""
    return ABSENT if name is None else name.removeprefix("vit_").partition("/")[0]


def _accepting(names: Iterable[str], image_size: int) -> list[str]:
    """Return the models that accept images of a size."""

    def accepts(name: str) -> bool:
        try:
            check(parse_spec(name), image_size)
        except SpecError:
            return False
        return True

    return list(filter(accepts, names))


def _named_classes(image_size: int) -> list[str]:
    """Return the ViTs that size classes are named after; for large images, with the patch sizes of the literature."""
    vits = [name for name in known_models() if isinstance(parse_spec(name).kind.size, EncoderSize)]
    if image_size < LARGE_IMAGE:
        return vits
    return [name if name.endswith(LITERATURE_PATCHES) else f"{name.partition('/')[0]}/16" for name in vits]
