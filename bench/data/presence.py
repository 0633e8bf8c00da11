"""See whether the files of data sets are present and as published, and fetch them."""

from collections.abc import Iterable
from pathlib import Path

from bench.data.catalogue import CATALOGUE
from bench.data.opening import open_data
from bench.data.source_kinds import check_name, parse_source
from bench.data.sources import huggingface, torchvision_sets
from bench.errors import InputError


def check_present(name: str, path: str | None, data_dir: Path, groups: str | None = None) -> None:
    """Refuse a data set whose files are missing; the error names the expected path and the fetching command."""
    if path is not None:
        open_data(name, path, data_dir, groups)
    elif published := CATALOGUE[name].published:
        torchvision_sets.check_published(name, published, data_dir)


def check_sums(names: Iterable[str], data_dir: Path) -> None:
    """Refuse published data sets with a file that differs from the publisher's; files that are missing pass."""
    for name in names:
        if (entry := CATALOGUE.get(name)) and entry.published:
            torchvision_sets.check_sums(name, entry.published, data_dir)


def is_present(name: str, path: str | None, data_dir: Path) -> bool:
    """Return whether a data set's files are there."""
    try:
        check_present(name, path, data_dir)
    except InputError:
        return False
    return True


def fetch(text: str, data_dir: Path, also: tuple[str, ...] = ()) -> bool:
    """Download a data set into the data folder; return whether it has any files.

    Raises:
        InputError: its name is neither known nor in `also`, or it could not be fetched.
    """
    name, path = parse_source(text)
    if name == "hf" and path is not None:
        huggingface.fetch_hf(path, data_dir)
        return True
    check_name("data set", text, also)
    published = CATALOGUE[name].published if name in CATALOGUE else None
    if published is not None:
        torchvision_sets.fetch(name, published, data_dir)
    return published is not None
