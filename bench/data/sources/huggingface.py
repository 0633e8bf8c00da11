"""`hf:NAME` and `hf:NAME:CONFIG`: a data set of the Hugging Face hub, stored as parquet in the data folder.

`bench data fetch hf:NAME` copies the parquet files into `hf/NAME/` below the data folder and checks their SHA-256. Only
this needs the network. The files are then read like `parquet:PATH`, and a run's key contains the hash of their content.

`huggingface_hub` copies files unchanged and resumes. `datasets` would store a second copy in another format, and needs
a dozen packages for files that pyarrow reads here.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bench.data.dataset import DataSet
from bench.data.sources.parquet import open_parquet
from bench.data.sources.split_names import AT_START
from bench.errors import InputError

NAME = re.compile(r"(?P<repository>[\w.-]+(/[\w.-]+)?)(:(?P<config>[\w.-]+))?")
CONVERTED = "refs/convert/parquet"
"""Revision in which the hub stores its parquet conversion of data sets in other formats."""
TIMEOUT_S = 10
"""Timeout of the first request to the hub in seconds, for firewalls that drop packets."""
PARTIAL = "partial-"
"""Prefix of the folders of a conversion that the hub stopped after the first gigabytes."""


@dataclass(frozen=True)
class _Ref:
    """A data set of the hub."""

    repository: str
    config: str | None

    def __str__(self) -> str:
        """Return the text as the user wrote it."""
        return f"hf:{self.repository}" + (f":{self.config}" if self.config else "")


def open_hf(name: str, data_dir: Path, groups: str | None = None) -> DataSet:
    """Return a fetched data set; `groups` is its column of groups, if any.

    Raises:
        InputError: it was not fetched, or its files do not fit together.
    """
    ref, path = _parse(name), folder(name, data_dir)
    if not path.is_dir():
        raise InputError(
            f"{ref}: not found in {data_dir} (looked for {path}); "
            f"fetch it with: bench data fetch {ref} --data {data_dir}"
        )
    paths = [file.relative_to(path).as_posix() for file in path.rglob("*.parquet")]
    _check_one_config(ref, paths)
    return open_parquet(path, str(ref), groups)


def folder(name: str, data_dir: Path) -> Path:
    """Return the folder of the files of a data set or of one configuration."""
    ref = _parse(name)
    return data_dir / "hf" / ref.repository / (ref.config or "")


def fetch_hf(name: str, data_dir: Path) -> None:
    """Copy a data set's parquet files into the data folder, and check them.

    Raises:
        InputError: there is no network, data set or parquet; or there are several configurations; or a sum differs.
    """
    ref, root = _parse(name), data_dir / "hf" / _parse(name).repository
    try:
        import huggingface_hub
    except ImportError as error:
        raise InputError(
            f'{ref}: fetching needs huggingface_hub; install it with: pip install "vit-cnn-hybrid-bench[hf]"'
        ) from error
    try:
        api = huggingface_hub.HfApi()
        commit, sums = _listed(api, ref)
        api.snapshot_download(
            ref.repository,
            repo_type="dataset",
            revision=commit,
            allow_patterns=list(sums),
            local_dir=root,
        )
    except InputError:
        raise
    except Exception as error:  # the network and the hub's client raise many types
        raise InputError(
            f"{ref}: could not be fetched into {root} ({' '.join(str(error).split())}); check the name and the "
            "network, and for a data set with conditions that you have accepted them and are logged in: hf auth login"
        ) from error
    for path, expected in sums.items():
        _check_sum(root / path, expected, ref)


def _parse(name: str) -> _Ref:
    """Return the data set that `owner/name` or `owner/name:config` names."""
    match = NAME.fullmatch(name)
    if match is None or {"..", "."} & {*re.split("[/:]", name)}:
        raise InputError(f"hf:{name}: not a name of a data set; write hf:OWNER/NAME or hf:OWNER/NAME:CONFIG")
    return _Ref(match["repository"], match["config"])


def _listed(api: Any, ref: _Ref) -> tuple[str, dict[str, str | None]]:
    """Return a commit and its parquet files: the published ones, else the hub's conversion.

    Each path has its SHA-256, or None for a small file that the hub stores directly in git.
    """
    for revision in ("main", CONVERTED):
        commit = api.dataset_info(ref.repository, revision=revision, timeout=TIMEOUT_S).sha
        entries = api.list_repo_tree(ref.repository, recursive=True, repo_type="dataset", revision=commit)
        sums = {entry.path: entry.lfs and entry.lfs.sha256 for entry in entries if entry.path.endswith(".parquet")}
        if sums:
            return commit, {path: sums[path] for path in _chosen(ref, list(sums))}
    raise InputError(f"{ref}: the hub has no parquet of it; download its files, and name their folder: folder:PATH")


def _chosen(ref: _Ref, paths: list[str]) -> list[str]:
    """Return the files of the requested configuration, or of the only one."""
    if ref.config is not None:
        known = sorted({PurePosixPath(path).parts[0] for path in paths})
        paths = [path for path in paths if path.startswith(f"{ref.config}/")]
        if not paths:
            raise InputError(f"{ref}: has no folder {ref.config} of parquet files; it has {', '.join(known)}")
    _check_one_config(ref, paths)
    if any(part.startswith(PARTIAL) for path in paths for part in PurePosixPath(path).parts):
        raise InputError(f"{ref}: the hub converted only its beginning to parquet; download the publisher's files")
    return paths


def _check_one_config(ref: _Ref, paths: Iterable[str]) -> None:
    """Refuse files of several configurations, which are top-level folders not named after a split."""
    tops = {PurePosixPath(path).parts[0] for path in paths if "/" in path and not path.startswith(".")}
    configs = sorted(top for top in tops if not AT_START.match(top))
    if ref.config is None and len(configs) > 1:
        raise InputError(f"{ref}: has the configurations {', '.join(configs)}; name one of them, as {ref}:{configs[0]}")


def _check_sum(file: Path, expected: str | None, ref: _Ref) -> None:
    """Refuse a file that differs from the published one."""
    with file.open("rb") as stream:
        actual = hashlib.file_digest(stream, "sha256").hexdigest()
    if expected not in (None, actual):
        raise InputError(
            f"{file}: its SHA-256 is {actual}, but {expected} was published; remove it, then: bench data fetch {ref}"
        )
