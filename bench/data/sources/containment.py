"""Files stay below the folder that they are listed in."""

import os
from collections.abc import Sequence
from pathlib import Path

from bench.errors import InputError


def check_inside(root: Path, files: Sequence[Path]) -> None:
    """Refuse files that `..` or a symbolic link leads out of `root`, which may be a link itself."""
    real_root = _real(root)
    inside = {folder for folder in {file.parent for file in files} if _real(folder).is_relative_to(real_root)}
    for file in files:
        if file.parent not in inside or (file.is_symlink() and not _real(file).is_relative_to(real_root)):
            raise InputError(
                f"{file}: leads out of {root}, to {_real(file)}; put a copy of the file into the folder, "
                "or take the entry out"
            )


def _real(path: Path) -> Path:
    """Return where a path ends, links followed, whether there is anything or not."""
    return Path(os.path.realpath(path))
