"""Put the words of the first screen together, and the titles of the ladder's chart."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bench.analysis.claims.claim import Judgement
from bench.analysis.claims.evidence import Evidence
from bench.report.findings import Findings
from bench.report.first_screen.claims_strip import claims_strip, verdict_counts
from bench.report.first_screen.headline import facts, question
from bench.report.first_screen.ladder_titles import ERRS_LEAST, difference_title, title_of_target
from bench.report.first_screen.lead_sentence import lead_sentence
from bench.report.first_screen.notices import notices
from bench.report.first_screen.other_titles import gain_title
from bench.report.first_screen.rungs_of_targets import targets_of
from bench.report.first_screen.trend_sentence import ratio_sentence, trend_sentence
from bench.report.layout import target_name
from bench.report.page import FirstScreen

_NOTHING = "No model of the ladder is tested on this target."


def first_screen(
    suite: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    findings: Sequence[Findings],
    judgements: Sequence[Judgement] = (),
) -> FirstScreen:
    """Return the first screen with all its words, without chart and recommender.

    Args:
        suite: The resolved suite.
        tables: The tables of the store.
        findings: The results of its ladders, from `bench.report.findings`.
        judgements: The judgements of claims.
    """
    sentences = {
        target.key: tuple(
            filter(
                None,
                (
                    lead_sentence(target, tables["runs"]),
                    trend_sentence(target.key, findings, judgements),
                    ratio_sentence(target.key, findings),
                ),
            )
        )
        for target in targets_of(tables)
    }
    return FirstScreen(
        question(tables["cells"]),
        " · ".join(facts(suite, tables["cells"], tables["runs"])),
        sentences | {"": (_NOTHING,)},
        notices(suite, tables),
        counts=verdict_counts(judgements),
        claims=claims_strip(judgements),
    )


def view_titles(tables: Mapping[str, pd.DataFrame], findings: Sequence[Findings]) -> dict[str, dict[str, str]]:
    """Return the titles of the ladder's chart: view -> key of a target -> what is seen.

    The views are `accuracy`, `error`, `gain` and `difference`; a target that a view does not show has no title.
    """
    evidence, targets = Evidence(tables), targets_of(tables)
    return {
        "accuracy": {target.key: title_of_target(target) for target in targets},
        "error": {target.key: title_of_target(target, ERRS_LEAST) for target in targets},
        "gain": {target.key: gain_title(target) for target in targets if target.rungs and target.scratch},
        "difference": {
            target_name(each.ladder.targets[0], each.ladder.transfer, each.ladder.shots): difference_title(
                each, evidence
            )
            for found in findings
            for each in found.trends
            if len(each.ladder.targets) == 1 and each.ladder.rivals
        },
    }
