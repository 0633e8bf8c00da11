"""Which part of a data set a file is of, as its name says, or else its nearest folder's: train, validation or test."""

import re
from collections.abc import Sequence
from pathlib import Path

from bench.errors import InputError

PARTS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
WORD = rf"({'|'.join(PARTS)})(?=$|[-_.\d])"
AT_START = re.compile(WORD, re.IGNORECASE)
"""As the hub names its files: `train-00000-of-00002.parquet`."""
ANYWHERE = re.compile(rf"(?:^|.*?[-_.]){WORD}", re.IGNORECASE)
"""As shards are named, the data set's name first: `imagenet12k-train-0000.tar`."""


def by_part(
    files: Sequence[Path], root: Path, place: str, pattern: re.Pattern[str] = AT_START
) -> dict[str, list[Path]]:
    """Sort files below `root` by the part that their names tell; where none tells, all are train.

    Raises:
        InputError: some names tell a part and others do not, or none is of train.
    """
    told = {file: _part_of(file, root, pattern) for file in files}
    if not any(told.values()):
        return {"train": list(files)}
    silent = [file for file, part in told.items() if part is None]
    if silent:
        wanted = "its name begins with none of" if pattern is AT_START else "no word of its name is one of"
        raise InputError(f"{silent[0]}: {wanted} {', '.join(PARTS)}; rename it, or move it away")
    if "train" not in told.values():
        suffix = files[0].suffix
        raise InputError(f"{place}: none of its files is of the part train; add train-*{suffix}")
    return {part: [file for file in files if told[file] == part] for part in told.values() if part is not None}


def _part_of(file: Path, root: Path, pattern: re.Pattern[str]) -> str | None:
    """Return the part that a file's name, or else the nearest folder's below `root`, tells."""
    for name in reversed(file.relative_to(root).parts):
        if match := pattern.match(name):
            return PARTS[match[1].lower()]
    return None
