"""The device of the benchmarks, their session, and what the JSON says about the machine."""

import platform
from collections.abc import Iterator
from typing import Any, TypeGuard

import pytest
import torch

from bench.machine.device import Device, why_no_cuda
from bench.speed.benchmark_session import SpeedSession
from bench.speed.cases import Case, select
from bench.speed.restarts import prepare_process
from tests.benchmarks.support.options import asked_for, effort_of
from tests.benchmarks.support.summary import lines

SESSION = pytest.StashKey[SpeedSession]()


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> torch.device:
    """What `--bench-device` names; the session ends if it is not there."""
    name = request.config.getoption("bench_device")
    if name == "cuda" and (reason := why_no_cuda()):
        pytest.exit(f"--bench-device cuda: {reason}; allowed here: cpu", pytest.ExitCode.USAGE_ERROR)
    return torch.device(name)


@pytest.fixture(scope="session")
def in_full(request: pytest.FixtureRequest) -> bool:
    """Whether `--bench-full` lets benchmarks take as long as they want."""
    return bool(request.config.getoption("bench_full"))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As in a run on a CPU: one thread per worker."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def speed_session(request: pytest.FixtureRequest, device: torch.device) -> Iterator[SpeedSession]:
    """The session's speeds: the rows of the tests that will run, and no others."""
    config, before = request.config, torch.get_num_threads()
    cases = select(*asked_for(config))
    parameters = [item.callspec.params.get("case") for item in request.session.items if has_parameters(item)]
    name: Device = "cuda" if device.type == "cuda" else "cpu"
    prepare_process(name, cases.threads)
    config.stash[SESSION] = session = SpeedSession(
        cases,
        name,
        effort_of(config),
        frozenset(case for case in parameters if isinstance(case, Case)),
        config.getoption("bench_results"),
        config.getoption("bench_restarts"),
    )
    yield session
    torch.set_num_threads(before)


def has_parameters(item: pytest.Item) -> TypeGuard[pytest.Function]:
    """Whether a test is one of several of its function, and not to be skipped."""
    return isinstance(item, pytest.Function) and hasattr(item, "callspec") and not item.get_closest_marker("skip")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    session = config.stash.get(SESSION, None)
    if session is None or session.path is None:
        return
    terminalreporter.section("speeds")
    for line in lines(session.tables.values()):
        terminalreporter.write_line(line)
    if session.device == "cuda" and session.no_energy:
        terminalreporter.write_line(f"no joules: {session.no_energy}")
    terminalreporter.write_line(f"kept in {session.path}; bench report shows them beside the accuracies")


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    on_cuda = config.getoption("bench_device") == "cuda" and torch.cuda.is_available()
    machine_info["torch"] = torch.__version__
    machine_info["gpu"] = torch.cuda.get_device_name() if on_cuda else None
    machine_info["platform"] = platform.platform()
