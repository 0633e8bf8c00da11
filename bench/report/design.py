"""The sections on what a suite asks for: its facts, its recipes with their exceptions, and what it cannot say."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import yaml

from bench.analysis.comparison import FINE_TUNE
from bench.analysis.intervals import LEVEL
from bench.analysis.seeds import split
from bench.report.page import Section, Table
from bench.report.wording import ABSENT, IN_DOMAIN, count, family_name, is_in_domain, known, short_count, text


def limits(suite: Mapping[str, Any], cells: pd.DataFrame) -> Section:
    """What the numbers do not say."""
    stated = suite.get("limits") or "The suite states no limits of its own."
    seeds = (
        f"The independent unit is the seed: each interval is Student's t at {LEVEL:.0%} over seeds, uncorrected "
        f"for the number of comparisons on this page. {_conditions(suite)} Which training images a target such as "
        "digits@100 is cut to varies with the seed, and is in it."
    )
    missing = "A number that was not measured is a dash. One seed, or seeds that all agree, give no interval."
    heldout = (
        f"The target {IN_DOMAIN} is in-domain: its classes were never pretrained on, but its images come from the "
        "same generator as the corpus. It stands apart from real targets, and no claim about these rests on it."
    )
    has_heldout = any(is_in_domain(target) for target in cells["target"].unique())
    outside = (
        "Rows pretrained on external: and a number start from weights made outside this suite, on images and with a "
        "budget that it does not know. They are no rung of a ladder, and no claim rests on them."
    )
    paragraphs = [stated, seeds, missing]
    if has_heldout:
        paragraphs.append(heldout)
    if cells["subset_images"].isna().any():
        paragraphs.append(outside)
    return Section("Limits", tuple(paragraphs))


def what_was_run(suite: Mapping[str, Any], runs: pd.DataFrame) -> Section:
    """The suite's facts and the size of every model."""
    images = suite.get("images", {})
    together = sum(images.values()) if images else None
    scratch = suite.get("from_scratch") and _has_own_models(suite)
    pretrains, transfers = (kind in set(runs["kind"]) for kind in ("pretrain", "transfer"))
    facts = {
        "suite": suite["name"],
        "protocol version": suite["protocol"],
        "image size": f"{suite['image_size']} px",
        "corpora": "; ".join(_ladder(ladder) for ladder in suite["corpora"]),
        "targets": ", ".join(choice["target"] + " (optional)" * choice["optional"] for choice in suite["targets"]),
        "transfers": _transfers(suite) if suite["corpora"] or suite.get("outside_weights") else "none",
        "seeds": ", ".join(str(seed) for seed in suite["seeds"]),
        "images seen in pretraining": count(images.get("pretrain")) if pretrains else "no model is pretrained",
        "images seen in transfer": count(images.get("transfer")) if transfers else "no model is fine-tuned",
        "images seen from scratch": count(together) if scratch else "not run from scratch",
        "budgets matched by": suite.get("match"),
        "families matched in": suite.get("size_class"),
        "device": suite.get("device"),
        "precision": suite.get("precision"),
        "threads a run": suite.get("threads"),
    }
    rows = tuple((name, text(value)) for name, value in facts.items())
    description = (suite["description"],) if suite.get("description") else ()
    return Section("What was run", description, tables=(Table("The suite.", ("What", "Value"), rows, 2), _models(runs)))


def recipes(suite: Mapping[str, Any]) -> Section:
    """Every setting of both stages, and every exception with its reason."""
    stages = suite["recipes"]
    settings = {stage: dict(_flatten(recipe)) for stage, recipe in stages.items()}
    names = list(dict.fromkeys(name for recipe in settings.values() for name in recipe))
    rows = tuple((name, *(text(recipe.get(name)) for recipe in settings.values())) for name in names)
    table = Table("Resolved settings, the same for every family.", ("Setting", *stages), rows, 1 + len(stages))
    exceptions = tuple(
        _exception(stage, item) for stage, recipe in stages.items() for item in recipe.get("exceptions", ())
    )
    header = ("Stage", "Family", "Settings", "Reason")
    outside = (*_scalings(suite), *_outside_weights(suite))
    own = ("Networks of timm and torchvision train without their library's own dropout and stochastic depth.",)
    from_libraries = own if any(":" in model.partition("/")[0] for model in suite.get("models", ())) else ()
    said = (*_not_augmented(suite), *from_libraries)
    if not exceptions:
        none = "Exceptions: none. Every family trains with the same settings."
        return Section("Recipes", (none, *said), tables=(table, *outside))
    listed = Table("Exceptions to them.", header, exceptions, 4)
    return Section("Recipes", said, tables=(table, listed, *outside))


