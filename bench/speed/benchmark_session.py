"""One session of `pytest --benchmark`: each group is measured once, when a test asks for the first of its rows.

The rows of a group are written to the machine's file as soon as it is measured, so a session that ends early loses no
finished group.
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
from bench.machine.device import Device, device_name
from bench.machine.environment import environment
from bench.speed.cases import Case, SuiteCases
from bench.speed.energy import EnergyCounter, NoCounterError, open_counter
from bench.speed.restarts import measure_restarts
from bench.speed.rounds import Contender, Effort, measure_group
from bench.speed.table import table_of
from bench.speed.timed_setting import GroupKey
from bench.store.speed_file import SPEED_PROTOCOL, append, machine_name


@dataclass
class SpeedSession:
    """The rows to measure, and the groups that have been measured."""

    cases: SuiteCases
    device: Device
    effort: Effort
    wanted: frozenset[Case]
    """The rows that the session's tests ask for; besides them only the reference is measured."""
    results: Path
    """The folder that contains `throughput/<machine>.parquet`."""
    num_restarts: int = 1
    """The number of processes that measure each group; if it is 1, this process does."""
    tables: dict[GroupKey, pd.DataFrame] = field(default_factory=dict)
    """The tables of the measured groups."""
    path: Path | None = None
    """The machine's file; None until a group has been written."""
    no_energy: str = ""
    """The reason why energy is not measured; empty if it is."""

    def __post_init__(self) -> None:
        self._facts = _facts(self.device)
        self._contenders: dict[GroupKey, tuple[Contender, ...]] = {}
        self._counter: EnergyCounter | None = None
        try:
            self._counter = open_counter(self.device)
        except NoCounterError as error:
            self.no_energy = str(error)

    def row(self, case: Case) -> tuple[Contender, dict[str, Any]]:
        """Return the contender of a row and its figures as in the table; measure its group first if necessary."""
        if case.group not in self.tables:
            self._measure(case.group)
        rows = zip(self._contenders[case.group], records(self.tables[case.group]), strict=True)
        matching = [(contender, row) for contender, row in rows if contender.setting.network == case.network]
        # In a group of best settings, the reference's network may be measured twice: take the row that was asked for.
        return min(matching, key=lambda pair: pair[0].is_reference)

    def _measure(self, key: GroupKey) -> None:
        networks = [case.network for case in self.cases.cases if case in self.wanted and case.group == key]
        arguments: dict[str, Any] = {
            "key": key,
            "networks": networks,
            "reference": self.cases.reference,
            "equal": self.cases.equal,
            "device": self.device,
            "effort": self.effort,
        }
        if self.num_restarts == 1:
            group = measure_group(**arguments, counter=self._counter)
        else:
            group = measure_restarts(self.num_restarts, self.cases.threads, arguments)
        table = table_of(group, self._facts | {"suite": self.cases.measured_for(networks)})
        self.path = append(self.results, table)
        self._contenders[key], self.tables[key] = group.contenders, table


def _facts(device: Device) -> dict[str, Any]:
    """Return the columns that all rows of the session share."""
    versions, name = environment(), device_name(device)
    return {
        "measurement": uuid.uuid4().hex[:12],
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": versions["git_commit"],
        "protocol": SPEED_PROTOCOL,
        "machine": machine_name(device, name, versions["processor"]),
        "device": device,
        "device_name": name,
        "processor": versions["processor"],
        "threads": torch.get_num_threads(),
        "python": versions["python"],
        **{library: version(library) for library in ("torch", "timm", "torchvision")},
    }
