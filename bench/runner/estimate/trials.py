"""From what was tried in the workers, model by model and data set by data set, to timings of runs. Imports no torch.

What one run, or one in each process, does for all others of its kind is spread evenly over them: images that stay in
a process' memory, compilation, the features of a probe's validation and test images, the search for duplicates.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from bench.plan.run import Run
from bench.runner.estimate.estimate import DataTiming, Shares, Timed, Timing, data_key, data_set, model_key, timing_key


@dataclass(frozen=True)
class Tried:
    """What came of timing something: what each attempt found, and why one failed, by a key."""

    found: Mapping[str, list[Any]]
    reasons: Mapping[str, str]


def timed(runs: Sequence[Run], models: Tried, data: Tried, num_workers: int) -> Timed:
    """Timings of the runs whose model (by `model_key`) and data (by `data_key`) were timed, with what they share."""
    failed = data.reasons.keys() | models.reasons.keys()
    alike = defaultdict(list)
    for run in runs:
        if not failed & {model_key(run), data_key(run)}:
            alike[timing_key(run)].append(run)
    of_data: dict[str, DataTiming] = {key: found[0] for key, found in data.found.items()}
    of_models = {key: _mean(found) for key, found in models.found.items()}
    sharing = _Sharing([run for group in alike.values() for run in group], of_data, num_workers)
    timings = {
        key: replace(of_models[model_key(group[0])], data=of_data[data_key(group[0])], shares=sharing.of(group))
        for key, group in alike.items()
    }
    reasons = {**data.reasons, **models.reasons}
    why = {timing_key(run): reasons.get(model_key(run), reasons.get(data_key(run), "")) for run in runs}
    return Timed(timings, {key: reason for key, reason in why.items() if reason})


def _mean(timings: list[Timing]) -> Timing:
    """Of several attempts: mean rates; the least of the fixed cost, which the first run of a process exceeds."""
    return replace(
        timings[0],
        seconds_per_image=fmean(one.seconds_per_image for one in timings),
        evaluation_seconds_per_image=fmean(one.evaluation_seconds_per_image for one in timings),
        fixed_seconds=min(one.fixed_seconds for one in timings),
        warm_up_seconds=max(one.warm_up_seconds for one in timings),
    )


class _Sharing:
    """How often each of some runs does on average what one of them, or one in each process, does for the others."""

    def __init__(self, runs: list[Run], data: Mapping[str, DataTiming], num_workers: int) -> None:
        self.data, self.num_workers = data, num_workers
        self.of_data = Counter(map(data_set, runs))
        self.of_model = Counter(map(model_key, runs))
        self.of_network = Counter(_network(run) for run in runs if run.probe is not None)
        started = [run for run in runs if run.pretraining is not None]
        self.of_subset = Counter(data_key(run.pretraining) for run in started if run.pretraining is not None)
        self.of_test = Counter(map(data_set, started))

    def of(self, runs: list[Run]) -> Shares:
        """What these do on average."""
        shares = (self._readings, self._warm_ups, self._held_out, self._search_seconds)
        return Shares(*(fmean(map(share, runs)) for share in shares))

    def _readings(self, run: Run) -> float:
        return self._once_a_process(self.of_data[data_set(run)]) if self.data[data_key(run)].stays else 1.0

    def _warm_ups(self, run: Run) -> float:
        return self._once_a_process(self.of_model[model_key(run)])

    def _held_out(self, run: Run) -> float:
        return self._once_a_process(self.of_network[_network(run)]) if run.probe is not None else 1.0

    def _search_seconds(self, run: Run) -> float:
        """Each set of images is hashed once; the subset is listed anew by each run."""
        if run.pretraining is None or data_key(run.pretraining) not in self.data:
            return 0.0
        subset, own = self.data[data_key(run.pretraining)], self.data[data_key(run)]
        hashed = subset.num_train * subset.search_seconds_per_image / self.of_subset[data_key(run.pretraining)]
        tested = own.num_test * own.hash_seconds_per_image / self.of_test[data_set(run)]
        return subset.open_seconds + hashed + tested

    def _once_a_process(self, num_runs: int) -> float:
        return min(1.0, self.num_workers / num_runs)


def _network(run: Run) -> str:
    """What probes have in common that share the features of validation and test images."""
    return f"{run.model} {run.external or run.starts_from} {data_set(run)}"
