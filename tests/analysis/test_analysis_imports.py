"""The statistics stand on pandas, NumPy and SciPy alone."""

import subprocess
import sys


def test_no_torch() -> None:
    """A report is rebuilt on a laptop that has no torch; nor do statistics draw."""
    code = (
        "import sys, bench.analysis.comparison, bench.analysis.ablations, bench.analysis.claims\n"
        "print(sorted({'torch', 'timm', 'matplotlib', 'models'} & sys.modules.keys()))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
