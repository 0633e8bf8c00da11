"""One session of `pytest --benchmark`: its groups, each measured once, when the first of its rows is asked for.

A group's rows are written to the machine's file as soon as it is over, so that a session that ends early loses nothing
that it has finished.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from bench.analysis.speed_columns import records
from bench.machine.device import device_name
from bench.machine.environment import environment
from bench.speed.best_settings import Limits
from bench.speed.cases import Case, Selection
from bench.speed.energy import EnergyMeter, find_meter
from bench.speed.rounds import Contender, Effort, run_group
from bench.speed.table import table_of
from bench.speed.timed_setting import Device, GroupKey, Network
from bench.store.speed_file import SPEED_PROTOCOL, append, machine_name

if TYPE_CHECKING:
    import pytest


def effort_of(config: "pytest.Config") -> Effort:
    """How long a session measures: compiled networks cost seconds each on a GPU, and half a minute on a CPU."""
    effort = Effort()
    if config.getoption("bench_device") == "cuda":
        effort = Effort(rounds=15, modes=("eager", "compiled"), limits=Limits(batch=32768, seconds=1.0))
    elif config.getoption("bench_full"):
        effort = Effort(rounds=21, modes=("eager", "compiled"), limits=Limits(batch=1024, seconds=1.0))
    return replace(effort, rounds=config.getoption("bench_rounds") or effort.rounds)


@dataclass
class Measurement:
    """What is measured, and what has been."""

    selection: Selection
    device: Device
    effort: Effort
    wanted: frozenset[Case]
    """The rows that the session asks for: no others are measured but the reference."""
    results: Path
    """The folder of `throughput/<machine>.parquet`."""
    tables: dict[GroupKey, pd.DataFrame] = field(default_factory=dict)
    """Of the groups that are over."""
    path: Path | None = None
    """The machine's file, once there is something in it."""

    def __post_init__(self) -> None:
        self.facts = _facts(self.device)
        self.contenders: dict[GroupKey, tuple[Contender, ...]] = {}
        self.energy = find_meter(torch.device(self.device))

    def row(self, case: Case) -> tuple[Contender, dict[str, Any]]:
        """What came of a row: its contender, and its figures as in the table."""
        if case.group not in self.tables:
            self._measure(case.group)
        return self._find(case)

    def _measure(self, key: GroupKey) -> None:
        networks = self._networks(key)
        group = run_group(
            key,
            networks,
            self.selection.reference,
            equal=self.selection.equal,
            device=torch.device(self.device),
            effort=self.effort,
            meter=self.energy if isinstance(self.energy, EnergyMeter) else None,
        )
        table = table_of(group, self.facts | {"suite": self.selection.measured_for(networks)})
        self.path = append(self.results, table)
        self.contenders[key], self.tables[key] = group.contenders, table

    def _networks(self, key: GroupKey) -> list[Network]:
        """In the suite's order."""
        cases: Iterable[Case] = (case for case in self.selection.cases if case in self.wanted)
        return [case.network for case in cases if case.group == key]

    def _find(self, case: Case) -> tuple[Contender, dict[str, Any]]:
        """The row itself rather than the same network's as the reference, where there are both."""
        rows = zip(self.contenders[case.group], records(self.tables[case.group]), strict=True)
        found = [(contender, row) for contender, row in rows if contender.setting.network == case.network]
        return min(found, key=lambda pair: pair[0].is_reference)


def _facts(device: Device) -> dict[str, Any]:
    """The columns that all rows of the session share."""
    about, now = environment(), datetime.now(UTC)
    name = device_name(device)
    return {
        "measurement": uuid.uuid4().hex[:12],
        "measured_at": now.isoformat(timespec="seconds"),
        "commit": about["git_commit"],
        "protocol": SPEED_PROTOCOL,
        "machine": machine_name(device, name, about["processor"]),
        "device": device,
        "device_name": name,
        "processor": about["processor"],
        "threads": torch.get_num_threads(),
        "python": about["python"],
        **{library: version(library) for library in ("torch", "timm", "torchvision")},
    }
