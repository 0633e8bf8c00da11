"""Name families, models, sizes and targets in sentences and titles."""

import re
from collections.abc import Callable, Iterable, Mapping

import pandas as pd

from bench.analysis.comparison import AS_IT_IS, FINE_TUNE
from bench.analysis.format import count, is_known, plural
from bench.analysis.ladder.across_targets import Improvement
from bench.analysis.ladder.growth import PairGrowth
from bench.analysis.targets import base, is_in_domain, is_real
from bench.report.layout import family_name

MOST_CHARACTERS = 70
"""The most characters of a title."""
_ORDER = ("vit", "cnn", "hybrid")


def in_order(families: Iterable[str]) -> list[str]:
    """Return families, each once, in the order in which the question names them."""
    unique = list(dict.fromkeys(families))
    return sorted(unique, key=lambda family: _ORDER.index(family) if family in _ORDER else len(_ORDER))


def family_word(family: str) -> str:
    """Return a family's name within a sentence: `CNN`, `hybrid`."""
    return family_name(family) if family in ("vit", "cnn") else family


def by_family(families: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that calls each model in a text by its family, if that has no other model.

    Args:
        families: Model -> its family.
    """
    alone = {model for model, family in families.items() if list(families.values()).count(family) == 1}
    longest_first = "|".join(re.escape(model) for model in sorted(families, key=len, reverse=True))

    def name(found: re.Match[str]) -> str:
        return f"the {family_word(families[found.group()])}" if found.group() in alone else found.group()

    return lambda text: re.sub(longest_first, name, text) if families else text


def is_main_pair(pair: PairGrowth | Improvement) -> bool:
    """Tell whether a pair is of the two families that the question is about."""
    return {pair.first.family, pair.second.family} == {"vit", "cnn"}


def capital(text: str) -> str:
    """Return a text that begins with a capital letter."""
    return text[:1].upper() + text[1:]


def fitting(*titles: str) -> str:
    """Return the first title that is short enough; the last one is cut if none is."""
    fits = next((title for title in titles if len(title) <= MOST_CHARACTERS), None)
    return titles[-1][: MOST_CHARACTERS - 1] + "…" if fits is None else fits


def millions(number: float) -> str:
    """Return a number of parameters: `0.20 M`, `86 M`, `632 M`."""
    size = number / 1e6
    return f"{size:,.0f} M" if size >= 9.95 else f"{size:#.2g} M"


def parameters(runs: pd.DataFrame, target: str | None = None) -> dict[str, float]:
    """Return the parameters of each model whose network was counted, as fine-tuned on a target if one is given."""
    known = runs[runs["parameters"].notna() & (runs["target"].eq(target) if target else runs["target"].ne(""))]
    return {str(model): float(number) for model, number in known.groupby("model")["parameters"].first().items()}


def named(model: str, family: str, sizes: Mapping[str, float], unit: str = "") -> str:
    """Return a model at its first mention: `CNN bit_resnet_pico (0.21 M)`, with the unit of its size if given."""
    size = f" ({' '.join(filter(None, (millions(sizes[model]), unit)))})" if model in sizes else ""
    return f"{family_word(family)} {model}{size}"


def target_words(row: pd.Series) -> str:
    """Return a row's target in words: `digits (100 training images)`, `cifar10 (5-shot probe)`."""
    target = str(row["target"])
    kind = "in-domain" if is_in_domain(target) else "" if is_real(target) else "purpose-made"
    images = f"{count(target.rpartition('@')[2])} training images" if base(target) != target else ""
    probes = {FINE_TUNE: "", AS_IT_IS: "without training", "linear": "linear probe"}
    shots = f"{int(row['shots'])}-shot probe" if is_known(row["shots"]) else str(row["transfer"])
    notes = ", ".join(filter(None, (kind, images, probes.get(str(row["transfer"]), shots))))
    return f"{base(target)} ({notes})" if notes else target


def after(num_images: int) -> str:
    """Return what a model was pretrained on: `after 1,152 pretraining images`."""
    return f"after {plural(num_images, 'pretraining image')}"
