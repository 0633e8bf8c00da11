"""Which split a file or a folder belongs to, by its name: train, validation or test. All sources share this rule."""

import re
from collections.abc import Sequence
from pathlib import Path

from bench.data.sources.listing import subfolders
from bench.errors import InputError

SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
WORD = rf"({'|'.join(SPLITS)})(?=$|[-_.\d])"
AT_START = re.compile(WORD, re.IGNORECASE)
"""Pattern of the hub's file names: `train-00000-of-00002.parquet`."""
ANYWHERE = re.compile(rf"(?:^|.*?[-_.]){WORD}", re.IGNORECASE)
"""Pattern of shards' names, which may begin with the data set: `imagenet12k-train-0000.tar`."""


def by_split(
    files: Sequence[Path], root: Path, place: str, pattern: re.Pattern[str] = AT_START
) -> dict[str, list[Path]]:
    """Return the files below `root` by split, according to their names; if no name contains a split, all are train.

    Raises:
        InputError: some names contain a split and others do not, or no file belongs to train.
    """
    splits = {file: _split_of(file, root, pattern) for file in files}
    if not any(splits.values()):
        return {"train": list(files)}
    nameless = [file for file, split in splits.items() if split is None]
    if nameless:
        wanted = "its name begins with none of" if pattern is AT_START else "no word of its name is one of"
        raise InputError(f"{nameless[0]}: {wanted} {', '.join(SPLITS)}; rename it, or move it away")
    if "train" not in splits.values():
        raise InputError(f"{place}: no file belongs to the split train; add train-*{files[0].suffix}")
    return {name: [file for file in files if splits[file] == name] for name in splits.values() if name is not None}


def split_folders(root: Path, place: str) -> dict[str, Path]:
    """Return the subfolder of each split of a data set of class folders; empty if no subfolder is a split.

    A class may be called test: only a subfolder that has subfolders of its own is a split.

    Raises:
        InputError: two subfolders are of the same split, or none is of train.
    """
    found: dict[str, Path] = {}
    for folder in subfolders(root):
        match = AT_START.match(folder.name)
        if match is None or not subfolders(folder):
            continue
        split = SPLITS[match[1].lower()]
        if split in found:
            raise InputError(
                f"{place}: {found[split].name} and {folder.name} are both of the split {split}; "
                "leave one of them, or move the other away"
            )
        found[split] = folder
    if found and "train" not in found:
        first = next(iter(found.values())).name
        raise InputError(f"{place}: has the folder {first}, but none of the split train; add the folder train")
    return found


def _split_of(file: Path, root: Path, pattern: re.Pattern[str]) -> str | None:
    """Return the split in a file's name, or else in the nearest folder's name below `root`."""
    for name in reversed(file.relative_to(root).parts):
        if match := pattern.match(name):
            return SPLITS[match[1].lower()]
    return None
