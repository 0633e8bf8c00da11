"""What few readers need stands folded at the end, and means over targets are named only where there are several."""

from bench.report.findings import findings
from bench.report.sections.targets import across_targets
from tests.report.hand_made import make_ladder_cells


def test_a_mean_over_targets_is_named_only_with_several_targets() -> None:
    """One target has no interquartile mean."""
    one, two = (
        across_targets(findings({"cells": make_ladder_cells(num_rungs=3, targets=targets)})[0], {})
        for targets in (("digits@100",), ("digits@100", "cifar10"))
    )
    assert not any("interquartile" in text.lower() for text in (*one.paragraphs, one.tables[0].caption))
    assert one.tables[0].caption.startswith("digits@100: accuracy, with its 95 % interval")
    assert any(text.startswith("The interquartile mean") for text in two.paragraphs)
    assert "interquartile mean of the accuracies on 2 targets" in two.tables[0].caption
