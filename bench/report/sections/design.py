"""The sections on what a suite asks for: its facts, its models, and its limits."""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pandas as pd
import yaml

from bench.analysis.comparison import FINE_TUNE
from bench.analysis.format import ABSENT, count, duration, is_known, short_count, text
from bench.analysis.frames import split
from bench.analysis.stats.crossed import CROSSED, SEEDS
from bench.analysis.targets import ARRANGEMENT, IN_DOMAIN, base
from bench.report.layout import CONFIDENCE, MATCHED, family_name
from bench.report.page import Section, Table, section, table

_AMOUNTS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "images": ("images seen", count),
    "flops": ("training FLOPs", short_count),
    "seconds": ("training time", duration),
}
"""What budgets count, and the text of an amount, by `match`."""
_VALIDATION = {
    True: "taken from training images, or the publisher's",
    False: "none: models train on them, too",
}
"""By `carve`."""


_HELDOUT = (
    f"The target {IN_DOMAIN} is in-domain: its classes were never pretrained on, but the generator of the corpus "
    "fractals draws its images. It stands apart from real targets, and no claim about them rests on it."
)
_ARRANGEMENT = (
    f"The target {ARRANGEMENT} is made to tell whether a model sees where patches are. It is not a real target either."
)
_EXTERNAL = (
    "Rows pretrained on external: and digits of a file's hash start from external weights, made on images and with a "
    "budget that this suite does not know. They are no rung of a ladder, and no claim of the literature rests on them."
)


def limits(suite: Mapping[str, Any], cells: pd.DataFrame, methods: Collection[str]) -> Section:
    """Return what the numbers do not say.

    Args:
        suite: the resolved suite.
        cells: one row per cell.
        methods: what the intervals of accuracies are over, as in the column `method` of the comparison.
    """
    targets = {base(target) for target in cells["target"]}
    return section(
        "Limits",
        suite.get("limits") or "The suite states no limits of its own.",
        f"The independent unit is the seed. {_intervals(methods)} All are at {CONFIDENCE} and, except those of claims, "
        "not corrected for the number of comparisons on this page. "
        f"{_conditions(cells, methods)}{_drawn(cells)}",
        "A number that was not measured is a dash. One seed gives no interval; nor do values that never differ.",
        _HELDOUT if IN_DOMAIN in targets else None,
        _ARRANGEMENT if ARRANGEMENT in targets else None,
        _EXTERNAL if cells["subset_images"].isna().any() else None,
    )


def what_was_run(suite: Mapping[str, Any], runs: pd.DataFrame) -> Section:
    """Return the suite's facts and the size of every model."""
    facts = {
        "suite": suite["name"],
        "protocol version": suite["protocol"],
        "image size": _image_size(suite, runs),
        "corpora": "; ".join(_ladder(ladder) for ladder in suite["corpora"]) or "none",
        "targets": ", ".join(choice["target"] + " (optional)" * choice["optional"] for choice in suite["targets"]),
        "validation images of targets": _VALIDATION[suite.get("carve", True)],
        "transfers": _transfers(suite) if starts_somewhere(suite) else "none",
        "seeds": ", ".join(map(str, suite["seeds"])),
        "budgets matched by": MATCHED[suite.get("match", "images")],
        **_budgets(suite, set(runs["kind"])),
        **({"pretraining budgets compared": _multiples(suite["budgets"])} if suite.get("budgets") else {}),
        **({"families matched in": suite["size_class"]} if suite.get("size_class") else {}),
        "device": suite.get("device"),
        "precision": suite.get("precision"),
        "threads per run": suite.get("threads"),
        "repetition of a run": _repeats(suite),
    }
    rows = tuple((name, text(value)) for name, value in facts.items())
    return section(
        "What was run", suite.get("description"), Table("The suite.", ("What", "Value"), rows, 2), _models(runs)
    )


def resolved_suite(suite: Mapping[str, Any]) -> Section:
    """Return the suite with every default filled in, without budgets that it does not match by."""
    unused = {"images", "flops", "seconds"} - {suite.get("match", "images")}
    shown = {name: value for name, value in suite.items() if name not in unused}
    plain = json.loads(json.dumps(shown))  # YAML would give anchors to objects that are used twice
    return section(
        "Resolved suite", code=yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=110).rstrip()
    )


def _intervals(methods: Collection[str]) -> str:
    """Return what the intervals of accuracies and their differences are over."""
    subject, student = "Intervals of accuracies and their differences are", "Student's t over seeds"
    if CROSSED not in methods:
        return f"{subject} {student}."
    without = f"; without per-image correctness they are {student}" if SEEDS in methods else ""
    return f"{subject} over seeds and test images, from a two-way analysis of variance{without}."


