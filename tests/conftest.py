"""Fixtures of the harness' tests: suite files written to a temporary folder, and what follows from them."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.config.resolved import ResolvedSuite, resolve
from bench.config.suite import load_suite
from bench.plan.expand import Plan, expand

TINY: dict[str, Any] = {
    "corpus": {"name": "fractals", "classes": 4},
    "subsets": [16, 32],
    "models": ["vit_pico/8", "bit_resnet_pico", "r_pico+vit_pico/8"],
    "targets": ["digits@20"],
    "seeds": [0],
    "images": {"pretrain": 64, "transfer": 32},
}

WriteSuite = Callable[..., Path]

LONGEST = (
    *("test_peers", "test_command_line", "test_kills", "test_report_pages", "test_speed_pages"),
    *("test_model_contract", "test_trials", "test_coverage", "test_hybrid", "test_benchmark_session", "test_pipelines"),
    *("test_external_weights", "test_compile", "test_adding_a_model", "test_families", "test_counts"),
)
"""Files that take longest, in that order: begun first, so that no worker is left alone with one of them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; workers take files in this order (`--no-loadscope-reorder`)."""
    places = {stem: place for place, stem in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture
def interruptible() -> list[str]:
    """What to put before a command that Ctrl-C shall reach: a shell's background jobs are deaf to it, and so are we."""
    listen = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execvp(sys.argv[1], sys.argv[1:])"
    )
    return [sys.executable, "-c", listen]


@pytest.fixture
def write_suite(tmp_path: Path) -> WriteSuite:
    """Write a tiny suite file with some fields changed (or, with None, left out)."""

    def write(name: str = "tiny", **changes: Any) -> Path:
        content = {field: value for field, value in (TINY | changes).items() if value is not None}
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    return write


@pytest.fixture
def resolve_suite(write_suite: WriteSuite) -> Callable[..., ResolvedSuite]:
    """A tiny suite, resolved for a CPU."""

    def resolved(name: str = "tiny", seed_offset: int = 0, **changes: Any) -> ResolvedSuite:
        suite_name, suite = load_suite(str(write_suite(name, **changes)))
        return resolve(suite_name, suite, device="cpu", data_dir=Path("nowhere"), seed_offset=seed_offset)

    return resolved


@pytest.fixture
def plan_suite(resolve_suite: Callable[..., ResolvedSuite]) -> Callable[..., Plan]:
    """The plan of a tiny suite."""

    def planned(**changes: Any) -> Plan:
        return expand(resolve_suite(**changes))

    return planned
