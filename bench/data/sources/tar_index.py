"""Index a tar shard of images: the position and label of each image, and the hash of the whole file.

Neighbouring members are grouped by key, as in WebDataset; the key is the name up to the first dot of the base name. An
image's label is the whole number in KEY.cls, or else `label` in KEY.json, or else the name of KEY's folder. A shard has
one kind of label. Keys may hold dots: if a group has no KEY.png or the like, but names such as KEY.1.png, each of these
is an image, whose key ends at the last dot. Members that are neither images nor labels are counted.

This module refuses shards that are compressed, truncated or empty, members whose names lead out of the archive, links,
keys that appear twice or have two images or two labels, and images without a label.
"""

import hashlib
import json
import os
import re
import tarfile
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import MAX_NAMES, PassedOver
from bench.data.sources.listing import IMAGE_SUFFIXES
from bench.errors import InputError

COMPRESSED = {b"\x1f\x8b": "gunzip", b"BZh": "bunzip2", b"\xfd7zXZ": "unxz", b"\x28\xb5\x2f\xfd": "unzstd"}
"""First bytes of a compressed file -> the command that unpacks it."""
MAX_LABEL_BYTES = 2**20
"""Number of bytes that are read from a member with a label."""
MAX_LABEL = 2**31 - 1
NO_FILE = "members that are devices or pipes"
NO_SUFFIX = "members without a suffix"
OTHER = "members that are neither images nor labels"
FURTHER = "further images of a key that has an image"
NO_IMAGE = "labels without an image"


@dataclass(frozen=True, eq=False)
class ShardIndex:
    """The images of one shard in its order: 24 bytes per image, without Python objects."""

    offsets: NDArray[np.int64]
    """(n,), offset of an image's first byte in the file."""
    sizes: NDArray[np.int64]
    """(n,), size of an image in bytes."""
    leads: NDArray[np.int32]
    """(n,), bytes from the image's tar header, which contains its name, to its first byte."""
    labels: NDArray[np.int32]
    """(n,), the shard's class numbers, or indices of `folders`."""
    folders: tuple[str, ...]
    """Class names in order of appearance if folders are labels; else empty."""
    sha256: str
    """SHA-256 of the whole file."""
    passed_over: tuple[PassedOver, ...] = ()


def index_shard(shard: Path) -> ShardIndex:
    """Return the index of a shard, which is read completely.

    Raises:
        InputError: the shard is refused; the error names shard and member.
    """
    with shard.open("rb") as file:
        _refuse_compressed(shard, os.pread(file.fileno(), 8, 0))
        rows = _Rows(shard)
        try:
            with tarfile.open(fileobj=file, mode="r:", encoding="utf-8") as tar:
                for member in _members(tar, shard):
                    if member.isreg():
                        rows.add(tar, member)
                    else:
                        rows.pass_over(NO_FILE, member.name)
                end = tar.offset
        except InputError:
            raise
        except (tarfile.TarError, EOFError, OSError, ValueError, OverflowError, RecursionError) as error:
            raise InputError(f"{shard}: not a readable tar file ({error}); fetch it again") from error
        if os.pread(file.fileno(), tarfile.BLOCKSIZE, end) != bytes(tarfile.BLOCKSIZE):
            raise InputError(f"{shard}: cut off or damaged at byte {end:,}, where no end is marked; fetch it again")
        rows.end_group()
        file.seek(0)
        return rows.index(hashlib.file_digest(file, "sha256").hexdigest())


def member_name(shard: Path, header_offset: int) -> str:
    """Return the name of the member whose header, long name included, begins at an offset."""
    with shard.open("rb") as file:
        file.seek(header_offset)
        with tarfile.open(fileobj=file, mode="r:", encoding="utf-8") as tar:
            member = tar.next()
    assert member is not None
    return _shown(member.name)


def _refuse_compressed(shard: Path, start: bytes) -> None:
    """Refuse a shard whose first bytes show that it is empty or compressed."""
    if not start:
        raise InputError(f"{shard}: is empty; fetch it again")
    for magic, command in COMPRESSED.items():
        if start.startswith(magic):
            raise InputError(
                f"{shard}: is compressed, and images are read from anywhere in it; unpack it to a .tar file with "
                f"{command}, which hardly makes it larger"
            )


