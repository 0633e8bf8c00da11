"""Expand a resolved suite into its runs and cells; the same suite gives the same plan on any machine.

A run that several cells need is planned once. Imports no torch.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from bench.analysis.format import plural
from bench.config.external_weights import ExternalModel
from bench.config.ladder import ResolvedLadder
from bench.config.recipe import Recipe, RecipeStage, Settings
from bench.config.resolved import ResolvedSuite, ResolvedTarget
from bench.config.suite import Ablation, BudgetFactors
from bench.config.target_choice import Transfer, all_kinds
from bench.data.named_sizes import Rung
from bench.data.target import parse_target
from bench.errors import InputError
from bench.machine.device import Device
from bench.plan.run import MIN_IMAGES, NOTHING, PROBES, Budget, Probe, Run, Stage, canonical_json
from models.spec.model_spec import parse_spec

MAX_CELLS = 20_000


@dataclass(frozen=True)
class Cell:
    """One row of the comparison: the run that gives its accuracy, and the pretraining that this run starts from."""

    pretrain: Run | None
    transfer: Run
    transfer_kind: str
    ablation: str = ""
    arm: str = ""

    @property
    def shots(self) -> int | None:
        """Training images per class; None if all training images of the target are used."""
        return self.transfer.probe.shots if self.transfer.probe else None

    @property
    def draw(self) -> int | None:
        """The number of the draw among a seed's draws of shots."""
        return self.transfer.probe.draw if self.transfer.probe else None


@dataclass(frozen=True)
class Plan:
    """All cells of a suite, and each of its runs once: seed by seed, and after the run that it starts from."""

    runs: tuple[Run, ...]
    cells: tuple[Cell, ...]

    def run(self, prefix: str) -> Run | None:
        """Return the run whose key has a prefix; None if no run, or more than one, has it."""
        matches = [run for run in self.runs if run.key.startswith(prefix)]
        return matches[0] if len(matches) == 1 else None

    def only(self, cells: list[Cell]) -> "Plan":
        """Return the plan of some of its cells, with the runs that they need."""
        needed = {run.key for cell in cells for run in (cell.pretrain, cell.transfer) if run}
        return Plan(tuple(run for run in self.runs if run.key in needed), tuple(cells))


def expand(suite: ResolvedSuite) -> Plan:
    """Return all cells of a suite, and the runs that they share.

    Raises:
        InputError: there are more cells than a suite may have, or a training would see too few images.
    """
    if (count := num_cells(suite)) > MAX_CELLS:
        raise InputError(
            f"suite {suite.name}: it asks for {count:,} cells, of which a suite may have {MAX_CELLS:,}; take fewer "
            "models, subsets, targets, seeds, shots or draws"
        )
    cells = tuple(cell for seed in suite.seeds for cell in _cells_of_seed(suite, seed))
    ordered = (run for cell in cells for run in (cell.pretrain, cell.transfer) if run)
    runs = {run.key: run for run in ordered}
    for run in runs.values():
        if run.probe is None and run.budget.match == "images" and run.budget.amount < MIN_IMAGES:
            raise InputError(
                f"suite {suite.name}: {run.stage} of {run.model} would see {plural(int(run.budget.amount), 'image')}; "
                f"every training needs at least {MIN_IMAGES}"
            )
    return Plan(tuple(runs.values()), cells)


def num_cells(suite: ResolvedSuite) -> int:
    """Return the number of a suite's cells, without making them."""
    models, external = len(_models_to_pretrain(suite)), len(suite.external_weights)
    pretrained = [ablation for ablation in suite.ablations if _is_pretrained(suite, ablation)]
    starts = {
        "ladder": models * sum(len(ladder.subsets) for ladder in suite.corpora),
        "external": external,
        "budgets": models * len(suite.budgets.factors) if suite.budgets is not None else 0,
        **{ablation.name: len(ablation.arms) for ablation in pretrained},
    }
    per_seed = sum(count * _num_per_start(suite, row) for row, count in starts.items())
    others = [ablation for ablation in suite.ablations if ablation not in pretrained]
    per_seed += sum(len(ablation.arms) * len(_targets(suite, ablation.name)) for ablation in others)
    seeds_from_scratch = len(suite.seeds[: suite.scratch_seeds]) if suite.from_scratch else 0
    from_scratch = models * seeds_from_scratch * len(_targets(suite, "scratch"))
    as_they_are = external * len(_whole(_targets(suite, "external", "none")))
    return len(suite.seeds) * per_seed + from_scratch + as_they_are


