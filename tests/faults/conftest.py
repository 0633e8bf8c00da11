"""Says at the end how many kills were survived, of each kind, where tests note the kinds of their kills."""

from collections import Counter

import pytest

KIND = "killed in"
"""The property by which a test says so, once for each kill."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    killed, survived = (
        Counter(value for report in reports for name, value in report.user_properties if name == KIND)
        for reports in (_reports(terminalreporter, "passed", "failed"), _reports(terminalreporter, "passed"))
    )
    for kind in sorted(killed):
        terminalreporter.write_line(f"killed in {kind}: {survived[kind]} of {killed[kind]} ended in the same bytes")
    if killed:
        terminalreporter.write_line(f"kills survived: {survived.total()} of {killed.total()}")


def _reports(reporter: pytest.TerminalReporter, *outcomes: str) -> list[pytest.TestReport]:
    return [report for outcome in outcomes for report in reporter.stats.get(outcome, []) if report.when == "call"]