def resolved_suite(suite: Mapping[str, Any]) -> Section:
    """The suite with every default filled in."""
    plain = json.loads(json.dumps(suite))  # without the anchors that YAML gives to what stands twice
    return Section(
        "Resolved suite", code=yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=110).rstrip()
    )


def _conditions(suite: Mapping[str, Any]) -> str:
    """What all seeds have in common, so that no interval says anything of it."""
    if not suite["corpora"]:
        return (
            "All seeds are tested on the same images, so an interval is conditional on them: it says what another seed "
            "would do, not another draw of images."
        )
    return (
        "All seeds pretrain on the same subset and are tested on the same images, so an interval is conditional on "
        "both: it says what another seed would do, not another draw of either."
    )


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
    classes = f" ({count(corpus['classes'])} classes)" if known(corpus.get("classes")) else ""
    return f"{corpus['name']}{classes}: {sizes} images"


def _flatten(recipe: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """A recipe's settings by dotted name; its exceptions stand in a table of their own."""
    for name, value in recipe.items():
        if name == "exceptions":
            continue
        if isinstance(value, Mapping):
            yield from _flatten(value, "" if name == "settings" else f"{prefix}{name}.")
        else:
            yield prefix + name, ABSENT if value is None else str(value)


def _not_augmented(suite: Mapping[str, Any]) -> tuple[str, ...]:
    """The data sets whose images stand as they are, whatever the recipe says, if there are any."""
    known_as = [(ladder["corpus"]["name"], ladder.get("identity", {})) for ladder in suite["corpora"]]
    known_as += [(choice["target"], choice.get("identity", {})) for choice in suite["targets"]]
    names = dict.fromkeys(name for name, identity in known_as if not identity.get("augmentable", True))
    why = "never augmented, whatever the recipe says, since that could change its class or give it away"
    return (f"An image of {' or '.join(names)} is {why}.",) if names else ()


def _has_own_models(suite: Mapping[str, Any]) -> bool:
    """Whether some model starts from random initial weights."""
    outside = {one["model"] for one in suite.get("outside_weights", ())}
    return any(model not in outside for model in suite["models"])


def _outside_weights(suite: Mapping[str, Any]) -> tuple[Table, ...]:
    """Where the weights from outside are from, if there are any."""
    rows = tuple(
        (one["model"], f"external:{one['sha256'][:12]}", one["source"], one["sha256"])
        for one in suite.get("outside_weights", ())
    )
    header = ("Model", "Pretrained on", "Source", "SHA-256")
    return (Table("Weights from outside.", header, rows, len(header)),) if rows else ()


def _scalings(suite: Mapping[str, Any]) -> tuple[Table, ...]:
    """The models whose inputs are scaled otherwise than all others', if there are any."""
    rows = tuple(
        (one["model"], *(", ".join(f"{value:g}" for value in one[name]) for name in ("mean", "std")))
        for one in suite.get("outside_weights", ())
        if {*one["mean"], *one["std"]} != {0.5}
    )
    caption = (
        "Exceptions to the scaling of inputs, which else have mean 0.5 and standard deviation 0.5 taken out: weights "
        "from outside get theirs as the library scales inputs for that name and tag, or as scaling= in a name says."
    )
    return (Table(caption, ("Model", "Mean", "Standard deviation"), rows, 3),) if rows else ()


def _exception(stage: str, exception: Mapping[str, Any]) -> tuple[str, ...]:
    settings = ", ".join(f"{name}: {value}" for name, value in exception.get("set", {}).items())
    return (stage, family_name(str(exception.get("family", ABSENT))), settings, text(exception.get("reason")))
