"""Write how pretraining ended: losses and accuracy on new images of the corpus."""

from collections.abc import Mapping

import pandas as pd

from bench.analysis.format import count, decimal, text
from bench.analysis.runs import pretraining as pretraining_table
from bench.report.layout import pretraining_name
from bench.report.page import Section, section, table
from bench.report.sections.cells import accuracy_cell


def pretraining(cells: pd.DataFrame, runs: pd.DataFrame, guessing: Mapping[str, float]) -> tuple[Section, ...]:
    """Return the results of pretraining on the corpus's validation images; nothing if no model is pretrained.

    Args:
        cells: One row per cell.
        runs: One row per run.
        guessing: Corpus -> the validation loss of equal probabilities for all classes.
    """
    rows = pretraining_table(cells, runs).rename(columns={"recipe": "pretrain_recipe"})
    if rows.empty:
        return ()
    columns = {
        "Model": lambda row: row["model"],
        "Pretrained on": pretraining_name(rows),
        "Arm of": lambda row: text(row["arm"]),
        "Images seen": lambda row: count(row["images_seen"]),
        "Training loss": lambda row: decimal(row["train_loss"]),
        "Validation loss": lambda row: decimal(row["validation_loss"]),
        "Validation accuracy": accuracy_cell,
    }
    caption = "Means over seeds at the end of pretraining, on new images of the classes seen."
    losses = (
        f"On {corpus}, equal probabilities for all classes have a validation loss of {decimal(loss)}."
        for corpus, loss in guessing.items()
    )
    return (section("Pretraining", *losses, table(caption, columns, rows, 3)),)
