"""Write the sections on a suite's design: its facts, its models, and its limits."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import pandas as pd
import yaml

from bench.analysis.comparison import FINE_TUNE
from bench.analysis.format import ABSENT, count, duration, is_known, short_count, text
from bench.analysis.frames import split
from bench.analysis.stats.crossed import CROSSED, SEEDS
from bench.analysis.targets import ARRANGEMENT, IN_DOMAIN, base, population
from bench.report.layout import CONFIDENCE, MATCHED, family_name
from bench.report.page import Code, Section, Table, section, table

_AMOUNTS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "images": ("images seen", count),
    "flops": ("training FLOPs", short_count),
    "seconds": ("training time", duration),
}
"""`match` -> the unit of budgets, and a function that formats an amount."""
_VALIDATION = {
    True: "taken from training images, or the publisher's",
    False: "none: models train on them, too",
}
"""`carve` -> the validation images of targets, in words."""
_HELDOUT = (
    "is in-domain: its classes were never pretrained on, but the generator of a corpus draws its images. It is kept "
    "apart from real targets, and no claim about them uses it."
)
_ARRANGEMENT = f"The target {ARRANGEMENT} shows whether a model uses the positions of patches. It is not a real target."
_EXTERNAL = (
    "Rows pretrained on external: and digits of a file's hash start from external weights. This suite does not know "
    "their training images and budget. They are on no ladder, and no claim of the literature uses them."
)

_LEFT_OUT = "What was passed over when the data was read, and what to know of the images that runs use."


def limits(
    suite: Mapping[str, Any], cells: pd.DataFrame, methods: Collection[str], clusters: Mapping[str, Sequence[int]]
) -> Section:
    """Return the section on the limits of the numbers.

    Args:
        suite: The resolved suite.
        cells: One row per cell.
        methods: What the intervals of accuracies are over, as in the column `method` of the comparison.
        clusters: Target -> the number of test images of each cluster; other targets have no clusters.
    """
    targets = {base(target) for target in cells["target"]}
    return section(
        "Limits",
        suite.get("limits") or "The suite states no limits of its own.",
        f"The independent unit is the seed. {_intervals(methods)} All are at {CONFIDENCE} and, except those of claims, "
        "not corrected for the number of comparisons on this page. "
        f"{_conditions(cells, methods)}{_populations(cells, clusters) if CROSSED in methods else ''}{_drawn(cells)}",
        "A number that was not measured is a dash. One seed gives no interval, and neither do equal values.",
        *(f"The target {name} {_HELDOUT}" for name in IN_DOMAIN if name in targets),
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
        "targets": ", ".join(map(_target, suite["targets"])),
        "validation images of targets": _VALIDATION[suite.get("carve", True)],
        "transfers": _transfers(suite) if starts_somewhere(suite) else "none",
        "seeds": _seeds(suite),
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


def left_out(passed_over: pd.DataFrame | None) -> tuple[Section, ...]:
    """Return the section on data: what its sources hold beside the images; nothing if that is nothing."""
    if passed_over is None or passed_over.empty:
        return ()
    columns = {
        "Source": lambda row: row["source"],
        "What": lambda row: row["reason"],
        "First names": lambda row: row["names"] or ABSENT,
        "Number": lambda row: count(row["num"]),
    }
    return (section("Data", table(_LEFT_OUT, columns, passed_over, 3)),)


def resolved_suite(suite: Mapping[str, Any]) -> Section:
    """Return the suite with every default filled in, without budgets that it does not match by."""
    unused = {"images", "flops", "seconds"} - {suite.get("match", "images")}
    shown = {name: value for name, value in suite.items() if name not in unused}
    plain = json.loads(json.dumps(shown))  # YAML would give anchors to objects that are used twice
    return section(
        "Resolved suite", Code(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=110).rstrip())
    )


def _intervals(methods: Collection[str]) -> str:
    """Return a sentence on what the intervals of accuracies and their differences are over."""
    subject, student = "Intervals of accuracies and their differences are", "Student's t over seeds"
    if CROSSED not in methods:
        return f"{subject} {student}."
    without = f"; without per-image correctness they are {student}" if SEEDS in methods else ""
    return f"{subject} over seeds and test images, from a two-way analysis of variance{without}."


def _conditions(cells: pd.DataFrame, methods: Collection[str]) -> str:
    """Return a sentence on what is the same for all seeds, so that no interval includes its variation."""
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


def _populations(cells: pd.DataFrame, clusters: Mapping[str, Sequence[int]]) -> str:
    """Return a sentence on the images for which the test images of each target stand."""
    by_population: dict[str, list[str]] = {}
    for target in dict.fromkeys(cells["target"]):
        by_population.setdefault(population(target, clusters.get(target)), []).append(target)
    parts = [f"on {', '.join(targets)} for {name}" for name, targets in by_population.items()]
    together = " Images of one cluster count together." if clusters else ""
    return f" The test images stand {'; '.join(parts)}.{together}"


def _drawn(cells: pd.DataFrame) -> str:
    """Return a sentence on training images that vary with the seed; empty if there are none."""
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
    """Return how long each stage trains, in the unit that all models get the same amount of."""
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
    """Return the additional budgets for which each model is pretrained."""
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
    """Return the ways of transfer, with the shots and draws of k-shot probes."""
    shots = ", ".join(map(str, suite.get("shots", ())))
    words = {"k-shot": f"k-shot ({shots} images per class, {suite.get('draws')} draws per seed)"}
    return ", ".join(words.get(kind, kind) for kind in all_transfers(suite))


def all_transfers(suite: Mapping[str, Any]) -> list[str]:
    """Return the ways of transfer of all targets, each once."""
    of_suite = suite.get("transfers", (FINE_TUNE,))
    kinds = (kind for choice in suite["targets"] for kind in choice.get("transfers") or of_suite)
    return list(dict.fromkeys(kinds))


def _target(choice: Mapping[str, Any]) -> str:
    """Return a target with what is said of it alone: `digits@1000 (optional; rows: ladder, scratch)`."""
    said = [f"{name}: {', '.join(choice[name])}" for name in ("rows", "transfers") if choice.get(name)]
    said = ["optional"] * choice["optional"] + said
    return choice["target"] + (f" ({'; '.join(said)})" if said else "")


def _seeds(suite: Mapping[str, Any]) -> str:
    """Return the seeds, and those that train from scratch if that are fewer."""
    seeds, number = (list(map(str, suite["seeds"])), suite.get("scratch_seeds"))
    return ", ".join(seeds) + (f"; from scratch {', '.join(seeds[:number])}" if number else "")


def _models(runs: pd.DataFrame) -> Table:
    """Return the models with the counts of their first run; only the size of the head depends on the run."""
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
