"""Say what is behind a row of a table: its seeds, the hashes of its images, and the commands that repeat it."""

import json
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.behind_best import ARM
from bench.analysis.comparison import ROW
from bench.analysis.format import first_few, is_known
from bench.analysis.frames import Key, split
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
_UNKNOWN = {"subset": "unknown", "shots": "None", "classes": "None"}
"""Field -> how `--only` names a missing value."""


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
        return self._of(self._ladder.get(tuple(map(_plain, row[ROW]))))

    def of_arm(self, row: pd.Series) -> Details | None:
        """Return what is behind a row of the table `ablations`; None if it has no cell."""
        return self._of(self._arms.get(tuple(map(_plain, row[ARM]))))

    def _of(self, cells: pd.DataFrame | None) -> Details | None:
        if cells is None:
            return None
        return Details(tuple(self._commands(cells)), tuple(self._facts(cells)), tuple(_seeds(cells)))

    def _facts(self, cells: pd.DataFrame) -> list[tuple[str, str]]:
        keys = list(cells["transfer_key"])
        runs = self._runs.reindex(keys)
        values: dict[str, Iterable[Any]] = {
            "pretraining images": cells["subset_hash"],
            "test images": [self._test_images.get(key) for key in keys],
            "commit": runs["git_commit"],
            "machine": runs["processor"],
        }
        known = {
            name: list(dict.fromkeys(str(each) for each in of_all if is_known(each))) for name, of_all in values.items()
        }
        return [(name, texts[0] if len(texts) == 1 else first_few(texts)) for name, texts in known.items() if texts]

    def _commands(self, cells: pd.DataFrame) -> list[Command]:
        """Return the commands that run the row, repeat one of its runs, and load the model of a run."""
        commands = [Command("Run the row again", f"bench run {self._named_suite} --only {self._only(cells)}")]
        done = cells[cells["status"] == "ok"]
        if done.empty:
            return commands
        key = done["transfer_key"].iloc[0]
        seed = done["seed"].iloc[0]
        commands.append(Command(f"Repeat seed {seed}, and compare bit for bit", f"bench verify {key}"))
        if run := self._loadable(done):
            is_kept = run in self.store.with_weights
            folder = (self.store.folder if is_kept else "") or self.suite["name"]
            label = "Load a trained model in Python" + ("" if is_kept else ", once the row has been run again")
            commands.append(Command(label, f"models.load({json.dumps(f'results/{folder}/runs/{run}')})"))
        return commands

    def _loadable(self, done: pd.DataFrame) -> str:
        """Return the key of a run whose network was tested, one with weights in the store if there is one.

        A probe trains no network, so it is that of the run that it starts from.
        """
        is_probe = self._runs["kind"].reindex(done["transfer_key"]).eq("probe").to_numpy()
        keys = [key for key in done["pretrain_key"].where(is_probe, done["transfer_key"]) if key]
        return next((key for key in keys if key in self.store.with_weights), keys[0] if keys else "")

    @cached_property
    def _named_suite(self) -> str:
        """Return the suite as `bench run` takes it, on the kind of device on which it was run."""
        return f"{shlex.quote(self.store.suite or self.suite['name'])} --device {self.suite['device']}"

    def _only(self, cells: pd.DataFrame) -> str:
        """Return the shortest conditions that select these cells alone, quoted for a shell."""
        place = self._places[cells.index[0]]
        selected, said = np.ones(len(self._codes), bool), []
        for number, (field, column) in enumerate(_FIELDS.items()):
            same = self._codes[:, number] == self._codes[place, number]
            if field in _ALWAYS or not same[selected].all():
                selected &= same
                value = cells[column].iloc[0]
                said.append(f"{field}={_UNKNOWN.get(field, '') if pd.isna(value) else value}")
        return shlex.quote(",".join(said))

    @cached_property
    def _codes(self) -> np.ndarray:
        """Return (cells, fields) integers that are equal where the values of a field are."""
        cells = self.tables["cells"]
        columns = [pd.factorize(cells[column], use_na_sentinel=False)[0] for column in _FIELDS.values()]
        return np.stack(columns, axis=1)

    @cached_property
    def _places(self) -> dict[Any, int]:
        return {label: place for place, label in enumerate(self.tables["cells"].index)}

    @cached_property
    def _ladder(self) -> dict[Key, pd.DataFrame]:
        cells = self.tables["cells"]
        return dict(split(cells[cells["ablation"] == ""], ROW))

    @cached_property
    def _arms(self) -> dict[Key, pd.DataFrame]:
        cells = self.tables["cells"]
        return dict(split(cells[cells["ablation"] != ""], ARM))

    @cached_property
    def _runs(self) -> pd.DataFrame:
        runs = self.tables["runs"].drop_duplicates("key").set_index("key")
        return runs.reindex(columns=["kind", "git_commit", "processor"])

    @cached_property
    def _test_images(self) -> dict[str, str]:
        """Return key -> a hash of the ids and labels of the images that the run was tested on."""
        kept = self.tables.get("correctness")
        return {} if kept is None else dict(zip(kept["transfer_key"], kept["images"], strict=True))


def _seeds(cells: pd.DataFrame) -> list[tuple[str, float | None, str]]:
    """Return each seed with its accuracy in percent, averaged over draws, and the keys of its runs."""
    found: list[tuple[str, float | None, str]] = []
    for (seed,), of_seed in split(cells, ["seed"]):
        mean = of_seed["accuracy"].mean(skipna=False)
        found.append((str(seed), None if pd.isna(mean) else float(100 * mean), " ".join(of_seed["transfer_key"])))
    return found


def _plain(value: Any) -> Any:
    return None if pd.isna(value) else value
