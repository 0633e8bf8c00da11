"""From a resolved suite to its runs and cells. Pure: the same suite gives the same plan, on any machine.

A run is identified by the hash of all that its result depends on, and of nothing else: neither paths nor the host,
the number of workers or the commit. Runs that several cells need are planned once. Imports no torch.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from bench.data.corpora import CorpusRef
from bench.data.rungs import Rung
from bench.data.sets import OnBadImage, WantedPipeline
from bench.data.targets import TargetRef, parse_target
from bench.ladders import ResolvedLadder
from bench.outside import OutsideModel
from bench.suite import Budgets, ResolvedSuite, ResolvedTarget
from bench.train.recipe import Settings
from models.spec import parse_spec

Stage = Literal["pretrain", "transfer", "scratch"]


@dataclass(frozen=True)
class Run:
    """One training job: pretraining on a subset, a transfer that starts from one, or training from scratch.

    A transfer may start from weights made elsewhere, too.
    """

    stage: Stage
    model: str
    """The canonical spec, without weights from outside."""
    image_size: int
    corpus: CorpusRef | None
    subset_images: int | None
    target: TargetRef | None
    identity: str
    """What the data is, wherever it lies; canonical JSON."""
    recipe: str
    """Its name, for people; the key holds the settings."""
    settings: Settings
    images: int
    """Images seen."""
    match: str
    precision: Literal["fp32", "bf16"]
    device: Literal["cpu", "cuda"]
    threads: int
    seed: int
    starts_from: str | None
    protocol: int
    outside: OutsideModel | None = None
    """The weights made elsewhere that it starts from."""
    pretraining: "Run | None" = None
    """The run that it starts from."""
    pipeline: WantedPipeline = "auto"
    """How images reach the device: it changes no result."""
    on_bad_image: OnBadImage = "fail"
    """What happens to an image that cannot be read."""

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits: the head of the SHA-256 of the resolved run."""
        return hashlib.sha256(canonical_json(self.resolved()).encode()).hexdigest()[:16]

    @property
    def family(self) -> str:
        """`vit`, `cnn` or `hybrid`."""
        return parse_spec(self.model).family

    @property
    def data_name(self) -> str:
        """The corpus or target, with the subset's size, for people."""
        if self.corpus is None:
            return str(self.target)
        classes = f" in {self.subset_classes:,} classes" if self.subset_classes is not None else ""
        return f"{self.corpus.name} {self.subset_images:,}{classes}"

    @property
    def subset_classes(self) -> int | None:
        """Of the subset that it pretrains on; None where the corpus has all of its own."""
        return self.corpus.classes if self.corpus else None

    @property
    def pretraining_name(self) -> str:
        """The corpus that it pretrains on, or that stands for weights made elsewhere; `none` where there is neither."""
        if self.outside is not None:
            return self.outside.corpus
        return self.corpus.name if self.corpus else "none"

    def resolved(self) -> dict[str, Any]:
        """All that the run's result depends on, and nothing else; weights made elsewhere by their hash and scaling."""
        return (self.outside.identity if self.outside else {}) | {
            "protocol": self.protocol,
            "stage": self.stage,
            "model": self.model,
            "image_size": self.image_size,
            "data": self._data(),
            "settings": self.settings.model_dump(mode="json"),
            "budget": {"match": self.match, "images": self.images},
            "precision": self.precision,
            "device": self.device,
            "threads": self.threads,
            "seed": self.seed,
            "starts_from": self.starts_from,
        }

    def _data(self) -> dict[str, Any]:
        """What decides the images: their number where a corpus has more; skipped ones only where they may be."""
        number = {"images": self.subset_images} if self.corpus else {}
        return json.loads(self.identity) | number | ({"on_bad_image": "skip"} if self.on_bad_image == "skip" else {})


@dataclass(frozen=True)
class Cell:
    """One row of the comparison: the transfer run that gives its accuracy, and the pretraining behind it."""

    pretrain: Run | None
    transfer: Run
    transfer_kind: str
    ablation: str = ""
    arm: str = ""


@dataclass(frozen=True)
class Plan:
    """Every run of a suite once, seeds outermost and each after the run it starts from; and every cell."""

    runs: tuple[Run, ...]
    cells: tuple[Cell, ...]

    def run(self, prefix: str) -> Run | None:
        """The run whose key starts so, if it is the only one."""
        found = [run for run in self.runs if run.key.startswith(prefix)]
        return found[0] if len(found) == 1 else None

    def only(self, cells: list[Cell]) -> "Plan":
        """The part of the plan that some of its cells need."""
        needed = {run.key for cell in cells for run in (cell.pretrain, cell.transfer) if run}
        return Plan(tuple(run for run in self.runs if run.key in needed), tuple(cells))


def expand(suite: ResolvedSuite) -> Plan:
    """All cells of a suite, and the runs that they share."""
    cells = tuple(cell for seed in suite.seeds for cell in _cells_of_seed(suite, seed))
    ordered = (run for cell in cells for run in (cell.pretrain, cell.transfer) if run)
    runs = {run.key: run for run in ordered}
    return Plan(tuple(runs.values()), cells)


