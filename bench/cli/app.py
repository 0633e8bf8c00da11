"""The command line: parse, print, set the exit code.

Exit codes: 0 done, 1 some run did not end `ok`, 2 wrong input, 3 no recommendation, 130 and 143 stopped. Each command
imports its modules when it runs, so that `bench --help` and `bench plan` load neither torch nor pandas.
"""

import json
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from bench import PROTOCOL_VERSION
from bench.cli.data import FollowLinks, data_app
from bench.cli.signals import Terminated
from bench.cli.terminal import Terminal, accept_all_text, marked, say
from bench.errors import InputError
from bench.machine.device import Device
from bench.runner.run_options import RunOptions, TrackerName
from bench.training.settings import MAX_IMAGE_SIZE
from models.spec.model_error import SpecError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data_app, name="data")

console = Terminal()


SuiteName = Annotated[str, typer.Argument(metavar="SUITE", help="The name of a shipped suite, or the path of a file.")]
Results = Annotated[Path, typer.Option("--results", help="The folder of all stores, one per suite.")]
Reports = Annotated[Path, typer.Option("--reports", help="The folder of all reports, one per suite.")]
Data = Annotated[Path | None, typer.Option("--data", help="The folder of data sets. Default: $BENCH_DATA, else data/.")]
SeedOffset = Annotated[
    int, typer.Option("--seed-offset", min=0, max=2**31 - 1, help="A number to add to each seed of the suite.")
]
DeviceName = Annotated[Device | None, typer.Option("--device", help="Default: cuda if available, else cpu.")]
NumWorkers = Annotated[
    int | None, typer.Option("--workers", min=1, max=1024, help="Default: one per core, or one for a GPU.")
]
Only = Annotated[
    str | None, typer.Option("--only", help="A run's key, or model=…,target=…,seed=…: only these rows and their runs.")
]
CheckpointEvery = Annotated[
    float, typer.Option("--checkpoint-every", min=0, help="Seconds between two checkpoints of a run.")
]
Tracker = Annotated[TrackerName, typer.Option("--tracker", help="The tracker of training curves.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Run the command line; if the input is wrong, print one message and exit with code 2."""
    accept_all_text()
    try:
        app()
    except (InputError, SpecError) as error:
        Terminal(stderr=True).print(marked("error:", "red", f" {error}"), highlight=False, soft_wrap=True)
        sys.exit(2)
    except Terminated:
        sys.exit(128 + signal.SIGTERM)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        say(f"bench {version('vit-cnn-hybrid-bench')}, protocol {PROTOCOL_VERSION}")
        raise typer.Exit


@app.callback()
def _every_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version, and exit.")
    ] = False,
) -> None:
    """Compare Vision Transformers, CNNs and hybrids under matched pretraining."""


@app.command()
def run(
    suite: SuiteName = "auto",
    results: Results = Path("results"),
    data: Data = None,
    links: FollowLinks = False,
    seed_offset: SeedOffset = 0,
    device: DeviceName = None,
    workers: NumWorkers = None,
    only: Only = None,
    checkpoint_every: CheckpointEvery = 60.0,
    tracker: Tracker = "tensorboard",
) -> None:
    """Execute the runs of a suite and write its tables; skip finished runs, and resume interrupted ones."""
    from bench.cli.named_suite import kept_trials, plan_of, resolve_named
    from bench.cli.run import RunArguments, run_suite
    from bench.config.suite import default_data_dir

    resolved = resolve_named(suite, device, data, seed_offset)
    kept = kept_trials(suite, resolved)
    resolved, plan = plan_of(resolved, results, only, kept)
    options = RunOptions(checkpoint_every, tracker)
    arguments = RunArguments(results, data or default_data_dir(), workers, options, kept)
    failed = run_suite(resolved, plan, arguments, console)
    raise typer.Exit(1 if failed else 0)


@app.command()
def tune(
    suite: SuiteName,
    results: Results = Path("results"),
    data: Data = None,
    links: FollowLinks = False,
    device: DeviceName = None,
    workers: NumWorkers = None,
    checkpoint_every: CheckpointEvery = 60.0,
    tracker: Tracker = "none",
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the trials beside the suite's file, for all who run the suite.")
    ] = False,
) -> None:
    """Run the trials that a suite's `tuning` asks for; `bench run` then trains with the settings of the best trial."""
    from bench.cli.named_suite import kept_trials, resolve_named
    from bench.cli.run import RunArguments
    from bench.cli.tune import tune_suite
    from bench.config.suite import default_data_dir
    from bench.tuning.kept import kept_path

    options = RunOptions(checkpoint_every, tracker)
    resolved = resolve_named(suite, device, data)
    arguments = RunArguments(results, data or default_data_dir(), workers, options, kept_trials(suite, resolved))
    failed = tune_suite(resolved, arguments, console, keep_in=kept_path(suite) if keep else None)
    raise typer.Exit(1 if failed else 0)


