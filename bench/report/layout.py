"""Choose and name the rows and columns of a comparison on a page.

Columns are targets, rows are models by pretraining. Each way of transfer has separate tables and figures.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd

from bench.analysis.comparison import AS_IT_IS, FINE_TUNE, ROW, SCRATCH
from bench.analysis.duplicates import num_of_all
from bench.analysis.format import count, is_known, percent, plural
from bench.analysis.frames import as_key, split
from bench.analysis.seeds import COMPLETE
from bench.analysis.stats.crossed import CROSSED
from bench.analysis.stats.intervals import LEVEL
from bench.analysis.targets import is_in_domain, is_real
from bench.analysis.tested import UNEVEN
from bench.report.page import row_id

_Item = TypeVar("_Item")
CONFIDENCE = percent(LEVEL, places=0)
"""The confidence level of intervals, as pages write it."""
_PANEL = ["target", "shots", "panel_size"]
_CONDITIONS = ["subset_classes", "match", "pretrain_recipe", "transfer_recipe"]
"""Columns that name a row only if the rows of one model differ in them."""
_PROBES = {"linear": "linear probes", "k-shot": "k-shot probes", AS_IT_IS: "without training"}
_FAMILIES = {"vit": "ViT", "cnn": "CNN", "hybrid": "Hybrid"}
MATCHED = {
    "images": "images seen",
    "flops": "training FLOPs, so that a cheaper model sees more images",
    "seconds": "seconds of training, so that a faster model sees more images",
}
"""`match` -> the amount that is the same for every model."""
AS_MUCH = {"images": "on as many images", "flops": "with as many FLOPs", "seconds": "for as many seconds"}
"""`match` -> how two trainings are of equal length, in words."""


@dataclass(frozen=True)
class Panel:
    """One target, with the number of shots of a probe: a column of a table, a panel of a figure."""

    title: str
    rows: pd.DataFrame

    @property
    def target(self) -> str:
        """The target's name in the suite."""
        return str(self.rows["target"].iloc[0])


@dataclass(frozen=True)
class ComparisonLine:
    """One model and pretraining: a line of a table, with its row in each panel that has one."""

    model: str
    pretrained_on: str
    cells: dict[str, pd.Series]
    """Title of a panel -> row."""


