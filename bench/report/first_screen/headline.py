"""Ask the suite's question, with the facts that say what was compared."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bench.analysis.format import plural
from bench.report.first_screen.naming import family_word, in_order, millions, parameters


def question(cells: pd.DataFrame) -> str:
    """Return `ViT, CNN or hybrid?`, with the families of the ladder."""
    families = [family_word(family) for family in in_order(cells.loc[cells["ablation"] == "", "family"])]
    if len(families) < 2:
        return f"Which {families[0]}?" if families else "Which family?"
    return f"{', '.join(families[:-1])} or {families[-1]}?"


def facts(suite: Mapping[str, Any], cells: pd.DataFrame, runs: pd.DataFrame) -> tuple[str, ...]:
    """Return a suite's name, the size of its models, that of its images, and the number of its seeds."""
    ladder, sizes = cells[cells["ablation"] == ""], parameters(runs)
    known = [sizes[model] for model in dict.fromkeys(ladder["model"]) if model in sizes]
    found = (f"suite {suite['name']}", _parameters(known), _pixels(ladder["image_size"]), _seeds(cells))
    return tuple(filter(None, found))


def _parameters(known: Sequence[float]) -> str:
    """Return the parameters to one digit if that is the same for all models, else their range."""
    if not known:
        return ""
    one_digit = {f"{number / 1e6:.1g}" for number in known}
    if len(one_digit) == 1 and max(known) < 1e7:
        return f"{one_digit.pop()} M parameters"
    least, most = millions(min(known)), millions(max(known))
    return f"{most} parameters" if least == most else f"{least.removesuffix(' M')} to {most} parameters"


def _pixels(sizes: pd.Series) -> str:
    return f"{' and '.join(str(size) for size in sorted(sizes.unique()))} px" if len(sizes) else ""


def _seeds(cells: pd.DataFrame) -> str:
    """Return the number of seeds; of those that have begun if not all have."""
    planned = cells["seed"].nunique()
    begun = cells.loc[cells["status"] != "not_run", "seed"].nunique()
    return plural(planned, "seed") if begun == planned else f"{begun} of {plural(planned, 'seed')}"
