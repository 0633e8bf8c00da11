"""What `bench run` shows, in a terminal of so many columns and without one, on a clock that the test turns."""

import io
import re

import pytest
from rich.console import Console

from bench.cli.plan import describe
from bench.cli.progress import SuiteProgress
from bench.plan.expand import expand
from bench.plan.run import Run
from bench.runner.pool.pool import Ended, Started, Tick
from bench.store.new_record import failure


class Screen:
    """A suite's progress on a console, whose clock stands until it is turned."""

    def __init__(self, store, *, is_terminal: bool, width: int = 160) -> None:
        self.now = 0.0
        self.runs: tuple[Run, ...] = expand(store.suite()).runs
        self.console = Console(file=io.StringIO(), width=width, force_terminal=is_terminal, color_system=None)
        # As the progress files have it: 16 images a second.
        seconds = {run.key: run.budget.amount / 16 for run in self.runs}
        self.progress = SuiteProgress(self.console, store, self.runs, seconds, 2, clock=lambda: self.now)

    def show(self, event: Started | Ended | Tick) -> str:
        """What is written at an event."""
        before = len(self.console.file.getvalue())
        self.progress.show(event)
        return self.console.file.getvalue()[before:]


def ended(run: Run, status: str = "ok", reason: str = "") -> Ended:
    record = failure(run, status, reason)
    return Ended(run, record | {"metrics": {"test_accuracy": 0.625}, "cost": {"total_seconds": 4.2}})


@pytest.fixture
def plain(store) -> Screen:
    return Screen(store, is_terminal=False)


def test_a_plain_line_as_each_run_ends_with_its_figure(plain):
    run, other = plain.runs[:2]
    line = plain.show(ended(run))
    assert line.startswith(f"ok          1/{len(plain.runs)}  {describe(run)}  test accuracy 62.5 %  4 s  about ")
    assert "diverged    2/" in (line := plain.show(ended(other, "diverged", "the loss was [nan] at step 7")))
    assert "the loss was [nan] at step 7" in line


def test_plain_lines_come_every_ten_seconds_and_name_the_runs_under_way(plain, begin):
    first, second = plain.runs[:2]
    begin(first, 0.5)
    begin(second, None, phase="loading")
    said = []
    for now in range(25):
        plain.now = float(now)
        event = Started(plain.runs[now]) if now < 2 else Tick()
        if line := plain.show(event):
            said.append((now, line))
    assert [now for now, _ in said] == [10, 20]
    left = round(first.budget.amount / 2 / 16)
    assert f"{describe(first)}: step 32 of 64, 16 images/s, loss 1.500, {left} s left | " in said[0][1]
    assert f" | {describe(second)}: loading" in said[0][1]
    assert said[0][1].startswith(f"running     0/{len(plain.runs)}  ")
    assert said[0][1].count("\n") == 1


def test_only_held_runs_of_other_processes_are_shown(plain, begin):
    ours, others, left_behind = plain.runs[:3]
    begin(ours, 0.25)
    begin(others, 0.5)
    begin(left_behind, 0.75, held=False)
    plain.show(Started(ours))
    plain.now = 10.0
    line = plain.show(Tick())
    assert f"{describe(ours)}: step 16" in line
    assert f"{describe(others)}: step 32" in line
    assert describe(left_behind) not in line


def test_the_parts_of_running_runs_count_in_the_time_left(plain, begin):
    """An hour in which nothing ends, but a run gets on, tells the pace."""
    run = plain.runs[0]
    plain.show(Started(run))
    begin(run, 0.0)
    plain.now = 10.0
    plain.show(Tick())
    plain.now = 3600.0
    slow = plain.progress.time_left.seconds(plain.now)
    begin(run, 0.9)
    plain.show(Tick())
    assert plain.progress.time_left.seconds(plain.now) < slow


def test_a_terminal_has_a_bar_for_the_suite_and_a_line_for_each_run_under_way(store, begin):
    screen = Screen(store, is_terminal=True)
    ours, others = screen.runs[:2]
    begin(ours, 0.5)
    begin(others, 0.25)
    with screen.progress:
        assert f"0/{len(screen.runs)}" in screen.show(Started(ours))
        frame = screen.show(Tick())
        assert f"{describe(ours)}" in frame
        left = round(ours.budget.amount / 2 / 16)
        assert re.search(rf"━ +50% +16 images/s +loss 1\.500 +{left} s left", frame)
        assert describe(others) in frame
        assert " 25% " in frame
        assert "━" in frame
        frame = screen.show(ended(ours))
        assert frame.index("test accuracy") < frame.rindex(f"1/{len(screen.runs)}")
        assert " 50% " not in frame[frame.rindex("runs ") :]


def test_a_narrow_terminal_keeps_the_figures_and_shortens_descriptions(store, begin):
    screen = Screen(store, is_terminal=True, width=80)
    begin(screen.runs[0], 0.5)
    with screen.progress:
        frame = screen.show(Started(screen.runs[0]))
    [line] = [line for line in frame.splitlines() if "images/s" in line]
    assert line.startswith(describe(screen.runs[0])[:20])
    assert line.rstrip().endswith(" left")


def test_runs_of_another_process_are_dimmed(store, begin):
    screen = Screen(store, is_terminal=True)
    ours, others = screen.runs[:2]
    begin(ours, 0.5)
    begin(others, 0.25)
    screen.console = screen.progress.console = Console(file=io.StringIO(), width=160, force_terminal=True)
    screen.progress.bars.live.console = screen.console
    with screen.progress:
        frame = screen.show(Started(ours))
    line_of = {run.key: next(line for line in frame.splitlines() if describe(run) in line) for run in (ours, others)}
    assert "\x1b[2m" in line_of[others.key]
    assert "\x1b[2m" not in line_of[ours.key]
