"""The comparison in the terminal."""

import io
from typing import Any

from rich.console import Console

from bench.report.console import comparison_text
from tests.report.hand_made import add_probes, break_seed, make_cells, make_tables


def _print(table: Any) -> str:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def test_rows_columns_and_problems() -> None:
    """A row a model and rung, a column a target; a broken cell says why."""
    cells = make_cells(targets=("digits@100", "folder:[red]x[/red]"))
    cells = break_seed(cells, model="vit_pico/8", subset_images=1024, target="digits@100")
    comparison = make_tables(cells)["comparison"]
    text = _print(comparison_text(comparison))
    assert text.count("vit_pico/8 ") == 8
    assert text.count("from scratch") == 3
    assert " ".join(text.split()).count("failed to train") == 1
    assert "folder:[red]x[/red]" in text
    for accuracy, low, high in comparison[["accuracy", "low", "high"]].to_numpy():
        assert f"{100 * accuracy:.1f} % ({100 * low:.1f} to {100 * high:.1f})" in text


def test_one_answer_for_all_images_is_marked() -> None:
    """With the balanced accuracy, since the test classes differ in size."""
    cells = make_cells(targets=("digits@100",), arms=False).assign(
        num_answers=1, balanced_accuracy=0.5, smallest_test_class_images=10, largest_test_class_images=20
    )
    text = _print(comparison_text(make_tables(cells)["comparison"]))
    assert text.count("balanced 50.0 %") == 12
    assert text.count("one class for all test images in 3 of 3 seeds") == 12


def test_each_transfer_has_a_table_of_its_own() -> None:
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
