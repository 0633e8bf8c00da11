"""`bench data`: list, show, sample, verify, fetch and index corpora and targets."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from pydantic import ValidationError
from rich.markup import escape
from rich.progress import Progress

from bench.analysis.format import listed, plural
from bench.cli.terminal import Terminal, say
from bench.config.validation import explain
from bench.data import catalogue, corpus, opening, presence, source_kinds
from bench.data.corpus import CorpusRef, load_subset
from bench.data.dataset import MAX_NAMES, PassedOver
from bench.data.formula import MAX_CLASSES, Difficulty
from bench.data.sources.listing import follow_links
from bench.data.target import check_target, parse_target, target_identity
from bench.data.verify import Verification
from bench.data.verify import verify as read_all
from bench.errors import InputError

data_app = typer.Typer(help="Corpora to pretrain on and targets to transfer to.", no_args_is_help=True)

DataDir = Annotated[Path, typer.Option("--data", envvar="BENCH_DATA", help="The folder of data sets.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _follow(asked: bool) -> None:
    if asked:
        follow_links()


FollowLinks = Annotated[
    bool, typer.Option("--follow-links", callback=_follow, help="Read files outside a data set that links lead to.")
]
"""The callback does what the option asks for, before the command begins."""
DATA_DIR = Path("data")


@data_app.command("list")
def list_data(data: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """List the corpora and targets, and whether their files are present."""
    rows = [_facts(name, data) for name in (*corpus.FORMULAS, *catalogue.CATALOGUE)]
    if as_json:
        say(json.dumps(rows, indent=2))
        return
    for row in rows:
        state = "ready" if row["present"] else f"needs: bench data fetch {row['name']} --data {data}"
        say(f"{row['name']:<18} {row['use']:<18} {row['classes']:>7,} classes  {row['summary']}; {state}")
    for name, kind in source_kinds.SOURCES.items():
        say(f"{name + ':' + kind.form:<18} {'corpus and target':<18} {kind.summary}")


@data_app.command()
def show(
    name: str,
    data: DataDir = DATA_DIR,
    groups: Annotated[str | None, typer.Option(help="The target's field `groups`, a column or a pattern.")] = None,
    links: FollowLinks = False,
    as_json: AsJson = False,
) -> None:
    """Show classes, splits and identity. NAME is a corpus or target such as `digits@100`, or `folder:PATH`."""
    _print(_facts(name, data, groups), as_json=as_json)


@data_app.command()
def sample(
    name: str,
    out: Annotated[Path, typer.Option(help="The picture to write.")],
    data: DataDir = DATA_DIR,
    links: FollowLinks = False,
    image_size: Annotated[int, typer.Option(min=8, max=511, help="Pixels per side.")] = 32,
    classes: Annotated[int, typer.Option(min=1, help="Rows: one per class.")] = 8,
    per_class: Annotated[int, typer.Option(min=1, help="Columns: images per class.")] = 12,
    difficulty: Annotated[list[str] | None, typer.Option(help="For drawn corpora: FIELD=VALUE; repeatable.")] = None,
) -> None:
    """Write a grid of training images as PNG, one row per class."""
    from PIL import Image

    if name in corpus.FORMULAS:
        images = _drawn_grid(name, _difficulty(difficulty or []), image_size, classes, per_class)
    elif difficulty:
        drawn = listed(list(corpus.FORMULAS))
        raise InputError(f"--difficulty {difficulty[0]}: only {drawn} have a difficulty, not {name}")
    else:
        images = _grid(name, data, image_size, classes, per_class)
    sheet = np.pad(images, ((0, 0), (0, 0), (0, 0), (1, 1), (1, 1)), constant_values=64)
    rows, columns, channels, height, width = sheet.shape
    pixels = sheet.transpose(0, 3, 1, 4, 2).reshape(rows * height, columns * width, channels)
    try:
        Image.fromarray(pixels).save(out, format="PNG")
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written ({error}); name a file in an existing folder") from error
    say(f"{out}: {rows} classes of {name}, {columns} images each")


@data_app.command()
def verify(name: str, data: DataDir = DATA_DIR, links: FollowLinks = False, as_json: AsJson = False) -> None:
    """Decode every image and check the known checksums; exit with 1 if an image or a checksum is wrong."""
    if name in corpus.FORMULAS:
        say(json.dumps({"name": name, "images": 0}) if as_json else f"{name} needs no files")
        return
    target = parse_target(name)
    with Progress(console=Terminal(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(f"reading {escape(name)}", total=None)
        verification = read_all(target, data, lambda done, total: progress.update(task, completed=done, total=total))
    if as_json:
        bad = [{"id": number, "reason": reason} for number, reason in verification.bad.items()]
        facts = {"images": verification.num_images, "classes": verification.class_counts, "bad_images": bad}
        facts["single_colour"] = list(verification.single_colour)
        facts["shared_between_splits"] = verification.num_shared_between_splits
        facts["under_several_classes"] = verification.num_under_several_classes
        facts |= {"passed_over": [part.facts() for part in verification.passed_over], "notes": verification.notes}
        _print({"name": str(target), **facts, "wrong_sums": verification.wrong_sums}, as_json=True)
    else:
        say(_verification_text(str(target), verification))
    raise typer.Exit(0 if verification.is_good else 1)


@data_app.command()
def fetch(name: str, data: DataDir = DATA_DIR) -> None:
    """Download a data set, by name or as `hf:NAME`, into the data folder, or unpack an archive in that folder."""
    has_files = presence.fetch(name, data, also=tuple(corpus.FORMULAS))
    say(f"{name} is in {data}" if has_files else f"{name} needs no files")


@data_app.command()
def subset(
    name: Annotated[str, typer.Argument(help="A corpus; with --check, by default the one in the file.")] = "",
    images: Annotated[int | None, typer.Option(min=1, help="The number of images.")] = None,
    classes: Annotated[int | None, typer.Option(min=2, help="The number of classes; by default all.")] = None,
    out: Annotated[Path | None, typer.Option(help="The index file to write.")] = None,
    check: Annotated[Path | None, typer.Option(help="An index file to compare with the corpus.")] = None,
    data: DataDir = DATA_DIR,
    links: FollowLinks = False,
    as_json: AsJson = False,
) -> None:
    """Write the images of a subset to a Parquet file; or check such a file, and exit with 1 if it differs."""
    from bench.data.index_file import check_index, write_index

    if check is not None:
        if images is not None or classes is not None or out is not None:
            raise InputError("--check: the file names its subset itself; leave out --images, --classes and --out")
        summary, difference = check_index(check, name or None, data)
        state = difference or "the same here"
        _print({"file": str(check), "state": state, **summary.model_dump()}, as_json=as_json)
        raise typer.Exit(1 if difference else 0)
    if not name or images is None or out is None:
        raise InputError("subset: NAME, --images N and --out FILE.parquet are needed, or --check FILE.parquet")
    summary = write_index(corpus.corpus_of(name, classes), images, data, out)
    _print({"file": str(out), "state": "written", **summary.model_dump()}, as_json=as_json)


def _print(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say(json.dumps(facts, indent=2))
        return
    passed_over = [f"{PassedOver(**part)}" for part in facts.get("passed_over", ())]
    shown = facts | ({"passed_over": "; ".join(passed_over) or "nothing"} if "passed_over" in facts else {})
    say("\n".join(f"{key}: {shown[key]}" for key in shown))


def _facts(name: str, data_dir: Path, groups: str | None = None) -> dict[str, Any]:
    """Return facts about a corpus or target, without decoding an image."""
    if formula := corpus.FORMULAS.get(name):
        if groups is not None:
            source_kinds.check_groups(name, groups)
        facts = {"use": "corpus", "summary": formula.summary, "classes": MAX_CLASSES, "present": True}
        return {"name": name, **facts, "identity": corpus.corpus_identity(CorpusRef(name=name), data_dir)}
    target = parse_target(name, groups)
    facts = {"use": "corpus and target"}
    if target.path is None:
        entry = catalogue.CATALOGUE[target.name]
        sizes = entry.sizes
        facts |= {
            "summary": entry.summary,
            "classes": sizes.classes,
            "splits": {"train": sizes.pool, "validation": sizes.validation, "test": sizes.test},
            "present": presence.is_present(target.name, target.path, data_dir),
        }
    else:
        data = opening.open_data(target.name, target.path, data_dir, groups)
        parts = {"train": data.pool, "validation": data.validation, "test": data.test}
        facts |= {
            "summary": source_kinds.SOURCES[target.name].summary,
            "classes": len(data.class_names),
            "class_names": data.class_names,
            "splits": {split: len(part) for split, part in parts.items()},
            **data.facts(),
            "notes": data.notes,
            "present": True,
        }
        if data.clusters is not None:
            facts["groups"] = {split: len(np.unique(data.clusters[part])) for split, part in parts.items()}
    return {"name": str(target), **facts, "identity": target_identity(target, data_dir)}


def _difficulty(fields: list[str]) -> Difficulty:
    """Return the difficulty that is given by texts `FIELD=VALUE`."""
    values = {}
    for field in fields:
        key, separator, value = field.partition("=")
        if not separator:
            raise InputError(f"--difficulty {field}: it has no value; write FIELD=VALUE, such as rotation=any")
        values[key] = value
    try:
        return Difficulty.model_validate(values)
    except ValidationError as error:
        raise InputError(explain(error, "--difficulty", Difficulty)) from error


def _drawn_grid(
    name: str, difficulty: Difficulty, image_size: int, num_classes: int, per_class: int
) -> NDArray[np.uint8]:
    """Return training images (classes, per_class, 3, size, size) of the first classes of the corpus."""
    num_drawn = max(2, num_classes)
    ref = CorpusRef(name=name, classes=num_drawn, difficulty=difficulty)
    subset = load_subset(ref, num_drawn * per_class, image_size, DATA_DIR)
    by_class = subset.train.images.reshape(per_class, num_drawn, 3, image_size, image_size).swapaxes(0, 1)
    return by_class[:num_classes]


def _grid(name: str, data_dir: Path, image_size: int, num_classes: int, per_class: int) -> NDArray[np.uint8]:
    """Return training images (classes, per_class, 3, size, size) of the first classes; missing images are black."""
    target = parse_target(name)
    check_target(target, data_dir)
    data = opening.open_data(target.name, target.path, data_dir)
    labels = data.labels[data.pool]
    grid = np.zeros((min(num_classes, len(data.class_names)), per_class, 3, image_size, image_size), dtype=np.uint8)
    for label, row in enumerate(grid):
        chosen = data.pool[labels == label][:per_class]
        row[: len(chosen)] = data.read(chosen, image_size)
    return grid


def _verification_text(name: str, verification: Verification) -> str:
    """Return a line for each class and each bad file, and one for all images."""
    from bench.analysis.duplicates import SEVERAL_CLASSES, SHARED

    lines = [
        label.replace("\n", "\\n") + ": " + ", ".join(f"{count:,} {split}" for split, count in row.items())
        for label, row in verification.class_counts.items()
    ]
    for reason, count in Counter(verification.bad.values()).items():
        lines.append(f"bad: {reason}" + (f" ({count:,} images)" if count > 1 else ""))
    lines += [f"bad: {wrong}" for wrong in verification.wrong_sums]
    if single := verification.single_colour:
        ids = ", ".join(map(str, single[:MAX_NAMES])) + ", ..." * (len(single) > MAX_NAMES)
        lines.append(f"{plural(len(single), 'image')} of a single colour (ids {ids})")
    shared = verification.num_shared_between_splits
    lines += [f"{shared[split]:,} {reason}" for split, reason in SHARED.items() if shared.get(split)]
    if several := verification.num_under_several_classes:
        lines.append(f"{several:,} {SEVERAL_CLASSES}")
    lines += [*map(str, verification.passed_over), *verification.notes]
    return "\n".join([*lines, f"{name}: {verification.num_images:,} images, {len(verification.bad):,} of them bad"])
