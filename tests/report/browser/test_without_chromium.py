"""Without Chromium the tests of this folder are skipped with one message, and fail where a browser is required."""

import os
import subprocess
import sys

import pytest

from tests.report.browser.stores import ROOT


@pytest.mark.slow
@pytest.mark.parametrize(("required", "code", "word"), [("", 0, "skipped"), ("1", 1, "error")])
def test_what_comes_of_tests_without_chromium(required: str, code: int, word: str) -> None:
    command = [sys.executable, "-m", "pytest", "-rsE", "-p", "no:cacheprovider", "tests/report/browser/test_state.py"]
    environment = os.environ | {"PATH": "", "BENCH_REQUIRE_BROWSER": required}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert ended.returncode == code
    assert "install the distribution's package chromium" in ended.stdout
    assert word in ended.stdout.splitlines()[-1]
    assert "passed" not in ended.stdout.splitlines()[-1]