def _num_per_start(suite: ResolvedSuite, row: str) -> int:
    """Return the number of cells of one seed that start from one pretraining, or from one model's external weights."""
    of_kind = {kind: _targets(suite, row, kind) for kind in ("fine-tune", "linear", "k-shot")}
    shots = len(_whole(of_kind["k-shot"])) * len(suite.shots) * suite.draws
    return len(of_kind["fine-tune"]) + len(of_kind["linear"]) + shots


def _targets(suite: ResolvedSuite, row: str, kind: Transfer | None = None) -> list[ResolvedTarget]:
    """Return the targets that a kind of row, or an ablation, is trained on, by a kind of transfer if one is given."""
    on = [target for target in suite.targets if target.has(row)]
    return [target for target in on if kind is None or kind in target.kinds(suite.transfers)]


def _cells_of_seed(suite: ResolvedSuite, seed: int) -> Iterator[Cell]:
    models = _models_to_pretrain(suite)
    for model in models if suite.from_scratch and seed in suite.seeds[: suite.scratch_seeds] else ():
        for target in _targets(suite, "scratch"):
            yield Cell(None, scratch_run(suite, model, target, seed), "fine-tune")
    for ladder in suite.corpora:
        for rung in ladder.rungs:
            for model in models:
                yield from _transfers(suite, _pretrained(pretrain_run(suite, model, ladder, rung, seed)), "ladder")
    for external in suite.external_weights:
        yield from _transfers(suite, Start(external.bare_model, seed, external=external), "external")
    for ablation in suite.ablations:
        for arm, model in ablation.arms.items():
            yield from _arm_cells(suite, model, seed, ablation, arm)
    if suite.budgets is not None:
        yield from _budget_cells(suite, suite.budgets, seed)


def _arm_cells(suite: ResolvedSuite, model: str, seed: int, ablation: Ablation, arm: str) -> Iterator[Cell]:
    """Yield an arm's cells: pretrained on the largest subset of the first ladder, or from scratch."""
    if _is_pretrained(suite, ablation):
        ladder = suite.corpora[0]
        pretrain = pretrain_run(suite, model, ladder, ladder.rungs[-1], seed)
        yield from _transfers(suite, _pretrained(pretrain), ablation.name, ablation.name, arm)
        return
    for target in _targets(suite, ablation.name):
        run = scratch_run(suite, model, target, seed)
        if suite.corpora:
            run = replace(run, budget=_budget(suite, "transfer"))
        yield Cell(None, run, "fine-tune", ablation.name, arm)


def _is_pretrained(suite: ResolvedSuite, ablation: Ablation) -> bool:
    return bool(suite.corpora) and ablation.pretrained


def _budget_cells(suite: ResolvedSuite, budgets: BudgetFactors, seed: int) -> Iterator[Cell]:
    """Yield the cells of an ablation per model whose arms differ in their pretraining budgets."""
    ladder = suite.corpora[0]
    for model in _models_to_pretrain(suite):
        for factor in budgets.factors:
            pretrain = pretrain_run(suite, model, ladder, ladder.rung(budgets.subset), seed, factor)
            yield from _transfers(suite, _pretrained(pretrain), "budgets", f"budget {model}", f"{factor:g}")


def _models_to_pretrain(suite: ResolvedSuite) -> list[str]:
    """Return the models that do not start from external weights, which are on no ladder."""
    external = {model.model for model in suite.external_weights}
    return [model for model in suite.models if model not in external]


@dataclass(frozen=True)
class Start:
    """The starting point of transfers and probes: a pretraining or external weights."""

    model: str
    seed: int
    pretraining: Run | None = None
    external: ExternalModel | None = None


def _pretrained(run: Run) -> Start:
    return Start(run.model, run.seed, pretraining=run)


