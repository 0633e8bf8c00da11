"""The command line: parse, call, exit code. 0 done; 1 some run did not end ok; 2 wrong input. Imports no torch."""

import json
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bench.cli import plan as plan_text
from bench.cli.data import data_app
from bench.cli.only import select
from bench.config.resolved import ResolvedSuite, resolve
from bench.config.suite import default_data_dir, load_suite
from bench.errors import InputError
from bench.machine.device import choose_device
from bench.plan.expand import Plan, expand
from bench.store.store import Store
from bench.tuning.choice import tuned, tuning_store
from models.spec.model_spec import SpecError

app = typer.Typer(
    help="Compare Vision Transformers, CNNs and hybrids under matched pretraining.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data_app, name="data")

console = Console()


class Device(StrEnum):
    cpu = "cpu"
    cuda = "cuda"


class TrackerChoice(StrEnum):
    tensorboard = "tensorboard"
    wandb = "wandb"
    mlflow = "mlflow"
    none = "none"


SuiteName = Annotated[str, typer.Argument(metavar="SUITE", help="A shipped suite's name, or a path to one.")]
Results = Annotated[Path, typer.Option("--results", help="The folder that holds a store for each suite.")]
Reports = Annotated[Path, typer.Option("--reports", help="The folder that holds a report for each suite.")]
Data = Annotated[Path | None, typer.Option("--data", help="Where data sets lie; else $BENCH_DATA, else data/.")]
SeedOffset = Annotated[int, typer.Option("--seed-offset", min=0, help="Added to each of the suite's seeds.")]
DeviceName = Annotated[Device | None, typer.Option("--device", help="Default: cuda where there is one.")]
NumWorkers = Annotated[int | None, typer.Option("--workers", min=1, help="Default: one a core, or one for a GPU.")]
Only = Annotated[
    str | None, typer.Option("--only", help="A run's key, or model=…,target=…,seed=…: that row and what it needs.")
]
CheckpointEvery = Annotated[
    float, typer.Option("--checkpoint-every", min=0, help="Seconds from one checkpoint of a run to the next.")
]
Tracker = Annotated[TrackerChoice, typer.Option("--tracker", help="Where curves go while runs train.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Run the command line; a user's mistake is one message and exit code 2."""
    try:
        app()
    except (InputError, SpecError) as error:
        Console(stderr=True).print(f"[red]error:[/] {_escaped(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)


@app.command()
def run(
    suite: SuiteName = "auto",
    results: Results = Path("results"),
    data: Data = None,
    seed_offset: SeedOffset = 0,
    device: DeviceName = None,
    workers: NumWorkers = None,
    only: Only = None,
    checkpoint_every: CheckpointEvery = 60.0,
    tracker: Tracker = TrackerChoice.tensorboard,
) -> None:
    """Do a suite's runs and write its tables; finished runs are skipped, and interrupted ones go on."""
    from bench.cli.run import Place, run_suite
    from bench.cli.signals import Terminated
    from bench.runner.run_options import RunOptions

    resolved, plan = _planned(suite, device, data, seed_offset, only, results)
    place = Place(results, data or default_data_dir(), workers, RunOptions(checkpoint_every, tracker.value))
    try:
        failed = run_suite(resolved, plan, place, console)
    except Terminated:
        raise typer.Exit(128 + signal.SIGTERM) from None
    raise typer.Exit(1 if failed else 0)


@app.command()
def tune(
    suite: SuiteName,
    results: Results = Path("results"),
    data: Data = None,
    device: DeviceName = None,
    workers: NumWorkers = None,
    checkpoint_every: CheckpointEvery = 60.0,
    tracker: Tracker = TrackerChoice.none,
) -> None:
    """Make the trials that a suite's `tuning` asks for; `bench run` then trains with what each family chose."""
    from bench.cli.run import Place
    from bench.cli.signals import Terminated
    from bench.cli.tune import tune_suite
    from bench.runner.run_options import RunOptions

    resolved = _resolved(suite, device, data, 0)
    place = Place(results, data or default_data_dir(), workers, RunOptions(checkpoint_every, tracker.value))
    try:
        lacking = tune_suite(resolved, place, console)
    except Terminated:
        raise typer.Exit(128 + signal.SIGTERM) from None
    raise typer.Exit(1 if lacking else 0)


@app.command(name="plan")
def show_plan(
    suite: SuiteName = "auto",
    results: Results = Path("results"),
    data: Data = None,
    seed_offset: SeedOffset = 0,
    device: DeviceName = None,
    only: Only = None,
    runs: Annotated[bool, typer.Option("--runs", help="A line for each run, with its key.")] = False,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Time a few steps of each model; say what the suite will take.")
    ] = False,
    workers: NumWorkers = None,
    as_json: AsJson = False,
) -> None:
    """Print a suite's runs, the images they will see and what they share, or what they will take."""
    resolved, plan = _planned(suite, device, data, seed_offset, only, results)
    if estimate:
        from bench.cli.estimate import estimate_suite, show_estimate

        found = estimate_suite(resolved, plan, data or default_data_dir(), workers)
        if as_json:
            print(json.dumps(found.as_json(), indent=1))
        else:
            show_estimate(console, found)
    elif as_json:
        print(json.dumps({"suite": resolved.model_dump(mode="json"), "runs": _runs_as_json(plan)}, indent=1))
    else:
        plan_text.show(console, resolved, plan, each_run=runs)


@app.command()
def report(suite: SuiteName = "auto", results: Results = Path("results"), reports: Reports = Path("reports")) -> None:
    """Rebuild tables, figures and pages from a store alone, and print the comparison."""
    from bench.analysis.claims.verdict_table import claims_table
    from bench.cli.claims import claims_of_file, judge_store
    from bench.report.console import comparison_text
    from bench.report.write import write_report
    from bench.store.speed_file import all_machines
    from bench.tables.build import build_tables, runs_outside_suite

    store = _existing_store(suite, results)
    tables = build_tables(store)
    judgements = judge_store(store, tables, claims_of_file(suite))
    store.write_tables(tables | {"claims": claims_table(judgements)})
    others = runs_outside_suite(store)
    suite_fields, speeds = store.suite().model_dump(mode="json"), all_machines(results)
    page = write_report(suite_fields, tables, reports / store.root.name, others, speeds, judgements)
    console.print(comparison_text(tables["comparison"]))
    if others:
        console.print(f"{len(others)} finished runs in {store.root} are outside this suite: {', '.join(others)}")
    console.print(f"tables  {store.tables}\nreport  {page}", highlight=False, soft_wrap=True)


@app.command()
def claims(suite: SuiteName = "auto", results: Results = Path("results"), as_json: AsJson = False) -> None:
    """Put the claims of the literature, and the suite's own, to the test on a store's results."""
    from bench.analysis.claims.verdict_table import claims_table
    from bench.cli.claims import claims_of_file, judge_store, show_claims
    from bench.tables.build import build_tables

    store = _existing_store(suite, results)
    judgements = judge_store(store, build_tables(store), claims_of_file(suite))
    store.write_tables({"claims": claims_table(judgements)})
    show_claims(console, judgements, as_json_values=as_json)


@app.command()
def status(
    suite: SuiteName = "auto",
    results: Results = Path("results"),
    watch: Annotated[bool, typer.Option("--watch", help="Look again every 2 s, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say how far a suite has come, from any shell, while it runs or not."""
    from bench.cli.status import show_status

    show_status(console, _existing_store(suite, results, or_trials=True), watch=watch, as_json=as_json)


@app.command()
def verify(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A finished run's key, or its first digits.")],
    results: Results = Path("results"),
    data: Data = None,
) -> None:
    """Repeat a finished row in a temporary store and compare its figures, answers and weights."""
    from bench.cli.verify import find, repeat

    store, found = find(results, key)
    console.print(f"repeating {plan_text.describe(found)} from {store.root}", highlight=False, soft_wrap=True)
    comparison = repeat(store, found, data or default_data_dir())
    plan_text.show_verification(console, comparison)
    raise typer.Exit(0 if comparison.is_same else 1)


@app.command()
def compare(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A file of speeds, or a store.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="A later one. FILE@COMMIT picks one measurement.")],
    fail_over: Annotated[
        str | None, typer.Option("--fail-over", metavar="5%", help="Exit with 1 if something is worse by more.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Compare other machines, precisions or protocols, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare two measurements of speed, or the accuracies of two stores."""
    from bench.cli.compare.command import compare_paths, judge, parse_limit, show

    limit = parse_limit(fail_over) if fail_over is not None else None
    compared = compare_paths(old, new, force=force)
    verdict = judge(compared, limit) if limit is not None else None
    show(console, compared, verdict, as_json=as_json)
    raise typer.Exit(1 if verdict and verdict.worse else 0)


@app.command(name="models")
def list_models(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="Only these, with options; timm:NAME too.")
    ] = None,
    family: Annotated[str | None, typer.Option("--family", help="vit, cnn or hybrid.")] = None,
    image_size: Annotated[int, typer.Option("--image-size", min=1, help="In pixels.")] = 32,
    classes: Annotated[int, typer.Option("--classes", min=1, help="Of the head.")] = 10,
    as_json: AsJson = False,
) -> None:
    """List the models with their parameters, multiply-accumulates, tokens and size class at an image size."""
    from bench.cli.models import catalogue, left_out, show_catalogue

    rows = catalogue(names or [], family, image_size, classes)
    if as_json:
        print(json.dumps([vars(row) for row in rows], indent=1))
    else:
        show_catalogue(console, rows, image_size, classes, [] if names else left_out(image_size))


def _planned(
    suite: str, device: Device | None, data: Path | None, seed_offset: int, only: str | None, results: Path
) -> tuple[ResolvedSuite, Plan]:
    """The suite, with what its trials chose, and its runs."""
    written = _resolved(suite, device, data, seed_offset)
    resolved = tuned(written, results / written.name)
    plan = expand(resolved)
    return resolved, select(plan, only) if only else plan


def _resolved(suite: str, device: Device | None, data: Path | None, seed_offset: int) -> ResolvedSuite:
    chosen = choose_device(device.value if device else None)
    name, content = load_suite(_automatic(suite, chosen))
    return resolve(name, content, device=chosen, data_dir=data or default_data_dir(), seed_offset=seed_offset)


def _automatic(suite: str, device: str) -> str:
    """The default suite: `gpu` where CUDA is available, else `cpu`."""
    if suite != "auto":
        return suite
    return "gpu" if device == "cuda" else "cpu"


def _existing_store(suite: str, results: Path, *, or_trials: bool = False) -> Store:
    """The store of a suite, or one of its trials alone; for `auto` that of `gpu` or `cpu`, whichever was run last."""
    there = sorted(results.glob("*/suite.json"), key=lambda path: path.stat().st_mtime)
    if suite == "auto":
        names = [path.parent.name for path in there if path.parent.name in ("gpu", "cpu")]
        name = names[-1] if names else "cpu"
    else:
        name = Path(suite).name.removesuffix(".yaml").removesuffix(".yml")
    store = Store(results / name)
    if not store.has_suite and not (or_trials and tuning_store(store.root).has_suite):
        known = ", ".join(sorted(path.parent.name for path in there)) or "none"
        raise InputError(
            f"{results / name}: no results of suite {name!r}; there are results of: {known}. "
            f"`bench run {suite}` makes them"
        )
    return store


def _runs_as_json(plan: Plan) -> list[dict[str, Any]]:
    return [{"key": run.key, **run.resolved()} for run in plan.runs]


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
