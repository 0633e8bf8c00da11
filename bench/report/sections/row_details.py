"""Say what is behind a row of a table: its seeds, the hashes of its images, and the commands that repeat it."""

import json
import math
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.behind_best import ARM
from bench.analysis.comparison import ROW
from bench.analysis.format import first_few, is_known
from bench.analysis.frames import Key, as_key
from bench.analysis.speed_columns import records
from bench.report.page import Command, Details

_FIELDS = {
    "model": "model",
    "target": "target",
    "subset": "subset_images",
    "transfer": "transfer",
    "shots": "shots",
    "ablation": "ablation",
    "arm": "arm",
    "corpus": "corpus",
    "classes": "subset_classes",
}
"""Field of `--only` -> the column of `cells` that it selects by. The first three are always said."""
_ALWAYS = ("model", "target", "subset")
_READ = ("seed", "status", "accuracy", "subset_hash", "pretrain_key", "transfer_key")
_UNKNOWN = {"subset": "unknown", "shots": "None", "classes": "None"}
"""Field -> how `--only` names a missing value."""
_Fields = Mapping[str, Any]
"""Column -> value of a row of a table."""


@dataclass(frozen=True)
class StoreFacts:
    """What a page knows of the store that its tables are from."""

    suite: str = ""
    """The suite as `bench run` takes it: a name or a file; by default the suite's name."""
    folder: str = ""
    """The name of its folder below `results/`; by default the suite's name."""
    with_weights: Collection[str] = ()
    """The keys of the runs whose weights are in the store."""


_NO_STORE = StoreFacts()


