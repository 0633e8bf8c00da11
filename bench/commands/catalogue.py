"""What `bench models` lists."""

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench.errors import InputError
from models.counts import count
from models.spec import SpecError, check, known_models, parse_spec

FAMILIES = ("vit", "cnn", "hybrid")


@dataclass(frozen=True)
class Entry:
    """A model at an image size; counts are for ten classes."""

    model: str
    family: str
    parameters: int
    macs: int
    """Multiply-accumulates of one image's forward pass, attention products included."""
    tokens: int | None
    """Patch tokens, without the class token."""


def catalogue(family: str | None, image_size: int) -> list[Entry]:
    """Every model that takes images of such a size, by family and size."""
    if family is not None and family not in FAMILIES:
        raise InputError(f"--family {family}: unknown; allowed: {', '.join(FAMILIES)}")
    entries = [_entry(name, image_size) for name in known_models() if _takes(name, image_size)]
    chosen = [entry for entry in entries if family in (None, entry.family)]
    return sorted(chosen, key=lambda entry: (FAMILIES.index(entry.family), entry.parameters))


def show_catalogue(console: Console, entries: list[Entry], image_size: int) -> None:
    """Print the models as a table."""
    table = Table("model", "family", title=f"models at {image_size} px, 10 classes")
    for heading in ("parameters", "multiply-accumulates", "tokens"):
        table.add_column(heading, justify="right")
    for entry in entries:
        tokens = "-" if entry.tokens is None else str(entry.tokens)
        table.add_row(entry.model, entry.family, f"{entry.parameters:,}", f"{entry.macs:,}", tokens)
    console.print(table)


def _takes(name: str, image_size: int) -> bool:
    try:
        check(parse_spec(name), image_size)
    except SpecError:
        return False
    return True


def _entry(name: str, image_size: int) -> Entry:
    counts = count(name, num_classes=10, image_size=image_size)
    return Entry(name, parse_spec(name).family, counts.parameters, counts.macs, counts.tokens)