@app.command()
def traits(
    suite: SuiteName = "auto",
    results: Results = Path("results"),
    data: Data = None,
    links: FollowLinks = False,
    only: Annotated[
        str | None,
        typer.Option("--only", help="A run's key, or model=…,seed=…: these rows, smaller rungs and arms included."),
    ] = None,
    names: Annotated[
        str | None, typer.Option("--trait", metavar="NAME,…", help="Default: the suite's `traits`, else all.")
    ] = None,
    device: Annotated[Device | None, typer.Option("--device", help="Default: the suite's.")] = None,
    workers: NumWorkers = None,
) -> None:
    """Measure traits of the finished runs of a store that kept its weights, and rebuild its tables."""
    from bench.cli.named_suite import find_store
    from bench.cli.only import select
    from bench.cli.traits import measure_of_store
    from bench.config.suite import default_data_dir
    from bench.plan.expand import expand
    from bench.traits.known_traits import TRAITS, traits_named

    store = find_store(suite, results)
    resolved = store.suite()
    wanted = names.replace(" ", "").split(",") if names is not None else resolved.traits or tuple(TRAITS)
    plan = expand(resolved) if only is None else select(expand(resolved), only)
    failed = measure_of_store(
        store,
        plan,
        traits_named(wanted),
        data or default_data_dir(),
        device or resolved.device,
        workers,
        console,
        every_row=only is not None,
    )
    raise typer.Exit(1 if failed else 0)


@app.command(name="plan")
def show_plan(
    suite: SuiteName = "auto",
    results: Results = Path("results"),
    data: Data = None,
    links: FollowLinks = False,
    seed_offset: SeedOffset = 0,
    device: DeviceName = None,
    only: Only = None,
    runs: Annotated[bool, typer.Option("--runs", help="Print one line per run, with its key.")] = False,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Time one step of each model; print time, FLOPs, memory and disk.")
    ] = False,
    power: Annotated[
        bool, typer.Option("--power", help="Print what the claims can decide, planned from pilot seeds.")
    ] = False,
    pilot: Annotated[
        Path | None, typer.Option("--pilot", help="With --power: a store of pilot seeds, to be kept with the suite.")
    ] = None,
    workers: NumWorkers = None,
    as_json: AsJson = False,
) -> None:
    """Print a suite's runs, the images they see and what they share; or their time, memory and disk; or its power."""
    from bench.cli.named_suite import AUTO, kept_trials, plan_of, resolve_named

    if (power and estimate) or (pilot is not None and not power):
        raise InputError("--power goes without --estimate, and --pilot goes with --power")
    resolved = resolve_named(suite, device, data, seed_offset)
    kept = kept_trials(suite, resolved)
    resolved, plan = plan_of(resolved, results, only, kept)
    named = resolved.name if suite == AUTO else suite
    if power:
        from bench.cli.planned_power import plan_power

        plan_power(console, named, resolved, pilot, as_json_values=as_json)
    elif estimate:
        from bench.cli.estimate import estimate_suite, show_estimate
        from bench.config.suite import default_data_dir

        estimated = estimate_suite(resolved, plan, data or default_data_dir(), workers)
        if as_json:
            say(json.dumps(estimated.as_json(), indent=1))
        else:
            show_estimate(console, estimated)
    else:
        from bench.cli.plan import plan_as_json, power_line, show

        if as_json:
            say(json.dumps(plan_as_json(resolved, plan), indent=1))
        else:
            show(console, resolved, plan, each_run=runs)
            for line in filter(None, (kept.why_unused(resolved), power_line(named, resolved))):
                console.print(line, highlight=False, soft_wrap=True)


@app.command()
def report(
    suite: Annotated[
        str, typer.Argument(metavar="SUITE", help="A suite, by its name or file; or the folder of a store.")
    ] = "auto",
    other: Annotated[
        str | None, typer.Argument(metavar="[OTHER]", help="Another one, whose accuracies stand behind the first's.")
    ] = None,
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
) -> None:
    """Rebuild tables, figures and pages from a store alone, and print the comparison."""
    from bench.cli.report import other_store, report_store, store_of

    store = store_of(suite, results)
    behind = other_store(store, suite, store_of(other, results), other) if other is not None else None
    report_store(store, suite, results, reports, console, behind)


@app.command()
def slim(
    suite: SuiteName,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of the copy, which must not exist.")],
    results: Results = Path("results"),
) -> None:
    """Copy a store without most weights, and with predictions and histories packed, so that it can be committed."""
    from bench.cli.named_suite import find_store
    from bench.cli.slim import slim_store

    slim_store(find_store(suite, results), suite, folder, console)


