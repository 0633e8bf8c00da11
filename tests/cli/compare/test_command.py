"""`bench compare OLD NEW`: the limit, what paths are taken for, and that none of it imports torch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli.app import app
from bench.cli.compare.command import parse_limit
from bench.errors import InputError

REFERENCE = Path(__file__).parents[3] / "results" / "reference-cpu"


@pytest.mark.parametrize(
    ("text", "limit"), [("5%", 0.05), ("0.05", 0.05), (".05", 0.05), ("2.5%", 0.025), ("0", 0.0), ("150%", 1.5)]
)
def test_a_limit_is_a_percentage_or_a_share(text, limit):
    assert parse_limit(text) == pytest.approx(limit)


@pytest.mark.parametrize("text", ["5", "1.0", "-5%", "five", "", "%", "5 %", "5%%", "nan", "inf", "1e-2"])
def test_whatever_else_is_refused(text):
    with pytest.raises(InputError, match="allowed: a percentage such as 5%, or a share below 1 such as"):
        parse_limit(text)


@pytest.mark.parametrize("words", [["compare"], ["compare", str(REFERENCE)]])
def test_two_sides_are_needed(words):
    assert CliRunner().invoke(app, words).exit_code == 2


def test_a_store_and_a_file_of_speeds_are_not_compared(tmp_path):
    (tmp_path / "cpu.parquet").write_bytes(b"")
    for sides in ([str(REFERENCE), str(tmp_path / "cpu.parquet")], [str(tmp_path), str(tmp_path)]):
        result = CliRunner().invoke(app, ["compare", *sides])
        assert isinstance(result.exception, InputError)
        assert "neither two speed files (.parquet) nor two stores" in str(result.exception)


def test_wrong_input_exits_with_2_and_a_comparison_imports_no_torch():
    script = (
        "import sys; from bench.__main__ import main\n"
        "sys.argv = ['bench', *sys.argv[1:]]\n"
        "try: main()\n"
        "finally: assert not {'torch', 'torchvision', 'timm'} & sys.modules.keys()"
    )
    for limit, code in (("5%", 0), ("5", 2)):
        words = ["compare", str(REFERENCE), str(REFERENCE), "--fail-over", limit]
        command = [sys.executable, "-c", script, *words]
        done = subprocess.run(command, env=os.environ | {"NO_COLOR": "1"}, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert "AssertionError" not in done.stderr
