"""Convert a measured group to rows of the table of speeds (`bench.store.speed_file`)."""

import json
import statistics
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

import pandas as pd

from bench.analysis.speed import with_figures
from bench.analysis.speed_columns import SETTING
from bench.speed.rounds import Contender, Group
from bench.speed.timed_setting import Network
from bench.speed.workload import build_network
from models.counts import count_network
from models.shapes import shapes_only
from models.spec.flops import FLOPS_PER_MAC, TRAINING_FLOPS_PER_MAC
from models.spec.model_spec import parse_spec


def table_of(group: Group, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row per contender, with its figures.

    Args:
        group: A measured group.
        facts: The columns that all rows of a session share: measurement, time, commit, machine, versions.
    """
    return with_figures(pd.DataFrame([dict(facts) | _row(contender, group) for contender in group.contenders]))


def _row(contender: Contender, group: Group) -> dict[str, Any]:
    parameters, macs = _sizes_of(contender.setting.network, group.key.image_size)
    memory = contender.memory
    return {
        **asdict(contender.setting),
        "kind": group.key.kind,
        "family": parse_spec(contender.setting.model).family,
        "is_reference": contender.is_reference,
        "status": contender.status,
        "reason": contender.reason,
        "parameters": parameters,
        "macs": macs,
        "training_flops": None if macs is None else TRAINING_FLOPS_PER_MAC * macs,
        "activation_memory_bytes": memory.activation_memory_bytes if memory else None,
        "peak_memory_bytes": memory.peak_memory_bytes if memory else None,
        "joules_per_thousand_images": contender.joules_per_thousand_images,
        "round_seconds": contender.round_seconds,
        "round_restarts": _restarts(len(contender.round_seconds), group.num_restarts),
        "call_seconds": contender.call_seconds,
        "matrix_flops_per_second": statistics.median(group.matrix_flops_per_second),
        "matrix_share": _matrix_share(contender, group, macs),
        "tried": json.dumps(
            [
                {name: value for name, value in asdict(attempt.setting).items() if name in SETTING}
                | {"images_per_second": attempt.images_per_second, "reason": attempt.reason}
                for attempt in contender.tried
            ]
        ),
    }


@cache
def _sizes_of(network: Network, image_size: int) -> tuple[int | None, int | None]:
    """Return the parameters and multiply-accumulates of a network; None for each if it cannot be built."""
    try:
        with shapes_only():
            built = build_network(network, image_size)
        return count_network(built, image_size)
    except Exception:  # the contender has failed for the same reason, and reports it
        return None, None


def _restarts(num_rounds: int, num_restarts: int) -> list[int]:
    """Return the restart of each round, from 0; every restart has the same number of rounds."""
    return [number for number in range(num_restarts) for _ in range(num_rounds // num_restarts)]


def _matrix_share(contender: Contender, group: Group, macs: int | None) -> float | None:
    """Return the network's FLOP/s divided by those of the matrix product, as the median over rounds."""
    if macs is None or not contender.round_seconds:
        return None
    flops_per_mac = TRAINING_FLOPS_PER_MAC if group.key.task == "training" else FLOPS_PER_MAC
    flops = flops_per_mac * macs * contender.setting.batch_size
    rounds = zip(contender.round_seconds, group.matrix_flops_per_second, strict=True)
    return statistics.median(flops / seconds / rate for seconds, rate in rounds)
