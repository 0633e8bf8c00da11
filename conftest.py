"""The options of the speed benchmarks: `pytest --benchmark` runs them and only them; plain `pytest` skips them.

A benchmark is a test that uses pytest-benchmark's `benchmark` fixture. The default selection consists of the benchmarks
that are marked `core`, and it has a time limit, which `--bench-restarts` multiplies. When the time is over, the current
benchmark is interrupted and the rest are skipped, each with the reason. `--bench-full` runs all benchmarks without a
limit. pytest-benchmark's own `--benchmark-only` selects the same as `--benchmark`.
"""

import os
import signal
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

import pytest

SESSION_START = time.monotonic()
SESSION_LIMIT_S = 150.0
"""The time limit of the default selection. The docs promise 180 s on 2 cores; start-up and teardown need the rest."""

CUDA_SESSION_LIMIT_S = 900.0
"""The time limit on a GPU, where models are compiled before they are measured."""

FIRST = "test_speed.py"
"""The speeds of the models run first, because most sessions are for them."""

NOT_ASKED_FOR = "a speed benchmark: pytest --benchmark runs it"
NOT_CORE = "not in the default selection: --bench-full runs it"
OUT_OF_TIME = "the default selection ended after {limit:.0f} s: --bench-full runs all, without a limit"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("speed benchmarks")
    group.addoption("--benchmark", action="store_true", help="run the speed benchmarks, and only them")
    group.addoption("--bench-full", action="store_true", help="run all benchmarks, without a time limit")
    group.addoption("--bench-device", choices=["cpu", "cuda"], default="cpu", help="the device to measure on")
    group.addoption("--bench-suite", default="auto", help="the suite whose models are measured: a name or a file")
    group.addoption("--bench-model", action="append", default=[], help="a model to measure instead; may be repeated")
    group.addoption("--bench-rounds", type=int, help="turns per row: fewer are quicker and less precise")
    group.addoption("--bench-restarts", type=int, default=1, help="processes per row: six or more allow comparisons")
    group.addoption("--bench-results", type=Path, default=Path("results"), help="the folder of throughput/*.parquet")


def pytest_configure(config: pytest.Config) -> None:
    if benchmarks_wanted(config) and (wrong := wrong_option(config)):
        raise pytest.UsageError(wrong)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore all tests but the benchmarks under --benchmark, so that they are not even imported."""
    tests = config.rootpath / "tests"
    if not only_benchmarks(config) or collection_path == tests or not collection_path.is_relative_to(tests):
        return None
    return not collection_path.is_relative_to(tests / "benchmarks") or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if only_benchmarks(config):
        config.hook.pytest_deselected(items=[item for item in items if not is_benchmark(item)])
        items[:] = sorted(filter(is_benchmark, items), key=lambda item: item.path.name != FIRST)
    for item in filter(is_benchmark, items):
        item.add_marker(pytest.mark.timeout(0))  # the session has its own time limit
        if not benchmarks_wanted(config):
            item.add_marker(pytest.mark.skip(reason=NOT_ASKED_FOR))
        elif has_clock(item) and not item.get_closest_marker("core"):
            item.add_marker(pytest.mark.skip(reason=NOT_CORE))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    with session_clock(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    with session_clock(item):
        return (yield)


def wrong_option(config: pytest.Config) -> str:
    """Return what is wrong with the options, which would otherwise show after minutes of measuring."""
    if config.getoption("numprocesses", None):
        return "speed benchmarks cannot run in parallel, because they measure time: leave out -n"
    file = config.getoption("benchmark_json", None)
    if file and (file.is_dir() or not (file.parent.is_dir() and os.access(file.parent, os.W_OK))):
        return f"--benchmark-json {file}: cannot be written; name a file in an existing folder"
    if config.getoption("benchmark_histogram", None) and not (find_spec("pygal") and find_spec("pygaljs")):
        return "--benchmark-histogram: it needs pygal and pygaljs; pip install 'pytest-benchmark[histogram]'"
    if (rounds := config.getoption("bench_rounds")) is not None and rounds < 1:
        return f"--bench-rounds {rounds}: at least 1 round is needed"
    if (restarts := config.getoption("bench_restarts")) < 1:
        return f"--bench-restarts {restarts}: at least 1 process is needed"
    if (results := config.getoption("bench_results")).exists() and not results.is_dir():
        return f"--bench-results {results}: a file; name a folder"
    return wrong_models(config)


def wrong_models(config: pytest.Config) -> str:
    """Return what is wrong with the suite and the models to measure; the default ones are right."""
    suite, models = config.getoption("bench_suite"), tuple(config.getoption("bench_model"))
    if suite == "auto" and not models:
        return ""
    from bench.errors import InputError
    from bench.speed.cases import select
    from models.spec.model_error import SpecError

    try:
        select(suite, config.getoption("bench_device"), models)
    except (InputError, SpecError) as error:
        return f"--bench-suite and --bench-model: {error}"
    return ""


def only_benchmarks(config: pytest.Config) -> bool:
    return config.getoption("benchmark") or config.getoption("bench_full")


def benchmarks_wanted(config: pytest.Config) -> bool:
    return only_benchmarks(config) or config.getoption("benchmark_only")


def is_benchmark(item: pytest.Item) -> bool:
    return "benchmark" in getattr(item, "fixturenames", ())


def has_clock(item: pytest.Item) -> bool:
    return is_benchmark(item) and not item.config.getoption("bench_full")


@contextmanager
def session_clock(item: pytest.Item) -> Iterator[None]:
    """Skip the benchmark if the session's time is over, and interrupt it when the time ends."""
    if not has_clock(item):
        yield
        return
    limit_s = CUDA_SESSION_LIMIT_S if item.config.getoption("bench_device") == "cuda" else SESSION_LIMIT_S
    limit_s *= item.config.getoption("bench_restarts")
    reason = OUT_OF_TIME.format(limit=limit_s)
    remaining_s = SESSION_START + limit_s - time.monotonic()
    if remaining_s <= 0:
        pytest.skip(reason)

    def interrupt(signum: int, frame: FrameType | None) -> None:
        if benchmark := getattr(item, "funcargs", {}).get("benchmark"):
            benchmark.has_error = True  # keeps its unfinished rounds out of the JSON
        pytest.skip(f"interrupted: {reason}")

    before = signal.signal(signal.SIGALRM, interrupt)
    # The signal is repeated, because Python discards an exception that is raised while a finalizer runs.
    signal.setitimer(signal.ITIMER_REAL, remaining_s, 5.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
