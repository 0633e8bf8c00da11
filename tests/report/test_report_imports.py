"""A report is made without torch, and drawing leaves matplotlib as it was."""

import subprocess
import sys

import matplotlib

from bench.report.figures.accuracy import accuracy_figure
from tests.report.hand_made import make_cells, make_tables


def test_no_torch() -> None:
    """Nor anything that needs it."""
    code = (
        "import sys, bench.report.write, bench.report.console\n"
        "print(sorted({'torch', 'torchvision', 'timm', 'models'} & sys.modules.keys()))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_settings_are_left_alone() -> None:
    """Neither settings nor open figures are global."""
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    accuracy_figure(make_tables(make_cells(arms=False))["comparison"], 0.1, "")
    assert dict(matplotlib.rcParams) == before
    assert pyplot.get_fignums() == []
