"""What a speed is measured of: one network, doing one task under one setting. Imports no torch."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from bench.analysis.speed_columns import OURS, network_name, setting_in_words

Device = Literal["cpu", "cuda"]
Task = Literal["inference", "training"]
Kind = Literal["latency", "equal", "best"]
Precision = Literal["fp32", "bf16"]
Layout = Literal["contiguous", "channels_last"]
Mode = Literal["eager", "compiled"]
Implementation = Literal["ours", "timm", "torchvision"]

NUM_CLASSES = 10
"""Of every head: it takes no measurable part in the speed."""


@dataclass(frozen=True)
class Network:
    """A model, by its spec here, and whose implementation of it."""

    model: str
    implementation: Implementation = OURS

    def __str__(self) -> str:
        return network_name(self.model, self.implementation)


@dataclass(frozen=True)
class Setting:
    """A network and all that its speed depends on beside the machine."""

    model: str
    implementation: Implementation
    task: Task
    precision: Precision
    image_size: int
    batch_size: int
    layout: Layout = "contiguous"
    mode: Mode = "eager"

    @property
    def network(self) -> Network:
        """Whose speed it is."""
        return Network(self.model, self.implementation)

    def as_json(self) -> dict[str, Any]:
        """Plain values, for a process that measures."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Setting":
        """Back from plain values; what a later version has added is not known here, and is a KeyError."""
        if unknown := values.keys() - {field.name for field in fields(cls)}:
            raise KeyError(f"settings not known here: {', '.join(sorted(unknown))}")
        return cls(**values)

    def __str__(self) -> str:
        return setting_in_words(self.batch_size, self.layout, self.mode)


@dataclass(frozen=True)
class GroupKey:
    """What all rows that are measured in turns have in common."""

    task: Task
    kind: Kind
    precision: Precision
    image_size: int

    def __str__(self) -> str:
        return f"{self.task}-{self.kind}-{self.precision}-{self.image_size}px"
