"""A heat's outcome as rows of the table of speeds (`bench.store.speed_file`)."""

import json
import statistics
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

import pandas as pd

from bench.analysis.speed import with_figures
from bench.speed.best_settings import Try
from bench.speed.rounds import Entrant, Heat
from bench.speed.timed_setting import Network
from bench.speed.workload import build_network
from models.counts import count_network
from models.shapes import shapes_only
from models.spec.model_spec import parse_spec

FLOPS_A_MAC = {"inference": 2, "training": 6}
"""Two operations each, forward; in training twice as many again backward."""


def table_of(heat: Heat, facts: Mapping[str, Any]) -> pd.DataFrame:
    """One row an entrant, with its figures.

    Args:
        heat: a measured one.
        facts: the columns that all rows of a measurement share: who measured, when, what and where.
    """
    return with_figures(pd.DataFrame([dict(facts) | _row(entrant, heat) for entrant in heat.entrants]))


def _row(entrant: Entrant, heat: Heat) -> dict[str, Any]:
    parameters, macs = sizes_of(entrant.setting.network, heat.key.image_size)
    memory = entrant.memory
    return {
        **asdict(entrant.setting),
        "kind": heat.key.kind,
        "family": parse_spec(entrant.setting.model).family,
        "is_reference": entrant.is_reference,
        "status": entrant.status,
        "reason": entrant.reason,
        "parameters": parameters,
        "macs": macs,
        "training_flops": None if macs is None else FLOPS_A_MAC["training"] * macs,
        "activation_memory_bytes": memory.activation_memory_bytes if memory else None,
        "peak_memory_bytes": memory.peak_memory_bytes if memory else None,
        "joules_a_thousand_images": entrant.joules_a_thousand_images,
        "round_seconds": entrant.round_seconds,
        "call_seconds": entrant.call_seconds,
        "matrix_flops_per_second": statistics.median(heat.matrix_flops_per_second),
        "matrix_share": matrix_share(entrant, heat, macs),
        "tried": json.dumps([_tried(one) for one in entrant.tried]),
    }


@cache
def sizes_of(network: Network, image_size: int) -> tuple[int | None, int | None]:
    """Parameters and multiply-accumulates of the very network; unknown of one that cannot be built."""
    try:
        with shapes_only():
            built = build_network(network, image_size)
        return count_network(built, image_size)
    except Exception:  # the entrant has the reason
        return None, None


def matrix_share(entrant: Entrant, heat: Heat, macs: int | None) -> float | None:
    """The median over rounds of the network's operations a second over the matrix product's."""
    if macs is None or not entrant.round_seconds:
        return None
    operations = FLOPS_A_MAC[heat.key.task] * macs * entrant.setting.batch_size
    rounds = zip(entrant.round_seconds, heat.matrix_flops_per_second, strict=True)
    return statistics.median(operations / seconds / rate for seconds, rate in rounds)


def _tried(one: Try) -> dict[str, Any]:
    return {
        "batch_size": one.setting.batch_size,
        "layout": one.setting.layout,
        "mode": one.setting.mode,
        "images_per_second": one.images_per_second,
        "reason": one.reason,
    }
