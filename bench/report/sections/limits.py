"""Write the section on the limits of the numbers, with what few readers need folded at its end."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bench.analysis.correctness import clusters_of_targets
from bench.report.findings import Findings
from bench.report.page import Charts, Section, fold, folded, section
from bench.report.sections import design
from bench.report.sections.consistency import consistency
from bench.report.sections.targets import across_targets, summary


def limits(
    suite: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], charts: Charts, of_ladders: Sequence[Findings]
) -> Section:
    """Return the limits that the suite states, how to read an interval, and targets together, ranks and kappa.

    Ranks and kappa are noise with few seeds and targets. With enough of them two sentences are open; tables are folded.
    """
    methods = {*tables["comparison"]["method"], *tables["ablations"]["method"]}
    clusters = clusters_of_targets(tables["cells"], tables.get("correctness"))
    own, *how = design.limits(suite, tables["cells"], methods, clusters).blocks
    together = [part(each, charts) for each in of_ladders for part in (across_targets, consistency)]
    return section(
        "Limits",
        own,
        next((told for told in map(summary, of_ladders) if told), None),
        folded("How to read an interval", *how),
        *map(fold, together),
        fold(design.resolved_suite(suite)),
    )
