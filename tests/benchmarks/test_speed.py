"""The speed of a suite's models and of their peers: latency, equal settings, best settings; inference and training.

Each benchmark is one row. The first row of a group (`bench.speed.rounds`) has the whole group measured in turns; the
others find their samples there. Rows, ratios and intervals are written to `results/throughput/<machine>.parquet`. A
network that does not fit or run is a row there with its reason, and is skipped here. pytest-benchmark shows the rows
by model.
"""

from collections.abc import Mapping

import pandas as pd
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench.machine.device import Device, Precision
from bench.speed.benchmark_session import SpeedSession
from bench.speed.cases import Case, select
from tests.benchmarks.support.options import asked_for
from tests.benchmarks.support.replay import recorded_time, replay

IN_THE_JSON = (
    *("model", "implementation", "task", "kind", "precision", "image_size", "batch_size", "layout", "mode"),
    *("device", "device_name", "threads", "parameters", "macs", "activation_memory_bytes", "peak_memory_bytes"),
    *("images_per_second", "p50_ms", "p95_ms", "p99_ms", "matrix_flops_per_second", "matrix_share"),
    *("reference_ratio", "reference_ratio_low", "reference_ratio_high", "num_rounds"),
    *("joules_per_thousand_images", "seconds_per_million_images", "measurement"),
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cases = select(*asked_for(metafunc.config)).cases
    marks = {True: [pytest.mark.core], False: []}
    metafunc.parametrize("case", [pytest.param(case, id=str(case), marks=marks[case.is_core]) for case in cases])


@pytest.mark.benchmark(timer=recorded_time)
def test_speed(benchmark: BenchmarkFixture, speed_session: SpeedSession, case: Case) -> None:
    benchmark.group = case.network.model
    if reason := lacking(case.group.precision, speed_session.device):
        pytest.skip(reason)
    contender, row = speed_session.row(case)
    if contender.status != "ok":
        pytest.skip(f"{contender.status}: {contender.reason}")
    replay(benchmark, contender.call_seconds or contender.round_seconds)
    benchmark.extra_info |= {name: row[name] for name in IN_THE_JSON if pd.notna(row[name])}


def lacking(precision: Precision, device: Device) -> str:
    """Why a precision is not measured on a device; empty where it is."""
    if precision == "bf16" and device == "cpu" and not has_bf16(torch.cpu.get_capabilities()):
        return "this processor has no bfloat16 arithmetic"
    if precision == "bf16" and device == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return "this GPU has no bfloat16 arithmetic"
    return ""


def has_bf16(capabilities: Mapping[str, object]) -> bool:
    """Whether a processor multiplies in bfloat16, on x86 or on ARM."""
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "arm_bf16", "bf16"))
