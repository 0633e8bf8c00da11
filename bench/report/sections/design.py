"""The sections on what a suite asks for: its facts, its models, and what it cannot say."""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pandas as pd
import yaml

from bench.analysis.comparison import FINE_TUNE
from bench.analysis.format import ABSENT, count, duration, is_known, short_count, text
from bench.analysis.frames import split
from bench.analysis.stats.crossed import CROSSED, SEEDS
from bench.analysis.stats.intervals import LEVEL
from bench.analysis.targets import ARRANGEMENT, IN_DOMAIN, base
from bench.report.layout import MATCHED, family_name
from bench.report.page import Section, Table

_AMOUNTS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "images": ("images seen", count),
    "flops": ("training FLOPs", short_count),
    "seconds": ("training time", duration),
}
"""What budgets are of, and how their amounts read, by `match`."""
_VALIDATION = {
    True: "carved from training images, or the publisher's",
    False: "none: they are trained on, too",
}
"""By `carve`."""


def limits(suite: Mapping[str, Any], cells: pd.DataFrame, methods: Collection[str]) -> Section:
    """What the numbers do not say.

    Args:
        suite: the resolved suite.
        cells: one row a cell.
        methods: what the intervals of accuracies are over, as in the column `method` of the comparison.
    """
    stated = suite.get("limits") or "The suite states no limits of its own."
    seeds = (
        f"The independent unit is the seed. Of accuracies and their differences {_intervals(methods)}, at {LEVEL:.0%} "
        "and, but for those of claims, uncorrected for the number of comparisons on this page. "
        f"{_conditions(cells, methods)}{_drawn(cells)}"
    )
    missing = "A number that was not measured is a dash. One seed gives no interval, nor do values that never differ."
    heldout = (
        f"The target {IN_DOMAIN} is in-domain: its classes were never pretrained on, but its images come from the "
        "same generator as those of the corpus fractals. It stands apart from real targets, and no claim about these "
        "rests on it."
    )
    arrangement = (
        f"The target {ARRANGEMENT} is made to tell whether a model sees where patches stand. It is no real target "
        "either."
    )
    outside = (
        "Rows pretrained on external: and digits of a file's hash start from weights made outside this suite, on "
        "images and with a budget that it does not know. They are no rung of a ladder, and no claim of the literature "
        "rests on them."
    )
    paragraphs = [stated, seeds, missing]
    targets = {base(target) for target in cells["target"]}
    paragraphs += [said for target, said in ((IN_DOMAIN, heldout), (ARRANGEMENT, arrangement)) if target in targets]
    if cells["subset_images"].isna().any():
        paragraphs.append(outside)
    return Section("Limits", tuple(paragraphs))


def what_was_run(suite: Mapping[str, Any], runs: pd.DataFrame) -> Section:
    """The suite's facts and the size of every model."""
    facts = {
        "suite": suite["name"],
        "protocol version": suite["protocol"],
        "image size": _image_size(suite, runs),
        "corpora": "; ".join(_ladder(ladder) for ladder in suite["corpora"]) or "none",
        "targets": ", ".join(choice["target"] + " (optional)" * choice["optional"] for choice in suite["targets"]),
        "validation images of targets": _VALIDATION[suite.get("carve", True)],
        "transfers": _transfers(suite) if starts_somewhere(suite) else "none",
        "seeds": ", ".join(str(seed) for seed in suite["seeds"]),
        "budgets matched by": MATCHED[suite.get("match", "images")],
        **_budgets(suite, set(runs["kind"])),
        **({"budgets of pretraining compared": _multiples(suite["budgets"])} if suite.get("budgets") else {}),
        **({"families matched in": suite["size_class"]} if suite.get("size_class") else {}),
        "device": suite.get("device"),
        "precision": suite.get("precision"),
        "threads a run": suite.get("threads"),
        "a run repeats itself": _repeats(suite),
    }
    rows = tuple((name, text(value)) for name, value in facts.items())
    description = (suite["description"],) if suite.get("description") else ()
    return Section("What was run", description, tables=(Table("The suite.", ("What", "Value"), rows, 2), _models(runs)))


def resolved_suite(suite: Mapping[str, Any]) -> Section:
    """The suite with every default filled in, but for budgets that it does not match by."""
    unused = {"images", "flops", "seconds"} - {suite.get("match", "images")}
    shown = {name: value for name, value in suite.items() if name not in unused}
    plain = json.loads(json.dumps(shown))  # without the anchors that YAML gives to what stands twice
    return Section(
        "Resolved suite", code=yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=110).rstrip()
    )


def _intervals(methods: Collection[str]) -> str:
    crossed = "each interval is over seeds and test images, from a two-way analysis of variance"
    alone = "each interval is Student's t over seeds"
    if CROSSED not in methods:
        return alone
    return f"{crossed}; where answers are not kept {alone}" if SEEDS in methods else crossed


