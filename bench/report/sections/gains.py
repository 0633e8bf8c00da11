"""Write what pretraining gains over training from scratch."""

import json

import pandas as pd

from bench.analysis.comparison import FINE_TUNE, SCRATCH
from bench.analysis.format import ABSENT
from bench.report.layout import AS_MUCH, CONFIDENCE, interval_over, lines, panels
from bench.report.page import Section, Table, section
from bench.report.sections.cells import paired_cell

_GAIN = "Gain over training from scratch"
_NO_GAIN = "Probes train no network, so they have no row from scratch and no gain over one."
TESTED = (
    "In brackets: the number of pairs, and the number that a sign-flip test needs to reject among this many rows. With "
    "enough pairs, the p-value is given instead, corrected by Holm's procedure over all rows."
)


def gains(comparison: pd.DataFrame) -> Section:
    """Return the effect of pretraining: the gain of each fine-tuned row over the same model from scratch."""
    fine_tuned = comparison[comparison["transfer"] == FINE_TUNE]
    pretrained = fine_tuned[fine_tuned["corpus"] != SCRATCH]
    no_gain = _NO_GAIN if len(fine_tuned) < len(comparison) or fine_tuned.empty else None
    if fine_tuned.empty:
        return section(_GAIN, no_gain)
    if pretrained.empty:
        return section(_GAIN, "The suite pretrains nothing.", no_gain)
    if len(pretrained) == len(fine_tuned):
        external = "Every model starts from external weights, so none is trained from scratch."
        is_external = pretrained["subset_images"].isna().all()
        return section(_GAIN, external if is_external else "The suite trains nothing from scratch.", no_gain)
    is_scratch = fine_tuned["corpus"] == SCRATCH
    from_scratch = set(fine_tuned.loc[is_scratch, "target"])
    without = [target for target in dict.fromkeys(pretrained["target"]) if target not in from_scratch]
    pretrained = pretrained[pretrained["target"].isin(from_scratch)]
    over = interval_over(pretrained["gain_method"])
    caption = (
        f"Gain in percentage points with its {CONFIDENCE} interval over {over}, paired by seed. {TESTED} "
        "A gain is undecided if a seed of either side is missing, or if seeds that failed to train contradict it."
    )
    as_much = AS_MUCH[fine_tuned["match"].iloc[0]]
    scratch = f"The from-scratch model was trained {as_much} as pretraining and transfer together."
    most_from_scratch, most = (_most_seeds(rows) for rows in (fine_tuned[is_scratch], pretrained))
    if most_from_scratch < most:
        scratch += f" The suite trains {most_from_scratch} of its {most} seeds from scratch; gains are paired by these."
    if without:
        scratch += f" Nothing was trained from scratch on {', '.join(without)}."
    return section(_GAIN, scratch, no_gain, _by_target(pretrained, caption))


def _most_seeds(rows: pd.DataFrame) -> int:
    return max((len(json.loads(seeds)) for seeds in rows["seeds"]), default=0)


def _by_target(gained: pd.DataFrame, caption: str) -> Table:
    titles = [panel.title for panel in panels(gained)]
    rows = tuple(
        (
            line.model,
            line.pretrained_on,
            *(paired_cell(line.cells[title], "gain") if title in line.cells else ABSENT for title in titles),
        )
        for line in lines(gained)
    )
    return Table(caption, ("Model", "Pretrained on", *titles), rows, 2)
