"""Find the tar shards that a pattern names: a file, a folder of `.tar` files, a glob, or a path with ranges."""

import glob
import itertools
import re
from dataclasses import dataclass
from math import prod
from pathlib import Path

from bench.data.sources.listing import check_inside, files_below
from bench.errors import InputError

MAX_SHARDS = 1_000_000
"""Upper limit of the shards per pattern; a larger number is probably a mistake."""
BRACES = re.compile(r"\{([^{}]*)\}")
WILD = re.compile(r"[*?\[{]")
FOLDER_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
"""Suffixes of shards in a folder; compressed shards are included, so that they can be refused by name."""


@dataclass(frozen=True)
class Shards:
    """Shards in order, and the folder that their names are relative to."""

    root: Path
    files: tuple[Path, ...]


def find_shards(pattern: str) -> Shards:
    """Return the shards that a pattern names.

    Raises:
        InputError: there are no shards, a shard of a range is missing or outside its folder, or a range is wrong.
    """
    path = Path(pattern)
    if path.is_dir():
        shards = Shards(path, tuple(files_below(path, FOLDER_SUFFIXES)))
    elif path.is_file():
        shards = Shards(path.parent, (path,))
    else:
        shards = Shards(_fixed_folder(path), _expanded(pattern))
    if not shards.files:
        raise InputError(f"webdataset:{pattern}: no such shard; name a .tar file, a folder of them or a glob")
    check_inside(shards.root, shards.files)
    return shards


def is_any_there(pattern: str) -> bool:
    """Return whether at least one shard that a pattern names exists."""
    path = Path(pattern)
    if path.exists():
        return not path.is_dir() or bool(files_below(path, FOLDER_SUFFIXES))
    return any(Path(file).is_file() for text in _alternatives(pattern) for file in (_globbed(text) or [text]))


def _fixed_folder(path: Path) -> Path:
    """Return the folder above the first name that varies."""
    fixed = itertools.takewhile(lambda name: not WILD.search(name), path.parts[:-1])
    return Path(*fixed)


def _expanded(pattern: str) -> tuple[Path, ...]:
    """Return the files that ranges name, which must all exist, and the files that globs match."""
    texts = _alternatives(pattern)
    files: list[Path] = []
    missing: list[str] = []
    for text in texts:
        matches = _globbed(text)
        files += map(Path, matches)
        if not matches:
            missing.append(text)
    if missing and (files or len(texts) > 1):
        raise InputError(
            f"{missing[0]}: there is no such shard; webdataset:{pattern} names {len(texts):,}, of which "
            f"{len(missing):,} are missing; put them there, or name a smaller range"
        )
    return tuple(dict.fromkeys(files))


def _globbed(text: str) -> list[str]:
    """Return the file of a plain path, or the sorted files that a glob matches."""
    if Path(text).is_file():
        return [text]
    return sorted(file for file in glob.glob(text, recursive=True) if Path(file).is_file())


def _alternatives(pattern: str) -> list[str]:
    """Return the texts that a pattern's braces stand for; the last braces vary fastest."""
    pieces = BRACES.split(pattern)
    # Splitting by a pattern with a group gives plain text and the content of braces alternately.
    choices = [[piece] if index % 2 == 0 else _choices(piece, pattern) for index, piece in enumerate(pieces)]
    if prod(map(len, choices)) > MAX_SHARDS:
        raise _too_many(pattern)
    return ["".join(chosen) for chosen in itertools.product(*choices)]


def _choices(inner: str, pattern: str) -> list[str]:
    """Return the texts of one pair of braces: `000..012`, with zeros to the wider number's width, or `a,b`."""
    if match := re.fullmatch(r"(\d+)\.\.(\d+)", inner):
        first, last = map(int, match.groups())
        width = max(map(len, match.groups())) if inner.startswith("0") else 0
        if last - first >= MAX_SHARDS:
            raise _too_many(pattern)
        if first <= last:
            return [f"{number:0{width}d}" for number in range(first, last + 1)]
    elif "," in inner:
        return inner.split(",")
    raise InputError(
        f"webdataset:{pattern}: {{{inner}}} is no range; write {{000000..000012}}, the smaller number first, or {{a,b}}"
    )


def _too_many(pattern: str) -> InputError:
    return InputError(f"webdataset:{pattern}: names more than {MAX_SHARDS:,} shards; name a smaller range")
