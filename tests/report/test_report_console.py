"""The comparison in the terminal."""

import io
from collections.abc import Callable
from typing import Any

import pandas as pd
from rich.console import Console

from bench.report.console import comparison_text

MakeCells = Callable[..., pd.DataFrame]
MakeTables = Callable[[pd.DataFrame], dict[str, pd.DataFrame]]


def _print(table: Any) -> str:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def test_rows_columns_and_problems(make_cells: MakeCells, make_tables: MakeTables, break_seed: Any) -> None:
    """A row a model and rung, a column a target; a broken cell says why."""
    cells = break_seed(make_cells(), model="vit_pico/8", subset_images=1024, target="digits@100")
    comparison = make_tables(cells)["comparison"]
    text = _print(comparison_text(comparison))
    assert text.count("vit_pico/8 ") == 8
    assert text.count("from scratch") == 3
    assert text.count("seed 2 diverged") == 1
    for accuracy in comparison["accuracy"]:
        assert f"{100 * accuracy:.1f} ± " in text


def test_each_transfer_has_a_table_of_its_own(make_cells: MakeCells, make_tables: MakeTables, add_probes: Any) -> None:
    """Fine-tuning with from scratch, and probes without; shots stand beside the target."""
    cells = add_probes(make_cells(targets=("digits@100",), arms=False))
    text = _print(comparison_text(make_tables(cells)["comparison"]))
    fine_tuned, linear, shots = text.split("Test accuracy")[1:]
    assert linear.startswith(", linear probes: mean")
    assert shots.startswith(", k-shot probes: mean")
    assert [part.count("from scratch") for part in (fine_tuned, linear, shots)] == [3, 0, 0]
    assert "digits, 1 shot " in shots
    assert "digits, 5 shots" in shots
    assert "shot" not in fine_tuned + linear.removeprefix(", linear probes")


def test_markup_in_a_name_is_text(make_cells: MakeCells, make_tables: MakeTables) -> None:
    """A folder may be called anything."""
    cells = make_cells(targets=("folder:[red]x[/red]",), arms=False)
    assert "folder:[red]x[/red]" in _print(comparison_text(make_tables(cells)["comparison"]))
