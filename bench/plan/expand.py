"""From a resolved suite to its runs and cells. Pure: the same suite gives the same plan, on any machine.

Runs that several cells need are planned once. Imports no torch.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from bench.config.external_weights import ExternalModel
from bench.config.ladder import ResolvedLadder
from bench.config.recipe import Recipe, Settings
from bench.config.resolved import ResolvedSuite, ResolvedTarget
from bench.config.suite import BudgetFactors
from bench.data.corpus import CorpusRef
from bench.data.named_sizes import Rung
from bench.data.target import parse_target
from bench.plan.run import NOTHING, PROBES, Budget, Probe, Run, Stage, canonical_json
from models.spec.model_spec import parse_spec


@dataclass(frozen=True)
class Cell:
    """One row of the comparison: the transfer run that gives its accuracy, and the pretraining behind it."""

    pretrain: Run | None
    transfer: Run
    transfer_kind: str
    ablation: str = ""
    arm: str = ""

    @property
    def shots(self) -> int | None:
        """Training images of each class; None where all of the target's are used."""
        return self.transfer.probe.shots if self.transfer.probe else None

    @property
    def draw(self) -> int | None:
        """Which draw of a seed's shots."""
        return self.transfer.probe.draw if self.transfer.probe else None


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


def _cells_of_seed(suite: ResolvedSuite, seed: int) -> Iterator[Cell]:
    models = _models_to_pretrain(suite)
    for model in models if suite.from_scratch else ():
        for target in suite.targets:
            yield Cell(None, scratch_run(suite, model, target, seed), "fine-tune")
    for ladder in suite.corpora:
        for rung in ladder.rungs:
            for model in models:
                yield from _transfers(suite, _pretrained(pretrain_run(suite, model, ladder, rung, seed)))
    for external in suite.external_weights:
        yield from _transfers(suite, Start(external.bare_model, seed, external=external))
    for ablation in suite.ablations:
        for arm, model in ablation.arms.items():
            yield from _arm_cells(suite, model, seed, ablation.name, arm)
    if suite.budgets is not None:
        yield from _budget_cells(suite, suite.budgets, seed)


def _arm_cells(suite: ResolvedSuite, model: str, seed: int, ablation: str, arm: str) -> Iterator[Cell]:
    """On the largest subset of the first ladder, or from scratch where there is no ladder."""
    if suite.corpora:
        ladder = suite.corpora[0]
        pretrain = pretrain_run(suite, model, ladder, ladder.rungs[-1], seed)
        yield from _transfers(suite, _pretrained(pretrain), ablation, arm)
        return
    for target in suite.targets:
        yield Cell(None, scratch_run(suite, model, target, seed), "fine-tune", ablation, arm)


def _budget_cells(suite: ResolvedSuite, budgets: BudgetFactors, seed: int) -> Iterator[Cell]:
    """For each model an ablation of its own, whose arms differ in how long they are pretrained."""
    ladder = suite.corpora[0]
    for model in _models_to_pretrain(suite):
        for factor in budgets.factors:
            pretrain = pretrain_run(suite, model, ladder, ladder.rung(budgets.subset), seed, factor)
            yield from _transfers(suite, _pretrained(pretrain), f"budget {model}", f"{factor:g}")


def _models_to_pretrain(suite: ResolvedSuite) -> list[str]:
    """All but those that start from external weights: these are no part of a ladder."""
    external = {one.model for one in suite.external_weights}
    return [model for model in suite.models if model not in external]


@dataclass(frozen=True)
class Start:
    """What transfers and probes start from: a pretraining, or external weights."""

    model: str
    seed: int
    pretraining: Run | None = None
    external: ExternalModel | None = None


def _pretrained(run: Run) -> Start:
    return Start(run.model, run.seed, pretraining=run)


def _transfers(suite: ResolvedSuite, start: Start, ablation: str = "", arm: str = "") -> Iterator[Cell]:
    for kind in suite.transfers:
        for run in _of_kind(suite, start, kind):
            yield Cell(start.pretraining, run, kind, ablation, arm)


