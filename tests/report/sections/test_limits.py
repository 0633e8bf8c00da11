"""What few readers need stands folded at the end, and means over targets are named only where there are several."""

import re

import pytest

from bench.report.findings import findings
from bench.report.sections.targets import across_targets, summary
from tests.report.hand_made import make_answers, make_ladder_cells


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


@pytest.mark.parametrize(
    ("seeds", "targets", "is_open"),
    [
        (5, ("digits@100",), False),
        (6, ("digits@100",), True),
        (3, ("digits@100", "cifar10", "cifar100"), False),
        (3, ("digits@100", "cifar10", "cifar100", "folder:pets"), True),
        (3, ("digits@100", "digits@300", "cifar10", "cifar100"), False),
    ],
)
def test_ranks_and_kappa_are_open_from_six_seeds_or_four_targets(
    seeds: int, targets: tuple[str, ...], is_open: bool
) -> None:
    """In two sentences with the models by their families; slices of one target count once."""
    cells = make_ladder_cells(num_rungs=2, targets=targets, seeds=seeds)
    text = summary(findings({"cells": cells, "correctness": make_answers(cells)})[0])
    assert (text is not None) == is_open
    if text is not None:
        assert text.startswith("Mean ranks for ")
        assert re.search(
            r"Of the ViT and the CNN, a run of the first beats one of the second with probability \d+ % \(.*; "
            r"the kappa of their errors on digits@100 is \S+ \(\S+ to \S+\)\.$",
            text,
        )
