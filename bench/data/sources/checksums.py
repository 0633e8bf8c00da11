"""Compare files in the data folder with the publishers' MD5 sums, which torchvision's classes contain.

Torchvision also compares them while it downloads and unpacks, but its errors name neither the expected nor the actual
sum.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

UNPACKED = {
    "MNIST": {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    "FashionMNIST": {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
}
"""By torchvision's class, the sums of the files that are read; torchvision holds those of the archives alone."""
ARCHIVES = (".gz", ".tar", ".tgz", ".zip")
"""Suffixes of files that are not read after they were unpacked."""


@dataclass(frozen=True)
class WrongSum:
    """A file that differs from the published one."""

    file: Path
    expected: str
    actual: str

    def __str__(self) -> str:
        """Return both sums and the size, which reveals a truncated file."""
        size = self.file.stat().st_size
        return f"{self.file} ({size:,} bytes): its MD5 is {self.actual}, but {self.expected} was published"


def wrong_sums(reader: Any, root: Path, *, archives: bool = True) -> list[WrongSum]:
    """Return the files below `root` whose sums differ from the publisher's; missing files are skipped.

    Args:
        reader: torchvision's class.
        root: the folder that the class is given.
        archives: whether archives are compared too, which are not read once they are unpacked.
    """
    published = [
        (path, expected) for path, expected in published_sums(reader) if archives or path.suffix not in ARCHIVES
    ]
    present = [(root / path, expected) for path, expected in published if (root / path).is_file()]
    sums = [WrongSum(file, expected, _md5(file)) for file, expected in present]
    return [wrong for wrong in sums if wrong.actual != wrong.expected]


def published_sums(reader: Any) -> Iterator[tuple[Path, str]]:
    """Yield the paths of a torchvision class, relative to its root, with their sums."""
    from torchvision.datasets import imagenet

    if hasattr(reader, "tgz_md5"):  # CIFAR and STL-10: an archive, and the files in it
        yield Path(reader.filename), reader.tgz_md5
        for name, expected in (*reader.train_list, *reader.test_list):
            yield Path(reader.base_folder, name), expected
    elif hasattr(reader, "resources"):  # MNIST and Fashion-MNIST
        for name, expected in reader.resources:
            yield Path(reader.__name__, "raw", name), expected
        for name, expected in UNPACKED[reader.__name__].items():
            yield Path(reader.__name__, "raw", name), expected
    elif hasattr(reader, "split_list"):  # SVHN
        for part in ("train", "test"):
            _, name, expected = reader.split_list[part]
            yield Path(name), expected
    elif hasattr(reader, "_file_dict"):  # Flowers-102
        for name, expected in reader._file_dict.values():
            yield Path("flowers-102", name), expected
    elif hasattr(reader, "_RESOURCES"):  # Oxford-IIIT Pet
        for url, expected in reader._RESOURCES:
            yield Path("oxford-iiit-pet", Path(urlparse(url).path).name), expected
    elif hasattr(reader, "_MD5"):  # Food-101
        yield Path(Path(urlparse(reader._URL).path).name), reader._MD5
    elif reader.__name__ == "ImageNet":
        for name, expected in imagenet.ARCHIVE_META.values():
            yield Path(name), expected


def _md5(file: Path) -> str:
    """Return the MD5 sum of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
