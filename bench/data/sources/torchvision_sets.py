"""PublishedFiles data sets, read in torchvision's layout or, if it is there, in the Hugging Face hub's parquet.

Only `fetch` downloads anything. File names alone tell whether a data set is there; torch is not needed for that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.data.dataset import DataSet, RawSplit
from bench.data.sources import checksums
from bench.data.sources import torchvision_layouts as layouts
from bench.data.sources.assemble import assemble
from bench.data.sources.checksums import WrongSum
from bench.data.sources.parquet import open_splits
from bench.errors import InputError

Arguments = Mapping[str, Mapping[str, Any]]
BY_FLAG: Arguments = {"train": {"train": True}, "test": {"train": False}}
BY_SPLIT: Arguments = {"train": {"split": "train"}, "test": {"split": "test"}}


@dataclass(frozen=True)
class PublishedFiles:
    """Where a data set lies below the data folder, and how torchvision reads it."""

    torchvision_class: str
    markers: tuple[str, ...]
    """paths that torchvision's download leaves"""
    split_of: Callable[[Any, Path], RawSplit]
    """takes torchvision's object and the folder of its files"""
    arguments: Arguments
    """of torchvision's class, for each split that is published"""
    root: str = ""
    """the folder below the data folder that torchvision is given"""
    is_in_hub_order: bool = False
    """whether the hub's parquet has the publisher's images in the publisher's order, so that ids mean the same"""
    validation_per_class: int | None = None
    """images of each class that validate; None is a tenth, unless a validation split is published"""
    archives: tuple[str, ...] = ()
    """files that the publisher gives to registered users only, and that torchvision unpacks"""

    @property
    def reader(self) -> Any:
        """Torchvision's class."""
        import torchvision

        return getattr(torchvision.datasets, self.torchvision_class)

    def absent(self, data_dir: Path) -> str | None:
        """Return the first path of torchvision's layout that is not there."""
        return next((marker for marker in self.markers if not (data_dir / marker).exists()), None)


def open_published(name: str, published: PublishedFiles, data_dir: Path) -> DataSet:
    """Open a published data set; validation is carved from its training split unless a validation split is published.

    Raises:
        InputError: its files are missing or damaged.
    """
    check_published(name, published, data_dir)
    if published.absent(data_dir) is None:
        splits = {split: _torchvision_split(name, published, data_dir, split) for split in published.arguments}
    else:
        splits = open_splits({split: _hub_files(name, data_dir, split) for split in published.arguments})
    return assemble(
        splits, key=name, place=f"{name} in {data_dir}", validation_per_class=published.validation_per_class
    )


def check_published(name: str, published: PublishedFiles, data_dir: Path) -> None:
    """Refuse a data set that is not in the data folder, with the command that would fetch it."""
    missing = published.absent(data_dir)
    if missing is None:
        return
    if published.is_in_hub_order:
        splits = [split for split in published.arguments if not _hub_files(name, data_dir, split)]
        if not splits:
            return
        missing = f"{missing} and {name}/**/{splits[0]}-*.parquet"
    raise InputError(
        f"{name}: not found in {data_dir} (looked for {missing}); "
        f"fetch it with: bench data fetch {name} --data {data_dir}"
    )


def fetch(name: str, published: PublishedFiles, data_dir: Path) -> None:
    """Download a data set from its publisher through torchvision, which checks its sums; or unpack its archives.

    Raises:
        InputError: there is no network, a sum differs, or archives that only registered users get are missing.
    """
    root = data_dir / published.root
    if published.archives and published.absent(data_dir) is not None:
        _check_archives(name, published, root)
    download = {} if published.archives else {"download": True}
    try:
        for arguments in published.arguments.values():
            published.reader(root, **arguments, **download)
    except layouts.DAMAGE as error:
        if wrong := wrong_sums(published, data_dir):
            raise InputError(
                f"{'; '.join(map(str, wrong))} ({_one_line(error)}); "
                f"remove it, then: bench data fetch {name} --data {data_dir}"
            ) from error
        raise InputError(
            f"{name}: could not be fetched into {data_dir} ({_one_line(error)}); check the network and that the "
            f"folder can be written, or put the publisher's files at {data_dir / published.markers[0]} yourself"
        ) from error


def wrong_sums(published: PublishedFiles, data_dir: Path) -> list[WrongSum]:
    """Return the files, archives among them, that differ from the publisher's; an absent file does not count."""
    return checksums.wrong_sums(published.reader, data_dir / published.root)


def _check_archives(name: str, published: PublishedFiles, root: Path) -> None:
    """Refuse to unpack archives that are not there, and say how they get there."""
    missing = [archive for archive in published.archives if not (root / archive).is_file()]
    if missing:
        raise InputError(
            f"{name}: cannot be downloaded without its publisher's consent; register at https://image-net.org, put "
            f"{', '.join(published.archives)} into {root} (missing there: {', '.join(missing)}), "
            "and give this command again: it checks their sums and unpacks them"
        )


def _torchvision_split(name: str, published: PublishedFiles, data_dir: Path, split: str) -> RawSplit:
    """Read a split with torchvision's own reader."""
    try:
        data = published.reader(data_dir / published.root, **published.arguments[split])
        return published.split_of(data, data_dir / Path(published.markers[0]).parts[0])
    except InputError:
        raise
    except layouts.DAMAGE as error:
        raise InputError(
            f"{name}: the files at {data_dir / published.markers[0]} are damaged ({_one_line(error)}); "
            f"remove them, then: bench data fetch {name} --data {data_dir}"
        ) from error


def _one_line(error: Exception) -> str:
    """Return the message of an error on one line."""
    return " ".join(str(error).split())


def _hub_files(name: str, data_dir: Path, split: str) -> list[Path]:
    """Return the shards of a split, in order."""
    return sorted((data_dir / name).glob(f"**/{split}-*.parquet"))
