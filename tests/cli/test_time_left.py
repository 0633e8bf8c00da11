"""The time that a suite still takes, on runs that go as estimated, twice as slow, or were begun before."""

import pytest

from bench.cli.progress import TimeLeft


def test_before_anything_is_done_it_is_the_estimate_shared_by_the_workers():
    assert TimeLeft({"a": 300.0, "b": 100.0}, num_workers=2).seconds(0.0) == 200.0


def test_runs_that_go_as_estimated_leave_the_rest_of_the_estimate():
    left = TimeLeft({"a": 300.0, "b": 100.0, "c": 100.0}, num_workers=1)
    left.advance("b", 0.0)
    left.end("b")
    left.advance("a", 0.0)
    left.advance("a", 0.5)
    assert left.seconds(250.0) == pytest.approx(250.0)


def test_runs_that_take_twice_as_long_double_what_is_left():
    left = TimeLeft({"a": 10_000.0, "b": 10_000.0}, num_workers=1)
    left.advance("a", 0.0)
    left.advance("a", 0.9)
    assert left.seconds(18_000.0) == pytest.approx(22_000.0, rel=0.01)


def test_what_an_earlier_session_did_is_no_work_of_this_one():
    """Nine tenths were done before; the last tenth of it took as long as was estimated."""
    left = TimeLeft({"a": 10_000.0, "b": 10_000.0}, num_workers=1)
    left.advance("a", 0.9)
    assert left.seconds(0.0) == pytest.approx(11_000.0)
    left.advance("a", 1.0)
    left.end("a")
    assert left.seconds(1_000.0) == pytest.approx(10_000.0)


def test_a_run_that_falls_back_to_its_checkpoint_counts_from_there():
    left = TimeLeft({"a": 1_000.0, "b": 1_000.0}, num_workers=1)
    for share in (0.7, 0.5, 1.0):  # what a dead process said, then what the living one does
        left.advance("a", share)
    left.end("a")
    assert left.seconds(500.0) == pytest.approx(1_000.0)


def test_without_an_estimate_nothing_is_said():
    left = TimeLeft({"a": 0.0}, num_workers=1)
    assert left.seconds(5.0) is None
    left.end("a")
    assert left.seconds(6.0) is None
