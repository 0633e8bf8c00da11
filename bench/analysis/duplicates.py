"""Say which test images were trained on before, and which images stand in two splits or under two classes."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from bench.analysis.format import count, is_known
from bench.analysis.frames import split

SHARED = {
    "validation": "validation images whose pixels are also among the training images",
    "test": "test images whose pixels are also among the training or validation images",
}
"""Split -> its reason in the table `left_out`."""
SEVERAL_CLASSES = "images whose pixels also stand under another class"


def duplicate_warnings(cells: pd.DataFrame, left_out: pd.DataFrame | None) -> Iterator[str]:
    """Yield a sentence for each target with contaminated test images, and for each source with duplicates.

    Args:
        cells: One row per cell.
        left_out: The table `left_out`, if there is one.
    """
    known = cells.reindex(columns=["target", "corpus", "num_contaminated", "num_test_images"])
    contaminated = known[known["num_contaminated"].gt(0).fillna(False)]
    for (target, corpus), rows in split(contaminated, ["target", "corpus"]):
        most = num_of_all(rows["num_contaminated"].max(), rows["num_test_images"].max())
        yield (
            f"Contamination: up to {most} test images of {target} are in a subset of {corpus} that models were "
            "pretrained on; the tables mark the rows."
        )
    if left_out is not None:
        for _, row in left_out[left_out["reason"].isin([*SHARED.values(), SEVERAL_CLASSES])].iterrows():
            yield f"{row['source']} has {row['reason']} ({count(row['num'])})."


def num_of_all(number: Any, total: Any) -> str:
    """Return a number of test images, and of how many if that is known: `201 of 1,311`."""
    return f"{count(number)} of {count(total)}" if is_known(total) else count(number)
