"""How long a suite still takes: the estimate that was made beforehand, scaled by how it has done so far."""

PRIOR_SECONDS = 10.0
"""The estimate counts as much as so many seconds of what was seen, lest the first moments decide."""


class TimeLeft:
    """Keeps account of estimated work, in seconds of one worker, run by run.

    What an earlier session did of a run is no work of this one: a run's share counts from where it was first seen.
    """

    def __init__(self, costs: dict[str, float], num_workers: int) -> None:
        self.costs = costs
        """Of the runs that have not ended."""
        self.num_workers = num_workers
        self.done = 0.0
        self.first: dict[str, float] = {}
        self.shares: dict[str, float] = {}

    def advance(self, key: str, share: float) -> None:
        """Note that so much of a run is done, from 0 to 1."""
        self.first[key] = min(share, self.first.get(key, share))
        self.shares[key] = share

    def end(self, key: str) -> None:
        """Note that a run has ended."""
        self.done += self.costs.pop(key, 0.0) * (1 - self.first.pop(key, 0.0))
        self.shares.pop(key, None)

    def seconds(self, elapsed: float) -> float | None:
        """That are left, after so many; None where there is no estimate."""
        work_left = sum(cost * (1 - self.shares.get(key, 0.0)) for key, cost in self.costs.items())
        if not work_left:
            return None
        begun = {key: share - self.first[key] for key, share in self.shares.items()}
        done = self.done + sum(self.costs.get(key, 0.0) * share for key, share in begun.items())
        pace = (done + PRIOR_SECONDS * self.num_workers) / (elapsed + PRIOR_SECONDS)
        return work_left / pace
