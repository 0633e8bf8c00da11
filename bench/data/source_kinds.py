"""Data sets that are named by their location, such as `folder:PATH`. To add a kind of source, add one to `SOURCES`.

Also reads the names of data sets, and says which are known.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.data.catalogue import CATALOGUE
from bench.data.dataset import DataSet
from bench.data.sources import folder, huggingface, parquet, tar_paths, webdataset
from bench.data.sources.groups import name_pattern
from bench.errors import InputError
from models.spec.model_error import did_you_mean


@dataclass(frozen=True)
class SourceKind:
    """A kind of data set that is named by its location. Functions take the text behind the colon and the data folder.

    Such data sets are never mirrored, since it is not known whether a mirrored image keeps its class.
    """

    form: str
    """Placeholder for the text behind the colon, such as `PATH`."""
    summary: str
    open: Callable[[str, Path, str | None], DataSet]
    """Function that opens it; the last argument says how its images are grouped."""
    fingerprint: Callable[[str, Path], str]
    """Function that returns the hash of the content."""
    watched: Callable[[str, Path], list[Path]]
    """Function that returns the files and folders that decide the content."""
    is_there: Callable[[str, Path], bool] = lambda path, _: Path(path).exists()
    check_groups: Callable[[str], object] | None = None
    """Function that refuses a wrong text about groups; None if the source has no groups."""


SOURCES = {
    "folder": SourceKind(
        "PATH",
        "your images: one subfolder for each class",
        open=lambda path, _, groups: folder.open_folder(Path(path), groups),
        check_groups=name_pattern,
        fingerprint=lambda path, _: folder.fingerprint(Path(path)),
        watched=lambda path, _: folder.watched(Path(path)),
    ),
    "parquet": SourceKind(
        "PATH",
        "a file or folder in the Hugging Face hub's layout, also below the data folder",
        open=lambda path, data_dir, groups: parquet.open_parquet(parquet.located(path, data_dir), groups=groups),
        check_groups=str,
        fingerprint=lambda path, data_dir: parquet.fingerprint(parquet.located(path, data_dir)),
        is_there=parquet.is_there,
        watched=lambda path, data_dir: parquet.watched(parquet.located(path, data_dir)),
    ),
    "webdataset": SourceKind(
        "PATTERN",
        "tar shards: a folder, a glob, or a range such as train-{0000..0099}.tar",
        open=lambda pattern, _, __: webdataset.open_webdataset(pattern),
        fingerprint=lambda pattern, _: webdataset.fingerprint(pattern),
        is_there=lambda pattern, _: tar_paths.is_any_there(pattern),
        watched=lambda pattern, _: webdataset.watched_files(pattern),
    ),
    "hf": SourceKind(
        "NAME",
        "a data set of the Hugging Face hub; fetch it first: bench data fetch hf:NAME",
        open=huggingface.open_hf,
        check_groups=str,
        fingerprint=lambda name, data_dir: parquet.fingerprint(huggingface.folder(name, data_dir)),
        is_there=lambda name, data_dir: huggingface.folder(name, data_dir).is_dir(),
        watched=lambda name, data_dir: parquet.watched(huggingface.folder(name, data_dir)),
    ),
}
FORMS = ", ".join(f"{name}:{kind.form}" for name, kind in SOURCES.items())


def parse_source(text: str) -> tuple[str, str | None]:
    """Return a name of the catalogue and None, or a kind of source with the text behind its colon.

    A leading `~` becomes the user's folder.
    """
    name, _, path = text.partition(":")
    return (name, os.path.expanduser(path)) if name in SOURCES and path else (text, None)


def check_name(field: str, name: str, also: tuple[str, ...] = ()) -> None:
    """Refuse a name that is neither in the catalogue nor in `also`; `field` says where it was given."""
    known = [*also, *CATALOGUE]
    if name not in known:
        kind, colon, _ = name.partition(":")
        hint = did_you_mean(kind, SOURCES if colon else known)
        raise InputError(f'{field}: "{name}" is not known{hint}; known are {", ".join(known)}, {FORMS}')


def check_groups(name: str, groups: str) -> None:
    """Refuse groups for a data set that has none, and a wrong text about them."""
    check = SOURCES[name].check_groups if name in SOURCES else None
    if check is None:
        allowed = ", ".join(known for known, kind in SOURCES.items() if kind.check_groups is not None)
        raise InputError(f"groups: {name} takes no groups; sources that do are {allowed}")
    check(groups)
