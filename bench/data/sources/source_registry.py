"""Data that is no name of the catalogue: a folder, parquet files, tar shards or a data set of the hub, by what kind
it is and where. One registry; each entry is opened by a module of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.data.dataset import DataSet
from bench.data.sources import folder, huggingface, parquet, tar_paths, webdataset


@dataclass(frozen=True)
class Place:
    """A kind of place. Each function takes what stands behind the colon, and the data folder."""

    form: str
    """what stands behind the colon"""
    summary: str
    found: str
    """what it is called where it was opened"""
    is_there: Callable[[str, Path], bool]
    watched: Callable[[str, Path], list[Path]]
    """files and folders whose change makes it another data set"""
    fingerprint: Callable[[str, Path], str]
    """hashes its content"""
    open: Callable[[str, Path], DataSet]


PLACES = {
    "folder": Place(
        "PATH",
        "your images: one subfolder for each class",
        "a folder of images",
        is_there=lambda path, _: Path(path).is_dir(),
        watched=lambda path, _: [Path(path)],
        fingerprint=lambda path, _: folder.fingerprint(Path(path)),
        open=lambda path, _: folder.open_folder(Path(path)),
    ),
    "parquet": Place(
        "PATH",
        "a file or folder in the Hugging Face hub's layout",
        "parquet files of images",
        is_there=lambda path, _: Path(path).exists(),
        watched=lambda path, _: [Path(path)],
        fingerprint=lambda path, _: parquet.fingerprint(Path(path)),
        open=lambda path, _: parquet.open_parquet(Path(path)),
    ),
    "webdataset": Place(
        "PATTERN",
        "tar shards: a folder, a glob, or a range as train-{0000..0099}.tar",
        "tar shards of images",
        is_there=lambda pattern, _: tar_paths.is_any_there(pattern),
        watched=lambda pattern, _: webdataset.watched_files(pattern),
        fingerprint=lambda pattern, _: webdataset.fingerprint(pattern),
        open=lambda pattern, _: webdataset.open_webdataset(pattern),
    ),
    "hf": Place(
        "NAME",
        "a data set of the Hugging Face hub, fetched before: bench data fetch hf:NAME",
        "a data set of the Hugging Face hub",
        is_there=lambda name, data_dir: huggingface.folder(name, data_dir).is_dir(),
        watched=lambda name, data_dir: [huggingface.folder(name, data_dir)],
        fingerprint=lambda name, data_dir: parquet.fingerprint(huggingface.folder(name, data_dir)),
        open=huggingface.open_hf,
    ),
}

FORMS = ", ".join(f"{name}:{place.form}" for name, place in PLACES.items())
