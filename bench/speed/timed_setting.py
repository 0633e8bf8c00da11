"""The network, task and setting of a speed measurement. Imports no torch."""

from dataclasses import dataclass
from typing import Literal

from bench.analysis.speed_columns import OURS, network_name, setting_in_words
from bench.machine.device import Precision

Task = Literal["inference", "training"]
Kind = Literal["latency", "equal", "best"]
Layout = Literal["contiguous", "channels_last"]
Mode = Literal["eager", "compiled"]
Implementation = Literal["ours", "timm", "torchvision"]

NUM_CLASSES = 10
"""The number of classes of each head; the head has no measurable effect on the speed."""


@dataclass(frozen=True)
class Network:
    """A model, by its spec, and the library that implements it."""

    model: str
    implementation: Implementation = OURS

    def __str__(self) -> str:
        return network_name(self.model, self.implementation)


@dataclass(frozen=True)
class Setting:
    """A network, and everything else that its speed depends on except the machine."""

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
        """Return the network of the setting."""
        return Network(self.model, self.implementation)

    def __str__(self) -> str:
        return setting_in_words(self.batch_size, self.layout, self.mode)


@dataclass(frozen=True)
class GroupKey:
    """The properties that all rows of a group have in common."""

    task: Task
    kind: Kind
    precision: Precision
    image_size: int

    def __str__(self) -> str:
        return f"{self.task}-{self.kind}-{self.precision}-{self.image_size}px"
