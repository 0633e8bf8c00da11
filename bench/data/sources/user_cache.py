"""Where indexes and hashes of files are cached: in the user's cache folder, under all that decides their content."""

import hashlib
import os
from pathlib import Path


def cache_path(folder: str, words: str, suffix: str) -> Path:
    """Return the path of a cached value, whether or not it is there.

    Args:
        folder: the kind of value.
        words: all that decides the value.
        suffix: of the file.
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    root = named if named.is_absolute() else Path.home() / ".cache"  # the XDG standard ignores relative paths
    name = hashlib.sha256(words.encode(errors="surrogateescape")).hexdigest()
    return root / "vit-cnn-hybrid-bench" / folder / f"{name}{suffix}"
