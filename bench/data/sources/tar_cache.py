"""Cache the indexes of shards in the user's cache folder, so that each shard is read completely only once.

An index is cached under the path, size and modification time of its shard. A damaged index, or an index of another
version, is made again. If the cache folder is not writable, nothing is cached.
"""

import contextlib
import json
import os
import sys
import zipfile
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from bench.data.dataset import PassedOver
from bench.data.sources.tar_index import ShardIndex, index_shard
from bench.data.sources.user_cache import cache_path
from bench.files.atomic import whole_file

VERSION = 3
"""Version of the index; raise it if its content or the rule for labels changes."""
NUM_THREADS = 4
"""Number of shards that are indexed in parallel."""
COLUMNS = ("offsets", "sizes", "leads", "labels")
DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error)


def load_indexes(shards: Sequence[Path]) -> list[ShardIndex]:
    """Return the indexes of shards in order; make the missing ones, with a progress bar on a terminal.

    Raises:
        InputError: a shard is refused.
    """
    indexes = {shard: _cached(shard) for shard in shards}
    missing = [shard for shard, index in indexes.items() if index is None]
    made = dict(zip(missing, _made(missing), strict=True)) if missing else {}
    return [indexes[shard] or made[shard] for shard in shards]


def _made(shards: list[Path]) -> list[ShardIndex]:
    """Return new indexes of shards; each is cached as soon as it is done."""
    from rich.console import Console
    from rich.progress import track

    hidden = not sys.stderr.isatty()
    with ThreadPoolExecutor(min(NUM_THREADS, os.cpu_count() or 1)) as pool:
        done = pool.map(_make, shards)
        return list(track(done, "indexing shards", len(shards), console=Console(stderr=True), disable=hidden))


def _make(shard: Path) -> ShardIndex:
    """Return a new index of a shard; cache it if possible."""
    file = _file(shard)
    index = index_shard(shard)
    columns = {name: getattr(index, name) for name in COLUMNS}
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as temporary, temporary.open("wb") as stream:
            passed_over = np.array(json.dumps([part.facts() for part in index.passed_over]))
            np.savez(stream, names=np.array([index.sha256, *index.folders]), passed_over=passed_over, **columns)
    return index


def _cached(shard: Path) -> ShardIndex | None:
    """Return the cached index of a shard in its present state, or None."""
    try:
        with _file(shard).open("rb") as file, np.load(file, allow_pickle=False) as cached:
            sha256, *folders = cached["names"].tolist()
            columns = {name: cached[name] for name in COLUMNS}
            facts = json.loads(str(cached["passed_over"]))
        passed_over = tuple(PassedOver(part["reason"], part["num"], tuple(part["names"])) for part in facts)
        return ShardIndex(**columns, folders=tuple(folders), sha256=sha256, passed_over=passed_over)
    except DAMAGE:
        return None


def _file(shard: Path) -> Path:
    """Return the cache path for the index of a shard in its present state."""
    state = shard.stat()
    words = f"{VERSION}\0{os.path.realpath(shard)}\0{state.st_size}\0{state.st_mtime_ns}"
    return cache_path("shards", words, ".npz")
