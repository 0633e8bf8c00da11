"""Groups of images that stay together when a data set is split: those of a patient, a plant, a scene or a writer.

A column of a parquet file, or a pattern on the names of files, says which group an image belongs to.
"""

import contextlib
import re
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import MAX_NAMES, RawSplit
from bench.data.orders import Cut, Indices
from bench.data.random import hash_words
from bench.errors import InputError

MAX_PATTERN = 200
"""Characters of a pattern."""
MAX_SECONDS = 8.0
"""Processor time for the search in all names; a million names take about one second."""


def name_pattern(text: str) -> re.Pattern[str]:
    """Return the pattern that finds the group in the name of a file.

    Raises:
        InputError: it is no regular expression with one pair of parentheses.
    """
    try:
        pattern = re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise InputError(f'groups: "{text}" is no regular expression ({error})') from None
    if pattern.groups != 1 or len(text) > MAX_PATTERN:
        raise InputError(
            f'groups: "{text}" has {pattern.groups} pairs of parentheses and {len(text)} characters; put one pair '
            f"around what names the group, as in ([^/]+)_[0-9]+, and use at most {MAX_PATTERN} characters"
        )
    return pattern


def groups_of_names(names: Sequence[str], text: str, place: str) -> NDArray[np.str_]:
    """Return (n,): the group in each name, such as `cat/tom_12.png`.

    Raises:
        InputError: the pattern is wrong, does not match every name, or takes too long.
    """
    pattern = name_pattern(text)
    try:
        with _at_most(MAX_SECONDS):
            found = [pattern.search(name) for name in names]
    except TimeoutError:
        raise InputError(
            f'{place}: groups: "{text}" was not found in {len(names):,} names within {MAX_SECONDS:g} s; take out a '
            "repeat within a repeat, as in (a+)+"
        ) from None
    if lacking := [name for name, match in zip(names, found, strict=True) if match is None or not match[1]]:
        more = ", ..." if len(lacking) > MAX_NAMES else ""
        raise InputError(
            f'{place}: groups: "{text}" finds no group in {len(lacking):,} of {len(names):,} names '
            f"({', '.join(lacking[:MAX_NAMES])}{more}); a name is the folder of the class and the file"
        )
    return np.array([match[1] for match in found if match])


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in a block that takes more processor time; in the main thread, which alone gets signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def group_numbers(splits: Mapping[str, RawSplit], place: str) -> NDArray[np.int64] | None:
    """Return (n,): the number of the group of each image of all splits, in their order; None if there are no groups.

    Raises:
        InputError: all images are of one group, or a group is in two splits.
    """
    named = {name: split.groups for name, split in splits.items() if split.groups is not None}
    if not named:
        return None
    groups, numbers = np.unique(np.concatenate(list(named.values())), return_inverse=True)
    if len(groups) == 1:
        raise InputError(
            f'{place}: groups: all {len(numbers):,} images are of the group "{groups[0]}"; leave groups out'
        )
    splits_before: list[str] = []
    for split, of_split in named.items():
        for other in splits_before:
            is_shared = np.isin(of_split, named[other])
            if is_shared.any():
                raise InputError(
                    f"{place}: groups: {len(np.unique(of_split[is_shared])):,} of the {len(np.unique(of_split)):,} "
                    f"groups of {split}, with {is_shared.sum():,} of its {len(of_split):,} images, are also in "
                    f'{other}, such as "{of_split[is_shared][0]}"; put all images into one part, so that groups '
                    "decide the split, or leave groups out"
                )
        splits_before.append(split)
    return numbers.astype(np.int64)


def grouped_cut(
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    indices: Indices,
    numerator: int,
    denominator: int,
    *key: int | str,
) -> Cut:
    """Return a cut that takes whole groups, as near to numerator / denominator of each class as they allow.

    Groups are looked at in an order hashed from `key`. One is taken if that brings the numbers of its classes nearer to
    their quotas, and leaves images of each class. A class of which nothing was taken then gives its smallest group.
    """
    held, of_groups = labels[indices], groups[indices]
    totals = np.bincount(held)
    quotas = -(-totals * numerator // denominator)
    pairs, sizes = np.unique(np.stack([of_groups, held]), axis=1, return_counts=True)
    present, starts = np.unique(pairs[0], return_index=True)
    members = dict(zip(present.tolist(), np.split(np.stack([pairs[1], sizes]), starts[1:], axis=1), strict=True))
    order = present[np.argsort(hash_words(*key, present))].tolist()
    taken = np.zeros_like(totals)
    chosen: set[int] = set()

    def take(group: int, *, only_nearer: bool) -> None:
        classes, counts = members[group]
        lacking = quotas[classes] - taken[classes]
        is_nearer = np.abs(lacking - counts).sum() < np.abs(lacking).sum()
        if (taken[classes] + counts < totals[classes]).all() and (is_nearer or not only_nearer):
            taken[classes] += counts
            chosen.add(group)

    for group in order:
        take(group, only_nearer=True)
    for label in np.flatnonzero((taken == 0) & (totals > 0)):
        having = [group for group in order if label in members[group][0]]
        for group in sorted(having, key=lambda group: int(members[group][1].sum())):
            if taken[label] == 0:
                take(group, only_nearer=False)
    is_taken = np.isin(of_groups, list(chosen))
    return Cut(np.sort(indices[is_taken]), np.sort(indices[~is_taken]))
