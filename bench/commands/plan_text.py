"""A plan in words and tables, for the terminal."""

from collections import Counter

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.commands.verify import Comparison
from bench.plan import Plan, Run
from bench.store import Record
from bench.suite import ResolvedSuite

STAGES = {"pretrain": "pretraining", "transfer": "transfer (fine-tuning)", "scratch": "from scratch"}


def show(console: Console, suite: ResolvedSuite, plan: Plan, *, each_run: bool = False) -> None:
    """Print what a plan will do: its runs, the images they see, and what is shared."""
    console.print(f"[bold]suite {suite.name}[/]: {suite.description}", highlight=False)
    console.print(summary(suite, plan), highlight=False)
    console.print(_each_run(plan) if each_run else _grouped(plan))
    console.print(sharing(plan), highlight=False)


def summary(suite: ResolvedSuite, plan: Plan) -> str:
    """One sentence: models, seeds, runs and images."""
    images = sum(run.images for run in plan.runs)
    return (
        f"{len({run.model for run in plan.runs})} models x {len({run.seed for run in plan.runs})} seeds on "
        f"{suite.device} ({suite.precision}): {len(plan.runs)} runs for {len(plan.cells)} cells, "
        f"{images:,} images seen"
    )


def sharing(plan: Plan) -> str:
    """How many transfers each pretraining serves."""
    served = Counter(run.starts_from for run in plan.runs if run.starts_from)
    cells = Counter(cell.transfer.key for cell in plan.cells)
    shared = sum(1 for count in cells.values() if count > 1)
    return (
        f"sharing: {len(served)} pretraining runs serve {sum(served.values())} transfers; "
        f"{shared} transfers stand in more than one cell (an ablation's arm that the ladder has too)"
    )


def describe(run: Run) -> str:
    """A run in a few words: `pretrain vit_pico/8 on fractals 4,096, seed 0`."""
    return f"{run.stage} {run.model} on {run.data_name}, seed {run.seed}"


def failure_line(run: Run, record: Record) -> str:
    """A run that did not end ok, with its reason."""
    return f"[red]{record['status']}[/] {run.key}  {escape(describe(run))}: {escape(record['reason'])}"


def show_verification(console: Console, comparison: Comparison) -> None:
    """Print a run's figures beside its repetition's."""
    table = Table("", "kept", "repeated")
    for name, kept in comparison.kept["metrics"].items():
        table.add_row(name.replace("_", " "), _figure(kept), _figure(comparison.repeated["metrics"].get(name)))
    if comparison.same_predictions is not None:
        table.add_row("predictions", "", "the same" if comparison.same_predictions else "[red]different[/]")
    table.add_row("weights", "", "the same, bit for bit" if comparison.same_weights else "[red]different[/]")
    for name, kept in comparison.kept["environment"].items():
        repeated = comparison.repeated["environment"].get(name)
        if kept != repeated:
            table.add_row(name, str(kept), str(repeated))
    console.print(table)
    console.print("[green]reproduced[/]" if comparison.is_same else "[red]not reproduced[/]")


def _grouped(plan: Plan) -> Table:
    """A row for runs that differ in their seed alone."""
    served = Counter(run.starts_from for run in plan.runs if run.starts_from)
    groups = Counter((run.stage, run.model, run.data_name, run.images, served[run.key]) for run in _unseeded(plan))
    table = Table("stage", "model", "data", "seeds", "images a run", "transfers that share it")
    for (stage, model, data, images, shared), seeds in groups.items():
        table.add_row(STAGES[stage], escape(model), data, str(seeds), f"{images:,}", str(shared or ""))
    return table


def _unseeded(plan: Plan) -> list[Run]:
    """The runs, stage by stage."""
    return sorted(plan.runs, key=lambda run: list(STAGES).index(run.stage))


def _each_run(plan: Plan) -> Table:
    table = Table("key", "stage", "model", "data", "seed", "images", "starts from")
    for run in plan.runs:
        row = (run.key, run.stage, escape(run.model), run.data_name, str(run.seed), f"{run.images:,}")
        table.add_row(*row, run.starts_from or "")
    return table


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.6f}"