def _conditions(cells: pd.DataFrame, methods: Collection[str]) -> str:
    """What all seeds have in common, so that no interval says anything of it."""
    pretrains = (cells["pretrain_key"] != "").any()
    if CROSSED in methods:
        said = "It says what another seed and other test images of the same kind would do"
        said += ", not another pretraining subset." if pretrains else "."
        alone = " Where answers are not kept it is conditional on the test images, too."
        return said + alone * (SEEDS in methods)
    if not pretrains:
        return (
            "All seeds are tested on the same images, so an interval is conditional on them: it says what another seed "
            "would do, not another draw of images."
        )
    return (
        "All seeds pretrain on the same subset and are tested on the same images, so an interval is conditional on "
        "both: it says what another seed would do, not another draw of either."
    )


def _drawn(cells: pd.DataFrame) -> str:
    """What else varies with the seed, if something does."""
    targets = cells.loc[cells["draw"].notna(), "target"].unique()
    return f" The training images of {', '.join(targets)} vary with the seed, and are in it." if len(targets) else ""


def starts_somewhere(suite: Mapping[str, Any]) -> bool:
    """Whether some model is pretrained, here or elsewhere, so that there is something to transfer."""
    return bool(suite["corpora"] or suite.get("external_weights"))


def has_own_models(suite: Mapping[str, Any]) -> bool:
    """Whether some model starts from random initial weights."""
    outside = {one["model"] for one in suite.get("external_weights", ())}
    return any(model not in outside for model in suite["models"])


def _budgets(suite: Mapping[str, Any], kinds: set[str]) -> dict[str, str]:
    """How long each stage trains, in the measure that all models get equally much of."""
    match = suite.get("match", "images")
    amounts = suite.get(match) or {}
    name, words = _AMOUNTS[match]
    together = words(sum(amounts.values())) if amounts else ABSENT
    return {
        f"{name} in pretraining": words(amounts.get("pretrain")) if "pretrain" in kinds else "no model is pretrained",
        f"{name} in transfer": words(amounts.get("transfer")) if "transfer" in kinds else "no model is fine-tuned",
        f"{name} from scratch": together if "scratch" in kinds else "no model is trained from scratch",
    }


def _multiples(budgets: Mapping[str, Any]) -> str:
    """What each model is pretrained for beside the budget of all others."""
    factors = ", ".join(f"{factor:g}" for factor in sorted(budgets["factors"]))
    subset = budgets["subset"]
    return f"{factors} times, on " + (f"{count(subset)} images" if isinstance(subset, int) else str(subset))


def _image_size(suite: Mapping[str, Any], runs: pd.DataFrame) -> str:
    """The suite's, and those of stages whose recipes have one of their own."""
    own = runs[runs["image_size"] != suite["image_size"]]
    stages = (f"{kind} at {size} px" for (kind, size), _ in split(own, ["kind", "image_size"]))
    return ", ".join([f"{suite['image_size']} px", *stages])


def _repeats(suite: Mapping[str, Any]) -> str:
    """How close a run comes to its repetition, on the same machine and versions."""
    if suite.get("device") == "cpu":
        return "bit for bit, as always on a CPU"
    exact = suite.get("deterministic", False)
    return "bit for bit (deterministic: true)" if exact else "within the spread from run to run (deterministic: false)"


def _transfers(suite: Mapping[str, Any]) -> str:
    """What is done with pretrained models, and of k-shot probes how many shots and draws."""
    shots = ", ".join(str(number) for number in suite.get("shots", ()))
    words = {"k-shot": f"k-shot ({shots} images a class, {suite.get('draws')} draws a seed)"}
    return ", ".join(words.get(kind, kind) for kind in suite.get("transfers", (FINE_TUNE,)))


def _models(runs: pd.DataFrame) -> Table:
    """Models by what their first counted run says; heads differ with the number of classes, trunks do not."""
    counted = runs[runs["parameters"].notna()].sort_values("kind", key=lambda kind: kind != "pretrain", kind="stable")
    sizes = {model: found.iloc[0] for (model,), found in split(counted, ["model"])}
    nothing = pd.Series({"parameters": pd.NA, "macs": pd.NA, "tokens": pd.NA})
    rows = []
    for (model, family), _ in split(runs, ["model", "family"]):
        size = sizes.get(model, nothing)
        numbers = (count(size["parameters"]), short_count(size["macs"]), count(size["tokens"]))
        rows.append((model, family_name(family), *numbers))
    head = "the head of their first run"
    if "pretrain" in set(runs["kind"]):
        head = "the head they pretrain with, or of a target where they start from outside weights"
        head = head if runs["corpus"].str.startswith("external:").any() else "the head they pretrain with"
    caption = f"Models, with {head}; multiply-accumulates an image; tokens without the class token."
    return Table(caption, ("Model", "Family", "Parameters", "Multiply-accumulates", "Tokens"), tuple(rows), 2)


def _ladder(ladder: Mapping[str, Any]) -> str:
    corpus = ladder["corpus"]
    named = {
        name: f"{count(rung['images'])} ({name}, {count(rung['classes'])} classes)"
        for name, rung in ladder.get("named", {}).items()
    }
    sizes = ", ".join(named.get(size) or count(size) for size in ladder["subsets"])
    classes = f" ({count(corpus['classes'])} classes)" if is_known(corpus.get("classes")) else ""
    return f"{corpus['name']}{classes}: {sizes} images"
