"""`folder:PATH`: images in one subfolder per class, or PATH/train and PATH/test with one subfolder per class each.

PATH/val is the validation split; without PATH/test it is the test split. Without a test folder, a fifth of each class
is the test split. Without a validation folder, a tenth of the rest validates. The sorted names of the files alone
decide which images those are. Images lie in the folder of their class itself: what lies elsewhere is counted.
"""

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.data.dataset import DataSet, PassedOver, RawSplit, passed_over
from bench.data.sources.assemble import assemble, split_of_files
from bench.data.sources.groups import groups_of_names
from bench.data.sources.listing import IMAGE_SUFFIXES, check_inside, entries, fingerprint_of, is_folder, subfolders
from bench.data.sources.split_names import split_folders
from bench.errors import InputError

HIDDEN = "hidden files or folders"
OUTSIDE = "files outside the folders of classes"
NO_SPLIT = "folders that are named for no split"
DEEPER = "files or folders deeper than the folder of a class"
OTHER = "files with a suffix of no image that is read"
NO_SUFFIX = "files without a suffix"
NO_FILE = "entries that are neither files nor folders"


def open_folder(path: Path, groups: str | None = None) -> DataSet:
    """Open the data set in a folder.

    Args:
        path: the folder.
        groups: the pattern that finds the group in a name such as `cat/tom_12.png`; None if there are no groups.

    Raises:
        InputError: classes or images are missing, a file lies outside the folder, or groups are not as they should be.
    """
    parts = _parts(path)
    names = tuple(parts["train"].classes)
    given = {part.folder for part in parts.values()} - {path}
    return assemble(
        {split: _split(part, names, groups) for split, part in parts.items()},
        key="folder",
        place=f"folder:{path}",
        passed_over=passed_over(_outside(path, path, given)) if given else (),
    )


def fingerprint(path: Path) -> str:
    """Return the hash of the names and bytes of all images."""
    return fingerprint_of(path, _all_images(_parts(path)))


def watched(path: Path) -> list[Path]:
    """Return the images, and the folders in which new ones would lie."""
    parts = _parts(path)
    folders = [part.folder / name for part in parts.values() for name in part.raw_names]
    return [*_all_images(parts), path, *(part.folder for part in parts.values()), *folders]


@dataclass(frozen=True)
class _Part:
    """The class folders of one split, and what lies in them."""

    folder: Path
    raw_names: tuple[str, ...]
    """of the class folders, as the file system has them"""
    classes: dict[str, list[Path]]
    """by the name of the class, in order, its images"""
    passed_over: tuple[PassedOver, ...]


def _parts(path: Path) -> dict[str, _Part]:
    """List each split that the data set has; check that every class has images, and that all lie inside."""
    if not path.is_dir():
        raise InputError(f"folder:{path}: there is no such folder; it needs one subfolder of images for each class")
    folders = split_folders(path, f"folder:{path}") or {"train": path}
    names = {split: _class_names(folder) for split, folder in folders.items()}
    for split, folder in folders.items():
        if unknown := sorted(names[split].keys() - names["train"].keys()):
            raise InputError(
                f"{folder}: class {unknown[0]} is not in {folders['train']}; both need the same subfolders"
            )
    needed = {split: 4 - len(folders) if split == "train" else 1 for split in folders}
    return {split: _part(path, folder, names[split], needed[split]) for split, folder in folders.items()}


def _part(root: Path, folder: Path, names: dict[str, str], needed: int) -> _Part:
    """List the class folders of a split; refuse one with fewer images than are needed."""
    classes: dict[str, list[Path]] = {}
    others = list(_outside(root, folder, {folder / name for name in names.values()}))
    for name, raw_name in names.items():
        images, found = _images(root, folder / raw_name)
        if len(images) < needed:
            raise InputError(
                f"{folder / raw_name}: {len(images)} images found; a class needs at least {needed}, "
                f"in the folder itself, with one of the suffixes {', '.join(sorted(IMAGE_SUFFIXES))}"
            )
        check_inside(root, images)
        classes[name] = images
        others += found
    return _Part(folder, tuple(names.values()), classes, passed_over(others))


def _split(part: _Part, names: tuple[str, ...], pattern: str | None) -> RawSplit:
    """Return a split with the classes of train."""
    numbers = {name: number for number, name in enumerate(names)}
    ordered = sorted(part.classes, key=numbers.__getitem__)
    files = [file for name in ordered for file in part.classes[name]]
    labels = np.repeat([numbers[name] for name in ordered], [len(part.classes[name]) for name in ordered])
    groups = None
    if pattern is not None:
        within = [file.relative_to(part.folder).as_posix() for file in files]
        groups = groups_of_names(within, pattern, f"folder:{part.folder}")
    return split_of_files(files, labels.astype(np.int64), names, part.passed_over, groups)


def _all_images(parts: dict[str, _Part]) -> list[Path]:
    """Return the images of all splits, sorted by path."""
    return sorted(image for part in parts.values() for images in part.classes.values() for image in images)


def _class_names(folder: Path) -> dict[str, str]:
    """Return the classes in the order of their folders' names, each with that name; refuse fewer than two.

    One system writes an accent as a character of its own, another does not: classes have the composed form.
    """
    names: dict[str, str] = {}
    for sub in subfolders(folder):
        name = unicodedata.normalize("NFC", sub.name)
        if name in names:
            raise InputError(f"{folder}: two subfolders are named {name}, in two forms of Unicode; move all into one")
        names[name] = sub.name
    if len(names) < 2:
        raise InputError(f"folder:{folder}: {len(names)} subfolders found; it needs at least two, one for each class")
    return names


def _images(root: Path, folder: Path) -> tuple[list[Path], list[tuple[str, str]]]:
    """Return the images that lie in a folder itself, sorted by name, and what else does."""
    images: list[Path] = []
    others: list[tuple[str, str]] = []
    for entry in entries(folder):
        reason = _reason(entry)
        if reason is None:
            images.append(Path(entry))
        elif reason == DEEPER and not entry.is_symlink() and (inside := entries(Path(entry))):
            others += [(DEEPER, _name(root, deeper)) for deeper in inside]
        else:
            others.append((reason, _name(root, entry)))
    return images, others


def _reason(entry: os.DirEntry[str]) -> str | None:
    """Return why an entry of a class folder is no image, or None if it is one; a link to nothing is a bad image."""
    if entry.name.startswith("."):
        return HIDDEN
    if is_folder(entry):
        return DEEPER
    suffix = os.path.splitext(entry.name)[1].lower()
    if suffix not in IMAGE_SUFFIXES:
        return OTHER if suffix else NO_SUFFIX
    is_plain = not entry.is_symlink() and entry.is_file()  # known from the listing, without a look at each file
    return None if is_plain or os.path.isfile(entry) or not os.path.exists(entry) else NO_FILE


def _outside(root: Path, folder: Path, taken: set[Path]) -> Iterator[tuple[str, str]]:
    """Yield what lies in a folder beside the subfolders that were taken, with the reason."""
    for entry in entries(folder):
        if Path(entry) not in taken:
            reason = HIDDEN if entry.name.startswith(".") else NO_SPLIT if is_folder(entry) else OUTSIDE
            yield reason, _name(root, entry)


def _name(root: Path, entry: os.DirEntry[str]) -> str:
    return Path(entry).relative_to(root).as_posix()