def _of_kind(suite: ResolvedSuite, start: Start, kind: str) -> Iterator[Run]:
    """The runs of one kind of transfer; shots are drawn from all that a target may train on, whatever its size."""
    if kind == "fine-tune":
        yield from (transfer_run(suite, start, target) for target in suite.targets)
    elif kind == "linear":
        yield from (_probe(suite, start, target, Probe("linear")) for target in suite.targets)
    else:
        for target in _whole(suite.targets):
            for shots in suite.shots:
                yield from (_probe(suite, start, target, Probe("k-shot", shots, draw)) for draw in range(suite.draws))


def _whole(targets: tuple[ResolvedTarget, ...]) -> list[ResolvedTarget]:
    """Each target once, without the number of its training images."""
    whole = {str(replace(parse_target(target.target), num_images=None)): target for target in targets}
    return [
        target.model_copy(update={"target": name, "identity": target.identity | {"images": None}})
        for name, target in whole.items()
    ]


def pretrain_run(
    suite: ResolvedSuite, model: str, ladder: ResolvedLadder, rung: Rung, seed: int, factor: float = 1
) -> Run:
    """Pretraining on a rung, for so many times the suite's budget."""
    return _run(
        suite,
        "pretrain",
        Start(model, seed),
        budget=_budget(suite, "pretrain") * factor,
        data=OnCorpus(ladder.corpus_of(rung), rung.images, canonical_json(ladder.identity_of(rung))),
    )


def transfer_run(suite: ResolvedSuite, start: Start, target: ResolvedTarget, factor: float = 1) -> Run:
    """Fine-tuning to a target, for so many times the suite's budget."""
    return _run(suite, "transfer", start, budget=_budget(suite, "transfer") * factor, data=target)


def _probe(suite: ResolvedSuite, start: Start, target: ResolvedTarget, probe: Probe) -> Run:
    return replace(_run(suite, "probe", start, budget=NOTHING, data=target), probe=probe, recipe=PROBES[probe.kind])


def scratch_run(suite: ResolvedSuite, model: str, target: ResolvedTarget, seed: int, factor: float = 1) -> Run:
    """As much as both stages together, with the pretraining recipe: else pretraining wins by compute alone."""
    budget = (_budget(suite, "pretrain") + _budget(suite, "transfer")) * factor
    return _run(suite, "scratch", Start(model, seed), budget=budget, data=target)


def _budget(suite: ResolvedSuite, stage: Literal["pretrain", "transfer"]) -> Budget:
    amounts = getattr(suite, suite.match)
    return Budget(suite.match, getattr(amounts, stage))


@dataclass(frozen=True)
class OnCorpus:
    """The subset that a run pretrains on."""

    corpus: CorpusRef
    images: int
    identity: str


def _run(suite: ResolvedSuite, stage: Stage, start: Start, *, budget: Budget, data: OnCorpus | ResolvedTarget) -> Run:
    on_corpus = data if isinstance(data, OnCorpus) else None
    recipe = suite.recipe_of(start.model, "pretrain" if stage in ("pretrain", "scratch") else "transfer")
    settings = _settings(recipe, start.model, suite.device)
    return Run(
        stage=stage,
        model=start.model,
        image_size=(settings.image_size if stage != "probe" else None) or suite.image_size,
        corpus=on_corpus.corpus if on_corpus else None,
        subset_images=on_corpus.images if on_corpus else None,
        target=parse_target(data.target) if isinstance(data, ResolvedTarget) else None,
        identity=data.identity if isinstance(data, OnCorpus) else canonical_json(data.identity),
        recipe=recipe.name,
        settings=settings,
        budget=budget,
        precision=suite.precision,
        device=suite.device,
        threads=suite.threads,
        seed=start.seed,
        starts_from=start.pretraining.key if start.pretraining else None,
        protocol=suite.protocol,
        external=start.external,
        pretraining=start.pretraining,
        pipeline=suite.pipeline,
        on_bad_image=suite.on_bad_image,
        carved=suite.carve or on_corpus is not None,
        deterministic=suite.deterministic,
    )


@lru_cache(maxsize=1024)
def _settings(recipe: Recipe, model: str, device: Literal["cpu", "cuda"]) -> Settings:
    return recipe.for_family(parse_spec(model).family).on(device)