def _conditions(cells: pd.DataFrame, methods: Collection[str]) -> str:
    """Return what all seeds have in common, so that no interval includes its variation."""
    pretrains = (cells["pretrain_key"] != "").any()
    if CROSSED in methods:
        other = ", not another pretraining subset" if pretrains else ""
        fixed = " Without per-image correctness it is conditional on the test images, too." if SEEDS in methods else ""
        return f"An interval says what another seed and other test images of the same kind would do{other}.{fixed}"
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
    """Return what else varies with the seed, if anything does."""
    targets = cells.loc[cells["draw"].notna(), "target"].unique()
    varies = f" The training images of {', '.join(targets)} vary with the seed, so the interval includes them."
    return varies if len(targets) else ""


def starts_somewhere(suite: Mapping[str, Any]) -> bool:
    """Return whether a model is pretrained, here or elsewhere, so that there is something to transfer."""
    return bool(suite["corpora"] or suite.get("external_weights"))


def has_own_models(suite: Mapping[str, Any]) -> bool:
    """Return whether a model starts from random initial weights."""
    external = {weights["model"] for weights in suite.get("external_weights", ())}
    return any(model not in external for model in suite["models"])


def _budgets(suite: Mapping[str, Any], kinds: set[str]) -> dict[str, str]:
    """Return how long each stage trains, in the measure that all models get the same amount of."""
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
    """Return the further budgets that each model is pretrained for."""
    factors = ", ".join(f"{factor:g}" for factor in sorted(budgets["factors"]))
    subset = budgets["subset"]
    return f"{factors} times, on " + (f"{count(subset)} images" if isinstance(subset, int) else str(subset))


def _image_size(suite: Mapping[str, Any], runs: pd.DataFrame) -> str:
    """Return the suite's image size, and that of each stage with another one."""
    others = runs[runs["image_size"] != suite["image_size"]]
    stages = (f"{kind} at {size} px" for (kind, size), _ in split(others, ["kind", "image_size"]))
    return ", ".join([f"{suite['image_size']} px", *stages])


def _repeats(suite: Mapping[str, Any]) -> str:
    """Return how closely a run repeats itself on the same machine and versions."""
    if suite.get("device") == "cpu":
        return "bit for bit, as always on a CPU"
    exact = suite.get("deterministic", False)
    return "bit for bit (deterministic: true)" if exact else "within the spread from run to run (deterministic: false)"


def _transfers(suite: Mapping[str, Any]) -> str:
    """Return what is done with pretrained models; of k-shot probes, how many shots and draws."""
    shots = ", ".join(map(str, suite.get("shots", ())))
    words = {"k-shot": f"k-shot ({shots} images per class, {suite.get('draws')} draws per seed)"}
    return ", ".join(words.get(kind, kind) for kind in suite.get("transfers", (FINE_TUNE,)))


def _models(runs: pd.DataFrame) -> Table:
    """Return the models by their first counted run; heads differ with the number of classes, trunks do not."""
    counted = runs[runs["parameters"].notna()].sort_values("kind", key=lambda kind: kind != "pretrain", kind="stable")
    sizes = counted.drop_duplicates("model")[["model", "parameters", "macs", "tokens"]]
    models = runs.drop_duplicates(["model", "family"])[["model", "family"]].merge(sizes, "left", "model")
    head = "the head of their first run"
    if "pretrain" in set(runs["kind"]):
        external = runs["corpus"].str.startswith("external:").any()
        head = "the head of pretraining" + ", or of a target if they start from external weights" * bool(external)
    columns = {
        "Model": lambda row: row["model"],
        "Family": lambda row: family_name(row["family"]),
        "Parameters": lambda row: count(row["parameters"]),
        "Multiply-accumulates": lambda row: short_count(row["macs"]),
        "Tokens": lambda row: count(row["tokens"]),
    }
    caption = f"Models, with {head}; multiply-accumulates per image; tokens without the class token."
    return table(caption, columns, models, 2)


def _ladder(ladder: Mapping[str, Any]) -> str:
    corpus = ladder["corpus"]
    named = {
        name: f"{count(rung['images'])} ({name}, {count(rung['classes'])} classes)"
        for name, rung in ladder.get("named", {}).items()
    }
    sizes = ", ".join(named.get(size) or count(size) for size in ladder["subsets"])
    classes = f" ({count(corpus['classes'])} classes)" if is_known(corpus.get("classes")) else ""
    return f"{corpus['name']}{classes}: {sizes} images"
