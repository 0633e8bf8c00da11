"""Which rows and columns a comparison has on a page: columns are targets, rows are models by pretraining.

Each way of transfer has tables and figures of its own.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis.comparison import FINE_TUNE, SCRATCH
from bench.analysis.format import count, is_known, plural
from bench.analysis.frames import split
from bench.analysis.stats.crossed import CROSSED
from bench.analysis.targets import is_in_domain, is_real

_PANEL = ["target", "shots", "image_size"]
_CONDITIONS = ["subset_classes", "match", "pretrain_recipe", "transfer_recipe"]
"""Said of a row only where the rows of one model differ in them."""
_PROBES = {"linear": "linear probes", "k-shot": "k-shot probes"}
_FAMILIES = {"vit": "ViT", "cnn": "CNN", "hybrid": "Hybrid"}
MATCHED = {
    "images": "images seen",
    "flops": "training FLOPs, so that a cheaper model sees more images",
    "seconds": "seconds of training, so that a faster model sees more images",
}
"""What is equal for all models, by `match`."""
AS_MUCH = {"images": "on as many images", "flops": "with as many FLOPs", "seconds": "for as many seconds"}
"""How long one training is beside others, by `match`."""


@dataclass(frozen=True)
class Panel:
    """One target, and number of shots where there are any: a column of a table, a panel of a figure."""

    title: str
    rows: pd.DataFrame

    @property
    def target(self) -> str:
        """The target's name as the suite has it."""
        return str(self.rows["target"].iloc[0])


@dataclass(frozen=True)
class Line:
    """One model and pretraining: a line of a table, with its row in each panel where it has one."""

    model: str
    pretrained_on: str
    cells: dict[str, pd.Series]
    """Panel's title -> row."""


def by_transfer(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each way of transfer, fine-tuning first."""
    found = [(transfer, rows) for (transfer,), rows in split(table, ["transfer"])]
    return sorted(found, key=lambda one: one[0] != FINE_TUNE)


def heading(title: str, transfer: str) -> str:
    """A title of what came out of a transfer: as it is for fine-tuning, with the kind of probe for a probe."""
    return title if transfer == FINE_TUNE else f"{title}, {_PROBES.get(transfer, transfer)}"


def target_name(target: str, transfer: str, shots: Any) -> str:
    """A target, and the way of transfer where it is a probe: `digits, k-shot, 5 shots`."""
    probe = [] if transfer == FINE_TUNE else [transfer]
    return ", ".join([target, *probe, *_shots(shots)])


def panels(table: pd.DataFrame) -> list[Panel]:
    """The targets of a table of one transfer in its order; those that are not real last, and marked."""
    shows_size = table["image_size"].nunique() > 1
    found = [Panel(_panel_title(rows.iloc[0], shows_size), rows) for _, rows in split(table, _PANEL)]
    return sorted(found, key=lambda panel: not is_real(panel.target))


def lines(comparison: pd.DataFrame) -> list[Line]:
    """The rows of a comparison: each model from scratch, then by pretraining size."""
    name = pretraining_name(comparison)
    found: dict[tuple[str, str], Line] = {}
    for panel in panels(comparison):
        for _, row in panel.rows.iterrows():
            key = (row["model"], name(row))
            found.setdefault(key, Line(*key, {})).cells[panel.title] = row
    first = dict.fromkeys((row["model"], name(row)) for _, row in comparison.iterrows())
    return [found[key] for key in first]


def pretraining_name(table: pd.DataFrame) -> Callable[[pd.Series], str]:
    """What to call the pretraining of a row of this table: as short as tells its rows apart."""
    pretrained = table[(table["corpus"] != SCRATCH) & table["subset_images"].notna()]
    by_model = pretrained.groupby("model")
    conditions = [name for name in _CONDITIONS if name in table and (by_model[name].nunique(dropna=False) > 1).any()]
    show_corpus = pretrained["corpus"].nunique() > 1

    def name(row: pd.Series) -> str:
        if row["corpus"] == SCRATCH:
            return "from scratch"
        parts = [row["corpus"]] if show_corpus or not is_known(row["subset_images"]) else []
        parts.append(f"{count(row['subset_images'])} images" if is_known(row["subset_images"]) else "size unknown")
        parts += [f"{column.replace('_', ' ')} {row[column]}" for column in conditions if is_known(row[column])]
        return ", ".join(parts)

    return name


def interval_over(methods: Iterable[str]) -> str:
    """Return what a table's intervals are over, in words."""
    known_methods = set(methods) - {""}
    if known_methods == {CROSSED}:
        return "seeds and test images"
    return "seeds, and test images where answers are kept" if CROSSED in known_methods else "seeds"


def family_name(family: str) -> str:
    """Return a family's name for readers: `CNN` of `cnn`."""
    return _FAMILIES.get(family, family)


def marked(target: str) -> str:
    """Return a target's name for titles, marked unless it is a real one: `fractals-heldout (in-domain)`."""
    if is_real(target):
        return target
    return f"{target} (in-domain)" if is_in_domain(target) else f"{target} (purpose-made)"


def _panel_title(row: pd.Series, shows_size: bool) -> str:
    size = [f"{row['image_size']} px"] if shows_size else []
    return ", ".join([marked(row["target"]), *_shots(row["shots"]), *size])


def _shots(shots: Any) -> list[str]:
    return [plural(int(shots), "shot")] if is_known(shots) else []
