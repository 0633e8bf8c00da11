"""Which speeds are measured of a suite: its models and their peers, under which settings. Imports no torch.

The default selection times the ladder's models in the precision of the suite's runs, with the settings of these on
that device, and on a CPU searches the best ones among uncompiled networks, since compiling takes longer
there than all the rest. The full one adds the arms of ablations, the other precision, the latency of a training step,
and on a CPU compiled networks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING

from bench.config.recipe import load_recipe
from bench.config.suite import Suite, load_suite
from bench.errors import InputError
from bench.speed.peers.matching import peers_of, reference_of
from bench.speed.suite_setting import setting_of_runs, without_weights
from bench.speed.timed_setting import Device, GroupKey, Kind, Network, Precision, Setting, Task
from models.spec.presets import FAMILIES

if TYPE_CHECKING:
    import pytest

THE_OTHER: dict[Precision, Precision] = {"fp32": "bf16", "bf16": "fp32"}
"""Than that of a suite's runs."""
GROUPS: tuple[tuple[Task, Kind], ...] = (
    ("inference", "latency"),
    ("inference", "equal"),
    ("inference", "best"),
    ("training", "equal"),
    ("training", "best"),
)
FULL_GROUPS: tuple[tuple[Task, Kind], ...] = (*GROUPS, ("training", "latency"))


@dataclass(frozen=True)
class Case:
    """One row to measure."""

    group: GroupKey
    network: Network
    is_core: bool

    def __str__(self) -> str:
        return f"{self.network.model}-{self.network.implementation}-{self.group}"


@dataclass(frozen=True)
class Selection:
    """All that is measured of a suite."""

    suite: str
    """Its name; of other models under its settings, with theirs."""
    equal: Setting
    """The setting that all have in common; its network is the reference."""
    threads: int
    ladder: tuple[Network, ...]
    """The models and their peers, without the arms of ablations."""
    cases: tuple[Case, ...]

    @property
    def reference(self) -> Network:
        """The network that every row is compared with."""
        return self.equal.network

    def measured_for(self, networks: Sequence[Network]) -> str:
        """What the rows of a group are kept for: the suite, or a part of it that never stands in for the whole."""
        if set(self.ladder) <= set(networks):
            return self.suite
        return f"part of {self.suite}: {', '.join(map(str, networks))}"


def asked_for(config: "pytest.Config") -> tuple[str, Device, tuple[str, ...]]:
    """What a session's options ask for: the arguments of `select`."""
    names = ("bench_suite", "bench_device", "bench_model")
    suite, device, models = (config.getoption(name) for name in names)
    return suite, device, tuple(models)


@cache
def select(name: str, device: Device, models: tuple[str, ...] = ()) -> Selection:
    """The rows of a suite, or of other models under the settings of that suite.

    Args:
        name: a shipped suite, or the path of a suite file; `auto` is `gpu` on CUDA, else `cpu`.
        device: where they are measured.
        models: their specs, in place of the suite's.

    Raises:
        InputError, SpecError: there is no such suite or model.
    """
    chosen, suite = load_suite({"cpu": "cpu", "cuda": "gpu"}[device] if name == "auto" else name)
    ladder = without_weights(models or suite.models)
    arms = [] if models else [model for ablation in suite.ablations for model in ablation.arms.values()]
    if not ladder:
        raise InputError(f"suite {chosen}: it has no models whose speed could be measured")
    sizes = _image_sizes(suite)
    reference = reference_of(ladder, suite.image_size)
    equal = Setting(reference, "timm", "training", **asdict(setting_of_runs(suite, device)))
    with_peers = _with_peers(ladder)
    networks = [(network, True) for network in with_peers]
    networks += [(Network(arm), False) for arm in without_weights(arms) if arm not in ladder]
    measured = f"{chosen} with {', '.join(ladder)}" if models else chosen
    return Selection(measured, equal, suite.threads, tuple(with_peers), tuple(_cases(networks, equal.precision, sizes)))


def _with_peers(models: Sequence[str]) -> list[Network]:
    return [
        network for model in models for network in (Network(model), *(Network(model, by) for by in peers_of(model)))
    ]


def _image_sizes(suite: Suite) -> list[int]:
    """The suite's, and those that its recipes train at instead."""
    names = (suite.recipes.pretrain, suite.recipes.transfer)
    settings = [load_recipe(name).for_family(family) for name in names for family in FAMILIES]
    return list(dict.fromkeys([suite.image_size, *(one.image_size for one in settings if one.image_size)]))


def _cases(networks: list[tuple[Network, bool]], usual: Precision, sizes: list[int]) -> Iterator[Case]:
    """Group by group, so that one group's rows are asked for in a row."""
    for precision in (usual, THE_OTHER[usual]):
        for image_size in sizes:
            for task, kind in FULL_GROUPS:
                is_usual = precision == usual and (task, kind) in GROUPS
                group = GroupKey(task, kind, precision, image_size)
                yield from (Case(group, network, is_usual and is_core) for network, is_core in networks)
