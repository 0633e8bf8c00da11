"""Find the suite, the plan or the store for a suite's name on the command line."""

from pathlib import Path

from bench.cli.only import select
from bench.config.resolved import ResolvedSuite, resolve
from bench.config.suite import default_data_dir, load_suite
from bench.config.yaml_file import name_of
from bench.errors import InputError
from bench.machine.device import Device, choose_device
from bench.plan.expand import Plan, expand
from bench.store.store import Store
from bench.tuning.choice import tuned, tuning_store
from bench.tuning.kept import NO_TRIALS, KeptTrials, kept_path, read_kept

AUTO = "auto"
"""The default suite: `gpu` if CUDA is available, else `cpu`."""


def resolve_named(name: str, device: Device | None, data_dir: Path | None, seed_offset: int = 0) -> ResolvedSuite:
    """Read a suite file, and fill in every default.

    Raises:
        InputError: the file is missing or wrong.
    """
    chosen = choose_device(device)
    if name == AUTO:
        name = "gpu" if chosen == "cuda" else "cpu"
    name, suite = load_suite(name)
    return resolve(name, suite, device=chosen, data_dir=data_dir or default_data_dir(), seed_offset=seed_offset)


def kept_trials(name: str, suite: ResolvedSuite) -> KeptTrials:
    """Return the trials that a suite keeps beside its file, given its name on the command line; none without a tuning.

    Raises:
        InputError: their file is damaged.
    """
    return read_kept(kept_path(suite.name if name == AUTO else name)) if suite.tuning is not None else NO_TRIALS


def plan_of(
    suite: ResolvedSuite, results: Path, only: str | None, kept: KeptTrials = NO_TRIALS
) -> tuple[ResolvedSuite, Plan]:
    """Return the suite with the settings that its trials chose, and its runs.

    Args:
        suite: the suite.
        results: the folder of all stores.
        only: what selects some of the runs; by default all.
        kept: trials that the suite keeps beside its file.
    """
    suite = tuned(suite, results / suite.name, kept)
    plan = expand(suite)
    return suite, plan if only is None else select(plan, only)


def find_store(name: str, results: Path, *, or_trials: bool = False) -> Store:
    """Return the store of a suite; for `auto`, the store of `gpu` or `cpu` that was used last.

    Args:
        name: a suite's name, or the path of its file.
        results: the folder of all stores.
        or_trials: whether a store that has only tuning trials is accepted.

    Raises:
        InputError: there is no such store.
    """
    stores = sorted(results.glob("*/suite.json"), key=lambda path: path.stat().st_mtime)
    if name == AUTO:
        recent = [path.parent.name for path in stores if path.parent.name in ("gpu", "cpu")]
        folder = recent[-1] if recent else "cpu"
    else:
        folder = name_of(name)
    store = Store(results / folder)
    if not store.has_suite and not (or_trials and tuning_store(store.root).has_suite):
        known = ", ".join(sorted(path.parent.name for path in stores)) or "none"
        raise InputError(
            f"{results / folder}: no results of suite {folder!r}; there are results of: {known}. "
            f"`bench run {name}` makes them"
        )
    return store