def canonical_json(value: Any) -> str:
    """JSON with one spelling for one value, to be hashed and compared."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _cells_of_seed(suite: ResolvedSuite, seed: int) -> Iterator[Cell]:
    models = _models_to_pretrain(suite)
    for model in models if suite.from_scratch else ():
        for target in suite.targets:
            yield Cell(None, _scratch(suite, model, target, seed), "fine-tune")
    for ladder in suite.corpora:
        for rung in ladder.rungs:
            for model in models:
                yield from _transfers(suite, _pretrain(suite, model, ladder, rung, seed))
    for outside in suite.outside_weights:
        for kind in suite.transfers:
            for target in suite.targets:
                yield Cell(None, _transfer_from_outside(suite, outside, target, seed), kind)
    for ablation in suite.ablations:
        for arm, model in ablation.arms.items():
            yield from _arm_cells(suite, model, seed, ablation.name, arm)
    if suite.budgets is not None:
        yield from _budget_cells(suite, suite.budgets, seed)


def _arm_cells(suite: ResolvedSuite, model: str, seed: int, ablation: str, arm: str) -> Iterator[Cell]:
    """On the largest subset of the first ladder, or from scratch where there is no ladder."""
    if suite.corpora:
        ladder = suite.corpora[0]
        yield from _transfers(suite, _pretrain(suite, model, ladder, ladder.rungs[-1], seed), ablation, arm)
        return
    for target in suite.targets:
        yield Cell(None, _scratch(suite, model, target, seed), "fine-tune", ablation, arm)


def _budget_cells(suite: ResolvedSuite, budgets: Budgets, seed: int) -> Iterator[Cell]:
    """For each model an ablation of its own, whose arms differ in the images that pretraining sees."""
    ladder = suite.corpora[0]
    for model in _models_to_pretrain(suite):
        for factor in budgets.factors:
            images = round(suite.images.pretrain * factor)
            pretrain = _pretrain(suite, model, ladder, ladder.rung(budgets.subset), seed, images)
            yield from _transfers(suite, pretrain, f"budget {model}", f"{factor:g}")


def _models_to_pretrain(suite: ResolvedSuite) -> list[str]:
    """All but those that start from weights made elsewhere: these are no part of a ladder."""
    outside = {one.model for one in suite.outside_weights}
    return [model for model in suite.models if model not in outside]


def _transfers(suite: ResolvedSuite, pretrain: Run, ablation: str = "", arm: str = "") -> Iterator[Cell]:
    for kind in suite.transfers:
        for target in suite.targets:
            yield Cell(pretrain, _transfer(suite, pretrain, target), kind, ablation, arm)


def _pretrain(
    suite: ResolvedSuite, model: str, ladder: ResolvedLadder, rung: Rung, seed: int, images: int | None = None
) -> Run:
    return _run(
        suite,
        "pretrain",
        model,
        seed,
        recipe="pretrain",
        images=images or suite.images.pretrain,
        corpus=ladder.corpus_of(rung),
        subset_images=rung.images,
        identity=canonical_json(ladder.identity_of(rung)),
    )


def _transfer(suite: ResolvedSuite, pretrain: Run, target: ResolvedTarget) -> Run:
    return _run(
        suite,
        "transfer",
        pretrain.model,
        pretrain.seed,
        recipe="transfer",
        images=suite.images.transfer,
        target=parse_target(target.target),
        identity=canonical_json(target.identity),
        pretraining=pretrain,
    )


def _transfer_from_outside(suite: ResolvedSuite, outside: OutsideModel, target: ResolvedTarget, seed: int) -> Run:
    return _run(
        suite,
        "transfer",
        outside.bare_model,
        seed,
        recipe="transfer",
        images=suite.images.transfer,
        target=parse_target(target.target),
        identity=canonical_json(target.identity),
        outside=outside,
    )


def _scratch(suite: ResolvedSuite, model: str, target: ResolvedTarget, seed: int) -> Run:
    """As many images as both stages together, with the pretraining recipe: else pretraining wins by compute alone."""
    return _run(
        suite,
        "scratch",
        model,
        seed,
        recipe="pretrain",
        images=suite.images.pretrain + suite.images.transfer,
        target=parse_target(target.target),
        identity=canonical_json(target.identity),
    )


def _run(
    suite: ResolvedSuite,
    stage: Stage,
    model: str,
    seed: int,
    *,
    recipe: Literal["pretrain", "transfer"],
    images: int,
    identity: str,
    corpus: CorpusRef | None = None,
    subset_images: int | None = None,
    target: TargetRef | None = None,
    pretraining: Run | None = None,
    outside: OutsideModel | None = None,
) -> Run:
    chosen = suite.recipes[recipe]
    return Run(
        stage=stage,
        model=model,
        image_size=suite.image_size,
        corpus=corpus,
        subset_images=subset_images,
        target=target,
        identity=identity,
        recipe=chosen.name,
        settings=chosen.for_family(parse_spec(model).family),
        images=images,
        match=suite.match,
        precision=suite.precision,
        device=suite.device,
        threads=suite.threads,
        seed=seed,
        starts_from=pretraining.key if pretraining else None,
        protocol=suite.protocol,
        outside=outside,
        pretraining=pretraining,
        pipeline=suite.pipeline,
        on_bad_image=suite.on_bad_image,
    )
