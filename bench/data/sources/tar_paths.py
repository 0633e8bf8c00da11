"""Find the tar shards that a pattern names: a file, a folder of `.tar` files, a glob, or a path with ranges."""

import fnmatch
import glob
import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

from bench.data.sources.listing import check_inside, files_below, walk
from bench.errors import InputError

MAX_SHARDS = 100_000
"""Upper limit of the shards per pattern; a larger number is probably a mistake."""
MAX_GLOBS = 256
"""Upper limit of the globs that a pattern's braces stand for, each of which lists its folders anew."""
MAX_WALKED = 100_000
"""Upper limit of the files and folders below the one that `**` looks through."""
BRACES = re.compile(r"\{([^{}]*)\}")
WILD = re.compile(r"[*?\[{]")
MAGIC = re.compile(r"[*?\[]")
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
    if os.path.isdir(path):
        shards = Shards(path, tuple(files_below(path, FOLDER_SUFFIXES)))
    elif os.path.isfile(path):
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
    if os.path.exists(path):
        return not path.is_dir() or bool(files_below(path, FOLDER_SUFFIXES))
    return any(any(_matches(text, pattern)) for text in _alternatives(pattern))


def _fixed_folder(path: Path) -> Path:
    """Return the folder above the first name that varies."""
    fixed = itertools.takewhile(lambda name: not WILD.search(name), path.parts[:-1])
    return Path(*fixed)


def _expanded(pattern: str) -> tuple[Path, ...]:
    """Return the files that ranges name, which must all exist, and the files that globs match."""
    texts = _alternatives(pattern)
    files: dict[Path, None] = {}
    missing: list[str] = []
    for text in texts:
        matches = list(itertools.islice(_matches(text, pattern), MAX_SHARDS + 1))
        files |= dict.fromkeys(map(Path, sorted(matches)))
        if len(files) > MAX_SHARDS:
            raise _too_many(pattern)
        if not matches:
            missing.append(text)
    if missing and (files or len(texts) > 1):
        raise InputError(
            f"{missing[0]}: there is no such shard; webdataset:{pattern} names {len(texts):,}, of which "
            f"{len(missing):,} are missing; put them there, or name a smaller range"
        )
    return tuple(files)


def _matches(text: str, pattern: str) -> Iterator[str]:
    """Yield the file of a plain path, or the files that a glob matches, in no order."""
    if os.path.isfile(text):
        yield text
    elif "**" in Path(text).parts:
        yield from _below(Path(text), pattern)
    elif MAGIC.search(text):
        yield from filter(os.path.isfile, glob.iglob(text))


def _below(path: Path, pattern: str) -> Iterator[str]:
    """Yield the files that a path with `**` matches; `glob` would follow links, in circles too, and know no limit."""
    root = _fixed_folder(path)
    parts = path.relative_to(root).parts
    translated = ["(?:[^/]+/)*" if part == "**" else f"{fnmatch.translate(part)[:-2]}/" for part in parts]
    wanted = re.compile("".join(translated).removesuffix("/").replace(".*", "[^/]*"))
    too_many = (
        f"webdataset:{pattern}: more than {MAX_WALKED:,} files lie below {root}; name a folder closer to the shards"
    )
    for folder, files in walk(root, MAX_WALKED, too_many):
        for file in (Path(folder, name) for name in files if not name.startswith(".")):
            if wanted.fullmatch(file.relative_to(root).as_posix()) and file.is_file():
                yield str(file)


def _alternatives(pattern: str) -> list[str]:
    """Return the texts that a pattern's braces stand for; the last braces vary fastest."""
    pieces = BRACES.split(pattern)
    # Splitting by a pattern with a group gives plain text and the content of braces alternately.
    choices = [[piece] if index % 2 == 0 else _choices(piece, pattern) for index, piece in enumerate(pieces)]
    if prod(map(len, choices)) > MAX_SHARDS:
        raise _too_many(pattern)
    if prod(map(len, choices)) > MAX_GLOBS and MAGIC.search("".join(pieces[::2])):
        raise InputError(
            f"webdataset:{pattern}: its braces stand for more than {MAX_GLOBS} globs; name a smaller range, or put a "
            "star in place of the braces"
        )
    return ["".join(chosen) for chosen in itertools.product(*choices)]


def _choices(inner: str, pattern: str) -> list[str]:
    """Return the texts of one pair of braces: `000..012`, with zeros to the wider number's width, or `a,b`."""
    if match := re.fullmatch(r"(\d{1,18})\.\.(\d{1,18})", inner):
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