def by_transfer(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the rows of each way of transfer, fine-tuning first."""
    parts = [(transfer, rows) for (transfer,), rows in split(table, ["transfer"])]
    return sorted(parts, key=lambda part: part[0] != FINE_TUNE)


def heading(title: str, transfer: str) -> str:
    """Return a section's title, with the kind of probe unless the transfer is fine-tuning."""
    return title if transfer == FINE_TUNE else f"{title}, {_PROBES.get(transfer, transfer)}"


def target_name(target: str, transfer: str, shots: Any) -> str:
    """Return a target's name with its way of transfer, unless that is fine-tuning: `digits, k-shot, 5 shots`."""
    probe = [] if transfer == FINE_TUNE else ["without training" if transfer == AS_IT_IS else transfer]
    return ", ".join([target, *probe, *_shots(shots)])


def target_key(row: pd.Series) -> str:
    """Return the key by which the page filters a row: its target with its way of transfer and shots."""
    return target_name(row["target"], row["transfer"], row["shots"])


def comparison_row(row: pd.Series) -> str:
    """Return the id that a row of the comparison has on the page."""
    return row_id("comparison", *as_key(row[ROW]))


def arm_row(row: pd.Series) -> str:
    """Return the id that an arm has in the table of its ablation."""
    return row_id("arm", row["ablation"], row["arm"], row["corpus"], row["subset_images"], target_key(row))


def panels(table: pd.DataFrame) -> list[Panel]:
    """Return the targets of one transfer's table in its order; targets that are not real come last and are marked."""
    sized = table.assign(panel_size=_panel_sizes(table))
    shows_size = sized["panel_size"].nunique() > 1
    of_targets = [Panel(_panel_title(rows.iloc[0], shows_size), rows) for _, rows in split(sized, _PANEL)]
    return sorted(of_targets, key=lambda panel: not is_real(panel.target))


def lines(comparison: pd.DataFrame) -> list[ComparisonLine]:
    """Return the lines of a comparison: each model from scratch, then by pretraining size."""
    name = pretraining_name(comparison)
    by_key: dict[tuple[str, str], ComparisonLine] = {}
    for panel in panels(comparison):
        for _, row in panel.rows.iterrows():
            key = (row["model"], name(row))
            by_key.setdefault(key, ComparisonLine(*key, {})).cells[panel.title] = row
    in_order = dict.fromkeys((row["model"], name(row)) for _, row in comparison.iterrows())
    return [by_key[key] for key in in_order]


def doubts(row: pd.Series) -> list[str]:
    """Return what makes an accuracy doubtful: missing seeds, runs that give one answer, images that were trained on."""
    numbers = (row["num_single_answer"], row["num_contaminated"])
    single, contaminated = (number if is_known(number) else 0 for number in numbers)
    found = [
        (row["status"] != COMPLETE, row["status"]),
        (single, f"one class for all test images in {single} of {plural(int(row['num_seeds']), 'seed')}"),
        (contaminated, f"{num_of_all(contaminated, row['num_test_images'])} test images pretrained on"),
    ]
    return [words for holds, words in found if holds]


def balanced(row: pd.Series) -> str:
    """Return the balanced accuracy of a row whose test classes differ much in size; empty for another."""
    if not (is_known(row["balanced_accuracy"]) and row["test_class_ratio"] > UNEVEN):
        return ""
    return f"balanced {percent(row['balanced_accuracy'], row['balanced_low'], row['balanced_high'])}"


def pretraining_name(table: pd.DataFrame) -> Callable[[pd.Series], str]:
    """Return a function that names a row's pretraining, with only those settings in which the table's rows differ."""
    pretrained = table[(table["corpus"] != SCRATCH) & table["subset_images"].notna()]
    by_model = pretrained.groupby("model")
    conditions = [name for name in _CONDITIONS if name in table and (by_model[name].nunique(dropna=False) > 1).any()]
    show_corpus = pretrained["corpus"].nunique() > 1
    show_size = table["image_size"].nunique() > 1

    def name(row: pd.Series) -> str:
        if row["corpus"] == SCRATCH:
            return f"from scratch at {row['image_size']} px" if show_size else "from scratch"
        parts = [row["corpus"]] if show_corpus or not is_known(row["subset_images"]) else []
        parts.append(f"{count(row['subset_images'])} images" if is_known(row["subset_images"]) else "size unknown")
        parts += [f"{column.replace('_', ' ')} {row[column]}" for column in conditions if is_known(row[column])]
        return ", ".join(parts)

    return name


def grouped(items: Iterable[_Item], key: Callable[[_Item], object]) -> list[_Item]:
    """Return the items grouped by key, in the order in which the keys first appear."""
    groups: dict[object, list[_Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return [item for group in groups.values() for item in group]


def interval_over(methods: Iterable[str]) -> str:
    """Return what a table's intervals are over, in words."""
    known_methods = set(methods) - {""}
    if known_methods == {CROSSED}:
        return "seeds and test images"
    return "seeds, and over test images if per-image correctness is kept" if CROSSED in known_methods else "seeds"


def is_tuned(suite: Mapping[str, Any]) -> bool:
    """Return whether a suite asks for a tuning and the tuning is done."""
    return bool((suite.get("tuning") or {}).get("chosen"))


def family_name(family: str) -> str:
    """Return a family's name for readers: `CNN` for `cnn`."""
    return _FAMILIES.get(family, family)


def marked(target: str) -> str:
    """Return a target's name for titles, marked unless it is real: `fractals-heldout (in-domain)`."""
    if is_real(target):
        return target
    return f"{target} (in-domain)" if is_in_domain(target) else f"{target} (purpose-made)"


def _panel_sizes(table: pd.DataFrame) -> list[int]:
    """Return the image size of each row's panel; a row from scratch joins the pretrained rows of its model."""
    pretrained = table[table["corpus"] != SCRATCH].drop_duplicates(["model", "target"])
    sizes = pretrained.set_index(["model", "target"])["image_size"].to_dict()
    rows = zip(table["model"], table["target"], table["corpus"], table["image_size"], strict=True)
    return [sizes.get((model, target), size) if corpus == SCRATCH else size for model, target, corpus, size in rows]


def _panel_title(row: pd.Series, shows_size: bool) -> str:
    size = [f"{row['panel_size']} px"] if shows_size else []
    return ", ".join([marked(row["target"]), *_shots(row["shots"]), *size])


def _shots(shots: Any) -> list[str]:
    return [plural(int(shots), "shot")] if is_known(shots) else []