def _members(tar: tarfile.TarFile, shard: Path) -> Iterator[tarfile.TarInfo]:
    """Yield files, devices and pipes one by one; refuse names that lead out, and links, which may stand for images."""
    while (member := tar.next()) is not None:
        tar.members.clear()  # type: ignore[attr-defined]  # tarfile would keep every member in memory
        if member.name.startswith("/") or ".." in member.name.split("/"):
            raise _wrong(shard, member.name, "its name leads out of the archive; pack the shard again without it")
        if member.isdir():
            continue
        if member.issym() or member.islnk() or member.issparse() or member.size < 0:
            raise _wrong(shard, member.name, "is a link or sparse, and no plain file; pack the file itself")
        yield member


@dataclass
class _Group:
    """The members of the current key so far."""

    key: str
    image: tarfile.TarInfo | None = None
    labels: dict[str, int] = field(default_factory=dict)
    """Kind of label member (`cls` or `json`) -> label."""
    dotted_images: list[tarfile.TarInfo] = field(default_factory=list)
    """Images with a further dot behind the key."""
    dotted_labels: dict[str, dict[str, int | None]] = field(default_factory=dict)
    """Name up to the last dot -> kind of label member -> label."""


class _Rows:
    """Collects the images of a shard, one group at a time."""

    def __init__(self, shard: Path) -> None:
        """Start without images."""
        self._shard, self._group, self._keys = shard, _Group(""), set[str]()
        self._offsets, self._sizes, self._leads, self._labels = array("q"), array("q"), array("i"), array("i")
        self._folders: dict[str, int] = {}
        self._passed_over: dict[str, tuple[int, tuple[str, ...]]] = {}

    def add(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Add a member to its group; a new key ends the previous group."""
        folder, _, base = member.name.rpartition("/")
        stem, dot, kind = base.partition(".")
        if not stem or not dot:
            self.pass_over(NO_SUFFIX, member.name)
            return
        key, kind = f"{folder}/{stem}", kind.lower()
        if key != self._group.key:
            self.end_group()
            self._group = _Group(key)
        if f".{kind}" in IMAGE_SUFFIXES:
            self._take_image(member)
        elif kind in ("cls", "json"):
            self._take_label(tar, member, kind)
        elif Path(f"x.{kind}").suffix in IMAGE_SUFFIXES:
            self._group.dotted_images.append(member)
        elif (last := kind.rpartition(".")[2]) in ("cls", "json"):
            labels = self._group.dotted_labels.setdefault(member.name.rpartition(".")[0], {})
            labels[last] = _number(tar, member, last)[0]
        else:
            self.pass_over(OTHER, member.name)

    def pass_over(self, reason: str, name: str) -> None:
        """Count a member that is neither an image nor a label."""
        num, names = self._passed_over.get(reason, (0, ()))
        named = names if num >= MAX_NAMES else (*names, f"{self._shard.name}: {_shown(name)}")
        self._passed_over[reason] = (num + 1, named)

    def end_group(self) -> None:
        """Add a row with the group's image and label, or one for each image with a further dot."""
        group = self._group
        if group.image is not None:
            self._add_row(group)
            for member in group.dotted_images:
                self.pass_over(FURTHER, member.name)
        elif group.dotted_images:
            self._end_dotted(group)
        elif "cls" in group.labels:
            raise _wrong(self._shard, f"{group.key}.cls", "is a label without an image; pack both, or neither")
        else:
            for kind in group.labels:
                self.pass_over(NO_IMAGE, f"{group.key}.{kind}")

    def _end_dotted(self, group: _Group) -> None:
        """Add a row for each image of a key that holds dots itself."""
        for member in group.dotted_images:
            key = member.name.rpartition(".")[0]
            found = {kind: label for kind, label in group.dotted_labels.get(key, {}).items() if label is not None}
            if group.labels and not found and len(group.dotted_images) > 1:
                names = ", ".join(_shown(image.name) for image in group.dotted_images)
                raise _wrong(
                    self._shard, f"{group.key}.cls", f"is one label of several images ({names}); pack one image per key"
                )
            self._add_row(_Group(key, member, found or group.labels))

    def _add_row(self, group: _Group) -> None:
        """Add a row with an image and its label."""
        assert group.image is not None
        if group.key in self._keys:
            reason = "its key came before; pack the members of a key together, and each key once"
            raise _wrong(self._shard, group.image.name, reason)
        self._keys.add(group.key)
        self._labels.append(self._label(group, group.image.name))
        self._offsets.append(group.image.offset_data)
        self._sizes.append(group.image.size)
        self._leads.append(group.image.offset_data - group.image.offset)

    def index(self, sha256: str) -> ShardIndex:
        """Return the index of all rows."""
        if not self._offsets:
            known = ", ".join(f"KEY{suffix}" for suffix in sorted(IMAGE_SUFFIXES))
            raise InputError(f"{self._shard}: holds no image named {known}; pack some, or take the shard away")
        return ShardIndex(
            np.array(self._offsets, np.int64),
            np.array(self._sizes, np.int64),
            np.array(self._leads, np.int32),
            np.array(self._labels, np.int32),
            tuple(self._folders),
            sha256,
            tuple(PassedOver(reason, *counted) for reason, counted in self._passed_over.items()),
        )

    def _take_image(self, member: tarfile.TarInfo) -> None:
        """Store the image of the group."""
        if self._group.image is not None:
            reason = f"its key has the image {_shown(self._group.image.name)} already; pack one image per key"
            raise _wrong(self._shard, member.name, reason)
        self._group.image = member

    def _take_label(self, tar: tarfile.TarFile, member: tarfile.TarInfo, kind: str) -> None:
        """Store the number in a member; JSON without a number has no label."""
        number, content = _number(tar, member, kind)
        if number is None and kind == "cls":
            reason = f"holds {content[:40]!r}, not the number of a class"
            raise _wrong(self._shard, member.name, f"{reason}; number the classes from 0")
        if number is None:
            return
        if not 0 <= number <= MAX_LABEL:
            raise _wrong(self._shard, member.name, f"label {number} is out of range; number the classes from 0")
        if kind in self._group.labels or {*self._group.labels.values()} - {number}:
            raise _wrong(self._shard, member.name, "its key has another label already; pack one label per key")
        self._group.labels[kind] = number

    def _label(self, group: _Group, name: str) -> int:
        """Return the label of a group: its number, or the index of its folder."""
        number = group.labels.get("cls", group.labels.get("json"))
        folder = _shown(group.key.rpartition("/")[0].rpartition("/")[2])
        is_by_folder = number is None and folder not in ("", ".")
        is_mixed = len(self._offsets) > 0 and is_by_folder != bool(self._folders)
        if is_mixed or (number is None and not is_by_folder):
            remedy = "add KEY.cls, or `label` to KEY.json, or a folder for each class"
            raise _wrong(self._shard, name, f"has no label as the other images have; {remedy}")
        return self._folders.setdefault(folder, len(self._folders)) if number is None else number


def _number(tar: tarfile.TarFile, member: tarfile.TarInfo, kind: str) -> tuple[int | None, bytes]:
    """Return the number in a label member, or None, and the member's content."""
    stream = tar.extractfile(member)
    content = stream.read(MAX_LABEL_BYTES) if stream is not None else b""
    return (_of_text(content) if kind == "cls" else _of_json(content)), content


def _of_text(content: bytes) -> int | None:
    """Return the whole number that a text consists of, or None."""
    text = content.strip()
    return int(text) if re.fullmatch(rb"-?\d{1,18}", text) else None


def _of_json(content: bytes) -> int | None:
    """Return the whole number under `label` in a JSON object, or None."""
    try:
        described = json.loads(content)
    except (ValueError, RecursionError):
        return None
    label = described.get("label") if isinstance(described, dict) else None
    return label if isinstance(label, int) and not isinstance(label, bool) else None


def _wrong(shard: Path, member: str, reason: str) -> InputError:
    """Return the error that refuses a member."""
    return InputError(f"{shard}, member {_shown(member)}: {reason}")


def _shown(name: str) -> str:
    """Return a name with the bytes that are not UTF-8 escaped in hexadecimal."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
