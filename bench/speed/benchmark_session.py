"""One session of `pytest --benchmark`: each group is measured once, when the first of its rows is asked for.

The rows of a group are written to the machine's file as soon as it is measured. So a session that ends early loses
nothing that it has finished.
"""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from bench.analysis.speed_columns import records
from bench.machine.device import device_name
from bench.machine.environment import environment
from bench.speed.cases import Case, SuiteCases
from bench.speed.energy import EnergyCounter, NoCounterError, open_counter
from bench.speed.rounds import Contender, Effort, measure_group
from bench.speed.table import table_of
from bench.speed.timed_setting import Device, GroupKey
from bench.store.speed_file import SPEED_PROTOCOL, append, machine_name


@dataclass
class SpeedSession:
    """What is to be measured, and what has been."""

    cases: SuiteCases
    device: Device
    effort: Effort
    wanted: frozenset[Case]
    """The rows that the session asks for: no others are measured but the reference."""
    results: Path
    """The folder of `throughput/<machine>.parquet`."""
    tables: dict[GroupKey, pd.DataFrame] = field(default_factory=dict)
    """The tables of the measured groups."""
    path: Path | None = None
    """The machine's file, once there is something in it."""
    no_energy: str = ""
    """Why there are no joules; empty if there are."""

    def __post_init__(self) -> None:
        self._facts = _facts(self.device)
        self._contenders: dict[GroupKey, tuple[Contender, ...]] = {}
        self._counter: EnergyCounter | None = None
        try:
            self._counter = open_counter(self.device)
        except NoCounterError as error:
            self.no_energy = str(error)

    def row(self, case: Case) -> tuple[Contender, dict[str, Any]]:
        """Return what came of a row: its contender, and its figures as in the table."""
        if case.group not in self.tables:
            self._measure(case.group)
        rows = zip(self._contenders[case.group], records(self.tables[case.group]), strict=True)
        matching = [(contender, row) for contender, row in rows if contender.setting.network == case.network]
        return min(matching, key=lambda pair: pair[0].is_reference)

    def _measure(self, key: GroupKey) -> None:
        networks = [case.network for case in self.cases.cases if case in self.wanted and case.group == key]
        group = measure_group(
            key,
            networks,
            self.cases.reference,
            equal=self.cases.equal,
            device=self.device,
            effort=self.effort,
            counter=self._counter,
        )
        table = table_of(group, self._facts | {"suite": self.cases.measured_for(networks)})
        self.path = append(self.results, table)
        self._contenders[key], self.tables[key] = group.contenders, table


def _facts(device: Device) -> dict[str, Any]:
    """Return the columns that all rows of the session share."""
    about, name = environment(), device_name(device)
    return {
        "measurement": uuid.uuid4().hex[:12],
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
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
