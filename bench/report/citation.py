"""Write how to cite a report: the project with its version, and the suite and commit of the results."""

import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import pandas as pd

from bench.analysis.format import first_few, is_known

_PACKAGE = "vit-cnn-hybrid-bench"
_TITLE = "ViT, CNN and hybrid image classifiers compared under matched pretraining"


def citation(suite: Mapping[str, Any], runs: pd.DataFrame) -> str:
    """Return the BibTeX entry of the project, as in `CITATION.cff`, with the suite and commit as a note.

    Args:
        suite: The resolved suite.
        runs: The table `runs`.
    """
    commits = sorted({str(commit) for commit in runs["git_commit"] if is_known(commit)})
    made = [f"commit {commits[0]}"] if len(commits) == 1 else [f"commits {first_few(commits)}"] if commits else []
    note = ", ".join([f"suite {suite['name']}", f"protocol {suite['protocol']}", *made])
    fields = {
        "title": f"{{{_TITLE}}}",
        "author": f"{{The {_PACKAGE} project}}",
        "version": version(_PACKAGE),
        "note": _escaped(note),
    }
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@software{{{_PACKAGE},\n{lines}}}"


def _escaped(value: str) -> str:
    """Return a text without signs that TeX reads as commands or groups."""
    return re.sub(r"([&%$#_])", r"\\\1", re.sub(r"[\\{}~^]", " ", value))
