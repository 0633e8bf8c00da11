"""Read the labels of parquet files, and number the classes of a data set: whole numbers, words or booleans."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.sources.assemble import check_labels
from bench.data.sources.labels import first_class, names_of_numbers
from bench.data.sources.parquet_columns import is_text
from bench.errors import InputError


@dataclass(frozen=True, eq=False)
class FileLabels:
    """The labels of a file."""

    file: Path
    numbers: NDArray[np.int64]
    """Numbers of classes, or places in `words`."""
    words: tuple[str, ...] | None
    """The words that are labels; None if the labels are numbers."""
    is_labelled: bool
    class_names: tuple[str, ...] | None
    """Class names in the features' metadata; None if there are none."""


def read_labels(file: Path, labels: Any, label: str, names: Any, *, needs_labels: bool) -> FileLabels:
    """Return the labels of a file; refuse rows without one if labels are needed.

    Args:
        file: the file.
        labels: its column of labels, null in all rows if it has none.
        label: the column's name.
        names: the names of the classes in the features' metadata.
        needs_labels: whether the file belongs to a split that must have labels.
    """
    if not needs_labels and labels.null_count == len(labels) > 0:
        numbers, words = np.full(len(labels), -1), None
    else:
        _check_labels(file, labels, label)
        numbers, words = _numbers(labels)
    is_labelled = needs_labels or len(numbers) == 0 or words is not None or bool((numbers != -1).any())
    return FileLabels(file, numbers, words, is_labelled, _names(file, names))


def classes_of(files: Sequence[FileLabels]) -> tuple[tuple[str, ...], dict[Path, NDArray[np.int64]]]:
    """Return the names of the classes, and each file's labels as their numbers.

    The names are those of the features' metadata, which files share, else the sorted words, else numbers.
    """
    first = files[0]
    for each in files:
        if not each.is_labelled:
            raise InputError(f"{each.file}: its rows have no labels, unlike other files of its split; label them all")
        if (each.words is None) != (first.words is None):
            raise InputError(
                f"{each.file}: its labels are words or numbers, unlike those of {first.file}; use one kind"
            )
    if first.words is not None:
        for each in files:
            blank = [place for place, word in enumerate(each.words or ()) if not word.strip()]
            if num_blank := int(np.isin(each.numbers, blank).sum()):
                raise InputError(f"{each.file}: {num_blank:,} rows have an empty label; take them out, or fill them in")
        names = tuple(sorted({word for each in files for word in each.words or ()}))
        number = {name: place for place, name in enumerate(names)}
        return names, {
            each.file: np.array([number[word] for word in each.words or ()], np.int64)[each.numbers] for each in files
        }
    named = [each for each in files if each.class_names is not None]
    for each in named[1:]:
        if each.class_names != named[0].class_names:
            raise InputError(f"{each.file}: its classes are not those of {named[0].file}; give files of one data set")
    known = named[0].class_names if named else None
    numbers = [each.numbers for each in files]
    start = first_class(numbers, len(known) if known else None)
    names = known or names_of_numbers(numbers, start, str(first.file))
    for each in files:
        check_labels(each.numbers - start, len(names), str(each.file))
    return names, {each.file: each.numbers - start for each in files}


def _check_labels(file: Path, labels: Any, label: str) -> None:
    """Refuse a column that holds something else than labels, or rows without one."""
    from pyarrow import types

    held = labels.type
    value = held.value_type if types.is_dictionary(held) else held
    if not (types.is_integer(value) or types.is_boolean(value) or is_text(value)):
        raise InputError(
            f"{file}: column {label} holds {held}, neither whole numbers nor words nor booleans; "
            "number the classes from 0, or name them"
        )
    if labels.null_count:
        raise InputError(f"{file}: {labels.null_count:,} rows have no {label}; take them out, or fill them in")


def _numbers(labels: Any) -> tuple[NDArray[np.int64], tuple[str, ...] | None]:
    """Return a column of labels as numbers, or as places in the words that it holds."""
    import pyarrow

    held = labels.type
    if pyarrow.types.is_dictionary(held) and pyarrow.types.is_integer(held.value_type):
        labels = labels.cast(held.value_type)
    if pyarrow.types.is_integer(labels.type):
        return labels.to_numpy().astype(np.int64), None
    coded = labels.dictionary_encode().combine_chunks() if not pyarrow.types.is_dictionary(held) else None
    coded = coded if coded is not None else labels.unify_dictionaries().combine_chunks()
    words = tuple(str(word) for word in coded.dictionary.to_pylist())
    return coded.indices.to_numpy().astype(np.int64), words


def _names(file: Path, names: Any) -> tuple[str, ...] | None:
    """Return the names of classes in the features' metadata, None if there are none."""
    if not names:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(
            f"{file}: the names of its classes in the huggingface metadata are no list of texts; correct it"
        )
    if len(set(names)) < len(names):
        raise InputError(f"{file}: its huggingface metadata names a class twice; name each class once")
    return tuple(names)