@app.command()
def claims(suite: SuiteName = "auto", results: Results = Path("results"), as_json: AsJson = False) -> None:
    """Judge the claims of the literature, and the suite's custom claims, by the results in a store."""
    from bench.cli.claims import judge_and_write, show_claims
    from bench.cli.named_suite import find_store
    from bench.tables.build import build_tables

    store = find_store(suite, results)
    tables = build_tables(store)
    show_claims(console, judge_and_write(store, suite, tables), tables.get("own_rows"), as_json_values=as_json)


@app.command()
def recommend(
    suite: SuiteName,
    images: Annotated[int, typer.Option("--images", help="The labelled images that you have, of all classes.")],
    target: Annotated[str, typer.Option("--target", help="The target of the suite that your images are most like.")],
    results: Results = Path("results"),
    pretraining: Annotated[
        str, typer.Option("--pretraining", help="scratch, a rung, or CORPUS:RUNG. Default: the largest rung.")
    ] = "",
    transfer: Annotated[
        Literal["fine-tune", "linear"], typer.Option("--transfer", help="How the models are transferred.")
    ] = "fine-tune",
    machine: Annotated[
        str, typer.Option("--device", metavar="MACHINE", help="The name of a speed file: the cheapest is the fastest.")
    ] = "",
    percentile: Annotated[
        Literal["50", "95", "99"], typer.Option("--percentile", help="Of the latencies of single images.")
    ] = "95",
    max_latency_ms: Annotated[float | None, typer.Option("--max-latency-ms", help="Of a single image.")] = None,
    max_memory_mib: Annotated[float | None, typer.Option("--max-memory-mib", help="Of inference, on a GPU.")] = None,
    max_parameters: Annotated[float | None, typer.Option("--max-parameters", help="Of the network.")] = None,
    within: Annotated[
        float, typer.Option("--within", help="The points of accuracy that you would give up for a cheaper model.")
    ] = 1.0,
    image_size: Annotated[int | None, typer.Option("--image-size", min=1, help="Of your images, in pixels.")] = None,
    classes: Annotated[int | None, typer.Option("--classes", min=1, help="Your number of classes.")] = None,
    as_json: AsJson = False,
) -> None:
    """Recommend a model for a number of labelled images, or refuse, with exit code 3, and say what would help."""
    from bench.analysis.recommend.candidates import LATENCY, MEMORY, PARAMETERS
    from bench.analysis.recommend.question import Question
    from bench.cli.named_suite import find_store
    from bench.cli.recommend import answer_from, show_answer

    limits = {LATENCY: max_latency_ms, MEMORY: max_memory_mib, PARAMETERS: max_parameters}
    question = Question(
        images=images,
        target=target,
        pretraining=pretraining,
        transfer=transfer,
        machine=machine,
        percentile=int(percentile),
        most={name: most for name, most in limits.items() if most is not None},
        within=within,
        image_size=image_size,
        classes=classes,
    )
    answer = answer_from(find_store(suite, results), results, question)
    show_answer(console, answer, as_json_values=as_json)
    raise typer.Exit(3 if answer.refusal else 0)


@app.command()
def status(
    suite: SuiteName = "auto",
    results: Results = Path("results"),
    watch: Annotated[bool, typer.Option("--watch", help="Print again every 2 s, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the progress of a suite, from any shell, whether it is running or not."""
    from bench.cli.named_suite import find_store
    from bench.cli.status import show_status

    show_status(console, find_store(suite, results, or_trials=True), watch=watch, as_json=as_json)


@app.command()
def verify(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key of a finished run, or its first digits.")],
    results: Results = Path("results"),
    data: Data = None,
    links: FollowLinks = False,
) -> None:
    """Repeat a finished run in a temporary store; compare its metrics, predictions and weights."""
    from bench.cli.verify import verify_run
    from bench.config.suite import default_data_dir

    verified = verify_run(results, key, data or default_data_dir(), console)
    raise typer.Exit(0 if verified.is_reproduced else 1)


@app.command()
def compare(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A file of speeds, or a store.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="A later one. FILE@COMMIT selects one measurement.")],
    fail_over: Annotated[
        str | None, typer.Option("--fail-over", metavar="5%", help="Exit with 1 if something is worse by more.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Compare also if machines, precisions or protocols differ.")
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
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="Only these models, with options; also timm:NAME.")
    ] = None,
    family: Annotated[str | None, typer.Option("--family", help="vit, cnn or hybrid.")] = None,
    image_size: Annotated[int, typer.Option("--image-size", min=1, max=MAX_IMAGE_SIZE, help="In pixels.")] = 32,
    classes: Annotated[
        int, typer.Option("--classes", min=1, max=1_000_000, help="The number of classes of the head.")
    ] = 10,
    as_json: AsJson = False,
) -> None:
    """List the models with their parameters, multiply-accumulates, tokens and size class."""
    from bench.cli import models

    listed = models.list_models(names or [], family, image_size, classes)
    if as_json:
        say(json.dumps([vars(model) for model in listed], indent=1))
    else:
        models.show_models(console, listed, image_size, classes, all_=not names)
