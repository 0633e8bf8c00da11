"""Published data sets, read in torchvision's layout or from the Hugging Face hub's parquet.

Only `fetch` downloads anything. File names alone decide whether a data set is present, so that needs no torch.
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
    """The files of a data set below the data folder, and how torchvision reads them."""

    torchvision_class: str
    markers: tuple[str, ...]
    """Paths that exist after torchvision's download."""
    split_of: Callable[[Any, Path], RawSplit]
    """Function of torchvision's object and the folder of its files that returns a split."""
    arguments: Arguments
    """Arguments of torchvision's class for each published split."""
    root: str = ""
    """Folder below the data folder that is torchvision's root."""
    is_in_hub_order: bool = False
    """Whether the hub's parquet has the publisher's images in the publisher's order, so that ids are the same."""
    validation_per_class: int | None = None
    """Number of validation images per class; None for a tenth. A published validation split takes precedence."""
    archives: tuple[str, ...] = ()
    """Archives that only registered users can download, and that torchvision unpacks."""

    @property
    def reader(self) -> Any:
        """Torchvision's class."""
        import torchvision

        return getattr(torchvision.datasets, self.torchvision_class)

    def absent(self, data_dir: Path) -> str | None:
        """Return the first missing path of torchvision's layout, or None."""
        return next((marker for marker in self.markers if not (data_dir / marker).exists()), None)


def open_published(name: str, published: PublishedFiles, data_dir: Path) -> DataSet:
    """Return a published data set; validation is carved from train unless a validation split is published.

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
    """Refuse a data set that is not in the data folder; the error names the command that fetches it."""
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
    """Download a data set from its publisher with torchvision, which checks its sums; or unpack its archives.

    Raises:
        InputError: there is no network, a sum differs, or archives for registered users are missing.
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


def check_sums(name: str, published: PublishedFiles, data_dir: Path) -> None:
    """Refuse files that are read and differ from the publisher's; archives are left to `bench data verify`."""
    if wrong := checksums.wrong_sums(published.reader, data_dir / published.root, archives=False):
        raise InputError(
            f"{name}: {'; '.join(map(str, wrong))}; remove it, then: bench data fetch {name} --data {data_dir}"
        )


def wrong_sums(published: PublishedFiles, data_dir: Path) -> list[WrongSum]:
    """Return the files and archives that differ from the publisher's; missing files are skipped."""
    return checksums.wrong_sums(published.reader, data_dir / published.root)


def _check_archives(name: str, published: PublishedFiles, root: Path) -> None:
    """Refuse to unpack missing archives; the error explains where to get them."""
    missing = [archive for archive in published.archives if not (root / archive).is_file()]
    if missing:
        raise InputError(
            f"{name}: cannot be downloaded without its publisher's consent; register at https://image-net.org, put "
            f"{', '.join(published.archives)} into {root} (missing there: {', '.join(missing)}), "
            "and give this command again: it checks their sums and unpacks them"
        )


def _torchvision_split(name: str, published: PublishedFiles, data_dir: Path, split: str) -> RawSplit:
    """Return a split from torchvision's reader."""
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
    """Return the hub's files of a split in order."""
    return sorted((data_dir / name).glob(f"**/{split}-*.parquet"))
