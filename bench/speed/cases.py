"""The rows of a suite's speed measurement: its models and their peers, and their settings. Imports no torch.

The default selection times the suite's models in the precision of its runs, with the settings of its pretraining recipe
on that device. On a CPU it searches the best settings among uncompiled networks, because compiling would take longer
than all the rest. The full selection adds the arms of ablations, the other precision, the latency of a training step,
and compiled networks on a CPU.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from bench.config.external_weights import SOURCES
from bench.config.recipe import load_recipe
from bench.config.suite import Suite, load_suite
from bench.errors import InputError
from bench.machine.device import Device, Precision
from bench.speed.peers.matching import peers_of, reference_of
from bench.speed.timed_setting import GroupKey, Kind, Network, Setting, Task
from models.spec.families import FAMILIES
from models.spec.model_spec import parse_spec

OTHER_PRECISION: dict[Precision, Precision] = {"fp32": "bf16", "bf16": "fp32"}
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
class SuiteCases:
    """All rows that are measured for a suite."""

    suite: str
    """The name of the suite, followed by the models that replace its own if there are any."""
    equal: Setting
    """The setting of the rows with equal settings; its network is the reference."""
    threads: int
    ladder: tuple[Network, ...]
    """The models and their peers, without the arms of ablations."""
    cases: tuple[Case, ...]

    @property
    def reference(self) -> Network:
        """Return the network that each row is compared with."""
        return self.equal.network

    def measured_for(self, networks: Sequence[Network]) -> str:
        """Return the suite's name for the rows of a group; it says so if the group has only a part of the models."""
        if set(self.ladder) <= set(networks):
            return self.suite
        return f"part of {self.suite}: {', '.join(map(str, networks))}"


@cache
def select(name: str, device: Device, models: tuple[str, ...] = ()) -> SuiteCases:
    """Select the rows of a suite, or of other models under the settings of that suite.

    Args:
        name: A shipped suite, or the path of a suite file; `auto` is `gpu` on CUDA, else `cpu`.
        device: The device to measure on.
        models: Model specs that replace those of the suite.

    Raises:
        InputError: There is no such suite, or it has no models.
        SpecError: A spec does not name a model.
    """
    suite_name, suite = load_suite({"cpu": "cpu", "cuda": "gpu"}[device] if name == "auto" else name)
    ladder = _without_weights(models or suite.models)
    arms = [] if models else [model for ablation in suite.ablations for model in ablation.arms.values()]
    if not ladder:
        raise InputError(f"suite {suite_name} has no models whose speed could be measured")
    equal = _setting_of_runs(suite, device, reference_of(ladder, suite.image_size))
    with_peers = [
        network for model in ladder for network in (Network(model), *(Network(model, peer) for peer in peers_of(model)))
    ]
    networks = [(network, True) for network in with_peers]
    networks += [(Network(arm), False) for arm in _without_weights(arms) if arm not in ladder]
    measured = f"{suite_name} with {', '.join(ladder)}" if models else suite_name
    cases = tuple(_cases(networks, equal.precision, _image_sizes(suite)))
    return SuiteCases(measured, equal, suite.threads, tuple(with_peers), cases)


def _without_weights(models: Sequence[str]) -> list[str]:
    """Return specs in canonical form, each once, without external weights, which do not affect the speed."""
    return list(dict.fromkeys(str(parse_spec(model).without(*SOURCES)) for model in models))


def _setting_of_runs(suite: Suite, device: Device, reference: str) -> Setting:
    """Return the setting of the suite's pretraining runs, for timm's network of the reference."""
    recipe = load_recipe(suite.recipes.pretrain).settings.on(device)
    return Setting(
        reference,
        "timm",
        "training",
        suite.precision_on(device),
        suite.image_size,
        recipe.batch_size,
        layout="channels_last" if recipe.channels_last else "contiguous",
        mode="compiled" if recipe.compile else "eager",
    )


def _image_sizes(suite: Suite) -> list[int]:
    """Return the suite's image size, and those of its recipes that differ from it."""
    names = (suite.recipes.pretrain, suite.recipes.transfer)
    settings = [load_recipe(name).for_family(family) for name in names for family in FAMILIES]
    return list(dict.fromkeys([suite.image_size, *(each.image_size for each in settings if each.image_size)]))


def _cases(networks: list[tuple[Network, bool]], usual: Precision, sizes: list[int]) -> Iterator[Case]:
    """Yield the cases group by group, because the first row of a group that is asked for measures the whole group."""
    for precision in (usual, OTHER_PRECISION[usual]):
        for image_size in sizes:
            for task, kind in FULL_GROUPS:
                is_usual = precision == usual and (task, kind) in GROUPS
                group = GroupKey(task, kind, precision, image_size)
                yield from (Case(group, network, is_usual and is_core) for network, is_core in networks)