def _transfers(suite: ResolvedSuite, start: Start, row: str, ablation: str = "", arm: str = "") -> Iterator[Cell]:
    for kind in all_kinds(suite.targets, suite.transfers):
        for run in _of_kind(suite, start, kind, _targets(suite, row, kind)):
            yield Cell(start.pretraining, run, kind, ablation, arm)


def _of_kind(suite: ResolvedSuite, start: Start, kind: Transfer, targets: list[ResolvedTarget]) -> Iterator[Run]:
    """Yield the runs of one kind of transfer; shots are drawn from all training images of a target."""
    if kind == "fine-tune":
        yield from (transfer_run(suite, start, target) for target in targets)
    elif kind == "linear":
        yield from (_probe(suite, start, target, Probe("linear")) for target in targets)
    elif kind == "none":
        if start.external is not None and start.seed == suite.seeds[0]:  # nothing is drawn, so one seed says it all
            yield from (_probe(suite, start, target, Probe("none")) for target in _whole(targets))
    else:
        for target in _whole(targets):
            for shots in suite.shots:
                yield from (_probe(suite, start, target, Probe("k-shot", shots, draw)) for draw in range(suite.draws))


def _whole(targets: list[ResolvedTarget]) -> list[ResolvedTarget]:
    """Return each target once, without a number of training images."""
    whole = {str(replace(parse_target(target.target), num_images=None)): target for target in targets}
    return [
        target.model_copy(update={"target": name, "identity": target.identity | {"images": None}})
        for name, target in whole.items()
    ]


def pretrain_run(
    suite: ResolvedSuite, model: str, ladder: ResolvedLadder, rung: Rung, seed: int, factor: float = 1
) -> Run:
    """Return a pretraining on a rung, for a multiple of the suite's budget."""
    budget = _budget(suite, "pretrain") * factor
    run = _run(suite, "pretrain", Start(model, seed), budget, ladder.identity_of(rung))
    return replace(run, corpus=ladder.corpus_of(rung), subset_images=rung.images, carved=True)


def transfer_run(suite: ResolvedSuite, start: Start, target: ResolvedTarget, factor: float = 1) -> Run:
    """Return a fine-tuning to a target, for a multiple of the suite's budget."""
    return _run_on(target, suite, "transfer", start, _budget(suite, "transfer") * factor)


def scratch_run(suite: ResolvedSuite, model: str, target: ResolvedTarget, seed: int, factor: float = 1) -> Run:
    """Return a training from scratch, for a multiple of the sum of both stages' budgets.

    It uses the pretraining recipe. With a smaller budget, pretraining would win by compute alone.
    """
    budget = (_budget(suite, "pretrain") + _budget(suite, "transfer")) * factor
    return _run_on(target, suite, "scratch", Start(model, seed), budget)


def _probe(suite: ResolvedSuite, start: Start, target: ResolvedTarget, probe: Probe) -> Run:
    run = _run_on(target, suite, "probe", start, NOTHING)
    return replace(run, probe=probe, recipe=PROBES[probe.kind], image_size=suite.image_size)


def _budget(suite: ResolvedSuite, stage: RecipeStage) -> Budget:
    amounts = getattr(suite, suite.match)
    return Budget(suite.match, getattr(amounts, stage))


def _run_on(target: ResolvedTarget, suite: ResolvedSuite, stage: Stage, start: Start, budget: Budget) -> Run:
    """Return a run on a target."""
    return replace(_run(suite, stage, start, budget, target.identity), target=target.ref)


def _run(suite: ResolvedSuite, stage: Stage, start: Start, budget: Budget, identity: dict[str, Any]) -> Run:
    """Return a run without its corpus or target, which the caller adds."""
    recipe = suite.recipe_of(start.model, "pretrain" if stage in ("pretrain", "scratch") else "transfer")
    settings = _settings(recipe, start.model, suite.device)
    return Run(
        stage=stage,
        model=start.model,
        image_size=settings.image_size or suite.image_size,
        corpus=None,
        subset_images=None,
        target=None,
        identity=canonical_json(identity),
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
        carved=suite.carve,
        deterministic=suite.deterministic,
    )


@lru_cache(maxsize=1024)
def _settings(recipe: Recipe, model: str, device: Device) -> Settings:
    return recipe.for_family(parse_spec(model).family).on(device)