@dataclass(frozen=True)
class BehindRows:
    """Tells what is behind the rows of a suite's tables."""

    suite: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    store: StoreFacts = _NO_STORE

    def of_row(self, row: pd.Series) -> Details | None:
        """Return what is behind a row of the table `comparison`; None if it has no cell."""
        return self._of(self._ladder.get(as_key(row[ROW])))

    def of_arm(self, row: pd.Series) -> Details | None:
        """Return what is behind a row of the table `ablations`; None if it has no cell."""
        return self._of(self._arms.get(as_key(row[ARM])))

    def _of(self, places: Sequence[int] | None) -> Details | None:
        if places is None:
            return None
        cells = [self._cells[place] for place in places]
        commands = (
            Command("Run all seeds again", self._run_again(places[0])),
            Command("Run one seed again", self._run_again(places[0], seed=cells[0]["seed"])),
        )
        done = [cell for cell in cells if cell["status"] == "ok"]
        return Details((*commands, *self._of_runs(done)), tuple(self._facts(cells)), tuple(_seeds(cells)))

    def _facts(self, cells: Sequence[_Fields]) -> list[tuple[str, str]]:
        keys = [cell["transfer_key"] for cell in cells]
        runs = [self._runs[key] for key in keys if key in self._runs]
        values: dict[str, list[Any]] = {
            "pretraining images": [cell["subset_hash"] for cell in cells],
            "test images": [self._test_images.get(key) for key in keys],
            "commit": [run["git_commit"] for run in runs],
            "machine": [run["processor"] for run in runs],
        }
        known = {name: list(dict.fromkeys(map(str, filter(is_known, found)))) for name, found in values.items()}
        return [(name, texts[0] if len(texts) == 1 else first_few(texts)) for name, texts in known.items() if texts]

    def _of_runs(self, done: Sequence[_Fields]) -> Iterator[Command]:
        """Yield the commands that repeat one of the runs that ended ok, and load the model of one."""
        if not done:
            return
        seed, key = done[0]["seed"], done[0]["transfer_key"]
        yield Command(f"Repeat seed {seed}, and compare bit for bit", f"bench verify {key}")
        if run := self._loadable(done):
            is_kept = run in self.store.with_weights
            folder = (self.store.folder if is_kept else "") or self.suite["name"]
            label = "Load a trained model in Python" + ("" if is_kept else ", once the row has been run again")
            yield Command(label, f"models.load({json.dumps(f'results/{folder}/runs/{run}')})")

    def _loadable(self, done: Sequence[_Fields]) -> str:
        """Return the key of a run whose network was tested, one with weights in the store if there is one.

        A probe trains no network, so it is that of the run that it starts from.
        """
        is_probe = self._runs.get(done[0]["transfer_key"], {}).get("kind") == "probe"
        keys = [cell["pretrain_key" if is_probe else "transfer_key"] for cell in done]
        return next((key for key in keys if key in self.store.with_weights), keys[0])

    @cached_property
    def _named_suite(self) -> str:
        """Return the suite as `bench run` takes it, on the kind of device on which it was run."""
        return f"{shlex.quote(self.store.suite or self.suite['name'])} --device {self.suite['device']}"

    def _run_again(self, place: int, seed: int | None = None) -> str:
        """Return the command that runs the row of a cell again, or one seed of it."""
        only = self._only(place) + ("" if seed is None else f",seed={seed}")
        return f"bench run {self._named_suite} --only {shlex.quote(only)}"

    def _only(self, place: int) -> str:
        """Return the shortest conditions that select the cells of a cell's row alone."""
        selected, said = np.ones(len(self._codes), bool), []
        for number, (field, column) in enumerate(_FIELDS.items()):
            same = self._codes[:, number] == self._codes[place, number]
            if field in _ALWAYS or not same[selected].all():
                selected &= same
                value = self._cells[place][column]
                said.append(f"{field}={value if is_known(value) else _UNKNOWN.get(field, '')}")
        return ",".join(said)

    @cached_property
    def _codes(self) -> np.ndarray:
        """Return (cells, fields) integers that are equal where the values of a field are."""
        cells = self.tables["cells"]
        columns = [pd.factorize(cells[column], use_na_sentinel=False)[0] for column in _FIELDS.values()]
        return np.stack(columns, axis=1)

    @cached_property
    def _cells(self) -> Sequence[_Fields]:
        return records(self.tables["cells"][[*_FIELDS.values(), *_READ]])

    @cached_property
    def _ladder(self) -> dict[Key, list[int]]:
        """Return the places of the cells of each row of the ladder."""
        return self._places(ROW, of_arms=False)

    @cached_property
    def _arms(self) -> dict[Key, list[int]]:
        return self._places(ARM, of_arms=True)

    def _places(self, columns: list[str], *, of_arms: bool) -> dict[Key, list[int]]:
        found: dict[Key, list[int]] = {}
        for place, values in enumerate(self.tables["cells"][columns].itertuples(index=False)):
            if bool(self._cells[place]["ablation"]) == of_arms:
                found.setdefault(as_key(values), []).append(place)
        return found

    @cached_property
    def _runs(self) -> dict[str, _Fields]:
        """Return key -> what is read of the run."""
        runs = self.tables["runs"].reindex(columns=["key", "kind", "git_commit", "processor"])
        return {run["key"]: run for run in records(runs)}

    @cached_property
    def _test_images(self) -> dict[str, str]:
        """Return key -> a hash of the ids and labels of the images that the run was tested on."""
        kept = self.tables.get("correctness")
        return {} if kept is None else dict(zip(kept["transfer_key"], kept["images"], strict=True))


def _seeds(cells: Sequence[_Fields]) -> Iterator[tuple[str, float | None, str]]:
    """Yield each seed with its accuracy in percent, averaged over draws, and the keys of its runs."""
    for seed in dict.fromkeys(cell["seed"] for cell in cells):
        draws = [cell for cell in cells if cell["seed"] == seed]
        keys, mean = [cell["transfer_key"] for cell in draws], fmean(cell["accuracy"] for cell in draws)
        yield str(seed), None if math.isnan(mean) else 100 * mean, " ".join(keys)
